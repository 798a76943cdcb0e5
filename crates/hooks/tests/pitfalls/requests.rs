//! What is signed beside the body: the URL, the method, the kind of body, the parameters of a form.

use hooks::SignatureRefusal as R;

use crate::{
    FORM, JSON,
    common::{Request, any_secret},
    github, standard, twilio_form, twilio_json,
};

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

/// Found by fuzzing: whoever verified counted what stands between two `&`, and whoever signed did not
/// count at all, so what was signed was not genuine.
#[test]
fn a_query_with_more_parameters_than_are_looked_at_is_not_signed() {
    let signs = |query: &str| {
        let target = format!("/hook?{query}");
        Request::try_signed_with(&any_secret(), "twilio", &target, Some(JSON), b"{}")
    };
    let most = "a=1&".repeat(499);
    for query in [
        &most,
        &"&".repeat(2000),
        &format!("{}a=1", "&&".repeat(900)),
    ] {
        assert_eq!(signs(query).unwrap().refused(), None, "{query}");
    }
    for query in [format!("{most}b=2"), format!("{most}b=2&c=3")] {
        assert!(signs(&query).is_none(), "{query}");
    }
}
