//! Numbers of JSON (RFC 8259 section 6).
//!
//! Owns their grammar and their size: digits, exponent, and what a double can hold.

use crate::refusal::Fault;

use super::Limits;

/// A little less than the largest double: near it, readers that round in other ways find infinity.
const MOST: f64 = 1.79e308;

/// Reads the number at `start`, which begins with a digit or a minus; returns the byte behind it.
pub(super) fn scan(text: &str, start: usize, limits: &Limits) -> Result<usize, (Fault, usize)> {
    let bytes = text.as_bytes();
    let digits = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        (length > 0).then_some(length).ok_or((
            Fault::JsonSyntax {
                expected: "a digit",
            },
            at,
        ))
    };
    let begin = start + usize::from(bytes.get(start) == Some(&b'-'));
    let whole = digits(begin)?;
    if whole > 1 && bytes.get(begin) == Some(&b'0') {
        let expected = "a number without leading zero";
        return Err((Fault::JsonSyntax { expected }, begin));
    }
    let mut at = begin + whole;
    let mut count = whole;
    let mut is_integer = true;
    if bytes.get(at) == Some(&b'.') {
        let part = digits(at + 1)?;
        at += 1 + part;
        count += part;
        is_integer = false;
    }
    if count > limits.digits {
        let limit = crate::count(limits.digits);
        return Err((Fault::JsonDigits { limit }, start));
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        let first = at + 1 + sign;
        at = first + digits(first)?;
        let exponent = text.get(first..at).unwrap_or_default();
        let exponent = exponent.trim_start_matches('0');
        // No limit has more than three digits; longer ones need not be read.
        let fits = exponent.is_empty()
            || exponent.len() <= 3
                && exponent
                    .parse()
                    .is_ok_and(|it: usize| it <= limits.exponent);
        if !fits {
            let limit = crate::count(limits.exponent);
            return Err((Fault::JsonExponent { limit }, start));
        }
        is_integer = false;
    }
    // A short integer is always held; all others are worth reading once.
    if !(is_integer && count <= 18) {
        let number = text.get(start..at).unwrap_or_default();
        if !number.parse().is_ok_and(|it: f64| it.abs() < MOST) {
            return Err((Fault::JsonRange, start));
        }
    }
    Ok(at)
}
