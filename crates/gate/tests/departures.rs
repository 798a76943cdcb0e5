//! Exchanges that end before their answer does: clients that leave, keys that are revoked, answers
//! that break off.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::{
    io::{ErrorKind, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    sync::mpsc,
};

use support::{OPEN, Origin, PATIENCE, get, ok, site, start, start_with};

const GUARDED: &str = "[[route]]\npath = \"/\"\napp = \"app\"\nauth = [\"api-key\"]\n";

/// An origin that reads a head, sends `first`, and tells what else comes until it is let go.
fn holding(first: &'static str) -> (Origin, mpsc::Receiver<&'static str>) {
    let (tell, told) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        if wire.try_head().is_none() {
            return;
        }
        wire.send(first);
        let _ = tell.send("asked");
        let _ = wire.rest_whenever();
        let _ = tell.send("left");
    });
    (origin, told)
}

#[test]
fn a_client_that_leaves_while_it_waits_lets_go_of_the_upstream() {
    let (origin, told) = holding("");
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "asked");
    drop(client);
    // Far earlier than the sixty seconds that the upstream may take.
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "left");
    gate.has_refused("gate.time");
}

#[test]
fn a_client_that_asks_to_close_may_close_its_sending_side_and_read_on() {
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::scripted(move |_, mut wire| {
        wire.head();
        wait.lock().unwrap().recv().unwrap();
        wire.try_send(ok(b"late"));
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send("GET / HTTP/1.1\r\nHost: gate.test\r\nConnection: close\r\n\r\n");
    client.say_no_more();
    go.send(()).unwrap();
    assert_eq!(client.answer().text(), "late");
}

#[test]
fn a_revoked_key_ends_an_event_stream_a_long_answer_and_an_upload() {
    let stream = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n";
    let long = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst";
    for (first, upload) in [(stream, false), (long, false), ("", false), ("", true)] {
        let (origin, told) = holding(first);
        let gate = start_with(origin.address, GUARDED, None, 1);
        let (id, key) = gate.key();
        let mut client = gate.connect();
        let head = format!("/ HTTP/1.1\r\nHost: gate.test\r\nX-API-Key: {key}\r\n");
        client.send(match upload {
            false => format!("GET {head}\r\n"),
            true => format!("POST {head}Content-Length: 100000\r\n\r\npart"),
        });
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "asked");
        gate.revoke(&id);
        assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "left", "{first:?}");
        if first.is_empty() {
            assert_eq!(client.answer().status, 401);
        } else {
            client.head();
            assert!(!client.rest_whenever().ends_with(b"0\r\n\r\n"));
        }
        gate.has_refused("identity.key");
    }
}

#[test]
fn another_key_that_is_revoked_ends_nothing() {
    let (origin, told) = holding("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nfirst");
    let gate = start_with(origin.address, GUARDED, None, 1);
    let ((_, key), (other, _)) = (gate.key(), gate.key());
    let mut client = gate.connect();
    client.send(format!(
        "GET / HTTP/1.1\r\nHost: gate.test\r\nX-API-Key: {key}\r\n\r\n"
    ));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "asked");
    gate.revoke(&other);
    client.head();
    assert_eq!(client.exactly(5), b"first");
    // Longer than it takes to notice a key that is gone.
    let wait = wire::tunnel::RECHECK * 3;
    assert!(told.recv_timeout(wait).is_err());
    drop(client);
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "left");
}

#[test]
fn an_event_stream_ends_with_its_route_and_a_plain_answer_does_not() {
    let (events, told) =
        holding("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n");
    let gate = start(&events);
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "asked");
    let other = OPEN.replace("path = \"/\"", "path = \"/other\"");
    gate.gate.replace(site(events.address, &other)).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "left");
    gate.has_refused("gate.route");

    let (plain, told) = holding("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfirst");
    let gate = start(&plain);
    let mut client = gate.connect();
    client.send(get("/"));
    assert_eq!(told.recv_timeout(PATIENCE).unwrap(), "asked");
    gate.gate.replace(site(plain.address, &other)).unwrap();
    assert!(told.recv_timeout(wire::tunnel::RECHECK * 3).is_err());
}

/// Reads to the end and says whether it was a reset.
fn ends_in_reset(mut stream: TcpStream) -> bool {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut seen = Vec::new();
    match stream.read_to_end(&mut seen) {
        Ok(_) => false,
        Err(fault) => {
            assert_eq!(fault.kind(), ErrorKind::ConnectionReset);
            true
        }
    }
}

#[test]
fn an_answer_that_breaks_off_ends_in_a_reset_for_every_client() {
    // Whole where the connection's end is the answer's; cut short where it had a length or chunks.
    for (answer, broken) in [
        ("HTTP/1.1 200 OK\r\n\r\nall there is", false),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart", true),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
            true,
        ),
    ] {
        for version in ["1.0", "1.1"] {
            let (go, wait) = mpsc::channel::<()>();
            let wait = std::sync::Mutex::new(wait);
            let origin = Origin::scripted(move |_, mut wire| {
                wire.head();
                wire.send(answer);
                wait.lock().unwrap().recv().unwrap();
            });
            let gate = start(&origin);
            let mut stream = TcpStream::connect(gate.address()).unwrap();
            write!(
                stream,
                "GET / HTTP/{version}\r\nHost: gate.test\r\nConnection: close\r\n\r\n"
            )
            .unwrap();
            // The origin ends once a part of its answer has come through.
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            assert!(stream.peek(&mut [0]).unwrap() > 0);
            go.send(()).unwrap();
            let _ = stream.shutdown(Shutdown::Write);
            assert_eq!(ends_in_reset(stream), broken, "{version} {answer}");
        }
    }
}
