//! Requests and answers through a running gate: what passes, how it is framed, what is refused.

mod support;

use support::{Origin, Wire, get, ok, start};

fn post(body: &str) -> String {
    format!(
        "POST /form HTTP/1.1\r\nHost: gate.test\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_request_and_its_answer_pass() {
    let gate = start(&Origin::mirror());
    let mut client = gate.connect();
    client.send(get("/a/b?c=d"));
    let answer = client.answer();
    assert_eq!(answer.status, 200);
    assert!(answer.text().starts_with("GET /a/b?c=d HTTP/1.1\r\n"));
    assert!(answer.text().contains("Host: gate.test\r\n"));
}

#[test]
fn a_connection_carries_many_requests_and_so_does_its_upstream() {
    let origin = Origin::mirror();
    let gate = start(&origin);
    let mut client = gate.connect();
    for number in 0..20 {
        client.send(get(&format!("/{number}")));
        let expected = format!("GET /{number} ");
        assert!(client.answer().text().starts_with(&expected));
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let gate = start(&Origin::mirror());
    let mut client = gate.connect();
    client.send(format!("{}{}{}", get("/1"), post("two"), get("/3")));
    assert!(client.answer().text().starts_with("GET /1 "));
    assert!(client.answer().text().ends_with("\r\n\r\ntwo"));
    assert!(client.answer().text().starts_with("GET /3 "));
}

#[test]
fn a_head_may_come_in_any_pieces() {
    let gate = start(&Origin::mirror());
    let mut client = gate.connect();
    for byte in get("/pieces").as_bytes() {
        client.send([*byte]);
    }
    assert!(client.answer().text().starts_with("GET /pieces "));
}

#[test]
fn chunks_pass_without_extensions_and_trailers() {
    let origin = Origin::answering(|head, body| {
        assert!(
            head.to_ascii_lowercase()
                .contains("transfer-encoding: chunked")
        );
        assert_eq!(body, b"hello world");
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\
          3;ext=1\r\nabc\r\n2\r\nde\r\n0\r\nX-Trailer: 1\r\n\r\n"
            .to_vec()
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n\
         5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-Evil: 1\r\n\r\n",
    );
    let head = client.head();
    assert!(
        head.to_ascii_lowercase()
            .contains("transfer-encoding: chunked")
    );
    assert_eq!(client.body(&head), b"abcde");
    // The connection is in step: the next request is answered.
    client.send(
        "POST / HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n\
         b\r\nhello world\r\n0\r\n\r\n",
    );
    assert_eq!(client.answer().body, b"abcde");
}

#[test]
fn an_answer_without_length_is_framed_for_each_version() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nuntil the end");
    });
    let gate = start(&origin);
    let mut modern = gate.connect();
    modern.send(get("/"));
    let answer = modern.answer();
    assert_eq!(answer.value("transfer-encoding"), Some("chunked"));
    assert_eq!(answer.text(), "until the end");
    modern.send(get("/"));
    assert_eq!(modern.answer().text(), "until the end");

    let mut old = gate.connect();
    old.send("GET / HTTP/1.0\r\nHost: gate.test\r\n\r\n");
    let answer = old.answer();
    assert!(!answer.has("transfer-encoding"));
    assert_eq!(answer.text(), "until the end");
}

#[test]
fn chunks_are_undone_for_http_1_0() {
    let origin = Origin::answering(|_, _| {
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n".to_vec()
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send("GET / HTTP/1.0\r\nHost: gate.test\r\n\r\n");
    let answer = client.answer();
    assert!(!answer.has("transfer-encoding"));
    assert_eq!(answer.text(), "abc");
}

#[test]
fn head_and_not_modified_carry_no_body() {
    let origin = Origin::answering(|head, _| {
        if head.starts_with("HEAD") {
            b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".to_vec()
        } else {
            b"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n".to_vec()
        }
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    for _ in 0..2 {
        client.send("HEAD / HTTP/1.1\r\nHost: gate.test\r\n\r\n");
        assert!(client.head().contains("ontent-Length: 1000\r\n"));
        client.send(get("/"));
        assert!(client.head().starts_with("HTTP/1.1 304 "));
    }
    // Reused behind 304, which announced nothing, and not behind HEAD, which did.
    assert_eq!(origin.connections(), 3);
}

#[test]
fn a_body_behind_head_that_comes_late_answers_nobody() {
    let origin = Origin::scripted(|_, mut wire| {
        let Some(head) = wire.try_head() else { return };
        if head.starts_with("HEAD") {
            wire.send("HTTP/1.1 200 OK\r\nContent-Length: 44\r\n\r\n");
            // The body that should not be: sent when the next request is already under way.
            let _ = wire.try_head();
            wire.try_send(ok(b"poison"));
        } else {
            wire.send(ok(b"own"));
        }
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send("HEAD / HTTP/1.1\r\nHost: gate.test\r\n\r\n");
    client.head();
    let mut other = gate.connect();
    other.send(get("/"));
    assert_eq!(other.answer().text(), "own");
}

#[test]
fn interim_answers_pass_to_http_1_1_alone() {
    let origin = Origin::answering(|_, _| {
        [
            b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\
              Content-Length: 0\r\n\r\n"
                .to_vec(),
            ok(b"done"),
        ]
        .concat()
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(get("/"));
    let hints = client.head();
    assert!(hints.starts_with("HTTP/1.1 103 ") && hints.contains("Link: "));
    assert!(!hints.contains("Content-Length"));
    assert_eq!(client.answer().text(), "done");

    let mut old = gate.connect();
    old.send("GET / HTTP/1.0\r\nHost: gate.test\r\n\r\n");
    assert_eq!(old.answer().status, 200);
}

#[test]
fn hop_by_hop_fields_end_here_both_ways() {
    let origin = Origin::answering(|head, _| {
        let body = head.as_bytes();
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: keep-alive, X-Private\r\n\
             Connection: X-Further\r\nX-Further: 1\r\n\
             Keep-Alive: timeout=5\r\nX-Private: 1\r\nX-Public: 2\r\n\r\n",
            body.len()
        );
        [head.as_bytes(), body].concat()
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(
        "GET / HTTP/1.1\r\nHost: gate.test\r\nConnection: keep-alive, X-Secret\r\n\
         Keep-Alive: 1\r\nX-Secret: 1\r\nProxy-Connection: close\r\nTE: trailers\r\nX-Shown: 2\r\n\r\n",
    );
    let answer = client.answer();
    assert!(answer.has("x-public") && !answer.has("x-private") && !answer.has("keep-alive"));
    assert!(!answer.has("x-further"));
    let seen = answer.text().to_ascii_lowercase();
    assert!(seen.contains("x-shown: 2"));
    for gone in ["x-secret", "keep-alive", "proxy-connection", "te: "] {
        assert!(!seen.contains(gone), "{gone}: {seen}");
    }
}

#[test]
fn a_client_that_asks_to_close_is_closed() {
    let gate = start(&Origin::mirror());
    let mut client = gate.connect();
    client.send("GET / HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n");
    let answer = client.answer();
    assert_eq!(answer.value("connection"), Some("close"));
    assert!(client.ended());
}

#[test]
fn broken_framing_is_refused_and_closed_and_reaches_nobody() {
    let origin = Origin::mirror();
    let gate = start(&origin);
    for broken in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\nHost: gate.test\n\n",
        "POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\nx",
        "GET / HTTP/1.1\r\nHost: gate.test\r\nHost: gate.test\r\n\r\n",
    ] {
        let mut client = gate.connect();
        client.send(broken);
        client.send(get("/smuggled"));
        let answer = client.answer();
        assert_eq!(answer.status, 400, "{broken:?}");
        assert_eq!(answer.value("connection"), Some("close"));
        gate.has_refused("wire.framing");
        assert!(client.ended());
    }
    assert_eq!(origin.connections(), 0);
    gate.connect().send("GET"); // a client that leaves within a head disturbs nobody
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_refusal_keeps_the_connection_when_the_body_is_here() {
    let gate = start(&Origin::mirror());
    let mut client = gate.connect();
    let refused = "POST /a%2fb HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 4\r\n\r\nbody";
    client.send(format!("{refused}{}", get("/next")));
    assert_eq!(client.answer().status, 400);
    assert!(client.answer().text().starts_with("GET /next "));
    // Without its body the end of the request is not known to be near.
    client.send("POST /a%2fb HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 4\r\n\r\n");
    assert_eq!(client.answer().value("connection"), Some("close"));
    assert!(client.ended());
}

#[test]
fn requests_of_one_connection_do_not_wait_for_another() {
    let origin = Origin::scripted(|number, mut wire| {
        wire.head();
        if number == 0 {
            let _ = wire.rest();
        } else {
            wire.send(ok(b"quick"));
        }
    });
    let gate = start(&origin);
    let mut stuck = Wire::connect(gate.address());
    stuck.send(get("/"));
    while origin.connections() == 0 {
        std::thread::yield_now();
    }
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(client.answer().text(), "quick");
}
