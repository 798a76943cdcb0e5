//! Form bodies and queries, decoded exactly.
//!
//! Owns the `application/x-www-form-urlencoded` parser (WHATWG URL standard, section 5.1) and the
//! lookup of one query parameter. Refuses a `%` that two hexadecimal digits do not follow, where a
//! browser's parser would let it stand: what two parsers read differently is not verified. Yields
//! bytes, for a parameter need not be UTF-8.

use std::{borrow::Cow, collections::BTreeMap, collections::BTreeSet};

use crate::refusal::SignatureRefusal;

/// The most parameters of a form or query that are looked at.
pub const MAX_PARAMETERS: usize = 500;

/// A name and its value, decoded.
pub type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Names and values of `body`, decoded, in order of appearance.
pub fn parse(body: &[u8]) -> Result<Vec<Pair<'_>>, SignatureRefusal> {
    let mut pairs = Vec::new();
    for pair in body.split(|byte| *byte == b'&').filter(|p| !p.is_empty()) {
        if pairs.len() == MAX_PARAMETERS {
            return Err(SignatureRefusal::TooMany);
        }
        let (name, value) = split_once(pair, b'=').unwrap_or((pair, b""));
        let decoded = decode(name).zip(decode(value));
        pairs.push(decoded.ok_or(SignatureRefusal::Malformed)?);
    }
    Ok(pairs)
}

/// Names and values of a form run together: sorted by name, the values of one name sorted and each
/// taken once.
///
/// As Twilio's libraries do; twilio-node `toFormUrlEncodedParam`, which both sorts and removes
/// repeats. Names sort by bytes, which for UTF-8 is the order of code points.
pub fn sorted(body: &[u8]) -> Result<Vec<u8>, SignatureRefusal> {
    let mut by_name: BTreeMap<Cow<'_, [u8]>, BTreeSet<Cow<'_, [u8]>>> = BTreeMap::new();
    for (name, value) in parse(body)? {
        by_name.entry(name).or_default().insert(value);
    }
    let mut text = Vec::with_capacity(body.len());
    for (name, values) in &by_name {
        for value in values {
            text.extend_from_slice(name);
            text.extend_from_slice(value);
        }
    }
    Ok(text)
}

/// The decoded value of the query parameter `name` of a request target, which may stand once.
pub fn query<'a>(target: &'a [u8], name: &str) -> Result<Option<Cow<'a, [u8]>>, SignatureRefusal> {
    let Some((_, query)) = split_once(target, b'?') else {
        return Ok(None);
    };
    let mut found = None;
    let pairs = query.split(|byte| *byte == b'&');
    for (at, pair) in pairs.filter(|pair| !pair.is_empty()).enumerate() {
        if at == MAX_PARAMETERS {
            return Err(SignatureRefusal::TooMany);
        }
        let (written, value) = split_once(pair, b'=').unwrap_or((pair, b""));
        if decode(written).is_none_or(|written| *written != *name.as_bytes()) {
            continue;
        }
        if found.is_some() {
            return Err(SignatureRefusal::Malformed);
        }
        found = Some(decode(value).ok_or(SignatureRefusal::Malformed)?);
    }
    Ok(found)
}

/// `+` is a space, `%XX` a byte, everything else itself; `None` for a `%` that is neither.
fn decode(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.iter().any(|byte| matches!(byte, b'+' | b'%')) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => digit(rest.next())? << 4 | digit(rest.next())?,
            other => *other,
        });
    }
    Some(Cow::Owned(bytes))
}

fn digit(character: Option<&u8>) -> Option<u8> {
    char::from(*character?)
        .to_digit(16)
        .and_then(|digit| u8::try_from(digit).ok())
}

/// `bytes` before and after the first `at`.
pub(crate) fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let position = bytes.iter().position(|byte| *byte == at)?;
    Some((bytes.get(..position)?, bytes.get(position + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted_text(body: &str) -> String {
        String::from_utf8(sorted(body.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn names_are_sorted_and_repeated_values_are_taken_once() {
        assert_eq!(sorted_text("b=2&a=1"), "a1b2");
        assert_eq!(
            sorted_text("Digits=5678&Digits=1234&Digits=1234"),
            "Digits1234Digits5678"
        );
        assert_eq!(sorted_text("b=1&B=2&a=3"), "B2a3b1", "capitals come first");
    }

    #[test]
    fn decoding_is_exact() {
        assert_eq!(sorted_text("a=+%2B%20%26%3d"), "a + &=");
        assert_eq!(sorted_text("a"), "a");
        assert_eq!(sorted_text("a="), "a");
        assert_eq!(sorted_text("=v"), "v");
        assert_eq!(sorted_text("&&a=1&"), "a1");
        assert_eq!(sorted_text("a=1=2"), "a1=2");
        assert_eq!(
            sorted_text("a=1;b=2"),
            "a1;b=2",
            "a semicolon separates nothing"
        );
        assert_eq!(sorted(b"a=%ff%00").unwrap(), b"a\xff\0");
    }

    #[test]
    fn a_broken_escape_is_refused() {
        for body in ["a=%", "a=%2", "a=%zz", "%g0=1", "a=%+1"] {
            assert_eq!(
                sorted(body.as_bytes()),
                Err(SignatureRefusal::Malformed),
                "{body}"
            );
        }
        assert_eq!(sorted(b"a=%25").unwrap(), b"a%");
    }

    #[test]
    fn five_hundred_parameters_are_read_and_one_more_is_refused() {
        let most = "a=1&".repeat(MAX_PARAMETERS);
        assert_eq!(sorted(most.as_bytes()).unwrap(), b"a1");
        let more = format!("{most}b=2");
        assert_eq!(sorted(more.as_bytes()), Err(SignatureRefusal::TooMany));
    }

    #[test]
    fn a_query_parameter_is_found_however_it_is_written() {
        assert_eq!(query(b"/p?a=1&b=%32", "b").unwrap().unwrap().as_ref(), b"2");
        assert_eq!(query(b"/p?%62=2", "b").unwrap().unwrap().as_ref(), b"2");
        assert_eq!(query(b"/p?bb=2", "b"), Ok(None));
        assert_eq!(query(b"/b=2", "b"), Ok(None));
        assert_eq!(query(b"/p?b=1&b=1", "b"), Err(SignatureRefusal::Malformed));
        assert_eq!(query(b"/p?b=%", "b"), Err(SignatureRefusal::Malformed));
    }
}
