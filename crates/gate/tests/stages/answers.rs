//! What a client receives of an app's answer.

use gate::stages::response;
use wire::{AnswerHead, Asked, BodyFraming, HeadLimits, Method, Parsed};

use crate::house::{HOST, House};

/// The head a client receives when the app answers with `lines`.
fn relayed(lines: &[&str], framing: BodyFraming, keep_alive: bool) -> String {
    let asked = ["GET / HTTP/1.1", HOST];
    relayed_by(&House::new(), &asked, lines, framing, keep_alive)
}

/// The head a client of this house receives who asked so.
pub(crate) fn relayed_to(house: &House, asked: &[&str], lines: &[&str]) -> String {
    relayed_by(house, asked, lines, BodyFraming::Length(0), true)
}

fn relayed_by(
    house: &House,
    asked: &[&str],
    lines: &[&str],
    framing: BodyFraming,
    keep_alive: bool,
) -> String {
    let (_, forwarding) = house.ask(asked, b"").head();
    let bytes = format!("{}\r\n\r\n", lines.join("\r\n")).into_bytes();
    let mut head = AnswerHead::new();
    let asked = Asked {
        method: Method::Get,
        upgrade: true,
    };
    let parsed = head.parse(&bytes, &HeadLimits::ANSWER, asked);
    assert_eq!(parsed, Ok(Parsed::Complete { len: bytes.len() }));
    let mut out = Vec::new();
    response::write_head(
        &forwarding,
        &head.answer(&bytes),
        framing,
        keep_alive,
        &mut out,
    );
    house.end(forwarding, 200);
    String::from_utf8(out).unwrap()
}

pub(crate) fn count(head: &str, field: &str) -> usize {
    head.lines()
        .filter(|line| {
            line.split_once(':')
                .is_some_and(|(name, _)| name.eq_ignore_ascii_case(field))
        })
        .count()
}

#[test]
fn an_answer_keeps_its_own_fields_and_gains_ours() {
    let head = relayed(
        &[
            "HTTP/1.1 201 Made",
            "Content-Length: 2",
            "Set-Cookie: a=1",
            "Set-Cookie: b=2",
        ],
        BodyFraming::Length(2),
        true,
    );
    assert!(head.starts_with("HTTP/1.1 201 Made\r\n"), "{head}");
    assert_eq!(count(&head, "Set-Cookie"), 2);
    assert_eq!(count(&head, "Content-Length"), 1);
    for field in [
        "X-Content-Type-Options",
        "X-Frame-Options",
        "Referrer-Policy",
        "X-Request-Id",
    ] {
        assert_eq!(count(&head, field), 1, "{field}: {head}");
    }
    assert!(head.ends_with("\r\n\r\n") && !head.contains("Connection"));
}

#[test]
fn weaker_words_and_fields_of_ours_made_up_by_an_app_are_replaced() {
    let head = relayed(
        &[
            "HTTP/1.1 200 OK",
            "Content-Length: 0",
            "X-Frame-Options: ALLOWALL",
            "Referrer-Policy: unsafe-url",
            "X-Content-Type-Options: none",
            "Content-Security-Policy: default-src 'self'",
            "X-Request-Id: made-up",
            "X-Vouchsafe-Assertion: made-up",
        ],
        BodyFraming::Length(0),
        true,
    );
    assert!(
        !head.contains("ALLOWALL") && !head.contains("unsafe-url") && !head.contains("made-up")
    );
    assert_eq!(count(&head, "X-Frame-Options"), 1);
    assert!(
        head.contains("default-src 'self'"),
        "the app's policy stands beside ours"
    );
    assert_eq!(count(&head, "Content-Security-Policy"), 2);
}

#[test]
fn what_belongs_to_the_upstream_connection_ends_here() {
    let head = relayed(
        &[
            "HTTP/1.1 200 OK",
            "Transfer-Encoding: chunked",
            "Connection: close, X-Hop",
            "Keep-Alive: timeout=5",
            "X-Hop: goes",
            "X-Stays: stays",
        ],
        BodyFraming::Chunked,
        false,
    );
    assert_eq!(count(&head, "Transfer-Encoding"), 1);
    assert_eq!(count(&head, "Connection"), 1);
    assert!(head.contains("\r\nConnection: close\r\n") && !head.contains("X-Hop"));
    assert!(!head.contains("Keep-Alive") && head.contains("X-Stays: stays"));
}

#[test]
fn a_length_without_a_body_is_passed_on() {
    let head = relayed(
        &[
            "HTTP/1.1 304 Not Modified",
            "Content-Length: 120",
            "ETag: \"a\"",
        ],
        BodyFraming::None,
        true,
    );
    assert!(head.contains("Content-Length: 120\r\n"), "{head}");
}

#[test]
fn a_switch_to_websocket_is_passed_on() {
    let head = relayed(
        &[
            "HTTP/1.1 101 Switching Protocols",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ],
        BodyFraming::None,
        true,
    );
    assert!(
        head.contains("Connection: Upgrade\r\nUpgrade: websocket\r\n"),
        "{head}"
    );
    assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(count(&head, "Connection"), 1);
}

#[test]
fn an_interim_answer_carries_its_own_fields_alone() {
    let head = relayed(
        &["HTTP/1.1 103 Early Hints", "Link: </a.css>; rel=preload"],
        BodyFraming::None,
        true,
    );
    assert_eq!(
        head,
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
    );
}
