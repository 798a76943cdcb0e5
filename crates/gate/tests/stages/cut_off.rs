//! Requests that are dropped on their way, as a stop or a panic drops them: each has one end.

use std::{
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::pin,
    task::{Context, Waker},
};

use control::ControlId;
use gate::{
    metrics::Metric,
    stages::{self, HeadDecision, record},
};
use serde_json::Value;
use wire::Request;

use crate::{
    house::{HOST, House, ROUTES, parsed},
    webhooks::signed,
};

const PEER: &str = "192.0.2.1:5000";
const BODY: &[u8] = b"{\"student\":7}";

/// What the ledger says of the ends of requests: kind and reason, in the order of their events.
fn ends(house: &House) -> Vec<(String, String)> {
    let text = |event: &Value, name: &str| event[name].as_str().unwrap_or("-").to_owned();
    let events = house.events().into_iter();
    events
        .map(|event| (text(&event, "kind"), text(&event, "reason")))
        .filter(|(kind, _)| {
            kind.starts_with("request") || kind.starts_with("websocket") || kind == "gate.defect"
        })
        .collect()
}

fn is(ends: &[(String, String)], expected: &[(&str, &str)]) {
    let ends: Vec<(&str, &str)> = ends
        .iter()
        .map(|(kind, reason)| (kind.as_str(), reason.as_str()))
        .collect();
    assert_eq!(ends, expected);
}

/// Lets a request begin, and drops what became of its head after `then` has had a look.
fn begin(
    house: &House,
    lines: &[&str],
    body: &[u8],
    then: impl FnOnce(HeadDecision, &Request<'_>),
) {
    let (head, bytes) = parsed(lines, body);
    let request = head.request(&bytes);
    then(house.judged(PEER, &request), &request);
}

/// Lets `future` take its first step and drops it there, with what it has come to.
fn first_step(house: &House, future: impl Future) {
    let _runtime = house.runtime.enter();
    let _ = pin!(future).poll(&mut Context::from_waker(Waker::noop()));
}

fn hook() -> Vec<String> {
    signed(crate::house::SECRET.as_bytes(), "msg_1", BODY)
}

fn lines(lines: &[String]) -> Vec<&str> {
    lines.iter().map(String::as_str).collect()
}

#[test]
fn one_that_was_admitted_and_goes_no_further_has_an_end() {
    let house = House::new();
    begin(&house, &["GET / HTTP/1.1", HOST], b"", |decision, _| {
        assert!(matches!(decision, HeadDecision::Forward(_)));
    });
    is(&ends(&house), &[("request", "gate-stopped")]);
}

#[test]
fn one_that_waits_for_its_body_has_an_end() {
    let house = House::new();
    begin(&house, &lines(&hook()), BODY, |decision, _| {
        assert!(matches!(decision, HeadDecision::Body(_)));
    });
    is(&ends(&house), &[("request", "gate-stopped")]);
}

#[test]
fn one_that_waits_for_the_replay_table_has_an_end() {
    let house = House::new();
    begin(&house, &lines(&hook()), BODY, |decision, request| {
        let HeadDecision::Body(awaiting) = decision else {
            panic!("{decision:?}");
        };
        first_step(
            &house,
            stages::admit_body(&house.core, awaiting, request, BODY),
        );
    });
    is(&ends(&house), &[("request", "gate-stopped")]);
}

#[test]
fn one_that_waits_for_its_decision_to_be_on_disk_has_an_outcome() {
    let house = House::with(ROUTES, true);
    begin(&house, &["GET / HTTP/1.1", HOST], b"", |decision, _| {
        let HeadDecision::Record(awaiting) = decision else {
            panic!("{decision:?}");
        };
        first_step(&house, stages::admit_recorded(awaiting));
    });
    let expected = [
        ("request.decision", "-"),
        ("request.outcome", "gate-stopped"),
    ];
    is(&ends(&house), &expected);

    // Its twin comes to its end, and that is the only one.
    let house = House::with(ROUTES, true);
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    house.end(forwarding, 200);
    is(
        &ends(&house),
        &[("request.decision", "-"), ("request.outcome", "-")],
    );
}

#[test]
fn one_on_its_way_has_an_end_and_is_counted_under_its_control() {
    let house = House::new();
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    drop(forwarding);
    is(&ends(&house), &[("request", "gate-stopped")]);
    let metrics = house.gate.metrics();
    assert_eq!(metrics.refusals(ControlId("gate.overload")), 1);

    let house = House::new();
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    house.end(forwarding, 200);
    is(&ends(&house), &[("request", "-")]);
    let metrics = house.gate.metrics();
    assert_eq!(metrics.refusals(ControlId("gate.overload")), 0);
}

#[test]
fn a_websocket_has_its_close() {
    let house = House::new();
    let open = || {
        let (_, mut forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
        record::websocket_opened(&mut forwarding);
        assert_eq!(house.gate.metrics().total(Metric::WebSocketsOpen), 1);
        forwarding
    };
    drop(open());
    house.end(open(), 101);
    assert_eq!(house.gate.metrics().total(Metric::WebSocketsOpen), 0);
    let expected = [
        ("websocket.open", "-"),
        ("websocket.close", "gate-stopped"),
        ("websocket.open", "-"),
        ("websocket.close", "-"),
    ];
    is(&ends(&house), &expected);
}

#[test]
fn an_answer_of_our_own_that_is_never_written_has_an_end() {
    let house = House::new();
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    let down = control::Refusal::new(ControlId("gate.upstream"), 503, "", control::Reason("down"));
    drop(forwarding.fail(&house.core, down));
    is(&ends(&house), &[("request", "gate-stopped")]);
}

#[test]
fn one_under_which_code_of_ours_falls_over_ends_in_that() {
    let house = House::new();
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    let fell = catch_unwind(AssertUnwindSafe(|| {
        let _under_way = forwarding;
        panic!("as code of ours may");
    }));
    assert!(fell.is_err());
    is(&ends(&house), &[("request", "panic")]);
    let metrics = house.gate.metrics();
    assert_eq!(metrics.refusals(ControlId("gate.defect")), 1);
    // The place it held is free again, and the next request is served as ever.
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    house.end(forwarding, 200);
    is(&ends(&house), &[("request", "panic"), ("request", "-")]);
}
