//! Routes that are observed: what stages decide there is noted, and lets pass.

use std::time::Duration;

use control::{ControlId, Timestamp};
use gate::stages::{self, HeadDecision};
use serde_json::Value;

use crate::{
    house::{HOST, House, Met, ROUTES, SECRET, START, parsed},
    webhooks::signed,
};

/// Tests begin on 2027-01-15: this ends with the day after.
const UNTIL: &str = "mode = \"observe\"\nuntil = 2027-01-16\n";
/// The first moment at which it has ended.
const END: Timestamp = Timestamp::from_seconds(1_800_144_000);

/// The usual routes, those with a guard observed.
fn routes(more: &str) -> String {
    ROUTES
        .replace("body = \"1KiB\"", &format!("body = \"1KiB\"\n{UNTIL}"))
        .replace(
            "auth = [\"api-key\"]\nroles",
            &format!("{UNTIL}{more}auth = [\"api-key\"]\nroles"),
        )
}

fn house() -> House {
    House::with(&routes(""), false)
}

/// The last event of a request, once it is ended.
fn ended(house: &House, met: Met) -> (String, Value) {
    let (head, forwarding) = met.head();
    house.end(forwarding, 200);
    let mut events = house.events();
    events.retain(|event| event["kind"].as_str().unwrap().starts_with("request"));
    (head, events.pop().unwrap())
}

fn said(event: &Value) -> (&str, &str) {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    (text("observed"), text("because"))
}

fn assert_nobody(head: &str) {
    let lower = head.to_ascii_lowercase();
    assert!(!lower.contains("x-vouchsafe-assertion"), "{head}");
    assert!(!lower.contains("x-vouchsafe-delivery"), "{head}");
    assert!(!head.contains("vsk_"), "{head}");
}

#[test]
fn without_a_credential_it_passes_as_nobody_and_says_what_would_have_been() {
    let house = house();
    let forged = "X-Vouchsafe-Assertion: forged";
    let met = house.ask(&["GET /api HTTP/1.1", HOST, forged], b"");
    let (head, event) = ended(&house, met);
    assert_nobody(&head);
    assert_eq!(said(&event), ("identity.key", "key-missing"));
    assert_eq!(event["status"], 200);
    assert_eq!(event["control"], Value::Null, "nothing was refused");
    let key = ControlId("identity.key");
    let metrics = house.gate.metrics();
    assert_eq!((metrics.observed(key), metrics.refusals(key)), (1, 0));
    let rows = metrics.observed_rows();
    assert_eq!((&*rows[0].route, rows[0].reason.0), ("/api", "key-missing"));
    // Its twin, where nothing is observed.
    assert_eq!(
        House::new().ask(&["GET /api HTTP/1.1", HOST], b"").status(),
        401
    );
}

#[test]
fn who_has_what_the_route_asks_for_passes_as_ever() {
    let house = house();
    let (_, key) = house.key(&["GET /api"], &["mentor"]);
    let bearer = format!("Authorization: Bearer {key}");
    let met = house.ask(&["GET /api HTTP/1.1", HOST, &bearer], b"");
    let (head, event) = ended(&house, met);
    assert!(head.contains("X-Vouchsafe-Assertion: "), "{head}");
    assert_eq!(said(&event), ("", ""));
    assert!(house.gate.metrics().observed_rows().is_empty());
}

#[test]
fn a_role_or_scope_that_is_missing_is_noted_and_the_app_is_told_of_nobody() {
    for (scope, role, said_of) in [
        ("GET /api", "other", ("identity.role", "role-missing")),
        ("GET /else", "mentor", ("identity.scope", "scope-outside")),
    ] {
        let house = house();
        let (_, key) = house.key(&[scope], &[role]);
        for field in [
            format!("Authorization: Bearer {key}"),
            format!("X-API-Key: {key}"),
        ] {
            let met = house.ask(&["GET /api HTTP/1.1", HOST, &field], b"");
            let (head, event) = ended(&house, met);
            assert_nobody(&head);
            assert_eq!(said(&event), said_of);
            assert!(event["principal"].is_string(), "the ledger knows who asked");
        }
        let strict = House::new();
        let (_, key) = strict.key(&[scope], &[role]);
        let field = format!("X-API-Key: {key}");
        assert_eq!(
            strict
                .ask(&["GET /api HTTP/1.1", HOST, &field], b"")
                .status(),
            403
        );
    }
}

#[test]
fn a_delivery_without_a_good_signature_passes_unclaimed() {
    let house = house();
    let bad = signed(
        b"whsec_b3RoZXItc2VjcmV0LW90aGVyLXNlY3JldA==",
        "msg_1",
        b"{}",
    );
    let bad: Vec<&str> = bad.iter().map(String::as_str).collect();
    for _ in 0..2 {
        let (head, event) = ended(&house, house.ask(&bad, b"{}"));
        assert_nobody(&head);
        assert_eq!(said(&event).0, "hooks.signature");
    }
    // The genuine one of the same id is neither a repeat nor in flight.
    let good = signed(SECRET.as_bytes(), "msg_1", b"{}");
    let good: Vec<&str> = good.iter().map(String::as_str).collect();
    let (head, event) = ended(&house, house.ask(&good, b"{}"));
    assert!(head.contains("X-Vouchsafe-Delivery: "), "{head}");
    assert_eq!(said(&event), ("", ""));
    let again = house.ask(&good, b"{}").answer();
    assert_eq!(
        again.0 / 100,
        2,
        "a repeat is acknowledged and not forwarded"
    );
    assert_eq!(House::new().ask(&bad, b"{}").status(), 403);
}

#[test]
fn a_body_that_breaks_the_rules_passes_with_who_sent_it() {
    let accepts = "accepts = { json = { longest = 5 } }\n";
    let (kind, body) = ("Content-Type: application/json", b"{\"a\":\"canary-text\"}");
    let ask = |house: &House| {
        let (_, key) = house.key(&["POST /api"], &["mentor"]);
        let field = format!("X-API-Key: {key}");
        house.ask(&["POST /api HTTP/1.1", HOST, kind, &field], body)
    };
    let observed = House::with(&routes(accepts), false);
    let met = ask(&observed);
    let (head, event) = ended(&observed, met);
    assert_eq!(said(&event).0, "schema.body");
    assert!(head.contains("X-Vouchsafe-Assertion: "), "{head}");
    let strict = House::with(&routes(accepts).replace(UNTIL, ""), false);
    assert_eq!(ask(&strict).status(), 422);
}

#[test]
fn what_comes_too_often_passes_and_is_counted_all_the_same() {
    let rate = "[[rate]]\nname = \"few\"\npaths = [\"/api\"]\nby = \"address\"\nrequests = 2\nper = \"1m\"\n";
    let observed = House::with(&format!("{}{rate}", routes("")), false);
    let strict = House::with(&format!("{ROUTES}{rate}"), false);
    let mut reasons = Vec::new();
    for _ in 0..4 {
        let met = observed.ask(&["GET /api HTTP/1.1", HOST], b"");
        reasons.push(said(&ended(&observed, met).1).0.to_owned());
    }
    let (key, rate) = ("identity.key", "limits.rate");
    assert_eq!(reasons, [key, key, rate, rate]);
    assert_eq!(observed.gate.metrics().observed(ControlId(rate)), 2);
    assert_eq!(observed.gate.metrics().observed(ControlId(key)), 4);
    let statuses: Vec<u16> = (0..4)
        .map(|_| strict.ask(&["GET /api HTTP/1.1", HOST], b"").status())
        .collect();
    assert_eq!(statuses, [401, 401, 429, 429]);
}

#[test]
fn the_date_is_asked_for_each_request() {
    let house = house();
    let ask = || house.ask(&["GET /api HTTP/1.1", HOST], b"");
    house
        .clock
        .advance(END.since(START) - Duration::from_millis(1));
    let met = ask();
    let (_, forwarding) = met.head();
    assert!(forwarding.has_credential() && forwarding.stands(&house.core));
    house.clock.advance(Duration::from_millis(1));
    assert!(
        !forwarding.stands(&house.core),
        "a stream that was let pass ends with the observation"
    );
    house.end(forwarding, 200);
    assert_eq!(ask().status(), 401);
}

#[test]
fn an_end_that_is_past_enforces_from_the_first_request_on() {
    let past = routes("").replace("2027-01-16", "2027-01-14");
    let house = House::with(&past, false);
    assert_eq!(house.ask(&["GET /api HTTP/1.1", HOST], b"").status(), 401);
}

#[test]
fn a_reload_that_enforces_ends_what_was_let_pass_and_nothing_else() {
    let house = house();
    let (_, key) = house.key(&["GET /api"], &["mentor"]);
    let field = format!("X-API-Key: {key}");
    let (_, stranger) = house.ask(&["GET /api HTTP/1.1", HOST], b"").head();
    let (_, known) = house.ask(&["GET /api HTTP/1.1", HOST, &field], b"").head();
    house
        .gate
        .replace(crate::house::site(&routes(""), false))
        .unwrap();
    assert!(stranger.stands(&house.core) && known.stands(&house.core));
    house
        .gate
        .replace(crate::house::site(ROUTES, false))
        .unwrap();
    assert!(!stranger.stands(&house.core));
    assert!(known.stands(&house.core));
    assert_eq!(house.ask(&["GET /api HTTP/1.1", HOST], b"").status(), 401);
    house.end(stranger, 200);
    house.end(known, 200);
}

#[test]
fn what_guards_the_gate_or_a_credential_is_refused_all_the_same() {
    let house = house();
    let (_, key) = house.key(&["GET /api"], &["other"]);
    let in_address = format!("GET /api?key={key} HTTP/1.1");
    for (lines, status) in [
        (vec!["GET /api HTTP/1.1", "Host: other.invalid"], 400),
        (vec![in_address.as_str(), HOST], 401),
        (vec!["GET /hook HTTP/1.1", HOST], 405),
        (
            vec!["GET /api HTTP/1.1", HOST, "X-Vouchsafe-Ticket: none"],
            403,
        ),
        (
            vec!["POST /hook HTTP/1.1", HOST, "Content-Length: 2000000"],
            413,
        ),
    ] {
        assert_eq!(house.ask(&lines, &[]).status(), status, "{lines:?}");
    }
    house.close_ledger();
    let unrecorded = house.ask(&["GET /api HTTP/1.1", HOST], b"");
    assert_eq!(
        unrecorded.status(),
        503,
        "what cannot be recorded is not let pass"
    );
}

#[test]
fn a_durable_decision_says_it_before_the_first_byte() {
    let house = House::with(&routes(""), true);
    let (head, bytes) = parsed(&["GET /api HTTP/1.1", HOST], b"");
    let request = head.request(&bytes);
    let HeadDecision::Record(awaiting) = house.judged("192.0.2.1:5000", &request) else {
        panic!("the decision must be on disk first");
    };
    let admitted = house.runtime.block_on(stages::admit_recorded(awaiting));
    let events = house.events();
    let decision = events
        .iter()
        .find(|event| event["kind"] == "request.decision");
    assert_eq!(said(decision.unwrap()), ("identity.key", "key-missing"));
    drop(admitted);
}
