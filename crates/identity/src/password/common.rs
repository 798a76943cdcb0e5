//! Passwords that everybody knows.
//!
//! Owns the list: the 19,640 passwords found most often in breaches. Kept as the first eight bytes of
//! the SHA-256 of each, sorted: what is looked up is never a text, and the binary offends nobody. A
//! password that is not on the list is taken for one with a chance of one in 10^15. The source and the
//! way to renew it stand in `docs/dependencies.md`.

/// Bytes of each.
const WIDTH: usize = 8;

static LIST: &[u8] = include_bytes!("common.bin");

/// Whether a password, in lower case, is on the list.
#[must_use]
pub fn knows(lower: &str) -> bool {
    let digest = seal::sha256(lower.as_bytes());
    let Some(wanted) = digest.first_chunk::<WIDTH>() else {
        return false;
    };
    let (entries, _) = LIST.as_chunks::<WIDTH>();
    entries.binary_search(wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_in_order() {
        let (entries, rest) = LIST.as_chunks::<WIDTH>();
        assert_eq!((entries.len(), rest.len()), (19_640, 0));
        assert!(entries.is_sorted_by(|one, next| one < next));
    }

    #[test]
    fn common_passwords_are_known_and_others_are_not() {
        for common in ["123456", "password", "qwerty", "iloveyou", "welkom"] {
            assert!(knows(common), "{common}");
        }
        for other in ["", "Password", "copper lantern", "vouchsafe"] {
            assert!(!knows(other), "{other}");
        }
    }
}
