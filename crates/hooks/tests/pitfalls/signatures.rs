//! Bytes, signatures, secrets and times.

use hooks::SignatureRefusal as R;

use crate::{
    common::{NOW, any_secret, secret},
    github, standard, twilio_form, twilio_json,
};

#[test]
fn the_same_meaning_in_other_bytes_is_refused() {
    for mut request in [github(br#"{"a": 1}"#), standard(br#"{"a": 1}"#)] {
        assert_eq!(request.refused(), None);
        request.body = br#"{"a":1}"#.to_vec();
        assert_eq!(request.refused(), Some(R::Mismatch));
    }
    let mut request = twilio_json(br#"{"a": 1}"#);
    assert_eq!(request.refused(), None);
    request.body = br#"{"a":1}"#.to_vec();
    assert_eq!(request.refused(), Some(R::BodyDigestMismatch));
}

#[test]
fn bodies_that_are_not_text_and_line_ends_are_kept() {
    for body in [&b"\xff\x00\xfe"[..], b"a\r\n", b"a\n", b""] {
        for mut request in [github(body), standard(body), twilio_json(body)] {
            assert_eq!(request.refused(), None, "{body:?}");
            request.body.extend_from_slice(b"\r\n");
            assert!(request.refused().is_some(), "{body:?}");
        }
    }
}

#[test]
fn a_delivery_without_its_signed_fields_is_refused() {
    for (request, fields) in [
        (github(b"x"), &["X-Hub-Signature-256"][..]),
        (
            standard(b"x"),
            &["webhook-id", "webhook-timestamp", "webhook-signature"],
        ),
        (twilio_form(b"a=1"), &["X-Twilio-Signature"]),
    ] {
        assert_eq!(request.refused(), None);
        for field in fields {
            assert_eq!(request.clone().with(field, &[]).refused(), Some(R::Missing));
            assert_eq!(
                request.clone().with(field, &[""]).refused(),
                Some(R::Missing)
            );
            let value = request.header(field);
            let twice = request.clone().with(field, &[&value, &value]);
            assert_eq!(twice.refused(), Some(R::DuplicateHeader), "{field}");
        }
    }
}

#[test]
fn a_source_without_a_secret_refuses_even_what_an_empty_secret_signs() {
    let mut request = github(b"x");
    request.secrets.clear();
    assert_eq!(request.refused(), Some(R::NoSecret));
    request.secrets = vec![secret(""), secret(" ")];
    let tag = seal::hmac::sign(seal::hmac::Algorithm::Sha256, b"", &[b"x"]);
    let forged = format!("sha256={}", seal::encode::hex(tag.as_bytes()));
    let request = request.with("X-Hub-Signature-256", &[&forged]);
    assert_eq!(request.refused(), Some(R::NoSecret));
}

#[test]
fn any_of_several_secrets_fits_and_another_sources_does_not() {
    for mut request in [
        github(b"x"),
        standard(b"x"),
        twilio_form(b"a=1"),
        twilio_json(b"x"),
    ] {
        let other = secret("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        request.secrets = vec![other.clone(), any_secret()];
        assert_eq!(request.refused(), None);
        request.secrets = vec![any_secret(), other.clone()];
        assert_eq!(request.refused(), None);
        request.secrets = vec![other];
        assert_eq!(request.refused(), Some(R::Mismatch));
    }
}

/// GitHub sends both headers; only SHA-256 counts.
#[test]
fn the_sha1_header_of_github_is_never_accepted() {
    let tag = seal::hmac::sign(seal::hmac::Algorithm::Sha1, any_secret().expose(), &[b"x"]);
    let sha1 = format!("sha1={}", seal::encode::hex(tag.as_bytes()));
    let request = github(b"x").with("X-Hub-Signature", &[&sha1]);
    assert_eq!(
        request.refused(),
        None,
        "beside the right one it does not matter"
    );
    let alone = request.clone().with("X-Hub-Signature-256", &[]);
    assert_eq!(alone.refused(), Some(R::Missing));
    let moved = request.with("X-Hub-Signature-256", &[&sha1]);
    assert_eq!(moved.refused(), Some(R::Malformed));
}

#[test]
fn a_truncated_or_decorated_signature_is_refused() {
    let request = github(b"x");
    let good = request.header("X-Hub-Signature-256");
    for bad in [
        &good[..good.len() - 2],
        &good[..good.len() - 1],
        "sha256=",
        &good["sha256=".len()..],
        &format!("SHA256={}", &good["sha256=".len()..]),
        &format!("{good},{good}"),
        &format!("{good} "),
        &format!("sha256={}", "00".repeat(32)),
    ] {
        let request = request.clone().with("X-Hub-Signature-256", &[bad]);
        assert!(
            matches!(request.refused(), Some(R::Malformed | R::Mismatch)),
            "{bad}"
        );
    }
    let upper = good.to_uppercase().replace("SHA256=", "sha256=");
    let request = request.with("X-Hub-Signature-256", &[&upper]);
    assert_eq!(request.refused(), None, "hexadecimal has two cases");
}

/// standard-webhooks `libraries/python/tests/test_webhooks.py`, `test_multi_sig_payload_is_valid`.
#[test]
fn one_of_several_versioned_signatures_is_enough() {
    let request = standard(b"x");
    let good = request.header("webhook-signature");
    let other = "Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc=";
    for list in [
        format!("v1,{other} v2,{other} {good} v1,{other}"),
        format!("{good} v1,!!"),
        format!("nonsense {good}"),
    ] {
        assert_eq!(
            request
                .clone()
                .with("webhook-signature", &[&list])
                .refused(),
            None,
            "{list}"
        );
    }
    for (list, reason) in [
        (format!("v1,{other}"), R::Mismatch),
        (format!("v2,{}", &good[3..]), R::UnknownVersion),
        (format!("V1,{}", &good[3..]), R::UnknownVersion),
        (good[3..].to_owned(), R::UnknownVersion),
        (format!("v1a,{}", &good[4..]), R::Malformed),
        (good.trim_end_matches('=').to_owned(), R::Malformed),
        (format!("{good} ").repeat(9), R::TooMany),
        ("v1,".repeat(1000), R::TooMany),
    ] {
        let refused = request
            .clone()
            .with("webhook-signature", &[&list])
            .refused();
        assert_eq!(refused, Some(reason), "{list}");
    }
}

#[test]
fn the_tolerance_holds_to_the_second_on_both_sides() {
    let mut request = standard(b"x");
    for (now, reason) in [
        (NOW + 300, None),
        (NOW + 301, Some(R::Stale)),
        (NOW - 300, None),
        (NOW - 301, Some(R::Future)),
        (NOW + 31_536_000, Some(R::Stale)),
    ] {
        request.now = now;
        assert_eq!(request.refused(), reason, "{now}");
    }
}

/// Only the holder of the secret learns that a delivery is stale.
#[test]
fn a_changed_timestamp_is_a_mismatch_before_it_is_anything_else() {
    let request = standard(b"x");
    for time in ["0", "1614265331", "99999999999999999999", "hello", "-1"] {
        let changed = request.clone().with("webhook-timestamp", &[time]);
        assert_eq!(changed.refused(), Some(R::Mismatch), "{time}");
    }
}

/// `id.time.body` reads in two ways when the id holds a full stop.
#[test]
fn a_delimiter_inside_a_signed_field_is_refused() {
    let request = standard(b"1614265331.rest");
    assert_eq!(request.refused(), None);
    let mut shifted = request
        .with("webhook-id", &["msg_1.1614265330"])
        .with("webhook-timestamp", &["1614265331"]);
    shifted.body = b"rest".to_vec();
    assert_eq!(shifted.refused(), Some(R::Malformed));
}
