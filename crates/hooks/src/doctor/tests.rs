use control::{Secret, Timestamp};

use super::*;
use crate::{Signing, sign};

const AT: Timestamp = Timestamp::from_seconds(1_614_265_330);

/// A delivery signed with `secret` for `target`, as `change` leaves it, examined under `given`.
fn after(
    scheme: &str,
    secret: &[u8],
    given: &[u8],
    body: &[u8],
    change: impl FnOnce(&mut Delivery<'_>),
) -> Finding {
    let scheme = Scheme::find(scheme).unwrap();
    let signing = Signing {
        method: "POST",
        public_url: "https://a.example",
        target: "/hook",
        content_type: None,
        body,
        id: "msg_1",
        at: AT,
    };
    let signed = sign(scheme, &Secret::new(secret.to_vec()), &signing).unwrap();
    let headers: Vec<(&[u8], &[u8])> = signed
        .headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let mut delivery = Delivery {
        method: "POST",
        public_url: "https://a.example",
        target: signed.target.as_bytes(),
        headers: &headers,
        body,
        now: AT,
    };
    change(&mut delivery);
    examine(scheme, &[Secret::new(given.to_vec())], &delivery)
}

fn noted(finding: &Finding, text: &str) {
    assert!(
        !finding.genuine && finding.notes.iter().any(|note| note.contains(text)),
        "{text}: {finding:?}"
    );
}

#[test]
fn what_is_genuine_has_nothing_to_explain() {
    let finding = after("stripe", b"whsec_x", b"whsec_x", b"{}", |_| {});
    assert!(finding.genuine && finding.notes.is_empty());
}

#[test]
fn a_secret_that_was_pasted_in_another_way_is_named() {
    for (given, note) in [
        (&b"whsec_x\r"[..], "white space"),
        (b"\"whsec_x\"", "quotation marks"),
        (b"x", "`whsec_` in front"),
    ] {
        let finding = after("stripe", b"whsec_x", given, b"{}", |_| {});
        noted(&finding, note);
        assert!(
            !format!("{finding:?}").contains("whsec_x"),
            "no secret is shown"
        );
    }
    let hex = b"0a1ff7634d9ab3b95db5c9a2dfe9416e";
    let raw = encode::unhex(hex).unwrap();
    noted(&after("github", &raw, hex, b"{}", |_| {}), "hexadecimal");
}

#[test]
fn a_body_that_was_written_anew_is_named() {
    let signed = br#"{"b":1,"a":"x"}"#;
    for (arrived, note) in [
        (&b"{\"b\": 1, \"a\": \"x\"}"[..], "without the spaces"),
        (b"{\"b\":1,\"a\":\"x\"}\n", "white space"),
    ] {
        let finding = after("github", b"secret", b"secret", signed, |it| {
            it.body = arrived
        });
        noted(&finding, note);
    }
    let finding = after("github", b"secret", b"secret", b"[]\r\n", |it| {
        it.body = b"[]"
    });
    noted(&finding, "CR LF behind it");
    let escaped = br#"{"u":"https:\/\/a"}"#;
    let finding = after("github", b"secret", b"secret", escaped, |it| {
        it.body = br#"{"u":"https://a"}"#;
    });
    noted(&finding, "slashes escaped");
}

#[test]
fn an_address_that_is_not_the_configured_one_is_named() {
    let body = br#"{"event_id":"1"}"#;
    let finding = after("square", b"secret", b"secret", body, |it| {
        it.public_url = "http://a.example";
    });
    noted(&finding, "signed for https://a.example/hook");
    let finding = after("square", b"secret", b"secret", body, |it| {
        it.target = b"/hook/"
    });
    noted(&finding, "signed for https://a.example/hook:");
}

#[test]
fn an_old_capture_and_a_missing_header_are_named() {
    let finding = after("stripe", b"s", b"s", b"{}", |it| {
        it.now = Timestamp::from_seconds(AT.seconds() + 3600);
    });
    noted(&finding, "3600 seconds before");
    let finding = after("slack", b"s", b"s", b"{}", |it| it.headers = &[]);
    noted(&finding, "the header X-Slack-Signature is not there");
    noted(
        &finding,
        "the header X-Slack-Request-Timestamp is not there",
    );
}

#[test]
fn another_secret_is_not_explained_away() {
    let finding = after("stripe", b"one secret", b"another secret", b"{}", |_| {});
    noted(&finding, "another secret, or the body");
    assert_eq!(finding.refusal, Some(SignatureRefusal::Mismatch));
}
