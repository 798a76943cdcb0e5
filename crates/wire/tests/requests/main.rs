//! Every request shape that two parsers read differently, each beside a twin that is accepted.

mod fields;
mod start_line;

use wire::{
    BodyFraming, FramingRefusal, HeadLimits, Method, Name, Parsed, RequestHead, Single, TargetForm,
    Version,
};

fn parse(bytes: &[u8]) -> Result<Parsed, FramingRefusal> {
    RequestHead::new().parse(bytes, &HeadLimits::REQUEST)
}

#[track_caller]
fn accepted(bytes: impl AsRef<[u8]>) {
    let bytes = bytes.as_ref();
    let len = bytes.len();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(parse(bytes), Ok(Parsed::Complete { len }), "{text:?}");
}

#[track_caller]
fn refused(bytes: impl AsRef<[u8]>, refusal: FramingRefusal) {
    let bytes = bytes.as_ref();
    let text = String::from_utf8_lossy(bytes);
    assert_eq!(parse(bytes), Err(refusal), "{text:?}");
}

/// A request with these field lines after its Host.
fn with(lines: &str) -> String {
    format!("POST / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n")
}

/// A request with this first line.
fn line(line: &str) -> String {
    format!("{line}\r\nHost: a.example\r\n\r\n")
}

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

#[test]
fn limits_hold_to_the_byte() {
    // `GET /` and ` HTTP/1.1` with its line end take 16 bytes.
    let target = |length: usize| line(&format!("GET /{} HTTP/1.1", "a".repeat(length - 16)));
    accepted(target(8192));
    refused(target(8193), FramingRefusal::LineTooLong);
    refused(
        "GET /".to_owned() + &"a".repeat(8192),
        FramingRefusal::LineTooLong,
    );

    // `Host: a` with its line end takes 9 bytes, the rest of the block 7.
    let block = |length: usize| {
        let value = "b".repeat(length - 16);
        format!("GET / HTTP/1.1\r\nHost: a\r\nA: {value}\r\n\r\n")
    };
    accepted(block(32 << 10));
    refused(block((32 << 10) + 1), FramingRefusal::BlockTooLarge);
    let open = block(33 << 10);
    refused(&open[..(32 << 10) + 20], FramingRefusal::BlockTooLarge);

    accepted(with(&"A: b\r\n".repeat(99)));
    refused(with(&"A: b\r\n".repeat(100)), FramingRefusal::TooManyFields);
}

#[test]
fn a_parsed_request_says_what_was_sent() {
    let bytes = b"POST http://A.example:8080/a%20b?x=1&y?z HTTP/1.1\r\nHost: a.example:8080\r\n\
        content-LENGTH: 7\r\nExpect: 100-Continue\r\nX_Forwarded_User: root\r\nAccept: a\r\n\
        Accept: b\r\nX-Hub-Signature-256: sha256=00\r\nConnection: x-accept , foo\r\n\r\npayload";
    let mut head = RequestHead::new();
    let parsed = head.parse(bytes, &HeadLimits::REQUEST).unwrap();
    assert_eq!(
        parsed,
        Parsed::Complete {
            len: bytes.len() - 7
        }
    );
    let request = head.request(bytes);
    assert_eq!(request.method(), Method::Post);
    assert_eq!(request.version(), Version::Http11);
    assert_eq!(request.target_form(), TargetForm::AbsoluteHttp);
    assert_eq!(request.path_and_query(), b"/a%20b?x=1&y?z");
    assert_eq!(request.path(), b"/a%20b");
    assert_eq!(request.query(), Some(&b"x=1&y?z"[..]));
    let authority = request.authority().unwrap();
    assert_eq!(
        (authority.host(), authority.port()),
        (&b"a.example"[..], Some(8080))
    );
    assert_eq!(request.framing(), BodyFraming::Length(7));
    assert!(request.expects_continue() && request.keep_alive() && !request.is_websocket());
    assert_eq!(request.single(Name::Accept), Single::Many);
    assert_eq!(request.value(Name::Accept), Some(&b"a"[..]));
    assert_eq!(request.single(Name::Cookie), Single::Absent);
    assert_eq!(
        request.single_named(b"x-hub-signature-256"),
        Single::One(b"sha256=00")
    );
    assert!(request.connection_lists(b"X_Accept") && !request.connection_lists(b"accept"));
    let spoofed: Vec<_> = request
        .fields()
        .filter(|field| field.speaks_of_identity())
        .map(|field| field.name())
        .collect();
    assert_eq!(spoofed, [b"X_Forwarded_User"]);
}

#[test]
fn a_head_is_reused_without_memory_of_the_last_request() {
    let mut head = RequestHead::new();
    let first = HANDSHAKE.as_bytes();
    assert!(head.parse(first, &HeadLimits::REQUEST).is_ok());
    head.clear();
    let second = b"GET / HTTP/1.0\r\nHost: b\r\n\r\n";
    assert!(head.parse(second, &HeadLimits::REQUEST).is_ok());
    let request = head.request(second);
    assert_eq!(request.fields().len(), 1);
    assert_eq!(request.framing(), BodyFraming::None);
    assert!(!request.is_websocket() && !request.keep_alive() && request.query().is_none());
}

#[test]
fn an_unfinished_head_waits_unless_it_is_already_wrong() {
    let whole = with("A: b\r\n");
    for end in 0..whole.len() {
        assert_eq!(parse(&whole.as_bytes()[..end]), Ok(Parsed::Incomplete));
    }
}
