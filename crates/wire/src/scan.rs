//! Classes of bytes and the walks over them.
//!
//! Owns which bytes may stand where (RFC 9110 section 5.6.2, RFC 9112 section 3). Refuses nothing
//! itself: each walk says where the first foreign byte lies and its caller names the refusal.
//! Trusts no byte.

/// Start and end of some bytes within the buffer a head was parsed from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// Offsets within a head; heads are far below 4 GiB because their limits are 32-bit.
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes, or nothing when `bytes` is not the buffer the span was made from.
    #[must_use]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const HOST: u8 = 4;

/// A word whose bytes are all 1.
const ONES: u64 = u64::MAX / 255;

static CLASSES: [u8; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, where a bad index is a build failure"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut byte: u8 = 0x21;
    while byte < 0x7f {
        let mut class = 0;
        if byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_'
            )
            || matches!(byte, b'`' | b'|' | b'~')
        {
            class |= TOKEN;
        }
        if byte != b'#' {
            class |= TARGET;
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
            class |= HOST;
        }
        table[byte as usize] = class;
        byte += 1;
    }
    table
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|classes| classes & class != 0)
}

#[inline]
fn walk(bytes: &[u8], from: usize, class: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    match rest.iter().position(|&byte| !is(byte, class)) {
        Some(length) => from + length,
        None => bytes.len(),
    }
}

/// Whether the byte may stand in a token (RFC 9110 section 5.6.2).
#[inline]
pub(crate) fn is_token_byte(byte: u8) -> bool {
    is(byte, TOKEN)
}

/// Whether the bytes are a token: at least one byte, all of them token bytes.
#[must_use]
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && token_end(bytes, 0) == bytes.len()
}

/// Whether the bytes may be a field value: no control byte but tab.
#[must_use]
pub fn is_value(bytes: &[u8]) -> bool {
    value_end(bytes, 0) == bytes.len()
}

/// Whether the byte may stand in a field value.
#[inline]
pub(crate) const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= 0x20 && byte != 0x7f)
}

/// Whether the bytes may be a request target: visible ASCII without `#`.
pub(crate) fn is_target(bytes: &[u8]) -> bool {
    !bytes.is_empty() && target_end(bytes, 0) == bytes.len()
}

/// Length of the host name or IPv4 address that the bytes begin with.
pub(crate) fn host_name_end(bytes: &[u8]) -> usize {
    walk(bytes, 0, HOST)
}

/// Offset of the first byte at or after `from` that is not part of a token.
#[inline]
pub(crate) fn token_end(bytes: &[u8], from: usize) -> usize {
    token_walk(bytes, from).0
}

/// As [`token_end`], and whether the token is letters, digits and dashes alone.
#[inline]
pub(crate) fn token_walk(bytes: &[u8], from: usize) -> (usize, bool) {
    let (mut at, mut plain) = (from, true);
    loop {
        at = name_end(bytes, at);
        // Digits and the rarer signs leave the wide walk for one byte.
        match bytes.get(at) {
            None | Some(b':') => return (at, plain),
            Some(byte) if byte.is_ascii_digit() => {}
            Some(&byte) if is_token_byte(byte) => plain = false,
            Some(_) => return (at, plain),
        }
        at += 1;
    }
}

/// Walks eight bytes at a time to the first byte that is neither letter nor dash.
#[inline]
fn name_end(bytes: &[u8], from: usize) -> usize {
    let (words, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut at = from;
    for word in words {
        let word = u64::from_le_bytes(*word);
        // Sums of 7-bit bytes carry into their own eighth bit and no further.
        let low = (word | (ONES * 0x20)) & (ONES * 0x7f);
        let from_a = low + ONES * (0x80 - b'a' as u64);
        let beyond_z = low + ONES * (0x7f - b'z' as u64);
        let not_dash = ((word & (ONES * 0x7f)) ^ (ONES * b'-' as u64)) + ONES * 0x7f;
        let marks = (word | !((from_a & !beyond_z) | !not_dash)) & (ONES * 0x80);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    match tail
        .iter()
        .position(|&b| !b.is_ascii_alphabetic() && b != b'-')
    {
        Some(length) => at + length,
        None => bytes.len(),
    }
}

/// Offset of the first byte at or after `from` that is not part of a request target, eight bytes at
/// a time.
#[inline]
pub(crate) fn target_end(bytes: &[u8], from: usize) -> usize {
    let (words, _) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut at = from;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let low = word.wrapping_sub(ONES * 0x21) & !word;
        let marks =
            (word | low | is_zero(word ^ (ONES * 0x7f)) | is_zero(word ^ (ONES * b'#' as u64)))
                & (ONES * 0x80);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    walk(bytes, at, TARGET)
}

/// Marks the eighth bit of each zero byte, and perhaps of bytes above one.
#[inline]
const fn is_zero(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word
}

/// Offset of the first byte at or after `from` that is not part of a field value.
#[inline]
pub(crate) fn value_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    loop {
        at = no_control_end(bytes, at);
        // Tab is the one control byte a value may hold; it is rare enough to leave the fast walk.
        if bytes.get(at) != Some(&b'\t') {
            return at;
        }
        at += 1;
    }
}

/// Walks eight bytes at a time to the first byte below 0x20 or equal to 0x7f.
#[inline]
fn no_control_end(bytes: &[u8], from: usize) -> usize {
    let (words, tail) = bytes.get(from..).unwrap_or_default().as_chunks::<8>();
    let mut at = from;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let low = word.wrapping_sub(ONES * 0x20) & !word;
        let delete = is_zero(word ^ (ONES * 0x7f));
        // A borrow can only mark bytes above a byte that is marked rightly, so the lowest is exact.
        let marks = (low | delete) & (ONES * 0x80);
        if marks != 0 {
            return at + (marks.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    match tail.iter().position(|&b| b < 0x20 || b == 0x7f) {
        Some(length) => at + length,
        None => bytes.len(),
    }
}

/// The bytes without spaces and tabs at either end.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let [b' ' | b'\t', inner @ ..] | [inner @ .., b' ' | b'\t'] = rest {
        rest = inner;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_in_the_class_the_standard_gives_it() {
        for byte in 0..=255_u8 {
            let token = byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert_eq!(is_token(&[byte]), token, "{byte:#x}");
            assert_eq!(is_target(&[byte]), byte.is_ascii_graphic() && byte != b'#');
            let value = byte == b'\t' || (byte >= 0x20 && byte != 0x7f);
            assert_eq!(is_value(&[byte]), value, "{byte:#x}");
            assert_eq!(is_value_byte(byte), value, "{byte:#x}");
        }
    }

    #[test]
    fn the_wide_walk_stops_at_each_control_byte_in_each_lane() {
        for byte in 0..=255_u8 {
            for lane in 0..20 {
                let mut bytes = [b'a'; 21];
                bytes[lane] = byte;
                // A neighbour that borrows or carries must not move the answer.
                bytes[lane + 1] = 0x80;
                let expected = if is_value_byte(byte) { 21 } else { lane };
                assert_eq!(value_end(&bytes, 0), expected, "{byte:#x} in lane {lane}");
            }
        }
    }

    #[test]
    fn the_wide_token_walk_agrees_with_the_classes() {
        for byte in 0..=255_u8 {
            for lane in 0..20 {
                let mut bytes = *b"aZ-zA_x9-mN.ooooooooo";
                bytes[lane] = byte;
                bytes[lane + 1] = 0x80;
                let expected = if is_token_byte(byte) { lane + 1 } else { lane };
                assert_eq!(token_end(&bytes, 0), expected, "{byte:#x} in lane {lane}");
            }
        }
    }

    #[test]
    fn the_wide_target_walk_agrees_with_the_classes() {
        for byte in 0..=255_u8 {
            for lane in 0..20 {
                let mut bytes = *b"/a~!\"$}?c=%20d~~z!!|.";
                bytes[lane] = byte;
                bytes[lane + 1] = 0x80;
                let expected = if is(byte, TARGET) { lane + 1 } else { lane };
                assert_eq!(target_end(&bytes, 0), expected, "{byte:#x} in lane {lane}");
            }
        }
    }

    #[test]
    fn only_letters_digits_and_dashes_are_plain() {
        for byte in (0..=255_u8).filter(|&byte| is_token_byte(byte)) {
            for lane in 0..11 {
                let mut bytes = *b"X-Api-Key-9:";
                bytes[lane] = byte;
                let plain = byte.is_ascii_alphanumeric() || byte == b'-';
                assert_eq!(
                    token_walk(&bytes, 0),
                    (11, plain),
                    "{byte:#x} in lane {lane}"
                );
            }
        }
    }

    #[test]
    fn trimming_takes_white_space_from_both_ends_only() {
        assert_eq!(trim(b" \ta b\t "), b"a b");
        assert_eq!(trim(b" \t "), b"");
    }
}
