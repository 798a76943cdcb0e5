//! What a client has already, and what it wants then.
//!
//! Owns the order in which conditions are judged (RFC 9110, section 13.2.2) and what comes of them.
//! Trusts the caller to give each field only where it stands once.

use crate::{
    date,
    range::{self, Part},
};

/// The fields of a request that speak of what the client has, as they came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// `If-Match`.
    pub if_match: Option<&'a [u8]>,
    /// `If-None-Match`.
    pub if_none_match: Option<&'a [u8]>,
    /// `If-Modified-Since`.
    pub if_modified_since: Option<&'a [u8]>,
    /// `If-Unmodified-Since`.
    pub if_unmodified_since: Option<&'a [u8]>,
    /// `Range`.
    pub range: Option<&'a [u8]>,
    /// `If-Range`.
    pub if_range: Option<&'a [u8]>,
}

/// A file as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Its tag, with quotes, and with `W/` before them where it is weak.
    pub tag: &'a str,
    /// When it was last modified, in seconds since 1970.
    pub modified: i64,
    /// Its bytes.
    pub length: u64,
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All of it: 200.
    Whole,
    /// A part of it: 206.
    Part(Part),
    /// The client has it: 304.
    NotModified,
    /// It is not what the client thinks it is: 412.
    Failed,
    /// It has no such part: 416.
    Unsatisfiable,
}

/// Judges the conditions of a request for a file. `get` says whether it is a GET; a HEAD has no parts.
#[must_use]
pub fn judge(asked: &Asked<'_>, version: &Version<'_>, get: bool) -> Verdict {
    match (asked.if_match, asked.if_unmodified_since) {
        (Some(tags), _) if !lists(tags, version.tag, Compare::Strong) => return Verdict::Failed,
        (None, Some(since)) if date::read(since).is_some_and(|at| version.modified > at) => {
            return Verdict::Failed;
        }
        _ => {}
    }
    match (asked.if_none_match, asked.if_modified_since) {
        (Some(tags), _) if lists(tags, version.tag, Compare::Weak) => return Verdict::NotModified,
        (None, Some(since)) if date::read(since).is_some_and(|at| version.modified <= at) => {
            return Verdict::NotModified;
        }
        _ => {}
    }
    let Some(field) = asked.range.filter(|_| get) else {
        return Verdict::Whole;
    };
    if asked.if_range.is_some_and(|it| !is_still(it, version)) {
        return Verdict::Whole;
    }
    match range::read(field, version.length) {
        None => Verdict::Whole,
        Some(Ok(part)) => Verdict::Part(part),
        Some(Err(_)) => Verdict::Unsatisfiable,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compare {
    /// Byte for byte the same file.
    Strong,
    /// As good as the same.
    Weak,
}

/// Whether a list of tags has this one, or a star.
fn lists(field: &[u8], tag: &str, compare: Compare) -> bool {
    if field.trim_ascii() == b"*" {
        return true;
    }
    // A tag has no quotes inside and may have commas; ours have neither.
    field
        .split(|byte| *byte == b',')
        .any(|one| is_same(one.trim_ascii(), tag, compare))
}

fn is_same(sent: &[u8], tag: &str, compare: Compare) -> bool {
    let opaque = |tag: &'_ [u8]| -> (bool, Vec<u8>) {
        let rest = tag.strip_prefix(b"W/");
        (rest.is_some(), rest.unwrap_or(tag).to_vec())
    };
    let ((weak, sent), (ours_weak, ours)) = (opaque(sent), opaque(tag.as_bytes()));
    sent == ours && (compare == Compare::Weak || !(weak || ours_weak))
}

/// Whether the file is the one of which the client has a part: by a strong tag or by its very date
/// (section 13.1.5).
fn is_still(field: &[u8], version: &Version<'_>) -> bool {
    let field = field.trim_ascii();
    if field.ends_with(b"\"") {
        is_same(field, version.tag, Compare::Strong)
    } else {
        date::read(field) == Some(version.modified) && !version.tag.starts_with("W/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Version<'_> = Version {
        tag: "\"abc\"",
        modified: 784_111_777,
        length: 10,
    };
    const WEAK: Version<'_> = Version {
        tag: "W/\"abc\"",
        ..NOW
    };
    const DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const EARLIER: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";

    #[test]
    fn what_the_client_has_is_not_sent_again() {
        let none = |tags: &'static [u8]| Asked {
            if_none_match: Some(tags),
            if_modified_since: Some(EARLIER),
            ..Asked::default()
        };
        for tags in [&b"\"abc\""[..], b"W/\"abc\"", b"\"x\", \"abc\"", b"*"] {
            assert_eq!(judge(&none(tags), &NOW, true), Verdict::NotModified);
            assert_eq!(judge(&none(tags), &WEAK, true), Verdict::NotModified);
        }
        for tags in [&b"\"abd\""[..], b"abc", b"", b"\"abc"] {
            assert_eq!(judge(&none(tags), &NOW, true), Verdict::Whole);
        }
        let since = |date| Asked {
            if_modified_since: Some(date),
            ..Asked::default()
        };
        assert_eq!(judge(&since(DATE), &NOW, true), Verdict::NotModified);
        assert_eq!(judge(&since(EARLIER), &NOW, true), Verdict::Whole);
        assert_eq!(judge(&since(b"yesterday"), &NOW, true), Verdict::Whole);
    }

    #[test]
    fn who_wants_another_file_is_told_so() {
        let only = |tags: &'static [u8]| Asked {
            if_match: Some(tags),
            ..Asked::default()
        };
        assert_eq!(judge(&only(b"\"abc\""), &NOW, true), Verdict::Whole);
        assert_eq!(judge(&only(b"*"), &WEAK, true), Verdict::Whole);
        assert_eq!(judge(&only(b"\"abd\""), &NOW, true), Verdict::Failed);
        assert_eq!(judge(&only(b"\"abc\""), &WEAK, true), Verdict::Failed);
        let since = |date| Asked {
            if_unmodified_since: Some(date),
            ..Asked::default()
        };
        assert_eq!(judge(&since(DATE), &NOW, true), Verdict::Whole);
        assert_eq!(judge(&since(EARLIER), &NOW, true), Verdict::Failed);
    }

    #[test]
    fn a_part_is_of_the_file_that_was_begun() {
        let part = |if_range| Asked {
            range: Some(b"bytes=2-3"),
            if_range,
            ..Asked::default()
        };
        let cut = Verdict::Part(Part { first: 2, last: 3 });
        assert_eq!(judge(&part(None), &NOW, true), cut);
        assert_eq!(judge(&part(None), &NOW, false), Verdict::Whole, "a HEAD");
        assert_eq!(judge(&part(Some(b"\"abc\"")), &NOW, true), cut);
        assert_eq!(judge(&part(Some(DATE)), &NOW, true), cut);
        for other in [&b"\"abd\""[..], EARLIER, b"W/\"abc\"", b""] {
            assert_eq!(judge(&part(Some(other)), &NOW, true), Verdict::Whole);
        }
        assert_eq!(judge(&part(Some(b"\"abc\"")), &WEAK, true), Verdict::Whole);
        assert_eq!(judge(&part(Some(DATE)), &WEAK, true), Verdict::Whole);
        let beyond = Asked {
            range: Some(b"bytes=10-"),
            ..Asked::default()
        };
        assert_eq!(judge(&beyond, &NOW, true), Verdict::Unsatisfiable);
    }
}
