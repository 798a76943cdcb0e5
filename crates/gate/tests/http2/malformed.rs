//! Requests that are none: nothing of them reaches the app.

use crate::{
    peer::{BAD_REQUEST, DATA, End, GET, HEADERS, LAST, OK, PROTOCOL_ERROR, WHOLE, block, open},
    support::Origin,
};

type Fields = Vec<(&'static str, &'static str)>;

/// [`GET`] with `more` behind it.
fn with(more: &[(&'static str, &'static str)]) -> Fields {
    [&GET[..], more].concat()
}

/// [`GET`] with another value for one of its fields.
fn but(name: &str, value: &'static str) -> Fields {
    let mut fields = GET.to_vec();
    for field in &mut fields {
        if field.0 == name {
            field.1 = value;
        }
    }
    fields
}

fn without(name: &str) -> Fields {
    let mut fields = GET.to_vec();
    fields.retain(|field| field.0 != name);
    fields
}

#[test]
fn malformed_heads_never_reach_the_app() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let ended = |fields: &Fields| {
        let mut peer = site.peer();
        peer.headers(1, true, fields);
        peer.end(1)
    };
    for fields in [
        with(&[("x-a", "b")]),
        with(&[("te", "trailers")]),
        with(&[("host", "gate.test")]),
        with(&[("cookie", "a=b"), ("cookie", "c=d")]),
        [without(":authority"), vec![("host", "gate.test")]].concat(),
        with(&[("content-length", "0")]),
        but(":path", "/a?b=c"),
    ] {
        assert_eq!(ended(&fields), End::Answered(OK), "{fields:?}");
    }
    let served = origin.connections();
    for fields in [
        with(&[("connection", "close")]),
        with(&[("transfer-encoding", "chunked")]),
        with(&[("upgrade", "websocket")]),
        with(&[("keep-alive", "timeout=5")]),
        with(&[("proxy-connection", "keep-alive")]),
        with(&[("http2-settings", "AAAA")]),
        with(&[("te", "gzip")]),
        with(&[("X-A", "b")]),
        with(&[("x-a", "b\r\nx-b: c")]),
        with(&[("x-a", "b\nx-b: c")]),
        with(&[("x-a", "b\0")]),
        with(&[("x-a", " b")]),
        with(&[("x-a", "b\t")]),
        with(&[("x-a\r\nx-b", "c")]),
        with(&[("x a", "b")]),
        with(&[("x-a:", "b")]),
        with(&[("", "b")]),
        with(&[(":path", "/other")]),
        with(&[(":method", "POST")]),
        with(&[(":authority", "other.test")]),
        with(&[(":unknown", "x")]),
        with(&[(":status", "200")]),
        with(&[("host", "other.test")]),
        with(&[("host", "gate.test"), ("host", "other.test")]),
        with(&[("content-length", "5")]),
        with(&[("content-length", "0"), ("content-length", "0")]),
        with(&[("content-length", "+0")]),
        with(&[("content-length", "0x0")]),
        but(":path", ""),
        but(":path", "*"),
        but(":path", "other"),
        but(":path", "?a=b"),
        but(":path", "/a b"),
        but(":path", "/ HTTP/1.1\r\nx-a: b"),
        but(":path", "https://other.test/"),
        but(":path", "//../%2e%2e/"),
        but(":path", "/a%2fb"),
        but(":method", "GET / HTTP/1.1\r\nx-a:"),
        but(":method", "GE T"),
        but(":method", ""),
        but(":method", "CONNECT"),
        but(":scheme", "http"),
        but(":scheme", "ftp"),
        but(":scheme", ""),
        but(":authority", ""),
        but(":authority", "user@gate.test"),
        but(":authority", "gate.test/x"),
        but(":authority", "gate.test\r\nx-a: b"),
        but(":authority", "other.test"),
        without(":method"),
        without(":scheme"),
        without(":path"),
        without(":authority"),
        vec![(":method", "CONNECT"), (":authority", "gate.test:443")],
        vec![
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":path", "/"),
            (":authority", "gate.test"),
        ],
    ] {
        let ended = ended(&fields);
        assert_ne!(ended, End::Answered(OK), "{fields:?}");
        assert_ne!(ended, End::Closed, "{fields:?}");
    }
    let mut late = vec![("x-a", "b")];
    late.extend(GET);
    assert_eq!(ended(&late), End::Reset(PROTOCOL_ERROR));
    assert_eq!(origin.connections(), served);
    site.gate.has_refused("wire.framing");
    assert!(site.serves());
}

#[test]
fn two_hosts_are_refused_as_over_http_1() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let mut peer = site.peer();
    peer.headers(1, true, &with(&[("host", "other.test")]));
    assert_eq!(peer.end(1), End::Answered(BAD_REQUEST));
    // The connection goes on: nothing on it is in doubt.
    peer.headers(3, true, &GET);
    assert!(matches!(peer.end(3), End::Answered(_)));
}

#[test]
fn bodies_are_as_long_as_they_say() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let sent = |body: &[u8]| {
        let mut peer = site.peer();
        let mut fields = but(":method", "POST");
        fields.push(("content-length", "5"));
        peer.headers(1, false, &fields);
        peer.frame(DATA, LAST, 1, body);
        peer.end(1)
    };
    assert_eq!(sent(b"12345"), End::Answered(OK));
    for body in [&b"1234"[..], b"123456", b"", b"12345GET / HTTP/1.1\r\n\r\n"] {
        let ended = sent(body);
        assert_ne!(ended, End::Answered(OK), "{body:?}");
    }
    assert!(site.serves());
}

#[test]
fn a_body_without_its_end_is_not_whole() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let mut peer = site.peer();
    peer.headers(1, false, &but(":method", "POST"));
    peer.frame(DATA, 0, 1, b"half");
    peer.frame(
        HEADERS,
        WHOLE,
        1,
        &block(&[("x-trailer", "without the end")]),
    );
    assert_ne!(peer.end(1), End::Answered(OK));
    assert!(site.serves());
}

#[test]
fn whoever_chose_http_2_and_speaks_http_1_is_told_nothing() {
    let origin = Origin::mirror();
    let site = open(origin.address, "");
    let mut peer = site.peer_without_preface();
    peer.send(b"GET / HTTP/1.1\r\nHost: gate.test\r\n\r\n");
    assert_ne!(peer.end(1), End::Answered(OK));
    assert_eq!(origin.connections(), 0);
    site.gate.has_refused("wire.framing");
    assert!(site.serves());
}
