//! What is under way when a gate is told to stop.

use std::io::Read as _;

use nix::sys::signal::Signal;

use crate::{
    hooks::{delivery, hook},
    ledgers::{ended_in_order, entries},
    signals::{served, served_with},
    support::{Deployment, Gate, Socket, Upstream, get, request, until},
};

/// Everything that can be under way at once.
struct UnderWay {
    answer: Socket,
    upload: Socket,
    delivery: Socket,
    events: Socket,
    websocket: Socket,
}

impl UnderWay {
    /// An app and a gate with which everything can be under way, and `drain` for it to end.
    fn served(drain: &str) -> (Upstream, Deployment) {
        let (upstream, deployment) =
            served_with(&format!("[limits]\ndrain = \"{drain}\"\n{}", hook()));
        delivery(&deployment, "/hook", "");
        (upstream, deployment)
    }

    fn begin(gate: &Gate, upstream: &Upstream) -> Self {
        let address = gate.address;
        let mut answer = Socket::dial(address);
        answer.send(get("/hold"));
        upstream.await_held();
        let mut upload = Socket::dial(address);
        upload.send("POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf");
        // The app never hears of this one: it is held until it is whole and its signature verified.
        let mut delivery = Socket::dial(address);
        delivery.send("POST /hook HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf");
        let mut events = Socket::dial(address);
        events.send(get("/events"));
        events.read_until("data: one\n\n\r\n");
        let websocket = Socket::open_websocket(address, "/ws");
        until("every request has begun", || {
            let begun = "vouchsafe_requests_total 5\n";
            gate.metrics().contains(begun).then_some(())
        });
        Self {
            answer,
            upload,
            delivery,
            events,
            websocket,
        }
    }

    /// Asserts that each has ended, and that none was made to look whole.
    fn ended(self) {
        let Self {
            answer,
            upload,
            delivery,
            events,
            websocket,
        } = self;
        for mut socket in [answer, upload, delivery, events, websocket] {
            let mut rest = Vec::new();
            // Closed or reset: both say that it is over.
            let _ = socket.0.read_to_end(&mut rest);
            let rest = String::from_utf8_lossy(&rest);
            assert!(
                !rest.contains(" 200 ") && !rest.ends_with("0\r\n\r\n"),
                "{rest:?}"
            );
        }
    }
}

#[test]
fn a_drain_ends_at_its_limit_whatever_is_under_way() {
    let (upstream, deployment) = UnderWay::served("1s");
    let gate = deployment.up();
    let under_way = UnderWay::begin(&gate, &upstream);
    gate.signal(Signal::SIGTERM);
    gate.finish();
    under_way.ended();
    all_have_their_end(&deployment);
}

#[test]
fn a_second_signal_cuts_the_drain_short() {
    for second in [Signal::SIGTERM, Signal::SIGINT] {
        let (upstream, deployment) = UnderWay::served("1h");
        let gate = deployment.up();
        let under_way = UnderWay::begin(&gate, &upstream);
        gate.signal(Signal::SIGTERM);
        until("the drain has begun", || {
            gate.log().contains("instance.stopping").then_some(())
        });
        gate.signal(second);
        gate.finish();
        under_way.ended();
        all_have_their_end(&deployment);
    }
}

/// Asserts that each of the exchanges of [`UnderWay`] has an end in the ledger.
#[track_caller]
fn all_have_their_end(deployment: &Deployment) {
    ended_in_order(deployment);
    let entries = entries(deployment);
    let of = |kind: &str| entries.iter().filter(|entry| entry["kind"] == kind).count();
    for request in entries.iter().filter(|entry| entry["kind"] == "request") {
        assert_eq!(request["reason"], "gate-stopped", "{entries:#?}");
    }
    assert_eq!(
        (of("request"), of("websocket.open"), of("websocket.close")),
        (4, 1, 1),
        "{entries:#?}"
    );
}

#[test]
fn an_upload_that_goes_on_through_a_drain_is_answered() {
    let (upstream, deployment) = served();
    let gate = deployment.up();
    let whole = request("POST", "/upload", "", &"x".repeat(1000));
    let (first, second) = whole.split_at(whole.len() - 500);
    let mut client = Socket::dial(gate.address);
    client.send(first);
    until("the gate has taken the request", || {
        gate.metrics()
            .contains("vouchsafe_connections_open 1")
            .then_some(())
    });
    gate.signal(Signal::SIGTERM);
    until("the drain has begun", || {
        gate.log().contains("instance.stopping").then_some(())
    });
    client.send(second);
    assert!(client.read_until("hello").starts_with("HTTP/1.1 200 "));
    gate.finish();
    assert_eq!(upstream.seen()[0].body.len(), 1000);
    ended_in_order(&deployment);
}
