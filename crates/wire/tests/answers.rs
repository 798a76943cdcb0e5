//! Every answer shape that must not be passed on, each beside a twin that is accepted.

use wire::{
    Answer, AnswerHead, Asked, BodyFraming, FramingRefusal, HeadLimits, Method, Name, Parsed,
};

const GET: Asked = Asked {
    method: Method::Get,
    upgrade: false,
};
const HEAD: Asked = Asked {
    method: Method::Head,
    upgrade: false,
};
const UPGRADE: Asked = Asked {
    method: Method::Get,
    upgrade: true,
};

fn read<T>(text: &str, asked: Asked, see: impl Fn(Answer<'_>) -> T) -> Result<T, FramingRefusal> {
    let mut head = AnswerHead::new();
    let bytes = text.as_bytes();
    let parsed = head.parse(bytes, &HeadLimits::ANSWER, asked)?;
    assert_eq!(parsed, Parsed::Complete { len: bytes.len() }, "{text:?}");
    Ok(see(head.answer(bytes)))
}

/// How the body of an answer ends.
fn framing(status: &str, lines: &str, asked: Asked) -> Result<BodyFraming, FramingRefusal> {
    let text = format!("HTTP/1.1 {status}\r\n{lines}\r\n");
    read(&text, asked, |answer| answer.framing())
}

#[test]
fn an_answer_says_what_was_sent() {
    let text = "HTTP/1.1 404 Not here\r\nContent-Length: 3\r\nServer: x\r\n\r\n";
    read(text, GET, |answer| {
        assert_eq!((answer.status(), answer.reason()), (404, &b"Not here"[..]));
        assert_eq!(answer.value(Name::Server), Some(&b"x"[..]));
        assert_eq!(answer.framing(), BodyFraming::Length(3));
        assert!(answer.keep_alive() && !answer.is_interim());
    })
    .unwrap();
}

#[test]
fn the_status_line_is_exact() {
    assert!(framing("200 OK", "", GET).is_ok());
    assert!(framing("200 ", "", GET).is_ok());
    for status in [
        "200", "2000 OK", "20 OK", "099 OK", "600 OK", "2x0 OK", " 200 OK", "+20 OK",
    ] {
        let refused = framing(status, "", GET);
        assert_eq!(refused, Err(FramingRefusal::StatusLine), "{status}");
    }
    for (text, refusal) in [
        ("HTTP/2.0 200 OK\r\n\r\n", FramingRefusal::VersionUnknown),
        ("HTTP/1.2 200 OK\r\n\r\n", FramingRefusal::VersionUnknown),
        ("ICY 200 OK\r\n\r\n", FramingRefusal::VersionSyntax),
        ("<html>", FramingRefusal::VersionSyntax),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", FramingRefusal::VersionSyntax),
        ("HTTP/1.1 200 OK\n\r\n", FramingRefusal::BareLf),
        ("HTTP/1.1 200 OK\rA", FramingRefusal::BareCr),
        ("HTTP/1.1 200 O\0", FramingRefusal::Nul),
    ] {
        let refused = read(text, GET, |answer| answer.status());
        assert_eq!(refused, Err(refusal), "{text:?}");
    }
}

#[test]
fn fields_are_read_as_strictly_as_those_of_requests() {
    assert!(framing("200 OK", "A: b\r\n", GET).is_ok());
    for (lines, refusal) in [
        ("A: b\n", FramingRefusal::BareLf),
        ("A: b\rc\r\n", FramingRefusal::BareCr),
        ("A: b\0\r\n", FramingRefusal::Nul),
        ("A: b\u{1}\r\n", FramingRefusal::ControlByte),
        ("A: b\r\n c\r\n", FramingRefusal::ObsFold),
        ("A : b\r\n", FramingRefusal::SpaceBeforeColon),
        ("A b\r\n", FramingRefusal::SpaceBeforeColon),
        (": b\r\n", FramingRefusal::FieldName),
        ("Content_Length: 3\r\n", FramingRefusal::FramingAlias),
        ("Connection: a b\r\n", FramingRefusal::Connection),
        (
            "Connection: Content-Length\r\n",
            FramingRefusal::ConnectionNamesFraming,
        ),
        (
            "Content-Length: 3\r\nContent-Length: 3\r\n",
            FramingRefusal::LengthTwice,
        ),
        ("Content-Length: 3, 3\r\n", FramingRefusal::LengthInvalid),
        (
            "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
            FramingRefusal::LengthAndCoding,
        ),
        (
            "Transfer-Encoding: gzip, chunked\r\n",
            FramingRefusal::CodingUnknown,
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            FramingRefusal::CodingTwice,
        ),
    ] {
        // Also where no body would follow.
        for (status, asked) in [("200 OK", GET), ("200 OK", HEAD), ("304 Not Modified", GET)] {
            assert_eq!(framing(status, lines, asked), Err(refusal), "{lines:?}");
        }
    }
}

#[test]
fn the_body_ends_where_status_method_and_fields_say() {
    let (length, chunked) = ("Content-Length: 3\r\n", "Transfer-Encoding: chunked\r\n");
    assert_eq!(framing("200 OK", length, GET), Ok(BodyFraming::Length(3)));
    assert_eq!(framing("200 OK", chunked, GET), Ok(BodyFraming::Chunked));
    assert_eq!(framing("200 OK", "", GET), Ok(BodyFraming::UntilClose));
    for lines in [length, chunked, ""] {
        assert_eq!(framing("200 OK", lines, HEAD), Ok(BodyFraming::None));
        assert_eq!(
            framing("304 Not Modified", lines, GET),
            Ok(BodyFraming::None)
        );
    }
    for status in ["100 Continue", "103 Early Hints", "204 No Content"] {
        for asked in [GET, HEAD] {
            assert_eq!(framing(status, "", asked), Ok(BodyFraming::None));
            // Django announces an empty body on 204.
            let empty = framing(status, "Content-Length: 0\r\n", asked);
            assert_eq!(empty, Ok(BodyFraming::None));
            for lines in [length, chunked] {
                let refused = framing(status, lines, asked);
                assert_eq!(refused, Err(FramingRefusal::BodyForbidden), "{status}");
            }
        }
    }
}

#[test]
fn a_switch_is_accepted_only_when_asked_for_and_whole() {
    let whole = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n";
    let switch = "101 Switching Protocols";
    assert_eq!(framing(switch, whole, UPGRADE), Ok(BodyFraming::None));
    let refused = Err(FramingRefusal::SwitchUnasked);
    assert_eq!(framing(switch, whole, GET), refused);
    for (part, with) in [
        ("Upgrade: websocket", "Upgrade: foo"),
        (
            "Upgrade: websocket",
            "Upgrade: websocket\r\nUpgrade: websocket",
        ),
        ("Connection: Upgrade", "Connection: close"),
        ("Sec-WebSocket-Accept", "X"),
    ] {
        assert_eq!(
            framing(switch, &whole.replace(part, with), UPGRADE),
            refused
        );
    }
    // Refusing the switch with an ordinary answer is the upstream's right.
    assert!(framing("403 Forbidden", "Content-Length: 0\r\n", UPGRADE).is_ok());
}

#[test]
fn a_connection_is_reusable_only_when_the_body_ends_by_itself() {
    let reusable = |text: &str, asked| read(text, asked, |answer| answer.keep_alive()).unwrap();
    assert!(reusable(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        GET
    ));
    assert!(reusable("HTTP/1.1 200 OK\r\n\r\n", HEAD));
    assert!(!reusable("HTTP/1.1 200 OK\r\n\r\n", GET));
    assert!(!reusable(
        "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        GET
    ));
    let close = "HTTP/1.1 200 OK\r\nConnection: x, CLOSE\r\nContent-Length: 0\r\n\r\n";
    assert!(!reusable(close, GET));
    let old = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let refused = read(old, GET, |answer| answer.status());
    assert_eq!(refused, Err(FramingRefusal::CodingOnHttp10));
}

#[test]
fn a_connection_is_not_reused_after_a_body_was_announced_that_must_not_follow() {
    let reusable = |text: &str, asked| read(text, asked, |answer| answer.keep_alive()).unwrap();
    for lines in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        let found = format!("HTTP/1.1 200 OK\r\n{lines}\r\n");
        assert!(!reusable(&found, HEAD), "{lines}");
        assert!(reusable(&found, GET), "{lines}");
        let unchanged = format!("HTTP/1.1 304 Not Modified\r\n{lines}\r\n");
        assert!(!reusable(&unchanged, GET), "{lines}");
    }
    let empty = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    assert!(reusable(empty, HEAD));
    assert!(reusable("HTTP/1.1 304 Not Modified\r\n\r\n", GET));
}

#[test]
fn the_head_has_limits() {
    let block = |length: usize| format!("A: {}\r\n", "b".repeat(length - 7));
    assert!(framing("200 OK", &block(64 << 10), GET).is_ok());
    let refused = framing("200 OK", &block((64 << 10) + 1), GET);
    assert_eq!(refused, Err(FramingRefusal::BlockTooLarge));
    assert!(framing("200 OK", &"A: b\r\n".repeat(100), GET).is_ok());
    let refused = framing("200 OK", &"A: b\r\n".repeat(101), GET);
    assert_eq!(refused, Err(FramingRefusal::TooManyFields));
    let refused = framing(&format!("200 {}", "a".repeat(8192)), "", GET);
    assert_eq!(refused, Err(FramingRefusal::LineTooLong));
}
