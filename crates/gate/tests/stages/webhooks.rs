//! Deliveries: signed, claimed, acknowledged.

use control::Secret;
use hooks::{Scheme, Signing, sign};

use crate::house::{HOST, House, Met, SECRET, START};

const BODY: &[u8] = b"{\"student\":7}";

/// A delivery as the provider would send it.
pub(crate) fn signed(secret: &[u8], id: &str, body: &[u8]) -> Vec<String> {
    let signing = Signing {
        method: "POST",
        public_url: "https://coach.school.example",
        target: "/hook",
        content_type: Some("application/json"),
        body,
        id,
        at: START,
    };
    let scheme = Scheme::find("standard-webhooks").unwrap();
    let signed = sign(scheme, &Secret::new(secret.to_vec()), &signing).unwrap();
    let mut lines = vec!["POST /hook HTTP/1.1".to_owned(), HOST.to_owned()];
    lines.extend(
        signed
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}")),
    );
    lines
}

fn deliver(house: &House, lines: &[String], body: &[u8]) -> Met {
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    house.ask(&lines, body)
}

fn delivery_id(head: &str) -> String {
    let (_, rest) = head.split_once("X-Vouchsafe-Delivery: ").unwrap();
    rest.lines().next().unwrap().to_owned()
}

#[test]
fn a_signed_delivery_reaches_the_app_once() {
    let house = House::new();
    let lines = signed(SECRET.as_bytes(), "msg_1", BODY);
    let (head, forwarding) = deliver(&house, &lines, BODY).head();
    assert!(head.contains("\r\nContent-Length: 13\r\n"), "{head}");
    assert!(head.contains("X-Vouchsafe-Assertion: ey") && !delivery_id(&head).is_empty());
    house.end(forwarding, 204);
    let (status, _) = deliver(&house, &lines, BODY).answer();
    assert_eq!(status / 100, 2, "a repeat is acknowledged and goes nowhere");
    assert!(house.kinds().contains(&"webhook.duplicate".to_owned()));
}

#[test]
fn a_delivery_that_the_app_did_not_take_may_come_again_under_the_same_id() {
    let house = House::new();
    let lines = signed(SECRET.as_bytes(), "msg_1", BODY);
    let (first, forwarding) = deliver(&house, &lines, BODY).head();
    assert_eq!(deliver(&house, &lines, BODY).status(), 503, "in flight");
    house.end(forwarding, 500);
    let (second, forwarding) = deliver(&house, &lines, BODY).head();
    assert_eq!(delivery_id(&first), delivery_id(&second));
    house.end(forwarding, 200);
}

#[test]
fn a_delivery_whose_upstream_failed_is_released() {
    let house = House::new();
    let lines = signed(SECRET.as_bytes(), "msg_1", BODY);
    let (_, forwarding) = deliver(&house, &lines, BODY).head();
    let down = control::Refusal::new(
        control::ControlId("gate.upstream"),
        503,
        "down",
        control::Reason("down"),
    );
    let answer = forwarding.fail(&house.core, down);
    gate::stages::record::finish_own(&house.core, answer, 0);
    house.until(|| match deliver(&house, &lines, BODY) {
        Met::Sent(_, forwarding) => {
            house.forget(forwarding);
            true
        }
        Met::Answered(..) => false,
    });
}

#[test]
fn whatever_is_not_signed_is_403_and_never_read() {
    let house = House::new();
    let good = signed(SECRET.as_bytes(), "msg_1", BODY);
    let foreign = signed(b"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "msg_1", BODY);
    let unsigned: Vec<String> = good
        .iter()
        .filter(|line| !line.to_ascii_lowercase().starts_with("webhook-"))
        .cloned()
        .collect();
    for (lines, body) in [
        (&unsigned, BODY),
        (&foreign, BODY),
        (&good, b"{\"student\":8}"),
        (&good, b"{ \"student\":7}"),
        (&good, b""),
    ] {
        assert_eq!(deliver(&house, lines, body).status(), 403);
    }
    assert_eq!(deliver(&house, &good, BODY).status(), 0);
}

#[test]
fn a_body_beyond_the_cap_is_413() {
    let house = House::new();
    let body = vec![b'x'; 1025];
    let lines = signed(SECRET.as_bytes(), "msg_1", &body);
    assert_eq!(deliver(&house, &lines, &body).status(), 413);
}
