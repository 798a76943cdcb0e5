//! The path that policy speaks of.
//!
//! Owns the canonical path (percent-decoded exactly once) and the folded path (as the most lenient
//! application would read it). Refuses every path that another reader could take for a different
//! one: encoded separators, dot segments, a second layer of encoding, text that is not UTF-8.
//! Trusts no byte; what goes upstream is the received path, never one of these.

use std::borrow::Cow;

use crate::refusal::PathRefusal;

/// The path policy speaks of: percent-decoded exactly once, free of dot segments and of everything
/// that another parser could read as a separator. Borrowed when there was nothing to decode.
///
/// A decoded `%` stays where it cannot begin a second decoding: `/100%25` is `/100%`, while
/// `/%2541`, which would decode again to `/A`, is refused. Raw bytes beyond ASCII are refused;
/// encoded ones must be UTF-8.
///
/// # Errors
///
/// The first shape that another reader could take for another path.
pub fn canonical(path: &[u8]) -> Result<Cow<'_, str>, PathRefusal> {
    if path.first() != Some(&b'/') {
        return Err(PathRefusal::NotAbsolute);
    }
    if path.get(1) == Some(&b'/') {
        return Err(PathRefusal::AuthorityPath);
    }
    let (mut encoded, mut dotted, mut previous) = (false, false, 0);
    for &byte in path {
        match byte {
            b'%' => encoded = true,
            b'.' => dotted |= previous == b'/',
            b'\\' => return Err(PathRefusal::Backslash),
            b'?' | b'#' | 0..=0x20 | 0x7f..=0xff => return Err(PathRefusal::RawByte),
            _ => {}
        }
        previous = byte;
    }
    let text = if encoded {
        Cow::Owned(decode(path)?)
    } else {
        Cow::Borrowed(std::str::from_utf8(path).map_err(|_| PathRefusal::NotUtf8)?)
    };
    // Only a segment that begins with a dot can be one, and an encoded one only shows it decoded.
    if (dotted || encoded) && text.split('/').any(is_dot_segment) {
        return Err(PathRefusal::DotSegment);
    }
    Ok(text)
}

/// Decodes once and refuses what a second decoding would change.
fn decode(path: &[u8]) -> Result<String, PathRefusal> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.iter().copied();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (bytes.next().and_then(digit), bytes.next().and_then(digit))
        else {
            return Err(PathRefusal::Encoding);
        };
        match high << 4 | low {
            b'/' => return Err(PathRefusal::EncodedSlash),
            b'\\' => return Err(PathRefusal::Backslash),
            0 => return Err(PathRefusal::EncodedNul),
            0x01..=0x1f | 0x7f => return Err(PathRefusal::EncodedControl),
            byte => decoded.push(byte),
        }
    }
    let again = decoded
        .windows(3)
        .any(|three| matches!(three, &[b'%', a, b] if digit(a).is_some() && digit(b).is_some()));
    if again {
        return Err(PathRefusal::DoubleEncoding);
    }
    String::from_utf8(decoded).map_err(|_| PathRefusal::NotUtf8)
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Whether a segment is `.` or `..`, also before parameters: some servers cut `;x` before they
/// resolve dots.
fn is_dot_segment(segment: &str) -> bool {
    matches!(without_parameters(segment), "." | "..")
}

fn without_parameters(segment: &str) -> &str {
    segment.split_once(';').map_or(segment, |(name, _)| name)
}

/// The canonical path as the most lenient application would read it: letters folded to one case,
/// parameters (`;x`) cut per segment, repeated slashes merged, trailing slash and trailing dots of a
/// segment dropped. Borrowed when the path is folded already; folding twice changes nothing.
#[must_use]
pub fn folded(canonical: &str) -> Cow<'_, str> {
    if is_folded(canonical.as_bytes()) {
        return Cow::Borrowed(canonical);
    }
    let mut text = String::with_capacity(canonical.len());
    for segment in canonical.split('/') {
        let name = without_parameters(segment).trim_end_matches('.');
        if name.is_empty() {
            continue;
        }
        text.push('/');
        // Down, up and down again, so that letters with several forms meet: U+017F becomes `s`,
        // U+1E9E becomes `ss`.
        text.extend(
            name.chars()
                .flat_map(char::to_lowercase)
                .flat_map(char::to_uppercase)
                .flat_map(char::to_lowercase),
        );
    }
    if text.is_empty() {
        text.push('/');
    }
    Cow::Owned(text)
}

/// Whether folding would surely change nothing; letters beyond ASCII are left to the slow walk.
fn is_folded(path: &[u8]) -> bool {
    if path == b"/" {
        return true;
    }
    let mut previous = 0;
    for &byte in path {
        match byte {
            b'A'..=b'Z' | b';' | 0x80..=0xff => return false,
            b'/' if matches!(previous, b'/' | b'.') => return false,
            _ => {}
        }
        previous = byte;
    }
    path.first() == Some(&b'/') && !matches!(previous, b'/' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_is_borrowed() {
        for path in ["/", "/a/b", "/a//b/", "/a.b/c;d=1", "/~user/[1]", "/a.../b"] {
            let Ok(Cow::Borrowed(text)) = canonical(path.as_bytes()) else {
                panic!("{path} is not borrowed");
            };
            assert_eq!(text, path);
        }
    }

    #[test]
    fn an_encoded_path_is_decoded_once() {
        for (path, expected) in [
            ("/%61dmin", "/admin"),
            ("/a%20b", "/a b"),
            ("/caf%C3%A9", "/café"),
            ("/100%25", "/100%"),
            ("/100%25zz", "/100%zz"),
            ("/a%3Bb%3fc%23d", "/a;b?c#d"),
            ("/%7e", "/~"),
        ] {
            assert_eq!(canonical(path.as_bytes()).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn each_ambiguous_path_is_refused_with_its_reason() {
        for (path, refusal) in [
            ("", PathRefusal::NotAbsolute),
            ("*", PathRefusal::NotAbsolute),
            ("a/b", PathRefusal::NotAbsolute),
            ("//", PathRefusal::AuthorityPath),
            ("//other.example/a", PathRefusal::AuthorityPath),
            ("///a", PathRefusal::AuthorityPath),
            ("/a#b", PathRefusal::RawByte),
            ("/a?b", PathRefusal::RawByte),
            ("/a b", PathRefusal::RawByte),
            ("/a\tb", PathRefusal::RawByte),
            ("/a\0b", PathRefusal::RawByte),
            ("/a\u{7f}", PathRefusal::RawByte),
            ("/café", PathRefusal::RawByte),
            ("/a\\b", PathRefusal::Backslash),
            ("/a%5cb", PathRefusal::Backslash),
            ("/a%5Cb", PathRefusal::Backslash),
            ("/pub/..%2fadmin", PathRefusal::EncodedSlash),
            ("/a%2Fb", PathRefusal::EncodedSlash),
            ("/a%00", PathRefusal::EncodedNul),
            ("/a%0d%0ab", PathRefusal::EncodedControl),
            ("/a%7f", PathRefusal::EncodedControl),
            ("/a%", PathRefusal::Encoding),
            ("/a%2", PathRefusal::Encoding),
            ("/a%zz", PathRefusal::Encoding),
            ("/a%u002e", PathRefusal::Encoding),
            ("/%2541", PathRefusal::DoubleEncoding),
            ("/%25%34%31", PathRefusal::DoubleEncoding),
            ("/%252e%252e/", PathRefusal::DoubleEncoding),
            ("/%c0%af", PathRefusal::NotUtf8),
            ("/%ff", PathRefusal::NotUtf8),
            ("/.", PathRefusal::DotSegment),
            ("/..", PathRefusal::DotSegment),
            ("/a/../b", PathRefusal::DotSegment),
            ("/a/./b", PathRefusal::DotSegment),
            ("/a/%2e%2E/b", PathRefusal::DotSegment),
            ("/a/.%2e", PathRefusal::DotSegment),
            ("/a/..;x/b", PathRefusal::DotSegment),
            ("/a/..%3bx/b", PathRefusal::DotSegment),
        ] {
            assert_eq!(canonical(path.as_bytes()), Err(refusal), "{path}");
        }
    }

    #[test]
    fn folding_reads_as_the_most_lenient_application() {
        for (path, expected) in [
            ("/", "/"),
            ("//", "/"),
            ("/;x", "/"),
            ("/admin", "/admin"),
            ("/Admin", "/admin"),
            ("/admin/", "/admin"),
            ("//admin", "/admin"),
            ("/admin;jsessionid=1/users", "/admin/users"),
            ("/admin./users.", "/admin/users"),
            ("/admin.;x", "/admin"),
            ("/.../admin", "/admin"),
            ("/a.b/.c", "/a.b/.c"),
            ("/CAFÉ", "/café"),
            ("/admin\u{17f}", "/admins"),
            ("/\u{212a}ey", "/key"),
        ] {
            assert_eq!(folded(path), expected, "{path}");
        }
        assert!(matches!(folded("/a.b/c"), Cow::Borrowed(_)));
    }

    #[test]
    fn folding_any_letter_twice_changes_nothing() {
        // No letter beyond these planes has a second form.
        for letter in '\u{1}'..='\u{1ffff}' {
            let path = format!("/{letter}");
            let once = folded(&path).into_owned();
            assert_eq!(folded(&once), once, "{letter:?}");
        }
    }
}
