//! Bytes as text: hexadecimal and base64 (RFC 4648).
//!
//! Encoders give one form; decoders accept that form alone, so that one value has one text and a
//! digest of the text means the same as a digest of the value. What is refused: padding where none
//! belongs, missing padding where it does, spaces, line ends, and last characters with bits that
//! belong to no byte. Faults name a position and never a character: the text may be a secret.

use base64::{
    DecodeError, Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

/// Why a text is not the encoding of any bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeFault {
    /// A character outside the alphabet, at this byte.
    #[error("a character at byte {0} is not of the alphabet")]
    Character(usize),
    /// A length no encoding has.
    #[error("the length is not one an encoding can have")]
    Length,
    /// Padding missing, surplus or misplaced.
    #[error("the padding is not as it must be")]
    Padding,
    /// The last character carries bits that belong to no byte.
    #[error("the last character carries bits that belong to no byte")]
    TrailingBits,
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    hex_into(bytes, &mut text);
    text
}

/// The eight lower-case digits of four bytes, all at once and without a branch.
#[must_use]
pub const fn hex_digits(bytes: [u8; 4]) -> [u8; 8] {
    const ONES: u64 = u64::MAX / 255;
    // Each byte moves to two bytes of its own, and each of those keeps one half of it.
    let wide = u32::from_le_bytes(bytes) as u64;
    let wide = (wide | wide << 16) & 0x0000_ffff_0000_ffff;
    let wide = (wide | wide << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (wide >> 4 | wide << 8) & (ONES * 0x0f);
    // 6 more than a nibble reaches 16 exactly from ten on, where letters begin.
    let letters = ((nibbles + ONES * 6) >> 4) & ONES;
    (nibbles + ONES * b'0' as u64 + letters * (b'a' - b'0' - 10) as u64).to_le_bytes()
}

/// Lower-case hexadecimal of 16 bytes, on the stack.
#[must_use]
pub fn hex_of_16(bytes: &[u8; 16]) -> [u8; 32] {
    let mut text = [0; 32];
    let (quarters, _) = bytes.as_chunks::<4>();
    let (places, _) = text.as_chunks_mut::<8>();
    for (place, quarter) in places.iter_mut().zip(quarters) {
        *place = hex_digits(*quarter);
    }
    text
}

/// Appends lower-case hexadecimal to `text`.
pub fn hex_into(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(if digit < 10 {
                b'0' + digit
            } else {
                b'a' + digit - 10
            }));
        }
    }
}

/// The bytes of a hexadecimal text; both cases are accepted, because providers send both.
pub fn unhex(text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeFault> {
    let (pairs, rest) = text.as_ref().as_chunks::<2>();
    let bytes = pairs
        .iter()
        .enumerate()
        .map(|(at, &[high, low])| {
            let high = hex_digit(high).ok_or(DecodeFault::Character(2 * at))?;
            let low = hex_digit(low).ok_or(DecodeFault::Character(2 * at + 1))?;
            Ok(high << 4 | low)
        })
        .collect::<Result<Vec<u8>, DecodeFault>>()?;
    if rest.is_empty() {
        Ok(bytes)
    } else {
        Err(DecodeFault::Length)
    }
}

const fn hex_digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

/// Bytes with their percent-escapes decoded (RFC 3986 section 2.1), once; a `%` that no two digits
/// follow stays. For looking at what a lenient reader would see, not for passing on.
#[must_use]
pub fn unpercent(bytes: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = behind
            .split_first_chunk::<2>()
            .filter(|_| byte == b'%')
            .and_then(|(digits, behind)| Some((unhex(digits).ok()?, behind)));
        match escaped {
            Some((bytes, behind)) => {
                decoded.extend_from_slice(&bytes);
                rest = behind;
            }
            None => {
                decoded.push(byte);
                rest = behind;
            }
        }
    }
    decoded
}

/// Base64 with padding (RFC 4648 section 4).
#[must_use]
pub fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The bytes of a padded base64 text.
pub fn unbase64(text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeFault> {
    STANDARD.decode(text).map_err(fault)
}

/// Base64 for URLs, without padding (RFC 4648 section 5, as in RFC 7515 section 2).
#[must_use]
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends [`base64url`] to `text`.
pub fn base64url_into(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

/// The bytes of an unpadded base64 text in the URL alphabet.
pub fn unbase64url(text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeFault> {
    URL_SAFE_NO_PAD.decode(text).map_err(fault)
}

const fn fault(fault: DecodeError) -> DecodeFault {
    match fault {
        DecodeError::InvalidByte(at, _) => DecodeFault::Character(at),
        DecodeError::InvalidLength(_) => DecodeFault::Length,
        DecodeError::InvalidLastSymbol { .. } => DecodeFault::TrailingBits,
        DecodeError::InvalidPadding => DecodeFault::Padding,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// RFC 4648 section 10.
    #[test]
    fn escapes_are_decoded_once_and_what_is_none_stays() {
        for (text, decoded) in [
            ("", ""),
            ("a%2Fb%2f", "a/b/"),
            ("%25%32%65", "%2e"),
            ("%252e", "%2e"),
            ("100%", "100%"),
            ("%zz%4", "%zz%4"),
            ("%%41", "%A"),
        ] {
            assert_eq!(unpercent(text.as_bytes()), decoded.as_bytes(), "{text}");
        }
        assert_eq!(unpercent(b"%ff"), [0xff]);
    }

    #[test]
    fn digits_of_four_and_of_sixteen_bytes_are_those_of_one_at_a_time() {
        for byte in 0..=255_u8 {
            for place in 0..16 {
                let mut bytes = [0x5a; 16];
                bytes[place] = byte;
                assert_eq!(hex_of_16(&bytes), hex(&bytes).as_bytes());
            }
            assert_eq!(
                hex_digits([byte, 0, 9, byte]),
                hex(&[byte, 0, 9, byte]).as_bytes()
            );
        }
    }

    #[test]
    fn the_rfc_4648_vectors_hold() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
            assert_eq!(unbase64(text).unwrap(), bytes.as_bytes());
            assert_eq!(base64url(bytes.as_bytes()), text.trim_end_matches('='));
        }
        assert_eq!(hex(b"foobar"), "666f6f626172");
    }

    #[test]
    fn one_value_has_one_base64_text() {
        assert_eq!(unbase64("Zg=="), Ok(b"f".to_vec()));
        assert_eq!(unbase64("Zg"), Err(DecodeFault::Padding));
        assert_eq!(unbase64("Zh=="), Err(DecodeFault::TrailingBits));
        assert_eq!(unbase64("Zg==\n"), Err(DecodeFault::Character(4)));
        assert_eq!(unbase64(" Zg=="), Err(DecodeFault::Character(0)));
        assert_eq!(unbase64("-_-_"), Err(DecodeFault::Character(0)));
        assert_eq!(unbase64url("Zg"), Ok(b"f".to_vec()));
        assert!(unbase64url("Zg==").is_err());
        assert_eq!(unbase64url("Zh"), Err(DecodeFault::TrailingBits));
        assert!(unbase64url("Z").is_err());
        assert_eq!(unbase64url("+/+/"), Err(DecodeFault::Character(0)));
    }

    #[test]
    fn hexadecimal_takes_both_cases_and_nothing_else() {
        assert_eq!(unhex("00fF"), Ok(vec![0, 255]));
        assert_eq!(unhex("0"), Err(DecodeFault::Length));
        assert_eq!(unhex("0g"), Err(DecodeFault::Character(1)));
        assert_eq!(unhex("0x00"), Err(DecodeFault::Character(1)));
        assert_eq!(unhex("é"), Err(DecodeFault::Character(0)));
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_itself(bytes: Vec<u8>) {
            prop_assert_eq!(&unhex(hex(&bytes)).unwrap(), &bytes);
            prop_assert_eq!(&unbase64(base64(&bytes)).unwrap(), &bytes);
            prop_assert_eq!(&unbase64url(base64url(&bytes)).unwrap(), &bytes);
        }

        #[test]
        fn what_decodes_encodes_to_itself(text in "[A-Za-z0-9+/=_-]{0,24}") {
            if let Ok(bytes) = unbase64(&text) {
                prop_assert_eq!(base64(&bytes), text.clone());
            }
            if let Ok(bytes) = unbase64url(&text) {
                prop_assert_eq!(base64url(&bytes), text.clone());
            }
        }
    }
}
