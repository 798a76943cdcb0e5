use super::*;
use crate::testing::{OPEN, Received, exchange, site};

/// The head that goes upstream for a request with these fields.
fn written(lines: &[&str], consumed: bool) -> Vec<String> {
    written_with(lines, consumed, BodyFraming::None, Some("signed"), |_| {})
}

fn written_with(
    lines: &[&str],
    consumed: bool,
    framing: BodyFraming,
    assertion: Option<&str>,
    change: impl Fn(&mut Exchange),
) -> Vec<String> {
    let received = Received::of(lines);
    let assertion = assertion.map(|text| CleanText::new(text).unwrap());
    let mut exchange = exchange(site(OPEN));
    change(&mut exchange);
    let head = Head {
        exchange: &exchange,
        claim: None,
        assertion: assertion.as_ref(),
        consumed,
        whole: false,
        tokens: &identity::token::KeyTokens::derived(&[7; 32]).unwrap(),
    };
    let mut out = Vec::new();
    head.write(&received.request(), framing, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert!(text.ends_with("\r\n\r\n"));
    text.trim_end().split("\r\n").map(str::to_owned).collect()
}

const HOST: &str = "Host: coach.school.example:8443";

#[test]
fn an_app_receives_the_request_and_what_we_know_of_it() {
    let head = written(
        &[
            "GET /a?b=1 HTTP/1.1",
            HOST,
            "Accept: */*",
            "Origin: https://x",
        ],
        false,
    );
    assert_eq!(
        head,
        [
            "GET /a?b=1 HTTP/1.1",
            "Host: coach.school.example:8443",
            "Accept: */*",
            "Origin: https://x",
            "X-Forwarded-For: 192.0.2.1",
            "X-Forwarded-Proto: http",
            "X-Forwarded-Host: coach.school.example:8443",
            "Forwarded: for=192.0.2.1;host=\"coach.school.example:8443\";proto=http",
            "X-Request-Id: abababababababababababababababab",
            "X-Vouchsafe-Assertion: signed",
        ]
    );
}

#[test]
fn every_spelling_of_an_identity_field_is_removed() {
    for name in [
        "X-Forwarded-User",
        "X_Forwarded_User",
        "x-forwarded_email",
        "X-FORWARDED-FOR",
        "X.Forwarded.For",
        "Forwarded",
        "X-Real-IP",
        "x_real_ip",
        "X-Request-Id",
        "X_Request_Id",
        "Remote-User",
        "X-Remote-User",
        "X-Auth-Request-User",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Vouchsafe-Assertion",
        "X_Vouchsafe_Assertion",
        "X-Vouchsafe-Delivery",
        "X-Vouchsafe-Anything",
        "X-Vouchsafe-Ticket",
        "Proxy",
        "Any_Name_With_An_Underscore",
    ] {
        let spoofed = format!("{name}: spoofed-by-the-client");
        let head = written(
            &["GET / HTTP/1.1", HOST, &spoofed, "X-Ordinary: stays"],
            false,
        )
        .join("\n");
        assert!(!head.contains("spoofed-by-the-client"), "{name}: {head}");
        assert!(head.contains("X-Ordinary: stays"), "{name}");
    }
}

#[test]
fn our_fields_cannot_be_named_away_in_connection() {
    let head = written(
        &[
            "GET / HTTP/1.1",
            HOST,
            "Connection: keep-alive, X-Request-Id, X-Forwarded-For, X-Hop",
            "X-Hop: goes",
            "X-Ordinary: stays",
        ],
        false,
    )
    .join("\n");
    assert!(head.contains("\nX-Request-Id: ab") && head.contains("\nX-Forwarded-For: 192"));
    assert!(!head.contains("X-Hop") && !head.contains("Connection"));
    assert!(head.contains("X-Ordinary: stays"));
}

#[test]
fn what_a_second_connection_field_lists_is_removed_too() {
    let head = written(
        &[
            "GET / HTTP/1.1",
            HOST,
            "Connection: keep-alive",
            "Connection: X-Hop",
            "X-Hop: goes",
            "X-Ordinary: stays",
        ],
        false,
    )
    .join("\n");
    assert!(!head.contains("X-Hop"), "{head}");
    assert!(head.contains("X-Ordinary: stays"));
}

#[test]
fn fields_of_one_connection_are_removed() {
    let head = written(
        &[
            "GET / HTTP/1.1",
            HOST,
            "Connection: keep-alive",
            "Keep-Alive: timeout=5",
            "TE: trailers",
            "Proxy-Authorization: Basic eA==",
            "X-Ordinary: stays",
        ],
        false,
    )
    .join("\n");
    for gone in ["Connection", "Keep-Alive", "TE:", "Proxy-Authorization"] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
    assert!(head.contains("X-Ordinary: stays"));
}

const KEY: &str = "vsk_abcdefGHIJ12_secretsecret";

#[test]
fn a_consumed_key_stays_here() {
    let bearer = format!("Authorization: Bearer {KEY}");
    let bare = format!("X-API-Key: {KEY}");
    for field in [&bearer, &bare] {
        let head = written(&["GET / HTTP/1.1", HOST, field], true).join("\n");
        assert!(
            !head.contains("vsk_") && !head.contains("Authorization"),
            "{head}"
        );
    }
}

#[test]
fn a_key_stays_here_on_every_route_and_in_every_field() {
    for name in [
        "Authorization: Bearer",
        "X-API-Key:",
        "Cookie: k=",
        "X-Any:",
    ] {
        let field = format!("{name} {KEY}");
        let head = written(&["GET / HTTP/1.1", HOST, &field], false).join("\n");
        assert!(!head.contains("vsk_"), "{head}");
    }
}

#[test]
fn the_credentials_of_the_app_pass() {
    for field in [
        "Authorization: Basic YTpi",
        "Cookie: session=1",
        "X-API-Key: the-apps-own",
    ] {
        let head = written(&["GET / HTTP/1.1", HOST, field], false).join("\n");
        assert!(head.contains(field), "{head}");
    }
    // The app's own Authorization passes beside a key of ours, too.
    let key = format!("X-API-Key: {KEY}");
    let lines = ["GET / HTTP/1.1", HOST, "Authorization: Basic YTpi", &key];
    let head = written(&lines, true).join("\n");
    assert!(head.contains("Basic YTpi") && !head.contains("X-API-Key"));
}

#[test]
fn a_body_is_framed_anew() {
    let framed = |framing| {
        written_with(
            &[
                "POST / HTTP/1.1",
                HOST,
                "Content-Length: 5",
                "Expect: 100-continue",
            ],
            false,
            framing,
            None,
            |_| {},
        )
        .join("\n")
    };
    let length = framed(BodyFraming::Length(5));
    assert_eq!(length.matches("Content-Length: 5").count(), 1);
    // The engine relays the upstream's own 100, so that an app may refuse before the body is sent.
    assert!(length.contains("Expect: 100-continue"));
    let chunked = framed(BodyFraming::Chunked);
    assert!(chunked.contains("Transfer-Encoding: chunked") && !chunked.contains("Length"));
}

#[test]
fn a_websocket_handshake_is_passed_on() {
    let head = written(
        &[
            "GET /s HTTP/1.1",
            HOST,
            "Connection: keep-alive, Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
            "Sec-WebSocket-Version: 13",
            "Origin: https://coach.school.example",
        ],
        false,
    )
    .join("\n");
    assert!(head.contains("Connection: Upgrade\nUpgrade: websocket"));
    assert!(head.contains("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="));
    assert!(head.contains("Origin: https://coach.school.example"));
}

#[test]
fn an_absolute_target_goes_upstream_as_a_path() {
    let head = written(
        &[
            "GET http://coach.school.example/a?b HTTP/1.1",
            "Host: coach.school.example",
        ],
        false,
    );
    assert_eq!(head[0], "GET /a?b HTTP/1.1");
    assert_eq!(head[1], "Host: coach.school.example");
}

#[test]
fn a_client_on_ipv6_under_tls_is_named_as_the_standard_asks() {
    let head = written_with(
        &["GET / HTTP/1.1", "Host: coach.internal"],
        false,
        BodyFraming::None,
        None,
        |exchange| {
            exchange.client = "2001:db8::7".parse().unwrap();
            exchange.secure = true;
        },
    )
    .join("\n");
    assert!(head.contains("X-Forwarded-For: 2001:db8::7\nX-Forwarded-Proto: https\n"));
    assert!(head.contains("Forwarded: for=\"[2001:db8::7]\";host=\"coach.internal\";proto=https"));
    assert!(
        !head.contains("Assertion"),
        "an open route says nothing of who asks"
    );
}

#[test]
fn addresses_are_written_as_the_standard_library_writes_them() {
    for text in [
        "0.0.0.0",
        "127.0.0.1",
        "255.255.255.255",
        "::1",
        "2001:db8:1111:2222:3333:4444:5555:6666",
    ] {
        let address: IpAddr = text.parse().unwrap();
        assert_eq!(Address::of(address).text(), text.as_bytes());
    }
}

#[test]
fn an_expectation_goes_on_only_where_it_means_something() {
    let expects = |first: &str, length: &str| {
        let lines = [first, HOST, "Expect: 100-continue", length];
        let head = written(&lines, false);
        head.iter().any(|line| line.starts_with("Expect"))
    };
    assert!(expects("POST / HTTP/1.1", "Content-Length: 5"));
    // Nothing is to come that could be waited for.
    assert!(!expects("POST / HTTP/1.1", "Content-Length: 0"));
    // A server ignores it in HTTP/1.0 (RFC 9110 section 10.1.1), and this one sends 1.1 on.
    assert!(!expects("POST / HTTP/1.0", "Content-Length: 5"));
}
