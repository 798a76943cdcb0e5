//! Requests over HTTP/2 pass the same stages as those over HTTP/1.1, and so do their bodies.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
};

use http::Request;

use crate::{
    peer::{get, open, post, read, site},
    support::{HOOK, OPEN, Origin, ok},
};

const KEYED: &str = "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n";

#[test]
fn each_refusal_is_that_of_http_1() {
    let origin = Origin::mirror();
    let rest = format!(
        "{KEYED}[[route]]\npath = \"/open\"\napp = \"app\"\nauth = \"none\"\nreason = \"a test\"\n\
         methods = [\"GET\", \"POST\"]\nbody = \"1KiB\"\n"
    );
    let site = site(origin.address, &rest);
    let (_, key) = site.gate.key();
    site.with_client(async |mut client| {
        let keyed = |key: &str| get("/api").header("authorization", format!("Bearer {key}"));
        assert_eq!(client.ask(keyed(&key), b"").await.status, 200);
        assert_eq!(client.ask(keyed("vsk_other"), b"").await.status, 401);
        assert_eq!(client.ask(get("/api"), b"").await.status, 401);
        assert_eq!(client.ask(get("/open"), b"").await.status, 200);
        assert_eq!(client.ask(get("/elsewhere"), b"").await.status, 404);
        let delete = Request::delete("https://gate.test/open");
        assert_eq!(client.ask(delete, b"").await.status, 405);
        let foreign = Request::get("https://foreign.test/open");
        assert_eq!(client.ask(foreign, b"").await.status, 400);
        assert_eq!(client.ask(post("/open"), &[7; 1000]).await.status, 200);
        assert_eq!(client.ask(post("/open"), &[7; 2000]).await.status, 413);
        let large = get("/open").header("x-a", "b".repeat(33 * 1024));
        assert_eq!(client.ask(large, b"").await.status, 431);
        // None of them ended the connection.
        let answer = client.ask(get("/open"), b"").await;
        assert_eq!(answer.status, 200);
        assert!(answer.fields.contains_key("strict-transport-security"));
        assert!(!answer.fields.contains_key("connection"));
    });
}

#[test]
fn a_webhook_is_judged_by_its_whole_body() {
    let origin = Origin::mirror();
    let rest = "[[route]]\npath = \"/hook\"\napp = \"app\"\n\
                methods = [\"POST\"]\nwebhook = { scheme = \"github\", secret = [\"hook\"] }\n";
    let site = site(origin.address, rest);
    let signed = |body: &[u8]| {
        let digest = seal::hmac::sign(seal::hmac::Algorithm::Sha256, HOOK, &[body]);
        let digest = digest.as_bytes().iter();
        let text: String = digest.map(|byte| format!("{byte:02x}")).collect();
        post("/hook")
            .header("x-hub-signature-256", format!("sha256={text}"))
            .header("x-github-delivery", "0b989ba4-242f-11e5-81e1-c7b6966d2516")
            .header("x-github-event", "push")
    };
    site.with_client(async |mut client| {
        assert_eq!(client.ask(signed(b"other"), b"{}").await.status, 403);
        assert_eq!(client.ask(signed(b"{}"), b"{}").await.status, 200);
    });
}

#[test]
fn bodies_pass_whole_both_ways() {
    let origin = Origin::answering(|_, body| ok(body));
    let site = open(origin.address, "");
    let body: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    site.with_client(async |mut client| {
        for announced in [true, false] {
            let mut request = post("/");
            if announced {
                request = request.header("content-length", body.len());
            }
            let response = client.begin(request, &body).await;
            let answer = read(response.unwrap()).await.unwrap();
            assert_eq!(answer.status, 200);
            assert!(answer.body == body);
        }
    });
}

#[test]
fn answers_keep_their_shape() {
    let origin = Origin::answering(|head, _| {
        let of = |text: &str| text.as_bytes().to_vec();
        match head.split(' ').nth(1) {
            Some("/empty") => of("HTTP/1.1 204 No Content\r\n\r\n"),
            Some("/same") => of("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"),
            Some("/head") => of("HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
            Some("/hints") => of("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
                 HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"),
            _ => of(
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nKeep-Alive: timeout=5\r\n\r\n\
                 3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            ),
        }
    });
    let site = open(origin.address, "");
    site.with_client(async |mut client| {
        let answer = client.ask(get("/empty"), b"").await;
        assert_eq!((answer.status, answer.body.len()), (204, 0));
        let answer = client.ask(get("/same"), b"").await;
        assert_eq!((answer.status, answer.body.len()), (304, 0));
        let head = Request::head("https://gate.test/head");
        let answer = client.ask(head, b"").await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        assert_eq!(answer.fields["content-length"], "7");
        let answer = client.ask(get("/hints"), b"").await;
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"x"[..]));
        let answer = client.ask(get("/chunks"), b"").await;
        assert_eq!(answer.body, b"abcde");
        for name in ["transfer-encoding", "keep-alive", "connection"] {
            assert!(!answer.fields.contains_key(name), "{name}");
        }
    });
}

#[test]
fn an_answer_that_broke_off_never_looks_whole() {
    let origin = Origin::scripted(|_, mut wire| {
        let Some(head) = wire.try_head() else { return };
        let half: &[u8] = if head.starts_with("GET /chunks") {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        } else if head.starts_with("GET /length") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc"
        } else {
            b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
        };
        wire.send(half);
    });
    let site = open(origin.address, "");
    site.with_client(async |mut client| {
        for path in ["/chunks", "/length"] {
            if let Ok(response) = client.begin(get(path), b"").await
                && response.status() == 200
            {
                assert!(read(response).await.is_err(), "{path}");
            }
        }
        assert_eq!(client.ask(get("/whole"), b"").await.body, b"abc");
    });
}

#[test]
fn events_pass_as_they_come() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let origin = Origin::scripted(move |_, mut wire| {
        if wire.try_head().is_none() {
            return;
        }
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n");
        wire.send("Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
        // The second follows only when somebody has seen the first.
        if wait.lock().unwrap().recv().is_ok() {
            wire.send("3\r\ntwo\r\n0\r\n\r\n");
        }
    });
    let site = open(origin.address, "");
    site.with_client(async |mut client| {
        let response = client.begin(get("/events"), b"").await.unwrap();
        let mut body = response.into_body();
        assert_eq!(body.data().await.unwrap().unwrap(), "one");
        go.send(()).unwrap();
        assert_eq!(body.data().await.unwrap().unwrap(), "two");
        // The end may come as an empty piece.
        while let Some(piece) = body.data().await {
            assert!(piece.unwrap().is_empty());
        }
    });
}

#[test]
fn what_nobody_reads_is_not_held() {
    const PIECE: usize = 64 * 1024;
    const ALL: usize = 32 << 20;
    let sent = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&sent);
    let origin = Origin::scripted(move |_, mut wire| {
        let Some(head) = wire.try_head() else { return };
        if !head.starts_with("GET /large") {
            return wire.send(ok(b"small"));
        }
        wire.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {ALL}\r\n\r\n"));
        for _ in 0..ALL / PIECE {
            if !wire.try_send(vec![b'x'; PIECE]) {
                return;
            }
            counted.fetch_add(PIECE, Ordering::SeqCst);
        }
    });
    let site = open(origin.address, "");
    site.with_client(async |mut client| {
        let response = client.begin(get("/large"), b"").await.unwrap();
        // Nothing of it is read while others are served. What the app got rid of lies in the buffers
        // of two sockets and a window, however large the answer.
        for _ in 0..20 {
            assert_eq!(client.ask(get("/small"), b"").await.body, b"small");
        }
        let gone = sent.load(Ordering::SeqCst);
        assert!(
            gone < ALL / 2,
            "{gone} bytes were taken for a client that reads nothing"
        );
        assert_eq!(read(response).await.unwrap().body.len(), ALL);
    });
}

#[test]
fn many_at_once_share_a_connection() {
    let origin = Origin::answering(|_, body| ok(body));
    let site = open(origin.address, "");
    site.with_client(async |client| {
        let mut all = tokio::task::JoinSet::new();
        for number in 0..90_u8 {
            let mut client = crate::peer::Client {
                send: client.send.clone(),
                ended: tokio::spawn(async { Ok(()) }),
            };
            all.spawn(async move {
                let answer = client.ask(post("/"), &[number; 1000]).await;
                answer.body == [number; 1000]
            });
        }
        assert!(all.join_all().await.into_iter().all(|right| right));
    });
}

#[test]
fn what_is_under_way_ends_when_the_gate_stops() {
    let (go, wait) = mpsc::channel::<()>();
    let (begun, under_way) = mpsc::channel::<()>();
    let wait = Mutex::new((wait, begun));
    let origin = Origin::scripted(move |_, mut wire| {
        if wire.try_head().is_some() {
            let wait = wait.lock().unwrap();
            let _ = wait.1.send(());
            if wait.0.recv().is_ok() {
                wire.send(ok(b"late"));
            }
        }
    });
    let mut site = open(origin.address, "");
    let running = site.gate.running.take().unwrap();
    let mut idle = site.peer();
    site.with_client(async |mut client| {
        let mut other = client.send.clone();
        let asked = tokio::spawn(async move {
            let answer = client.ask(get("/"), b"").await;
            (answer, client.ended)
        });
        tokio::task::spawn_blocking(move || under_way.recv().unwrap())
            .await
            .unwrap();
        let drained = thread::spawn(move || running.drain(crate::support::PATIENCE));
        // Whoever waits for nothing is told first.
        let told = tokio::task::spawn_blocking(move || {
            while let Some(frame) = idle.next() {
                if frame.kind == crate::peer::GO_AWAY {
                    return true;
                }
            }
            false
        });
        assert!(told.await.unwrap());
        go.send(()).unwrap();
        let (answer, ended) = asked.await.unwrap();
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"late"[..]));
        assert!(ended.await.unwrap().is_ok());
        let again = other.send_request(get("/").body(()).unwrap(), true);
        assert!(again.is_err());
        tokio::task::spawn_blocking(move || drained.join().unwrap())
            .await
            .unwrap();
    });
}

#[test]
fn one_address_has_its_share_of_requests_however_few_its_connections() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let origin = Origin::scripted(move |_, mut wire| {
        if wire.try_head().is_some() && wait.lock().unwrap().recv().is_ok() {
            wire.send(ok(b"late"));
        }
    });
    let site = site(
        origin.address,
        &format!("{OPEN}[limits]\nrequests_per_address = 2\n"),
    );
    site.with_client(async |mut client| {
        let mut waiting = Vec::new();
        for _ in 0..2 {
            let send = client.send.clone().ready().await;
            let request = get("/").body(()).unwrap();
            let (response, _) = send.unwrap().send_request(request, true).unwrap();
            waiting.push(tokio::spawn(response));
        }
        assert_eq!(client.ask(get("/"), b"").await.status, 503);
        for _ in 0..2 {
            go.send(()).unwrap();
        }
        for response in waiting {
            let response = response.await.unwrap().unwrap();
            assert_eq!(response.status(), 200);
        }
    });
}
