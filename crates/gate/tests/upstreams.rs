//! Upstreams that are down, slow or wrong, through a running gate: what each client is told.

mod support;

use support::{Origin, get, ok, start};

#[test]
fn an_upstream_that_is_down_is_503_with_retry_after() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let gate = support::start_at(address, "");
    let mut client = gate.connect();
    client.send(get("/"));
    let answer = client.answer();
    assert_eq!(answer.status, 503);
    assert!(answer.has("retry-after") && answer.has("x-request-id"));
    gate.has_refused("gate.upstream");
    // The request was read whole, so the connection goes on.
    client.send(get("/"));
    assert_eq!(client.answer().status, 503);
}

#[test]
fn an_upstream_that_does_not_answer_in_time_is_503() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.head();
        let _ = wire.rest();
    });
    let gate = support::start_at(origin.address, "[limits]\nanswer = \"1s\"\n");
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(client.answer().status, 503);
}

#[test]
fn answers_that_could_be_read_in_two_ways_are_502() {
    let bad = [
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "HTTP/1.1 200 OK\nContent-Length: 1\n\nx",
        "HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more",
        "HTTP/1.1 204 No Content\r\n\r\nbody",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "garbage\r\n\r\n",
    ];
    let origin = Origin::scripted(move |number, mut wire| {
        wire.head();
        match bad.get(number) {
            Some(bad) => wire.send(bad),
            None => wire.send(ok(b"good")),
        }
        let _ = wire.rest();
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    for bad in bad {
        client.send(get("/"));
        assert_eq!(client.answer().status, 502, "{bad:?}");
    }
    client.send(get("/"));
    assert_eq!(client.answer().text(), "good");
    assert_eq!(origin.connections(), bad.len() + 1);
}

#[test]
fn an_upstream_that_hangs_up_is_502_and_an_idempotent_request_goes_out_again() {
    // The first connection answers once and hangs up on the second request.
    let origin = Origin::scripted(|number, mut wire| {
        wire.head();
        wire.send(ok(number.to_string().as_bytes()));
        if wire.try_head().is_some() && number > 0 {
            wire.send(ok(b"again"));
        }
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(client.answer().text(), "0");
    client.send(get("/"));
    assert_eq!(client.answer().text(), "1");
    assert_eq!(origin.connections(), 2);

    let origin = Origin::scripted(|number, mut wire| {
        wire.head();
        wire.send(ok(number.to_string().as_bytes()));
        let _ = wire.try_head();
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(client.answer().text(), "0");
    client.send("POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(client.answer().status, 502);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn surplus_behind_a_chunked_answer_never_reaches_the_next_client() {
    let origin = Origin::scripted(|number, mut wire| {
        wire.head();
        wire.send(format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{number}\r\n0\r\n\r\n\
             HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\npoisoned"
        ));
        let _ = wire.rest();
    });
    let gate = start(&origin);
    for number in 0..5 {
        let mut client = gate.connect();
        client.send(get("/"));
        assert_eq!(client.answer().text(), number.to_string());
    }
    assert_eq!(origin.connections(), 5);
}

#[test]
fn an_answer_that_breaks_off_is_not_made_to_look_whole() {
    let origin = Origin::scripted(|number, mut wire| {
        wire.head();
        wire.send(match number {
            0 => "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
            1 => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            _ => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nzz\r\n",
        });
    });
    let gate = start(&origin);
    for _ in 0..3 {
        let mut client = gate.connect();
        client.send(get("/"));
        if client.head().starts_with("HTTP/1.1 502 ") {
            continue; // nothing of it had left yet
        }
        let rest = client.rest();
        assert!(!rest.ends_with(b"0\r\n\r\n") && rest.len() < 10, "{rest:?}");
    }
}
