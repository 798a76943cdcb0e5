//! What stands in a body, judged before the app reads it.

use crate::house::{HOST, House, ROUTES};

/// A house whose open and webhook routes say what they accept.
fn house(accepts: &str) -> House {
    let routes = ROUTES
        .replace(
            "auth = \"none\"",
            &format!("accepts = {accepts}\nauth = \"none\""),
        )
        .replace(
            "auth = [\"api-key\"]\nroles",
            &format!("accepts = {accepts}\nauth = [\"api-key\"]\nroles"),
        );
    House::with(&routes, false)
}

const JSON: &str = "{ json = { longest = 5, blocked = [\"/host\"] } }";
const TYPE: &str = "Content-Type: application/json";

fn post(house: &House, kind: &str, body: &str) -> (u16, String) {
    let lines = ["POST / HTTP/1.1", HOST, kind];
    let met = house.ask(&lines, body.as_bytes());
    match met {
        crate::house::Met::Answered(status, text) => (status, text),
        crate::house::Met::Sent(head, forwarding) => {
            house.end(forwarding, 200);
            (200, head)
        }
    }
}

#[test]
fn a_body_that_is_not_taken_is_refused_with_place_and_rule_and_nothing_of_itself() {
    let house = house(JSON);
    assert_eq!(post(&house, TYPE, "{\"a\":\"fives\"}").0, 200);
    for (kind, body, status, word) in [
        (TYPE, "{\"a\":\"canary-text\"}", 422, "5"),
        (TYPE, "{\"a\":1,\"a\":2}", 400, "same"),
        (TYPE, "{\"HOST\":\"canary\"}", 422, "host"),
        (TYPE, "{\"canary\":", 400, "line"),
        ("Content-Type: text/html", "canary", 415, "Content-Type"),
        ("Accept: */*", "canary", 415, "Content-Type"),
        (TYPE, "", 400, "body"),
    ] {
        let (met, text) = post(&house, kind, body);
        assert_eq!(met, status, "{body}: {text}");
        assert!(text.to_lowercase().contains(&word.to_lowercase()), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(
        house
            .reasons()
            .iter()
            .all(|reason| !reason.contains("canary"))
    );
    assert_eq!(house.reasons().len(), 7);
}

#[test]
fn a_type_that_is_only_named_streams_and_others_do_not() {
    let house = house("{ types = [\"image/png\"] }");
    let (status, head) = post(&house, "Content-Type: image/png", "any bytes");
    assert_eq!(status, 200, "{head}");
    assert_eq!(post(&house, "Content-Type: image/gif", "any bytes").0, 415);
    let coded = "Content-Type: image/png\r\nContent-Encoding: gzip";
    let (status, _) = post(&house, coded, "any bytes");
    assert_eq!(status, 415, "nothing said that it may be compressed");
}

#[test]
fn what_only_reads_needs_no_body_and_may_not_smuggle_one() {
    let house = house(JSON);
    let plain = house.ask(&["GET / HTTP/1.1", HOST], b"").head();
    house.end(plain.1, 200);
    let lines = ["GET / HTTP/1.1", HOST, "Content-Type: text/plain"];
    assert_eq!(house.ask(&lines, b"abc").answer().0, 415);
}

#[test]
fn who_has_no_credential_is_told_so_before_a_body_is_read() {
    let house = house(JSON);
    let lines = ["POST /api HTTP/1.1", HOST, TYPE];
    assert_eq!(house.ask(&lines, b"{{{").answer().0, 401);
}
