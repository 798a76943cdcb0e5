//! More clients than there is room for: who is turned away, how, and who is served all the same.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::{net::SocketAddr, sync::mpsc};

use socket2::{Domain, Socket, Type};
use support::{OPEN, Origin, Started, Wire, get, ok, start, start_at, start_with};

/// A connection to `gate` from another address of this machine.
fn connect_from(address: &str, gate: SocketAddr) -> Wire {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    let own: SocketAddr = format!("{address}:0").parse().unwrap();
    socket.bind(&own.into()).unwrap();
    socket.connect(&gate.into()).unwrap();
    Wire::new(socket.into())
}

/// An origin that says when a request has come and answers none.
fn silent() -> (Origin, mpsc::Receiver<()>) {
    let (tell, told) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        if wire.try_head().is_some() {
            let _ = tell.send(());
            let _ = wire.rest();
        }
    });
    (origin, told)
}

fn asks(gate: &Started, path: &str) -> Wire {
    let mut client = gate.connect();
    client.send(get(path));
    client
}

#[test]
fn one_address_gets_its_share_of_connections_and_another_address_is_served() {
    let limits = "[limits]\nconnections_per_address = 2\n";
    let gate = start_at(Origin::mirror().address, limits);
    let (mut first, mut second) = (asks(&gate, "/"), asks(&gate, "/"));
    assert_eq!((first.answer().status, second.answer().status), (200, 200));
    let mut third = asks(&gate, "/");
    let answer = third.answer();
    assert_eq!(answer.status, 503);
    assert!(answer.has("retry-after") && answer.has("x-request-id"));
    assert_eq!(answer.value("connection"), Some("close"));
    assert!(third.ended());
    gate.has_refused("gate.overload");

    let mut other = connect_from("127.0.0.2", gate.address());
    other.send(get("/"));
    assert_eq!(other.answer().status, 200);
    // A place that was given back is taken again.
    drop(first);
    assert!(gate.serves_again());
}

#[test]
fn connections_are_counted_over_all_threads() {
    let (origin, told) = silent();
    let route = format!("{OPEN}[limits]\nconnections = 4\n");
    let gate = start_with(origin.address, &route, None, 3);
    // Each is busy, so none gives way; whichever threads they come to, four have a place.
    let busy: Vec<Wire> = (0..4).map(|_| asks(&gate, "/")).collect();
    for _ in &busy {
        told.recv_timeout(support::PATIENCE).unwrap();
    }
    for _ in 0..6 {
        assert_eq!(asks(&gate, "/").answer().status, 503);
    }
}

#[test]
fn an_idle_connection_gives_way_to_a_new_one_and_a_busy_one_does_not() {
    let (origin, told) = silent();
    let gate = start_at(origin.address, "[limits]\nconnections = 2\n");
    let busy = asks(&gate, "/");
    told.recv_timeout(support::PATIENCE).unwrap();
    let mut idle = gate.connect();
    // Served once the idle one has been so for long enough; it never asked for anything.
    assert!(gate.serves_again());
    assert!(idle.ended());
    drop(busy);
}

/// An origin whose answers wait for a word, one for each.
fn on_demand() -> (Origin, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (tell, told) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let origin = Origin::answering(move |_, body| {
        let _ = tell.send(());
        let _ = wait.lock().unwrap().recv_timeout(support::PATIENCE);
        ok(body)
    });
    (origin, told, go)
}

#[test]
fn a_request_too_many_for_its_app_is_503_and_its_connection_goes_on() {
    let (origin, told, go) = on_demand();
    let limited = format!("requests = 1\n{OPEN}");
    let gate = start_with(origin.address, &limited, None, 1);
    let mut first = asks(&gate, "/");
    told.recv_timeout(support::PATIENCE).unwrap();
    let mut second = asks(&gate, "/");
    let answer = second.answer();
    assert_eq!(answer.status, 503);
    assert!(answer.has("retry-after") && !answer.has("connection"));
    gate.has_refused("gate.overload");
    assert_eq!(origin.connections(), 1);
    // The gate itself answers all the same, and so does the app once there is room.
    second.send(get("/.vouchsafe/health"));
    assert_eq!(second.answer().status, 200);
    go.send(()).unwrap();
    assert_eq!(first.answer().status, 200);
    second.send(get("/"));
    go.send(()).unwrap();
    assert_eq!(second.answer().status, 200);
}

#[test]
fn a_request_that_waits_for_room_is_served_when_there_is_some() {
    let (origin, told, go) = on_demand();
    let limited = format!("requests = 1\n{OPEN}");
    let gate = start_with(origin.address, &limited, None, 2);
    let mut first = asks(&gate, "/");
    told.recv_timeout(support::PATIENCE).unwrap();
    let mut second = asks(&gate, "/");
    go.send(()).unwrap();
    assert_eq!(first.answer().status, 200);
    told.recv_timeout(support::PATIENCE).unwrap();
    go.send(()).unwrap();
    assert_eq!(second.answer().status, 200);
}

#[test]
fn all_apps_together_have_a_limit_too() {
    let (origin, told) = silent();
    let gate = start_at(origin.address, "[limits]\nrequests = 1\n");
    let _first = asks(&gate, "/");
    told.recv_timeout(support::PATIENCE).unwrap();
    assert_eq!(asks(&gate, "/").answer().status, 503);
}

#[test]
fn neither_a_slow_upload_nor_a_slow_reader_keeps_anybody_from_being_served() {
    let large = vec![b'x'; 8 << 20];
    let origin = Origin::answering(move |head, _| match head.starts_with("GET /large") {
        true => ok(&large),
        false => ok(b"quick"),
    });
    let limited = format!("requests = 1\n{OPEN}");
    let gate = start_with(origin.address, &limited, None, 1);
    let mut upload = gate.connect();
    upload.send("POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 10\r\n\r\nhalf ");
    let mut reader = asks(&gate, "/large");
    assert!(reader.head().contains(" 200 "));
    for _ in 0..3 {
        assert_eq!(asks(&gate, "/").answer().text(), "quick");
    }
    upload.send("done.");
    assert_eq!(upload.answer().text(), "quick");
}

#[test]
fn an_upload_counts_from_the_moment_its_app_has_all_of_it() {
    let (origin, told, go) = on_demand();
    let limited = format!("requests = 1\n{OPEN}");
    let gate = start_with(origin.address, &limited, None, 1);
    let mut upload = gate.connect();
    upload.send("POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 10\r\n\r\nhalf ");
    while origin.connections() == 0 {
        std::thread::yield_now();
    }
    upload.send("done.");
    told.recv_timeout(support::PATIENCE).unwrap();
    assert_eq!(asks(&gate, "/").answer().status, 503);
    go.send(()).unwrap();
    assert_eq!(upload.answer().text(), "half done.");
}

#[test]
fn connections_to_an_app_are_bounded_whatever_they_carry() {
    let (origin, told) = silent();
    let limited = format!("connections = 1\n{OPEN}");
    let gate = start_with(origin.address, &limited, None, 1);
    let mut upload = gate.connect();
    upload.send("POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 10\r\n\r\nhalf ");
    told.recv_timeout(support::PATIENCE).unwrap();
    assert_eq!(asks(&gate, "/").answer().status, 503);
    assert_eq!(origin.connections(), 1);
}

#[test]
fn an_upstream_is_not_reached_for_before_a_body_begins_to_come() {
    let length = "POST / HTTP/1.1\r\nHost: gate.test\r\nContent-Length: 4\r\n\r\n";
    let chunks = "POST / HTTP/1.1\r\nHost: gate.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (head, nothing, body) in [
        (length, "", "body"),
        (chunks, "", "4\r\nbody\r\n0\r\n\r\n"),
        // What frames a chunk is not a byte of it.
        (chunks, "000", "4\r\nbody\r\n0\r\n\r\n"),
        (chunks, "4;a=b\r\n", "body\r\n0\r\n\r\n"),
    ] {
        let origin = Origin::answering(|_, body| ok(body));
        let gate = start_at(origin.address, "[limits]\nbody_grace = \"1s\"\n");
        let mut client = gate.connect();
        client.send(head);
        client.send(nothing);
        let answer = client.answer();
        assert_eq!(answer.status, 408, "{nothing:?}");
        assert!(client.ended());
        assert_eq!(origin.connections(), 0);
        let mut client = gate.connect();
        client.send(head);
        client.send(nothing);
        client.send(body);
        assert_eq!(client.answer().text(), "body");
        assert_eq!(origin.connections(), 1);
    }
}

#[test]
fn whoever_waits_for_100_continue_is_let_speak_by_the_app() {
    let origin = Origin::scripted(|_, mut wire| {
        let head = wire.head();
        wire.send("HTTP/1.1 100 Continue\r\n\r\n");
        let body = wire.body(&head);
        wire.send(ok(&body));
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(
        "POST / HTTP/1.1\r\nHost: gate.test\r\nExpect: 100-continue\r\n\
         Transfer-Encoding: chunked\r\n\r\n",
    );
    assert!(client.head().starts_with("HTTP/1.1 100 "));
    client.send("4\r\nbody\r\n0\r\n\r\n");
    assert_eq!(client.answer().text(), "body");
}
