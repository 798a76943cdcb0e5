//! Every request shape that two parsers read differently, each beside a twin that is accepted.

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

#[test]
fn host_stands_once_and_is_sound() {
    accepted("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
    accepted("GET / HTTP/1.1\r\nhOST:\t[::1]:8080 \r\n\r\n");
    refused("GET / HTTP/1.1\r\n\r\n", FramingRefusal::HostAbsent);
    refused("GET / HTTP/1.1\r\nA: b\r\n\r\n", FramingRefusal::HostAbsent);
    refused("GET / HTTP/1.0\r\n\r\n", FramingRefusal::HostAbsent);
    refused(with("Host: a.example\r\n"), FramingRefusal::HostTwice);
    refused(with("HOST: b.example\r\n"), FramingRefusal::HostTwice);
    for host in [
        "", " ", "a b", "a@b", "a,b", "a/b", "a:", "a:x", "a:65536", "[::1", "a%00",
    ] {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        refused(request, FramingRefusal::HostInvalid);
    }
}

#[test]
fn http_1_0_may_come_without_host_only_where_limits_say_so() {
    let limits = HeadLimits {
        http10_without_host: true,
        ..HeadLimits::REQUEST
    };
    let mut head = RequestHead::new();
    let bytes = b"GET / HTTP/1.0\r\n\r\n";
    let len = bytes.len();
    assert_eq!(head.parse(bytes, &limits), Ok(Parsed::Complete { len }));
    assert_eq!(head.request(bytes).authority(), None);
    head.clear();
    let refused = head.parse(b"GET / HTTP/1.1\r\n\r\n", &limits);
    assert_eq!(refused, Err(FramingRefusal::HostAbsent));
}

#[test]
fn an_absolute_target_names_the_same_host() {
    accepted(line("GET http://a.example/x HTTP/1.1"));
    accepted(line("GET HTTPS://A.Example/x?y HTTP/1.1"));
    for target in [
        "http://b.example/",
        "http://a.example:80/",
        "http://a.example./",
    ] {
        let request = line(&format!("GET {target} HTTP/1.1"));
        refused(request, FramingRefusal::HostMismatch);
    }
    for target in [
        "http://a.example",
        "http://a.example?x/y",
        "http:///x",
        "http://user@a.example/",
        "ftp://a.example/",
        "http:/a.example/",
    ] {
        let request = line(&format!("GET {target} HTTP/1.1"));
        refused(request, FramingRefusal::TargetForm);
    }
}

#[test]
fn length_and_coding_never_meet() {
    accepted(with("Content-Length: 5\r\n"));
    accepted(with("Transfer-Encoding: chunked\r\n"));
    let (length, coding) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");
    for lines in [format!("{length}{coding}"), format!("{coding}{length}")] {
        refused(with(&lines), FramingRefusal::LengthAndCoding);
    }
}

#[test]
fn content_length_stands_once_as_a_plain_number() {
    accepted(with("Content-Length: 0\r\n"));
    accepted(with("content-length:12345\r\n"));
    refused(
        with("Content-Length: 5\r\nContent-Length: 5\r\n"),
        FramingRefusal::LengthTwice,
    );
    refused(
        with("Content-Length: 5\r\nContent-Length: 6\r\n"),
        FramingRefusal::LengthTwice,
    );
    for value in [
        "",
        "+1",
        "-1",
        "1,1",
        "1, 1",
        "0x1",
        "1 1",
        "01",
        "1a",
        "\"1\"",
        "9223372036854775808",
        "99999999999999999999999",
    ] {
        let request = with(&format!("Content-Length: {value}\r\n"));
        refused(request, FramingRefusal::LengthInvalid);
    }
}

#[test]
fn transfer_encoding_stands_once_and_is_exactly_chunked() {
    for value in [
        "xchunked",
        "chunked, identity",
        "identity, chunked",
        "identity",
        "gzip, chunked",
        "chunked;a=b",
        "chunked,",
        ",chunked",
        "\"chunked\"",
        "Chunked",
        "\u{b}chunked",
        "",
    ] {
        let request = with(&format!("Transfer-Encoding: {value}\r\n"));
        let refusal = match value {
            "\u{b}chunked" => FramingRefusal::ControlByte,
            _ => FramingRefusal::CodingUnknown,
        };
        refused(request, refusal);
    }
    let twice = "Transfer-Encoding: chunked\r\n".repeat(2);
    refused(with(&twice), FramingRefusal::CodingTwice);
    refused(
        with("Transfer-Encoding : chunked\r\n"),
        FramingRefusal::SpaceBeforeColon,
    );
    accepted("POST / HTTP/1.0\r\nHost: a\r\nContent-Length: 1\r\n\r\n");
    refused(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
        FramingRefusal::CodingOnHttp10,
    );
}

#[test]
fn spellings_of_governing_fields_with_underscores_are_refused() {
    accepted(with("X_Custom: 1\r\n"));
    for name in ["Content_Length", "transfer_encoding", "Transfer_ENCODING"] {
        refused(
            with(&format!("{name}: 1\r\n")),
            FramingRefusal::FramingAlias,
        );
    }
}

#[test]
fn lines_end_with_cr_lf_and_stand_alone() {
    accepted(with("A: b\r\nC: d\r\n"));
    refused("GET / HTTP/1.1\nHost: a\r\n\r\n", FramingRefusal::BareLf);
    refused("GET /\n", FramingRefusal::BareLf);
    refused("\n", FramingRefusal::BareLf);
    refused(with("A: b\nC: d\r\n"), FramingRefusal::BareLf);
    refused(with("A\n"), FramingRefusal::BareLf);
    refused(with("\n"), FramingRefusal::BareLf);
    refused(with("A: b\rC: d\r\n"), FramingRefusal::BareCr);
    refused(with("A: b\r\r\n"), FramingRefusal::BareCr);
    refused("GET / HTTP/1.1\rHost: a\r\n\r\n", FramingRefusal::BareCr);
    refused("GET / HTTP/1.1\r\n\rX", FramingRefusal::BareCr);
    refused(with("A: b\r\n c\r\n"), FramingRefusal::ObsFold);
    refused(with("A: b\r\n\tc\r\n"), FramingRefusal::ObsFold);
    refused(
        "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
        FramingRefusal::ObsFold,
    );
}

#[test]
fn the_request_line_comes_first() {
    accepted(line("GET / HTTP/1.1"));
    refused(
        "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        FramingRefusal::LeadingEmptyLine,
    );
    refused(" GET / HTTP/1.1\r\n", FramingRefusal::RequestLine);
    refused("\r", FramingRefusal::LeadingEmptyLine);
}

#[test]
fn control_bytes_stand_nowhere_and_other_bytes_only_in_values() {
    accepted(with("A: b\tc\r\nB: caf\u{e9}\r\n"));
    for byte in (1..=255_u8).filter(|byte| !b"\t\r\n".contains(byte)) {
        if byte < 0x20 || byte == 0x7f {
            let value = [b"GET / HTTP/1.1\r\nA: b", &[byte][..]].concat();
            refused(value, FramingRefusal::ControlByte);
        }
        if !(0x20..0x7f).contains(&byte) {
            let name = [b"GET / HTTP/1.1\r\nA", &[byte][..]].concat();
            refused(name, FramingRefusal::ControlByte);
            refused(
                [b"GET /", &[byte][..]].concat(),
                FramingRefusal::ControlByte,
            );
            refused([b"GE", &[byte][..]].concat(), FramingRefusal::ControlByte);
        }
    }
    for bytes in [
        &b"G\0"[..],
        b"GET /\0",
        b"GET / HTTP/1.1\r\nA\0",
        b"GET / HTTP/1.1\r\nA: b\0",
        b"GET / HTTP/1.1\0",
        b"\0",
    ] {
        refused(bytes, FramingRefusal::Nul);
    }
}

#[test]
fn names_are_tokens_up_to_the_colon() {
    accepted(with("!#$%&'*+-.^_`|~09az: x\r\n"));
    for lines in ["A(: x\r\n", ": x\r\n", "A\"B: x\r\n", "A/B: x\r\n", "A\r\n"] {
        refused(with(lines), FramingRefusal::FieldName);
    }
    refused(with("A : x\r\n"), FramingRefusal::SpaceBeforeColon);
    refused(with("A\t: x\r\n"), FramingRefusal::SpaceBeforeColon);
}

#[test]
fn methods_are_tokens_and_never_connect() {
    accepted(line("GET / HTTP/1.1"));
    accepted(line("PROPFIND / HTTP/1.1"));
    accepted(line(&format!("{} / HTTP/1.1", "A".repeat(32))));
    refused("A".repeat(33), FramingRefusal::Method);
    refused("G(T", FramingRefusal::Method);
    refused("GET\t/", FramingRefusal::ControlByte);
    refused("GET\r", FramingRefusal::RequestLine);
    refused(
        "CONNECT a.example:443 HTTP/1.1\r\n",
        FramingRefusal::Connect,
    );
    // A TLS handshake on a plain port.
    refused(b"\x16\x03\x01", FramingRefusal::ControlByte);
}

#[test]
fn versions_other_than_1_0_and_1_1_are_refused() {
    accepted(line("GET / HTTP/1.0"));
    accepted(line("GET / HTTP/1.1"));
    for version in ["HTTP/1.2", "HTTP/0.9", "HTTP/2.0", "HTTP/9.9"] {
        let request = line(&format!("GET / {version}"));
        refused(request, FramingRefusal::VersionUnknown);
    }
    for version in [
        "http/1.1",
        "HTTP/1",
        "HTTP/1,1",
        "HTTP/11",
        "HTTP/1.10",
        " HTTP/1.1",
        "x",
    ] {
        let request = line(&format!("GET / {version}"));
        refused(request, FramingRefusal::VersionSyntax);
    }
    refused("GET / HTTP/1.1 \r\n", FramingRefusal::VersionSyntax);
    refused("GET /\r\n", FramingRefusal::Http09);
    refused(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        FramingRefusal::Http2Preface,
    );
}

#[test]
fn targets_have_a_form_that_is_served() {
    accepted(line("GET /?q=/../%2f HTTP/1.1"));
    accepted(line("OPTIONS * HTTP/1.1"));
    refused(line("GET * HTTP/1.1"), FramingRefusal::Asterisk);
    refused(line("OPTIONS ** HTTP/1.1"), FramingRefusal::TargetForm);
    refused(
        line("GET a.example:80 HTTP/1.1"),
        FramingRefusal::TargetForm,
    );
    refused(line("GET a HTTP/1.1"), FramingRefusal::TargetForm);
    refused(line("GET ?x HTTP/1.1"), FramingRefusal::TargetForm);
    refused(line("GET  / HTTP/1.1"), FramingRefusal::RequestLine);
    refused(line("GET /admin#/pub HTTP/1.1"), FramingRefusal::Fragment);
    refused(line("GET /?a#b HTTP/1.1"), FramingRefusal::Fragment);
}

#[test]
fn connection_lists_tokens_and_no_governing_field() {
    accepted(with("Connection: keep-alive, X-Identity,, close\r\n"));
    refused(with("Connection: a b\r\n"), FramingRefusal::Connection);
    refused(
        with("Connection: \"close\"\r\n"),
        FramingRefusal::Connection,
    );
    let many = vec!["a"; 33].join(",");
    accepted(with(&format!("Connection: {}\r\n", &many[..63])));
    refused(
        with(&format!("Connection: {many}\r\n")),
        FramingRefusal::Connection,
    );
    for name in ["Host", "content-length", "Transfer_Encoding"] {
        let request = with(&format!("Connection: close, {name}\r\n"));
        refused(request, FramingRefusal::ConnectionNamesFraming);
    }
}

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: keep-alive, Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// The key is the sample of RFC 6455 section 1.3.
#[test]
fn the_only_upgrade_is_a_whole_websocket_handshake() {
    accepted(HANDSHAKE);
    accepted(HANDSHAKE.replace("Upgrade: websocket", "Upgrade: WebSocket"));
    for (part, with, refusal) in [
        (
            "Upgrade: websocket",
            "Upgrade: foo",
            FramingRefusal::UpgradeUnknown,
        ),
        (
            "Upgrade: websocket",
            "Upgrade: h2c",
            FramingRefusal::UpgradeUnknown,
        ),
        (
            "Upgrade: websocket",
            "Upgrade: websocket, h2c",
            FramingRefusal::UpgradeUnknown,
        ),
        (
            "Upgrade: websocket",
            "Upgrade: websocket\r\nUpgrade: websocket",
            FramingRefusal::FieldTwice,
        ),
        ("GET", "POST", FramingRefusal::UpgradeIncomplete),
        ("HTTP/1.1", "HTTP/1.0", FramingRefusal::UpgradeIncomplete),
        (", Upgrade", "", FramingRefusal::UpgradeIncomplete),
        (": 13", ": 8", FramingRefusal::UpgradeIncomplete),
        ("ZQ==", "ZQ=", FramingRefusal::UpgradeIncomplete),
        ("ZQ==", "ZR==", FramingRefusal::UpgradeIncomplete),
        (
            "Sec-WebSocket-Key",
            "X-Key",
            FramingRefusal::UpgradeIncomplete,
        ),
        (
            ": 13",
            ": 13\r\nContent-Length: 1",
            FramingRefusal::UpgradeBody,
        ),
        (
            ": 13",
            ": 13\r\nTransfer-Encoding: chunked",
            FramingRefusal::UpgradeBody,
        ),
        (
            ": 13",
            ": 13\r\nSec-WebSocket-Version: 13",
            FramingRefusal::FieldTwice,
        ),
    ] {
        refused(HANDSHAKE.replacen(part, with, 1), refusal);
    }
}

#[test]
fn fields_that_may_stand_once_do() {
    for lines in [
        "Authorization: Bearer a\r\n",
        "Content-Type: text/plain\r\n",
        "Expect: 100-continue\r\n",
    ] {
        accepted(with(lines));
        refused(with(&lines.repeat(2)), FramingRefusal::FieldTwice);
    }
    accepted(with("Accept: a\r\nAccept: b\r\n"));
    refused(with("Expect: 200-ok\r\n"), FramingRefusal::Expect);
    accepted("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");
    refused(
        "TRACE / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n",
        FramingRefusal::TraceBody,
    );
}

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
