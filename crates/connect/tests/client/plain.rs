//! Without TLS: redirects, rebinding, limits.

use std::time::Duration;

use connect::client::{Client, Fault, Field, Limits, Request, Response};
use control::Secret;

use crate::server::{Server, Setup, ok, redirect, target};

/// Sends on a client of its own.
async fn send_owned(client: Client, request: Request) -> Result<Response, Fault> {
    client.send(request).await
}

#[tokio::test]
async fn a_document_is_read_from_where_an_exception_allows_and_from_nowhere_else() {
    let server = Server::plain(|_| ok("keys")).await;
    let setup = Setup::of(&[("id.example", &server), ("other.example", &server)]);
    let url = |host: &str| format!("http://{host}:{}/keys", server.port());
    let get = |host: &str| send_owned(setup.client(), Request::get(target(&url(host))));
    assert_eq!(get("id.example").await.unwrap().body(), b"keys");
    assert_eq!(server.seen().len(), 1);

    // The same client without the exception: nothing is dialled.
    let closed = Setup {
        exceptions: Vec::new(),
        ..Setup::of(&[("id.example", &server)])
    };
    let refused = closed
        .client()
        .send(Request::get(target("http://id.example/")))
        .await;
    assert_eq!(rule(refused.unwrap_err()), "address.loopback");
    let literal = closed
        .client()
        .send(Request::get(target("http://127.0.0.1/")))
        .await;
    assert_eq!(rule(literal.unwrap_err()), "address.loopback");
    assert_eq!(server.seen().len(), 1);
}

fn rule(fault: Fault) -> &'static str {
    match fault {
        Fault::Refused(refused) => refused.rule(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn redirects_are_followed_within_their_limit_and_judged_at_each_hop() {
    let server = Server::plain(|request| {
        let path = request.split(' ').nth(1).unwrap();
        match path {
            "/1" => redirect(302, "/2"),
            "/2" => redirect(301, "3?a=b"),
            "/3?a=b" => redirect(307, "//id.example:PORT/4"),
            "/loop" => redirect(302, "/loop"),
            "/metadata" => redirect(302, "http://169.254.169.254/latest/meta-data/"),
            "/name" => redirect(302, "http://metadata.google.internal/"),
            "/self" => redirect(302, "http://localhost/"),
            "/decimal" => redirect(302, "http://2852039166/"),
            "/port" => redirect(302, "http://id.example:6379/"),
            "/inside" => redirect(302, "http://inside.example/"),
            "/mute" => "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            _ => ok("end"),
        }
        .replace(
            "PORT",
            request
                .split("host: id.example:")
                .nth(1)
                .unwrap()
                .split('\r')
                .next()
                .unwrap(),
        )
    })
    .await;
    let setup = Setup::of(&[("id.example", &server)]);
    setup.names.add("inside.example", &[&["10.0.0.1"]]);
    let client = setup.client();
    let get = |path: &str| {
        let url = format!("http://id.example:{}{path}", server.port());
        client.send(Request::get(target(&url)))
    };
    let end = get("/1").await.unwrap();
    assert_eq!(
        (end.body(), end.target().path_and_query()),
        (&b"end"[..], "/4")
    );
    assert_eq!(server.seen().len(), 4);
    assert_eq!(setup.names.asked("id.example"), 4);

    assert!(matches!(get("/loop").await, Err(Fault::TooManyRedirects)));
    assert_eq!(server.seen().len(), 8);

    for (path, expected) in [
        ("/metadata", "address.metadata"),
        ("/name", "name.metadata"),
        ("/self", "name.localhost"),
        ("/port", "port"),
        ("/inside", "address.private"),
    ] {
        assert_eq!(rule(get(path).await.unwrap_err()), expected, "{path}");
    }
    assert!(matches!(get("/decimal").await, Err(Fault::Location(_))));
    assert!(matches!(get("/mute").await, Err(Fault::NoLocation)));
}

#[tokio::test]
async fn a_key_does_not_follow_a_redirect_to_another_origin() {
    let far = Server::plain(|_| ok("far")).await;
    let port = far.port();
    let near = Server::plain(move |request| {
        if request.starts_with("GET /same") {
            redirect(302, "/x")
        } else if request.starts_with("GET /x") {
            ok("near")
        } else {
            redirect(302, &format!("http://far.example:{port}/"))
        }
    })
    .await;
    let setup = Setup::of(&[("near.example", &near), ("far.example", &far)]);
    let get = |path: &str| {
        let request = Request::get(target(&format!(
            "http://near.example:{}{path}",
            near.port()
        )))
        .with(Field::new("X-Api-Key", "correct-horse").unwrap())
        .with(Field::new("Accept", "text/plain").unwrap());
        send_owned(setup.client(), request)
    };
    assert_eq!(get("/same").await.unwrap().body(), b"near");
    assert!(
        near.seen()
            .iter()
            .all(|request| request.contains("x-api-key: correct-horse"))
    );

    assert_eq!(get("/away").await.unwrap().body(), b"far");
    let seen = far.seen();
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].contains("correct-horse"), "{}", seen[0]);
    assert!(seen[0].contains("accept: text/plain"), "{}", seen[0]);
}

#[tokio::test]
async fn a_body_goes_to_its_origin_alone() {
    let far = Server::plain(|_| ok("far")).await;
    let port = far.port();
    let near = Server::plain(move |request| {
        if request.starts_with("POST /away") {
            redirect(307, &format!("http://far.example:{port}/"))
        } else if request.starts_with("POST /again") {
            redirect(308, "/token")
        } else {
            ok("near")
        }
    })
    .await;
    let setup = Setup::of(&[("near.example", &near), ("far.example", &far)]);
    let post = |path: &str| {
        let url = format!("http://near.example:{}{path}", near.port());
        let body = Secret::new(b"client_secret=correct-horse".to_vec());
        let kind = "application/x-www-form-urlencoded";
        send_owned(setup.client(), Request::post(target(&url), kind, body))
    };
    assert_eq!(post("/again").await.unwrap().body(), b"near");
    assert!(
        near.seen()
            .iter()
            .all(|request| request.ends_with("correct-horse"))
    );
    assert!(matches!(post("/away").await, Err(Fault::BodyElsewhere)));
    assert!(far.seen().is_empty());
}

/// A name that is turned on whoever resolves it a second time: what was judged is what is dialled, and
/// the next request judges anew.
#[tokio::test]
async fn a_name_that_is_rebound_reaches_nothing_that_was_not_judged() {
    let server = Server::plain(|request| {
        if request.starts_with("GET /again") {
            redirect(302, "/")
        } else {
            ok("once")
        }
    })
    .await;
    let setup = Setup::of(&[("other.example", &server)]);
    let setup = Setup {
        exceptions: vec![crate::server::opens("id.example", &server)],
        ..setup
    };
    setup.names.add(
        "id.example",
        &[
            &["127.0.0.1"],
            &["169.254.169.254"],
            &["10.0.0.1", "127.0.0.1"],
        ],
    );
    let url = format!("http://id.example:{}/again", server.port());
    let client = setup.client();

    let refused = client.send(Request::get(target(&url))).await.unwrap_err();
    assert_eq!(rule(refused), "address.metadata");
    assert_eq!(setup.names.asked("id.example"), 2);
    assert_eq!(server.seen().len(), 1);

    // A mixed answer: one address is ours to reach, and the other refuses both.
    let refused = client.send(Request::get(target(&url))).await.unwrap_err();
    assert_eq!(rule(refused), "address.private");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_next_address_is_tried_where_one_does_not_answer() {
    let server = Server::plain(|_| ok("second")).await;
    let setup = Setup::of(&[("other.example", &server)]);
    // Nothing listens on the port at 127.0.0.2.
    setup
        .names
        .add("id.example", &[&["127.0.0.2", "127.0.0.1"], &["127.0.0.2"]]);
    let setup = Setup {
        exceptions: vec![crate::server::opens("id.example", &server)],
        ..setup
    };
    let url = format!("http://id.example:{}/", server.port());
    let client = setup.client();
    assert_eq!(
        client
            .send(Request::get(target(&url)))
            .await
            .unwrap()
            .body(),
        b"second"
    );
    match client.send(Request::get(target(&url))).await {
        Err(Fault::Connect { address, .. }) => assert_eq!(address.ip().to_string(), "127.0.0.2"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_giant_answer_and_one_that_never_ends_are_given_up() {
    let giant = Server::plain(|_| ok(&"a".repeat(5000))).await;
    let endless = Server::plain(|request| {
        // Announced and never sent: the server closes only when the test ends, because it waits for
        // a second request that does not come.
        let _ = request;
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}",
            "1\r\na\r\n".repeat(3000)
        )
    })
    .await;
    let mut setup = Setup::of(&[("giant.example", &giant), ("endless.example", &endless)]);
    setup.limits.body = 2000;
    let client = setup.client();
    for (host, port) in [
        ("giant.example", giant.port()),
        ("endless.example", endless.port()),
    ] {
        let url = format!("http://{host}:{port}/");
        let fault = client.send(Request::get(target(&url))).await.unwrap_err();
        assert!(matches!(fault, Fault::TooLarge(2000)), "{host}: {fault}");
    }
    setup.limits.body = 5000;
    let url = format!("http://giant.example:{}/", giant.port());
    let whole = setup
        .client()
        .send(Request::get(target(&url)))
        .await
        .unwrap();
    assert_eq!(whole.body().len(), 5000);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_after_the_time_for_everything() {
    // It accepts by the kernel's backlog and never reads.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::plain(|_| ok("")).await;
    let mut setup = Setup::of(&[("id.example", &server)]);
    setup.exceptions[0].port = Some(silent.local_addr().unwrap().port());
    setup.limits = Limits {
        total: Duration::from_millis(300),
        ..Limits::default()
    };
    let url = format!("http://id.example:{}/", silent.local_addr().unwrap().port());
    let fault = setup
        .client()
        .send(Request::get(target(&url)))
        .await
        .unwrap_err();
    assert!(matches!(fault, Fault::TimedOut), "{fault}");
}

#[tokio::test]
async fn no_fault_shows_a_path_a_query_or_a_field() {
    let server =
        Server::plain(|_| redirect(302, "http://10.0.0.1/correct-horse?a=correct-horse")).await;
    let setup = Setup::of(&[("id.example", &server)]);
    let url = format!(
        "http://id.example:{}/correct-horse?a=correct-horse",
        server.port()
    );
    let request =
        Request::get(target(&url)).with(Field::new("Authorization", "correct-horse").unwrap());
    let fault = setup.client().send(request).await.unwrap_err();
    let shown = format!("{fault} {fault:?} {}", fault.hint());
    assert!(!shown.contains("correct-horse"), "{shown}");
}
