//! What the ledger is told, and what happens when it cannot be.

use gate::metrics::Metric;

use crate::house::{HOST, House, Met, ROUTES};

#[test]
fn every_request_is_recorded_once() {
    let house = House::new();
    let (_, key) = house.key(&["GET /api"], &["mentor"]);
    let bearer = format!("Authorization: Bearer {key}");
    let (_, forwarding) = house.ask(&["GET /api HTTP/1.1", HOST, &bearer], b"").head();
    house.end(forwarding, 200);
    let (_, forwarding) = house.ask(&["GET /api HTTP/1.1", HOST, &bearer], b"").head();
    house.end(forwarding, 404);
    let _ = house.ask(&["GET /api HTTP/1.1", HOST], b"");
    let _ = house.ask(&["GET / HTTP/1.1", "Host: other.example"], b"");
    let _ = house.ask(&["GET /.vouchsafe/health HTTP/1.1", HOST], b"");
    let mut kinds = house.kinds();
    kinds.retain(|kind| kind.starts_with("request") || kind.starts_with("auth"));
    kinds.sort();
    assert_eq!(
        kinds,
        [
            "auth.failure",
            "auth.success",
            "request",
            "request",
            "request",
            "request"
        ]
    );
}

#[test]
fn an_event_says_who_where_and_why_and_nothing_of_the_request() {
    let house = House::new();
    let (id, text) = {
        let (status, text) = house
            .ask(&["GET /api/secret-path?q=secret-query HTTP/1.1", HOST], b"")
            .answer();
        assert_eq!(status, 401);
        let (_, rest) = text.split_once("X-Request-Id: ").unwrap();
        (rest.lines().next().unwrap().to_owned(), text)
    };
    assert!(text.contains(&format!("\"request\":\"{id}\"")), "{text}");
    let events = house.events();
    let event = events
        .iter()
        .find(|event| event.to_string().contains(&id))
        .unwrap();
    let text = event.to_string();
    assert!(
        text.contains("identity.key") && text.contains("key-missing"),
        "{text}"
    );
    assert!(text.contains("\"/api\""), "{text}");
    assert!(
        !text.contains("secret-") && !text.contains("192.0.2.1"),
        "{text}"
    );
}

#[test]
fn a_durable_decision_comes_before_the_first_byte_and_its_outcome_after() {
    let house = House::with(ROUTES, true);
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    assert!(house.kinds().contains(&"request.decision".to_owned()));
    assert!(!house.kinds().contains(&"request.outcome".to_owned()));
    house.end(forwarding, 200);
    assert!(house.kinds().contains(&"request.outcome".to_owned()));
    assert!(!house.kinds().contains(&"request".to_owned()));
}

#[test]
fn what_cannot_be_recorded_does_not_begin() {
    for durable in [false, true] {
        let house = House::with(ROUTES, durable);
        house.close_ledger();
        let (status, text) = house.ask(&["GET / HTTP/1.1", HOST], b"").answer();
        assert_eq!(status, 503);
        assert!(text.contains("\r\nRetry-After: 1\r\n"), "{text}");
        let refused = house.ask(&["GET /api HTTP/1.1", HOST], b"");
        assert_eq!(refused.status(), 401, "a stranger is refused as always");
    }
}

#[test]
fn requests_under_way_hold_their_place_and_give_it_back() {
    let house = House::new();
    // Eight times the ring of 256 events may be under way, and a request may end in four.
    let mut open = Vec::new();
    loop {
        match house.ask(&["GET / HTTP/1.1", HOST], b"") {
            Met::Sent(_, forwarding) => open.push(forwarding),
            Met::Answered(status, _) => {
                assert_eq!(status, 503);
                break;
            }
        }
    }
    assert_eq!(open.len(), 512);
    house.end(open.pop().unwrap(), 200);
    assert_eq!(house.ask(&["GET /api HTTP/1.1", HOST], b"").status(), 401);
    // Dropped without an end, as when its task is ended: the place is free all the same, once the
    // ends that were recorded for them, more than the ring holds, are written.
    open.clear();
    let _ = house.events();
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    house.end(forwarding, 200);
}

#[test]
fn refusals_are_counted_under_their_control() {
    let house = House::new();
    let _ = house.ask(&["GET / HTTP/1.1", "Host: other.example"], b"");
    let _ = house.ask(&["GET /api HTTP/1.1", HOST], b"");
    let (_, forwarding) = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    house.end(forwarding, 200);
    let metrics = house.gate.metrics();
    assert_eq!(metrics.refusals(control::ControlId("gate.host")), 1);
    assert_eq!(metrics.refusals(control::ControlId("identity.key")), 1);
    assert_eq!(metrics.total(Metric::Requests), 3);
    assert_eq!(metrics.total(Metric::Forwarded), 1);
}

#[test]
fn what_is_answered_here_takes_no_place_of_a_request_under_way() {
    let house = House::new();
    let (_, key) = house.key(&["GET /other"], &["mentor"]);
    let bearer = format!("Authorization: Bearer {key}");
    let health = || {
        let met = house.ask(&["GET /.vouchsafe/health HTTP/1.1", HOST], b"");
        assert_eq!(met.status(), 200);
        house.gate.metrics().total(Metric::LedgerRefusals)
    };
    assert_eq!(health(), 0);
    // Waits until the ring is empty again.
    let _ = house.events();

    // Four places each: all that may be under way is theirs to the last place.
    let under_way: Vec<_> = (0..512)
        .map(|_| house.ask(&["GET / HTTP/1.1", HOST], b"").head().1)
        .collect();
    assert_eq!(health(), 1);
    // A refusal finds its place among those that are counted, and is not lost.
    let refused = house.ask(&["GET /api HTTP/1.1", HOST, &bearer], b"");
    assert_eq!(refused.status(), 403);
    let events = house.events();
    let refused = |event: &serde_json::Value| event.to_string().contains("identity.scope");
    assert!(events.iter().any(refused), "{events:?}");

    for forwarding in under_way {
        house.end(forwarding, 200);
    }
    // More than the ring holds: waits until it is empty again.
    let _ = house.events();
    assert_eq!(health(), 1);
}
