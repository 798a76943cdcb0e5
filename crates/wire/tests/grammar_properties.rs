//! The fuzz bodies under generated and mutated inputs.

use proptest::collection::vec;
use proptest::prelude::*;
use wire::fuzz;

/// Pieces out of which both sound and broken heads are made.
const HEAD_PIECES: &[&str] = &[
    "GET / HTTP/1.1\r\n",
    "POST /a?b=c HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "GET http://a.example/x HTTP/1.1\r\n",
    "GET /old HTTP/1.0\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204 \r\n",
    "HTTP/1.1 101 Switching Protocols\r\n",
    "HTTP/1.0 304 x\r\n",
    "Host: a.example\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close, X-Identity\r\n",
    "Connection: Upgrade\r\n",
    "Upgrade: websocket\r\n",
    "Sec-WebSocket-Version: 13\r\n",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n",
    "Expect: 100-continue\r\n",
    "X_Forwarded_For: 192.0.2.1\r\n",
    "Accept:\t a , b \t\r\n",
    "A: caf\u{e9}\r\n",
    "\r\n",
    "\r",
    "\n",
    " ",
    ":",
    "\0",
    "#",
];

/// Whole heads, so that a change of one byte lands in an otherwise sound one.
const WHOLE: &[&str] = &[
    "GET /ws HTTP/1.1\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    "POST http://a.example/x?y HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nDate: x\r\n\r\n",
];

const CHUNK_PIECES: &[&str] = &[
    "5\r\nhello\r\n",
    "A;x=y\r\n0123456789\r\n",
    "0\r\n",
    "\r\n",
    "X-Trailer: z\r\n",
    "1",
    "f",
    ";",
    "\r",
    "\n",
    " ",
    "7fffffffffffffff\r\n",
];

const PATH_PIECES: &[&str] = &[
    "/", "a", "B", ".", "..", ";x", "%", "%2", "%25", "%2f", "%2e", "%41", "%C3%A9", "%ff", "\\",
    "~", "\u{e9}", " ", "%3B", "%00", "%20", "*",
];

const HOST_PIECES: &[&str] = &[
    "a",
    "example.com",
    ".",
    "-",
    "_",
    ":",
    "80",
    "65536",
    "[",
    "::1",
    "]",
    "@",
    "%",
    "/",
    "127.0.0.1",
];

/// A run of pieces with up to three bytes changed.
fn mutated(pieces: &'static [&'static str], most: usize) -> impl Strategy<Value = Vec<u8>> {
    let text = vec(proptest::sample::select(pieces), 0..most)
        .prop_map(|pieces| pieces.concat().into_bytes());
    let changes = vec((any::<proptest::sample::Index>(), any::<u8>()), 0..3);
    (text, changes, any::<bool>()).prop_map(|(mut text, changes, change)| {
        for (at, byte) in changes {
            if change && !text.is_empty() {
                let at = at.index(text.len());
                if let Some(place) = text.get_mut(at) {
                    *place = byte;
                }
            }
        }
        text
    })
}

/// A first line, Host, some fields and the end: most of these are accepted.
fn mostly_sound() -> impl Strategy<Value = Vec<u8>> {
    let (first, rest) = HEAD_PIECES.split_at(9);
    let (fields, _) = rest.split_at(14);
    let first = proptest::sample::select(first);
    let fields = vec(proptest::sample::select(fields), 0..5);
    (first, any::<bool>(), fields).prop_map(|(first, hosted, fields)| {
        let host = if hosted { "Host: a.example\r\n" } else { "" };
        format!("{first}{host}{}\r\n", fields.concat()).into_bytes()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(384))]

    #[test]
    fn heads_of_pieces_hold_every_invariant(bytes in mutated(HEAD_PIECES, 10)) {
        fuzz::request_head(&bytes);
        fuzz::answer_head(&bytes);
    }

    #[test]
    fn mostly_sound_heads_hold_every_invariant(bytes in mostly_sound()) {
        fuzz::request_head(&bytes);
        fuzz::answer_head(&bytes);
    }

    #[test]
    fn whole_heads_hold_every_invariant(bytes in mutated(WHOLE, 2)) {
        fuzz::request_head(&bytes);
        fuzz::answer_head(&bytes);
    }

    #[test]
    fn arbitrary_bytes_hold_every_invariant(bytes in vec(any::<u8>(), 0..64)) {
        fuzz::request_head(&bytes);
        fuzz::answer_head(&bytes);
        fuzz::chunked(&bytes);
        fuzz::path(&bytes);
        fuzz::authority(&bytes);
    }

    #[test]
    fn chunked_bodies_hold_every_invariant(bytes in mutated(CHUNK_PIECES, 12)) {
        fuzz::chunked(&bytes);
    }

    #[test]
    fn paths_hold_every_invariant(bytes in mutated(PATH_PIECES, 10)) {
        fuzz::path(&bytes);
        fuzz::path(&[b"/", bytes.as_slice()].concat());
    }

    #[test]
    fn hosts_hold_every_invariant(bytes in mutated(HOST_PIECES, 5)) {
        fuzz::authority(&bytes);
    }
}
