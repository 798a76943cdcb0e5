//! The fuzz bodies on random input, and on good files with a few bytes changed.
#![expect(clippy::indexing_slicing, reason = "a test may fail loudly")]

mod common;

use common::*;
use proptest::prelude::*;
use upload::{Kind, fuzz};

/// A good file with some bytes changed, a piece cut out or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let changes = proptest::collection::vec((any::<u16>(), any::<u8>()), 0..4);
    (0..Kind::ALL.len(), changes, any::<u16>(), 0..5_u8).prop_map(|(kind, changes, place, how)| {
        let mut bytes = good(Kind::ALL[kind]).2;
        // Most of what matters stands in the first bytes.
        for (at, byte) in changes {
            let near = if at % 3 == 0 {
                bytes.len()
            } else {
                bytes.len().min(200)
            };
            bytes[usize::from(at) % near] = byte;
        }
        let place = usize::from(place) % bytes.len();
        match how {
            0 => bytes.truncate(place),
            1 => drop(bytes.drain(place..(place + 7).min(bytes.len()))),
            2 => bytes.extend_from_within(place..),
            _ => {}
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn damaged_files_are_judged_without_a_panic_and_alike_in_pieces(bytes in damaged()) {
        fuzz::file(&bytes);
    }

    #[test]
    fn random_files_are_judged_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fuzz::file(&bytes);
        fuzz::name(&bytes);
        fuzz::multipart(&bytes);
        fuzz::csv(&bytes);
    }

    #[test]
    fn random_tables_keep_the_invariants(
        bytes in proptest::collection::vec(
            proptest::sample::select(&b"ab,,;\"\"\n\n\r\t\xc3\xa9\xef\xbb\xbf\0"[..]), 0..60)
    ) {
        fuzz::csv(&bytes);
    }

    #[test]
    fn random_forms_keep_the_invariants(
        parts in proptest::collection::vec(proptest::sample::select(&[
            "--b", "\r\n", "--", "\n", "a", "Content-Disposition: form-data; name=a",
            "Content-Disposition: form-data; name=\"a\"; filename=\"b\"", "\r\n--b\r\n",
            "\r\n\r\n", "\r\n--b--", "multipart/form-data; boundary=",
        ][..]), 0..14)
    ) {
        fuzz::multipart(parts.concat().as_bytes());
        fuzz::multipart(["--b\r\n", &parts.concat(), "\r\n--b--"].concat().as_bytes());
    }

    #[test]
    fn random_names_keep_the_invariants(name in "[a-z./\\\\%:0-9 é\u{202e}\u{0}-]{0,12}") {
        fuzz::name(name.as_bytes());
    }
}
