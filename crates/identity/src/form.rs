//! Names and values in the form of a query (`application/x-www-form-urlencoded`).
//!
//! Owns reading and writing them. Refuses a name that stands twice, an escape that is none, and bytes
//! that are no text: which of two values counts would be a guess.

/// Most pairs that are read.
const PAIRS: usize = 32;

/// Reads `text`, of which the caller bounds the length; none where it is not in this form.
#[must_use]
pub fn read(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        if pairs.len() == PAIRS || pairs.iter().any(|(known, _)| *known == name) {
            return None;
        }
        pairs.push((name, value));
    }
    Some(pairs)
}

/// The value of a pair.
#[must_use]
pub fn value<'p>(pairs: &'p [(String, String)], name: &str) -> Option<&'p str> {
    let found = pairs.iter().find(|(known, _)| known == name)?;
    Some(&found.1)
}

fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let (digits, behind) = rest.split_first_chunk::<2>()?;
                bytes.extend(seal::encode::unhex(digits.to_ascii_lowercase()).ok()?);
                rest = behind;
            }
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Appends `value` to `out`, with everything escaped but what RFC 3986 calls unreserved.
pub fn encode_into(value: &str, out: &mut String) {
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&seal::encode::hex(&[byte]).to_ascii_uppercase());
        }
    }
}

/// Writes pairs.
#[must_use]
pub fn write(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        encode_into(name, &mut text);
        text.push('=');
        encode_into(value, &mut text);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let pairs = [("a", "1 2&3=4+5%"), ("b", "é\0"), ("c", "")];
        let text = write(&pairs);
        assert_eq!(text, "a=1%202%263%3D4%2B5%25&b=%C3%A9%00&c=");
        let read = read(&text).unwrap();
        for (name, expected) in pairs {
            assert_eq!(value(&read, name), Some(expected));
        }
        assert_eq!(value(&read, "d"), None);
    }

    #[test]
    fn what_is_ambiguous_or_broken_is_not_read() {
        let many: Vec<_> = (0..=PAIRS).map(|n| format!("a{n}=1")).collect();
        for text in [
            "a=1&a=1",
            "a=1&%61=2",
            "a=%",
            "a=%4",
            "a=%zz",
            "a=%ff",
            &many.join("&"),
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read("").unwrap(), []);
        assert_eq!(value(&read("a+b=c+d&&x").unwrap(), "a b"), Some("c d"));
    }
}
