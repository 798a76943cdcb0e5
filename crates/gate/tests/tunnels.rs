//! WebSockets through a running gate.

mod support;

use std::sync::mpsc;

use support::{Origin, get, ok, start, start_at};

const HANDSHAKE: &str = "GET /stream HTTP/1.1\r\nHost: gate.test\r\nOrigin: http://gate.test\r\n\
    Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: streamlit\r\n\r\n";

/// RFC 6455 section 1.3 gives the accept value for that key.
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\
    Sec-WebSocket-Protocol: streamlit\r\n\r\n";

fn echo() -> Origin {
    Origin::scripted(|_, mut wire| {
        let head = wire.head().to_ascii_lowercase();
        assert!(head.contains("upgrade: websocket") && head.contains("connection: upgrade"));
        assert!(
            head.contains("sec-websocket-key: dghl") && head.contains("origin: http://gate.test")
        );
        wire.send([SWITCHING, "hello"].concat());
        loop {
            let byte = wire.exactly(1);
            if byte == b"." {
                return;
            }
            wire.send(byte);
        }
    })
}

#[test]
fn a_websocket_carries_bytes_both_ways() {
    let gate = start(&echo());
    let mut client = gate.connect();
    client.send(HANDSHAKE);
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 "));
    let lower = head.to_ascii_lowercase();
    assert!(lower.contains("upgrade: websocket") && lower.contains("connection: upgrade"));
    assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(client.exactly(5), b"hello");
    for word in ["one", "two"] {
        client.send(word);
        assert_eq!(client.exactly(3), word.as_bytes());
    }
    client.send(".");
    assert!(client.ended());
}

#[test]
fn nothing_may_follow_a_handshake_before_its_answer() {
    let origin = echo();
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send([HANDSHAKE, "GET /admin HTTP/1.1\r\n\r\n"].concat());
    assert_eq!(client.answer().status, 400);
    assert!(client.ended());
    assert_eq!(origin.connections(), 0);
}

#[test]
fn an_upstream_that_does_not_switch_answers_as_usual() {
    let origin = Origin::answering(|_, _| ok(b"plain"));
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(HANDSHAKE);
    let answer = client.answer();
    assert_eq!((answer.status, answer.text().as_str()), (200, "plain"));
}

#[test]
fn an_unknown_upgrade_is_refused() {
    let origin = Origin::mirror();
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send("GET / HTTP/1.1\r\nHost: gate.test\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n");
    assert_eq!(client.answer().status, 400);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn a_silent_websocket_ends() {
    let gate = start_at(echo().address, "[limits]\nstream_idle = \"1s\"\n");
    let mut client = gate.connect();
    client.send(HANDSHAKE);
    client.head();
    client.exactly(5);
    assert!(client.ended());
}

#[test]
fn a_websocket_ends_for_the_upstream_when_its_client_leaves() {
    let (left, leaves) = mpsc::channel();
    let origin = Origin::scripted(move |_, mut wire| {
        wire.head();
        wire.send(SWITCHING);
        let _ = wire.rest();
        left.send(()).unwrap();
    });
    let gate = start(&origin);
    let mut client = gate.connect();
    client.send(HANDSHAKE);
    client.head();
    drop(client);
    leaves.recv_timeout(support::PATIENCE).unwrap();
    let mut client = gate.connect();
    client.send(get("/.vouchsafe/health"));
    assert_eq!(client.answer().status, 200);
}

#[test]
fn a_switch_that_answers_another_handshake_is_refused() {
    for wrong in [
        "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOO=\r\n",
    ] {
        let origin = Origin::scripted(move |_, mut wire| {
            wire.head();
            wire.send(SWITCHING.replace(
                "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
                wrong,
            ));
            let _ = wire.rest();
        });
        let gate = start(&origin);
        let mut client = gate.connect();
        client.send(HANDSHAKE);
        assert_eq!(client.answer().status, 502);
        gate.has_refused("gate.upstream");
    }
}
