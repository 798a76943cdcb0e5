//! Methods, targets and versions.

use wire::{FramingRefusal, HeadLimits, Parsed, RequestHead};

use super::{accepted, line, refused};

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
