//! Where a body ends (RFC 9112 section 6).
//!
//! Owns Content-Length and Transfer-Encoding. Refuses every head in which the two could lead two
//! readers to two lengths, instead of choosing one. Trusts no field.

use crate::fields::Line;
use crate::head::Version;
use crate::names::Name;
use crate::refusal::FramingRefusal;

/// How the length of a body is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFraming {
    /// There is no body.
    None,
    /// Exactly this many bytes, below 2^63. `Length(0)` is an announced empty body.
    Length(u64),
    /// The chunked coding.
    Chunked,
    /// Answers only: until the upstream closes the connection.
    UntilClose,
}

/// What Content-Length and Transfer-Encoding of a head say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Announced {
    pub(crate) length: Option<u64>,
    pub(crate) chunked: bool,
}

impl Announced {
    pub(crate) const NOTHING: Self = Self {
        length: None,
        chunked: false,
    };

    /// Reads the field if it is one of the two.
    pub(crate) fn note(&mut self, line: &Line<'_>, version: Version) -> Result<(), FramingRefusal> {
        match line.kind {
            Name::ContentLength if line.again => return Err(FramingRefusal::LengthTwice),
            Name::ContentLength => self.length = Some(length(line.value)?),
            Name::TransferEncoding if line.again => return Err(FramingRefusal::CodingTwice),
            Name::TransferEncoding if version == Version::Http10 => {
                return Err(FramingRefusal::CodingOnHttp10);
            }
            // Exactly as every sender writes it: a reader that compares case would not see another
            // spelling, although RFC 9112 section 7 lets the case differ.
            Name::TransferEncoding if line.value != b"chunked" => {
                return Err(FramingRefusal::CodingUnknown);
            }
            Name::TransferEncoding => self.chunked = true,
            _ => return Ok(()),
        }
        if self.chunked && self.length.is_some() {
            return Err(FramingRefusal::LengthAndCoding);
        }
        Ok(())
    }

    /// The framing, with what holds when neither field was sent.
    pub(crate) const fn framing(self, otherwise: BodyFraming) -> BodyFraming {
        match (self.chunked, self.length) {
            (true, _) => BodyFraming::Chunked,
            (false, Some(length)) => BodyFraming::Length(length),
            (false, None) => otherwise,
        }
    }
}

/// Reads a plain decimal number below 2^63, without sign, list, white space or leading zero, which
/// some readers take for octal.
fn length(value: &[u8]) -> Result<u64, FramingRefusal> {
    let plain = match value {
        [] | [b'0', _, ..] => false,
        digits => digits.len() <= 19 && digits.iter().all(u8::is_ascii_digit),
    };
    if !plain {
        return Err(FramingRefusal::LengthInvalid);
    }
    // Nineteen digits always fit 64 bits.
    let number = value
        .iter()
        .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    if number > i64::MAX.cast_unsigned() {
        return Err(FramingRefusal::LengthInvalid);
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_numbers_are_lengths() {
        assert_eq!(length(b"0"), Ok(0));
        assert_eq!(length(b"10485760"), Ok(10_485_760));
        assert_eq!(length(b"9223372036854775807"), Ok(i64::MAX as u64));
    }

    #[test]
    fn anything_else_is_not() {
        for value in [
            "",
            "+1",
            "-1",
            "1,1",
            "1, 1",
            "0x1",
            "1 1",
            "1.0",
            "1e3",
            "01",
            "00",
            "9223372036854775808",
            "9999999999999999999",
            "18446744073709551617",
            "\u{0661}",
        ] {
            let refused = length(value.as_bytes());
            assert_eq!(refused, Err(FramingRefusal::LengthInvalid), "{value}");
        }
    }
}
