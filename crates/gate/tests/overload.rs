//! More clients than there is room for: who is turned away, how, and who is served all the same.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::{net::SocketAddr, sync::mpsc};

use socket2::{Domain, Socket, Type};
use support::{OPEN, Origin, Started, Wire, get, start_at, start_with};

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
