//! What receivers of webhooks got wrong before us, each with the twin that must still pass.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]
#![expect(
    unreachable_pub,
    reason = "the shared module serves several test binaries"
)]

mod common;

use common::{NOW, Request, any_secret, secret};
use hooks::SignatureRefusal as R;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn github(body: &[u8]) -> Request {
    Request::signed("github", "/hook", Some(JSON), body)
}

fn standard(body: &[u8]) -> Request {
    Request::signed("standard-webhooks", "/hook", Some(JSON), body)
}

fn twilio_form(body: &[u8]) -> Request {
    Request::signed("twilio", "/hook?a=1&b=2", Some(FORM), body)
}

fn twilio_json(body: &[u8]) -> Request {
    Request::signed("twilio", "/hook?a=1", Some(JSON), body)
}

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

#[test]
fn a_json_delivery_of_twilio_without_its_digest_is_refused() {
    let body = br#"{"a":1}"#;
    let request = twilio_json(body);
    assert_eq!(request.refused(), None);
    // The provider's own signature over the bare URL: genuine as a form, worthless for a body.
    let mut bare = twilio_form(b"");
    assert_eq!(bare.refused(), None);
    bare.body = body.to_vec();
    assert_eq!(
        bare.clone().with("Content-Type", &[JSON]).refused(),
        Some(R::BodyDigestMissing)
    );
    assert_eq!(
        bare.refused(),
        Some(R::Mismatch),
        "nor does it pass as a form"
    );
    for target in [
        "/hook?a=1&bodySHA256=",
        "/hook?a=1&bodySHA256=zz",
        "/hook?a=1&bodySHA256",
    ] {
        let mut empty = Request::signed("twilio", target, Some(JSON), body);
        assert_eq!(empty.refused(), Some(R::BodyDigestMissing), "{target}");
        empty.body.clear();
        assert_eq!(empty.refused(), Some(R::BodyDigestMissing), "{target}");
    }
}

#[test]
fn a_json_body_never_verifies_as_a_form_and_a_form_never_as_json() {
    let json = twilio_json(b"a=1");
    assert_eq!(json.refused(), None);
    for kind in [&[FORM][..], &["text/plain"], &[]] {
        let retyped = json.clone().with("Content-Type", kind);
        assert_eq!(retyped.refused(), Some(R::WrongContentType), "{kind:?}");
    }
    let form = twilio_form(b"a=1");
    assert_eq!(form.refused(), None);
    for kind in [
        &["text/plain"][..],
        &["multipart/form-data; boundary=x"],
        &[],
    ] {
        let retyped = form.clone().with("Content-Type", kind);
        assert_eq!(retyped.refused(), Some(R::WrongContentType), "{kind:?}");
    }
    assert_eq!(
        form.clone().with("Content-Type", &[JSON]).refused(),
        Some(R::BodyDigestMissing)
    );
    let parameter = "Application/X-WWW-Form-Urlencoded; charset=UTF-8";
    assert_eq!(
        form.clone().with("Content-Type", &[parameter]).refused(),
        None
    );
    let twice = form.with("Content-Type", &[FORM, JSON]);
    assert_eq!(twice.refused(), Some(R::DuplicateHeader));
}

#[test]
fn a_digest_in_two_places_is_refused() {
    let mut request = twilio_json(b"{}");
    let target = String::from_utf8(request.target.clone()).unwrap();
    request.target = format!("{target}&bodySHA256=00").into_bytes();
    assert_eq!(request.refused(), Some(R::Malformed));
    request.target = format!("{target}&body%53HA256=00").into_bytes();
    assert_eq!(request.refused(), Some(R::Malformed));
}

#[test]
fn the_url_is_signed_as_received() {
    let request = twilio_form(b"a=1");
    assert_eq!(request.refused(), None);
    for target in [
        "/hook?b=2&a=1",
        "/hook?a=%31&b=2",
        "/hook?a=1&b=2&",
        "/Hook?a=1&b=2",
        "/hook/?a=1&b=2",
        "/hook",
    ] {
        let mut moved = request.clone();
        moved.target = target.as_bytes().to_vec();
        assert_eq!(moved.refused(), Some(R::Mismatch), "{target}");
    }
    let mut absolute = request.clone();
    absolute.target = b"https://a.example/hook?a=1&b=2".to_vec();
    assert_eq!(absolute.refused(), Some(R::Malformed));
    let mut other = request;
    other.public_url = "https://b.example".to_owned();
    assert_eq!(other.refused(), Some(R::Mismatch));
}

/// twilio-node#321, twilio-python#392: behind TLS termination only the configured URL counts.
#[test]
fn host_and_forwarding_headers_change_nothing() {
    let request = twilio_form(b"a=1");
    for (name, value) in [
        ("Host", "evil.example"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "http"),
        ("Forwarded", "host=evil.example;proto=http"),
        ("X-Original-URL", "/other"),
    ] {
        assert_eq!(
            request.clone().with(name, &[value]).refused(),
            None,
            "{name}"
        );
        let mut other = request.clone().with(name, &["a.example"]);
        other.public_url = "https://b.example".to_owned();
        assert_eq!(other.refused(), Some(R::Mismatch), "{name}");
    }
}

#[test]
fn a_method_the_provider_never_uses_is_refused() {
    for mut request in [github(b"x"), standard(b"x"), twilio_form(b"a=1")] {
        for method in ["GET", "PUT", "post", ""] {
            request.method = method.to_owned();
            assert_eq!(request.refused(), Some(R::WrongMethod), "{method}");
        }
    }
}

#[test]
fn five_hundred_and_one_parameters_are_refused() {
    let most = vec!["a=1"; 500].join("&");
    assert_eq!(twilio_form(most.as_bytes()).refused(), None);
    let mut more = twilio_form(most.as_bytes());
    more.body.extend_from_slice(b"&a=1");
    assert_eq!(more.refused(), Some(R::TooMany));
}

/// Names and values run together in the signed text, so some forms share one signature. They also
/// share one digest, and the replay table lets one of them through once.
#[test]
fn forms_that_share_a_signature_are_one_delivery() {
    let request = twilio_form(b"Body=hello&From=x");
    let digest = request.digest();
    for body in [
        "From=x&Body=hello",
        "Bod=yhello&From=x",
        "Body=hello&From=x&From=x",
        "%42ody=hello&From=x",
    ] {
        let mut same = request.clone();
        same.body = body.as_bytes().to_vec();
        assert_eq!(same.digest(), digest, "{body}");
    }
    assert_ne!(twilio_form(b"Body=hello&From=y").digest(), digest);
}

#[test]
fn repeats_are_told_by_what_is_signed_alone() {
    let one = github(b"x").with("X-GitHub-Delivery", &["1"]);
    let two = github(b"x").with("X-GitHub-Delivery", &["2"]);
    assert_eq!(
        one.digest(),
        two.digest(),
        "an unsigned id tells nothing apart"
    );
    assert_ne!(github(b"y").digest(), one.digest());

    let retry = standard(b"x");
    assert_eq!(retry.digest(), standard(b"x").digest());
    let named = retry.clone().with("Svix-Id", &["another"]);
    assert_eq!(named.digest(), retry.digest());

    let mut ported = twilio_form(b"a=1");
    let digest = ported.digest();
    ported.public_url = "https://a.example/".to_owned();
    assert_eq!(ported.digest(), digest);
}

#[test]
fn the_same_delivery_to_two_sources_is_two_deliveries() {
    use hooks::{Scheme, Source};
    let request = github(b"x");
    let scheme = Scheme::find("github").unwrap();
    let headers: Vec<(&[u8], &[u8])> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_slice(), value.as_slice()))
        .collect();
    let digests: Vec<[u8; 32]> = ["/one", "/two"]
        .map(|path| {
            let source = Source::new(path, scheme, &[any_secret()]).unwrap();
            let proof = source.verify(&hooks::Delivery {
                method: "POST",
                public_url: "https://a.example",
                target: b"/hook",
                headers: &headers,
                body: b"x",
                now: control::Timestamp::from_seconds(NOW),
            });
            *proof.unwrap().fact().digest()
        })
        .to_vec();
    assert_ne!(digests.first(), digests.last());
}
