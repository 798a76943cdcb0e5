//! Comparison that takes as long for a near miss as for a wild guess.

/// Whether `a` and `b` are the same bytes, in time that depends on their length alone.
///
/// Slices of different length are unequal at once: the length of a digest, a tag or a key is not a
/// secret here, only its content is.
#[must_use]
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a, b).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_equal() {
        assert!(equal(b"", b""));
        assert!(equal(b"secret", b"secret"));
    }

    #[test]
    fn any_other_bytes_are_not() {
        assert!(!equal(b"secret", b"secreT"));
        assert!(!equal(b"secret", b"Secret"));
        assert!(!equal(b"secret", b"secre"));
        assert!(!equal(b"", b"s"));
    }
}
