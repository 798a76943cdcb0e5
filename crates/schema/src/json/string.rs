//! Strings of JSON: where they end, and what they say once unescaped.
//!
//! Owns escapes and surrogate pairs (RFC 8259 section 7). Trusts the input to be UTF-8.

use std::borrow::Cow;

use crate::refusal::Fault;

/// A string, and the byte behind its closing quote.
pub(super) struct Scanned<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) end: usize,
}

/// Reads the string whose opening quote stands just before `start`. At fault: the byte where it is.
pub(super) fn scan(text: &str, start: usize) -> Result<Scanned<'_>, (Fault, usize)> {
    let mut decoded = String::new();
    let mut from = start;
    loop {
        let rest = text.as_bytes().get(from..).unwrap_or_default();
        let Some(length) = plain_length(rest) else {
            let expected = "the closing quote of a string";
            return Err((Fault::JsonSyntax { expected }, text.len()));
        };
        let at = from + length;
        let part = text.get(from..at).unwrap_or_default();
        match text.as_bytes().get(at) {
            Some(b'"') if from == start => {
                return Ok(Scanned {
                    text: Cow::Borrowed(part),
                    end: at + 1,
                });
            }
            Some(b'"') => {
                decoded.push_str(part);
                return Ok(Scanned {
                    text: Cow::Owned(decoded),
                    end: at + 1,
                });
            }
            Some(b'\\') => {
                decoded.push_str(part);
                let (character, behind) = escape(text, at)?;
                decoded.push(character);
                from = behind;
            }
            _ => return Err((Fault::JsonControl, at)),
        }
    }
}

/// Bytes before the next quote, backslash or control character.
fn plain_length(bytes: &[u8]) -> Option<usize> {
    // Most strings are short; a long one is worth the vector instructions.
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let (short, long) = bytes.split_at_checked(32).unwrap_or((bytes, b""));
    if let Some(at) = short.iter().position(is_special) {
        return Some(at);
    }
    let end = memchr::memchr2(b'"', b'\\', long);
    let part = end.map_or(long, |end| long.get(..end).unwrap_or_default());
    if has_control(part) {
        let control = part.iter().position(is_special)?;
        return Some(short.len() + control);
    }
    Some(short.len() + end?)
}

fn has_control(bytes: &[u8]) -> bool {
    let control = |found: bool, byte: &u8| found | (*byte < 0x20);
    bytes
        .chunks(256)
        .any(|chunk| chunk.iter().fold(false, control))
}

/// The character that the escape at `at` stands for, and the byte behind it.
fn escape(text: &str, at: usize) -> Result<(char, usize), (Fault, usize)> {
    let character = match text.as_bytes().get(at + 1) {
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'u') => return unicode(text, at),
        _ => return Err((Fault::JsonEscape, at)),
    };
    Ok((character, at + 2))
}

fn unicode(text: &str, at: usize) -> Result<(char, usize), (Fault, usize)> {
    let first = unit(text, at).ok_or((Fault::JsonEscape, at))?;
    if let Some(character) = char::from_u32(first) {
        return Ok((character, at + 6));
    }
    let lone = (Fault::JsonSurrogate, at);
    if first >= 0xdc00 {
        return Err(lone);
    }
    let second = unit(text, at + 6).filter(|unit| (0xdc00..0xe000).contains(unit));
    let second = second.ok_or(lone.clone())?;
    let code = 0x10000 + ((first & 0x3ff) << 10) + (second & 0x3ff);
    Ok((char::from_u32(code).ok_or(lone)?, at + 12))
}

/// The sixteen bits of a `\uXXXX` at `at`.
fn unit(text: &str, at: usize) -> Option<u32> {
    let digits = text.as_bytes().get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |unit: u32, digit| {
        Some(unit << 4 | char::from(*digit).to_digit(16)?)
    })
}
