//! WebSockets that outlive, or must not outlive, what they were admitted under.

use crate::support::{Deployment, Socket, Upstream, get, open_route, site, status};

fn keyed_route(path: &str) -> String {
    format!("[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = [\"api-key\"]\n\n")
}

#[test]
fn a_websocket_outlives_a_reload_that_leaves_its_route_alone() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/live") + &open_route("/other");
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    let mut kept = Socket::open_websocket(gate.address, "/live/ws");
    let mut changed = Socket::open_websocket(gate.address, "/other/ws");
    for socket in [&mut kept, &mut changed] {
        socket.send("one.");
        assert_eq!(socket.read_until("."), "one.");
    }
    deployment.configure(&(site(upstream.address) + &open_route("/live") + &keyed_route("/other")));
    deployment.run(&["reload"], &[]).exits(0);
    assert_eq!(status(gate.address, get("/other")), 401);
    assert!(
        changed.is_closed(),
        "the WebSocket of a changed route must close"
    );
    kept.send("two.");
    assert_eq!(kept.read_until("."), "two.");
    gate.stop();
}

#[test]
fn a_websocket_closes_when_its_key_is_revoked() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &keyed_route("/api")));
    let gate = deployment.up();
    let create = ["--name", "a", "--scope", "GET /api", "--format", "json"];
    let mut open = Vec::new();
    for _ in 0..2 {
        let made = deployment.run(&["key", "create"], &create).exits(0).json();
        let mut socket = Socket::dial(gate.address);
        socket.send(format!(
            "GET /api/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             X-API-Key: {}\r\n\r\n",
            made["key"].as_str().unwrap()
        ));
        assert!(socket.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
        open.push((made["id"].as_str().unwrap().to_owned(), socket));
    }
    let (_, mut kept) = open.pop().unwrap();
    let (id, mut revoked) = open.pop().unwrap();
    deployment.run(&["key", "revoke"], &[&id]).exits(0);
    assert!(
        revoked.is_closed(),
        "the WebSocket of a revoked key must close"
    );
    kept.send("still.");
    assert_eq!(kept.read_until("."), "still.");
    gate.stop();
}

#[test]
fn a_websocket_is_passed_on_and_closed_when_its_route_is_gone() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/live") + &open_route("/other");
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    let mut socket = Socket::open_websocket(gate.address, "/live/ws");
    for message in ["one.", "two."] {
        socket.send(message);
        assert_eq!(socket.read_until("."), message);
    }
    deployment.configure(&(site(upstream.address) + &open_route("/other")));
    deployment.run(&["reload"], &[]).exits(0);
    assert!(socket.is_closed(), "a WebSocket without a route must close");
    gate.stop();
}
