//! Bodies through a running gate: streaming, limits, expectations and early ends.

mod support;

use std::{sync::mpsc, thread};

use support::{Origin, get, ok, start, start_at};

const CHUNKED: &str = "POST /up HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n";

fn sized(length: usize) -> String {
    format!("POST /up HTTP/1.1\r\nHost: gate.test\r\nContent-Length: {length}\r\n\r\n")
}

#[test]
fn a_large_body_passes_both_ways_unchanged() {
    let origin = Origin::answering(|_, body| ok(body));
    let gate = start(&origin);
    let body: Vec<u8> = (0..3_000_000_u32)
        .map(|n| (n / 251).to_le_bytes()[0])
        .collect();
    let mut client = gate.connect();
    for _ in 0..2 {
        client.send(sized(body.len()));
        client.send(&body);
        assert!(client.answer().body == body);
    }
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_body_is_passed_on_as_it_comes() {
    let (heard, hears) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        wire.head();
        for _ in 0..3 {
            heard.send(wire.chunk()).unwrap();
        }
        wire.send(ok(b"done"));
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(CHUNKED);
    for piece in ["3\r\none\r\n", "3\r\ntwo\r\n"] {
        client.send(piece);
        // The origin has it before the client sends more.
        assert_eq!(hears.recv().unwrap().len(), 3);
    }
    client.send("0\r\n\r\n");
    assert!(hears.recv().unwrap().is_empty());
    assert_eq!(client.answer().text(), "done");
}

#[test]
fn events_are_passed_on_as_they_come() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::scripted(move |_, mut wire| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        for number in 0..3 {
            wait.lock().unwrap().recv().unwrap();
            wire.send(format!("data: {number}\n\n"));
        }
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(get("/events"));
    let head = client.head();
    assert!(head.contains("text/event-stream"));
    for number in 0..3 {
        go.send(()).unwrap();
        assert_eq!(client.chunk(), format!("data: {number}\n\n").as_bytes());
    }
    assert!(client.chunk().is_empty());
}

#[test]
fn an_event_stream_without_its_client_lets_go_of_the_upstream() {
    let (left, leaves) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
        let _ = wire.rest();
        left.send(()).unwrap();
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(get("/events"));
    client.head();
    client.chunk();
    drop(client);
    leaves.recv_timeout(support::PATIENCE).unwrap();
}

#[test]
fn a_declared_length_beyond_the_limit_is_refused_before_its_body() {
    let origin = Origin::mirror();
    let gate = start_at(origin.address, "[limits]\nbody = \"1KiB\"\n");
    let mut client = gate.connect();
    client.send(sized(1025));
    let answer = client.answer();
    assert_eq!(answer.status, 413);
    gate.has_refused("gate.body");
    assert!(client.ended());
    assert_eq!(origin.connections(), 0);

    let mut client = gate.connect();
    client.send(sized(1024));
    client.send([b'x'; 1024]);
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_chunked_body_beyond_the_limit_is_refused_while_it_streams() {
    let (begun, seen, origin) = beginning();
    let gate = start_at(origin.address, "[limits]\nbody = \"1KiB\"\n");
    let mut client = gate.connect();
    client.send(CHUNKED);
    client.send("2\r\nok\r\n");
    begun.recv_timeout(support::PATIENCE).unwrap();
    for _ in 0..3 {
        client.try_send(format!("200\r\n{}\r\n", "x".repeat(512)));
    }
    let answer = client.answer();
    assert_eq!(answer.status, 413);
    assert!(client.ended());
    // The upstream never sees an end of the body: it cannot take the part for the whole.
    let seen = seen.recv_timeout(support::PATIENCE).unwrap();
    assert!(!seen.ends_with(b"0\r\n\r\n"));
}

/// An origin that says when the first chunk of a body has come, and then what else came.
fn beginning() -> (mpsc::Receiver<()>, mpsc::Receiver<Vec<u8>>, Origin) {
    let ((begin, begun), (tell, seen)) = (mpsc::channel(), mpsc::channel());
    let origin = Origin::scripted(move |_, mut wire| {
        wire.head();
        wire.chunk();
        let _ = begin.send(());
        let _ = tell.send(wire.rest());
    });
    (begun, seen, origin)
}

const BROKEN: [&str; 5] = [
    "5\nhello",
    "+5\r\nhello\r\n",
    "5\r\nhelloXX",
    "g\r\n",
    "5\r\nhello\r\n0\r\nbad\n\r\n",
];

#[test]
fn broken_chunks_within_a_body_end_both_sides() {
    let (begun, seen, origin) = beginning();
    let gate = start(&origin);
    for broken in BROKEN {
        let mut client = gate.connect();
        client.send(CHUNKED);
        client.send("2\r\nok\r\n");
        begun.recv_timeout(support::PATIENCE).unwrap();
        client.send(broken);
        let answer = client.answer();
        assert_eq!(answer.status, 400, "{broken:?}");
        assert!(client.ended());
        let seen = seen.recv_timeout(support::PATIENCE).unwrap();
        assert!(!seen.ends_with(b"0\r\n\r\n"), "{broken:?}");
    }
}

#[test]
fn a_body_that_is_broken_from_its_beginning_reaches_nobody() {
    let origin = Origin::mirror();
    let gate = start(&origin);
    for broken in BROKEN {
        let mut client = gate.connect();
        client.send(format!("{CHUNKED}2\r\nok\r\n{broken}"));
        assert_eq!(client.answer().status, 400, "{broken:?}");
        assert!(client.ended());
    }
    assert_eq!(origin.connections(), 0);
    let mut client = gate.connect();
    client.send(format!("{CHUNKED}2\r\nok\r\n0\r\n\r\n"));
    assert!(client.answer().text().ends_with("\r\n\r\nok"));
    assert_eq!(origin.connections(), 1);
}

#[test]
fn a_client_that_leaves_within_its_body_takes_the_upstream_connection_along() {
    let (seen, sees) = mpsc::channel();
    let origin = Origin::scripted(move |number, mut wire| {
        wire.head();
        if number == 0 {
            seen.send(wire.rest()).unwrap();
        } else {
            wire.send(ok(b"fresh"));
        }
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(sized(100));
    client.send("half");
    drop(client);
    assert_eq!(sees.recv_timeout(support::PATIENCE).unwrap(), b"half");
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(client.answer().text(), "fresh");
}

#[test]
fn an_early_answer_is_passed_on_and_the_connection_closed() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.head();
        wire.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        let _ = wire.rest();
    });
    let gate = start(&origin);
    for _ in 0..2 {
        let mut client = gate.connect();
        client.send(sized(1_000_000));
        client.send([b'x'; 1000]);
        let answer = client.answer();
        assert_eq!((answer.status, answer.text().as_str()), (403, "no"));
        assert_eq!(answer.value("connection"), Some("close"));
        assert!(client.ended());
    }
    // What the upstream still expects of the first request must not be a second one.
    assert_eq!(origin.connections(), 2);
}

#[test]
fn an_answer_may_begin_before_the_request_ends() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.head();
        wire.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        loop {
            let data = wire.chunk();
            if data.is_empty() {
                wire.send("0\r\n\r\n");
                return;
            }
            wire.send(format!("{:x}\r\n", data.len()));
            wire.send([&data[..], b"\r\n"].concat());
        }
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(CHUNKED);
    for (number, word) in ["first", "second", "third"].iter().enumerate() {
        client.send(format!("{:x}\r\n{word}\r\n", word.len()));
        if number == 0 {
            client.head();
        }
        assert_eq!(client.chunk(), word.as_bytes());
    }
    client.send("0\r\n\r\n");
    assert!(client.chunk().is_empty());
}

#[test]
fn an_expectation_is_passed_on_and_so_is_its_answer() {
    let origin = Origin::scripted(|number, mut wire| {
        let head = wire.head();
        assert!(head.contains("100-continue"));
        if number == 0 {
            wire.send("HTTP/1.1 100 Continue\r\n\r\n");
            wire.exactly(4);
            // It says that it closes: a POST over a kept connection that ends is not sent again.
            wire.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody");
        } else {
            wire.send("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n");
            let _ = wire.rest();
        }
    });
    let gate = start(&origin);
    let expecting = "POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 4\r\n\
                     Expect: 100-continue\r\n\r\n";
    let mut client = gate.connect();
    client.send(expecting);
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("body");
    assert_eq!(client.answer().text(), "body");

    let mut client = gate.connect();
    client.send(expecting);
    let answer = client.answer();
    assert_eq!(answer.status, 417);
    assert!(client.ended());
}

#[test]
fn a_refused_expectation_gets_no_100() {
    let gate = start(&Origin::mirror());
    let mut client = gate.connect();
    client.send(
        "POST /a%2fb HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 4\r\n\
         Expect: 100-continue\r\n\r\n",
    );
    assert_eq!(client.answer().status, 400);
    assert!(client.ended());
}

#[test]
fn a_slow_header_and_a_slow_body_are_408() {
    let origin = Origin::scripted(|_, mut wire| {
        wire.head();
        let _ = wire.rest();
    });
    let gate = start_at(
        origin.address,
        "[limits]\nheader_time = \"1s\"\nbody_grace = \"1s\"\n",
    );
    let mut client = gate.connect();
    client.send("GET / HTTP/1.1\r\nHost: gate");
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    gate.has_refused("gate.time");
    assert!(client.ended());

    let mut client = gate.connect();
    client.send(sized(100));
    client.send("slow");
    let answer = client.answer();
    assert_eq!(answer.status, 408);
    assert!(client.ended());
}

#[test]
fn silence_ends_a_connection_without_a_word() {
    let origin = Origin::mirror();
    let gate = start_at(
        origin.address,
        "[limits]\nheader_time = \"1s\"\nkeep_alive = \"1s\"\n",
    );
    assert!(gate.connect().ended());
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(client.answer().status, 200);
    assert!(client.ended());
}

#[test]
fn many_bodies_at_once_do_not_mix() {
    let origin = Origin::answering(|_, body| ok(body));
    let gate = start(&origin);
    let address = gate.address();
    let clients: Vec<_> = (0_u8..8)
        .map(|mark| {
            thread::spawn(move || {
                let mut client = support::Wire::connect(address);
                for round in 1..20_usize {
                    let body = vec![mark; round * 997];
                    client.send(sized(body.len()));
                    client.send(&body);
                    assert!(client.answer().body == body);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
}
