//! Field lines, and what several of them mean together.

use wire::FramingRefusal;

use super::{HANDSHAKE, accepted, refused, with};

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
