//! The fuzz bodies under generated inputs.

use connect::fuzz;
use proptest::{collection::vec, prelude::*};

/// Pieces out of which both sound and broken URLs are made.
const PIECES: &[&str] = &[
    "http://",
    "https://",
    "HTTP:",
    "//",
    "/",
    "\\",
    "@",
    ":",
    "?",
    "#",
    "%",
    "%2e",
    ".",
    "..",
    "./",
    "../",
    "[",
    "]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "127.0.0.1",
    "127.1",
    "0x7f",
    "2130706433",
    "localhost",
    "id.example",
    "xn--a",
    "a_b",
    ":80",
    ":443",
    ":0",
    "%25lo",
    "\n",
    "\t",
    " ",
    "é",
    "。",
    "a",
    "1",
    "-",
    "user:pass@",
];

fn text() -> impl Strategy<Value = String> {
    let piece = (0..PIECES.len()).prop_map(|at| PIECES.get(at).copied().unwrap_or_default());
    vec(piece, 0..9).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn urls_and_references_are_sound(start in 0..3_usize, base in text(), reference in text()) {
        let start = ["", "http://id.example", "https://a.b/"].get(start).copied().unwrap_or_default();
        fuzz::url(format!("{start}{base}\n{reference}").as_bytes());
        fuzz::url(format!("http://id.example/a/b?c\n{reference}").as_bytes());
    }

    #[test]
    fn what_is_allowed_is_public_or_opened(
        head in any::<[u8; 3]>(),
        kinds in vec((any::<u8>(), any::<[u8; 16]>(), any::<bool>()), 1..4),
    ) {
        let mut data = head.to_vec();
        for (kind, mut octets, near) in kinds {
            // Near the exception's network, where otherwise nothing random would fall.
            if near {
                octets[..3].copy_from_slice(&[10, 1, 5 + kind % 5]);
            }
            data.push(kind);
            let taken = if kind % 6 == 0 { 16 } else { 4 };
            data.extend_from_slice(&octets[..taken]);
        }
        fuzz::judged(&data);
    }
}
