//! One anchor: the text between `<!--` and `-->`.
//!
//! Owns the grammar: `promise: id key=value key="quoted value" list=a,b` and
//! `attested: id by="…" until=YYYY-MM-DD`. Refuses everything else that starts like an anchor; a
//! comment that does not start like one is none of our business.

use std::collections::BTreeMap;

/// Bytes an anchor may have.
const LONGEST: usize = 2048;
/// Values an anchor may carry.
const MOST_VALUES: usize = 16;
/// Bytes one value may have.
const LONGEST_VALUE: usize = 512;

/// Which of the two words an anchor starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// `promise`.
    Promise,
    /// `attested`.
    Attested,
}

/// An anchor as written, before its id and keys are known to exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) word: Word,
    pub(crate) id: String,
    pub(crate) values: BTreeMap<String, String>,
}

/// Why a comment that starts like an anchor is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AnchorError {
    #[error("an anchor has at most {LONGEST} bytes")]
    TooLong,
    #[error("an anchor carries at most {MOST_VALUES} values")]
    TooMany,
    #[error("the value of `{0}` has more than {LONGEST_VALUE} bytes")]
    ValueTooLong(String),
    #[error("`{0}` is not followed by a colon")]
    NoColon(&'static str),
    #[error("the anchor names no promise")]
    NoId,
    #[error("`{0}` is not a promise id: small letters, digits, dots and dashes")]
    BadId(String),
    #[error("`{0}` is not of the form key=value")]
    NotAPair(String),
    #[error("`{0}` is given twice")]
    Twice(String),
    #[error("`{0}` has no value")]
    Empty(String),
    #[error("the quoted value of `{0}` does not end")]
    OpenQuote(String),
    #[error("a quote stands in the middle of the value of `{0}`")]
    StrayQuote(String),
    #[error("an anchor stands inside another comment")]
    Nested,
}

/// Reads the inside of a comment. `None` when it does not start like an anchor.
pub(crate) fn read(inside: &str) -> Option<Result<Written, AnchorError>> {
    let text = inside.trim();
    let (word, name, rest) = match starts_like_an_anchor(text) {
        Some(found) => found,
        None if holds_another(text) => return Some(Err(AnchorError::Nested)),
        None => return None,
    };
    Some(read_rest(word, name, rest, text))
}

/// Whether `text` begins with one of the two words, in any case, as a whole word.
pub(crate) fn starts_like_an_anchor(text: &str) -> Option<(Word, &'static str, &str)> {
    [(Word::Promise, "promise"), (Word::Attested, "attested")]
        .into_iter()
        .find_map(|(word, name)| {
            let head = text.get(..name.len())?;
            let rest = text.get(name.len()..)?;
            let whole = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            (head.eq_ignore_ascii_case(name) && whole).then_some((word, name, rest))
        })
}

fn holds_another(text: &str) -> bool {
    text.match_indices("<!--").any(|(at, mark)| {
        text.get(at + mark.len()..)
            .is_some_and(|rest| starts_like_an_anchor(rest.trim_start()).is_some())
    })
}

fn read_rest(
    word: Word,
    name: &'static str,
    rest: &str,
    whole: &str,
) -> Result<Written, AnchorError> {
    if whole.len() > LONGEST {
        return Err(AnchorError::TooLong);
    }
    let rest = rest
        .trim_start()
        .strip_prefix(':')
        .ok_or(AnchorError::NoColon(name))?
        .trim_start();
    let (id, mut rest) = split_at_space(rest);
    if id.is_empty() {
        return Err(AnchorError::NoId);
    }
    if !id
        .bytes()
        .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
    {
        return Err(AnchorError::BadId(shorten(id)));
    }
    let mut values = BTreeMap::new();
    while !rest.is_empty() {
        let (key, value, after) = read_pair(rest)?;
        if value.len() > LONGEST_VALUE {
            return Err(AnchorError::ValueTooLong(key));
        }
        if values.contains_key(&key) {
            return Err(AnchorError::Twice(key));
        }
        values.insert(key, value);
        if values.len() > MOST_VALUES {
            return Err(AnchorError::TooMany);
        }
        rest = after.trim_start();
    }
    Ok(Written {
        word,
        id: id.to_owned(),
        values,
    })
}

fn read_pair(text: &str) -> Result<(String, String, &str), AnchorError> {
    let not_a_pair = || AnchorError::NotAPair(shorten(split_at_space(text).0));
    let (key, rest) = text.split_once('=').ok_or_else(not_a_pair)?;
    let is_key = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if key.is_empty() || !key.bytes().all(is_key) {
        return Err(not_a_pair());
    }
    let key = shorten(key);
    let (value, after) = match rest.strip_prefix('"') {
        Some(quoted) => {
            let (value, after) = quoted
                .split_once('"')
                .ok_or_else(|| AnchorError::OpenQuote(key.clone()))?;
            if !after.is_empty() && !after.starts_with(char::is_whitespace) {
                return Err(AnchorError::StrayQuote(key));
            }
            (value, after)
        }
        None => split_at_space(rest),
    };
    if value.trim().is_empty() {
        return Err(AnchorError::Empty(key));
    }
    if !rest.starts_with('"') && value.contains('"') {
        return Err(AnchorError::StrayQuote(key));
    }
    let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok((key, value, after))
}

fn split_at_space(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((first, rest)) => (first, rest.trim_start()),
        None => (text, ""),
    }
}

/// Enough of a strange word to find it again.
fn shorten(word: &str) -> String {
    word.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ok(inside: &str) -> Written {
        read(inside).unwrap().unwrap()
    }

    fn err(inside: &str) -> AnchorError {
        read(inside).unwrap().unwrap_err()
    }

    #[test]
    fn values_may_be_bare_quoted_or_lists() {
        let anchor = ok(" promise: webhook.signed route=/a,/b note=\"two words\" age=30d ");
        assert_eq!(anchor.word, Word::Promise);
        assert_eq!(anchor.id, "webhook.signed");
        assert_eq!(anchor.values["route"], "/a,/b");
        assert_eq!(anchor.values["note"], "two words");
        assert_eq!(anchor.values["age"], "30d");
    }

    #[test]
    fn an_anchor_may_span_lines() {
        let anchor = ok(" attested: training\n  by=\"M. Jansen\"\n  until=2027-08-01 ");
        assert_eq!(anchor.word, Word::Attested);
        assert_eq!(anchor.values["by"], "M. Jansen");
    }

    #[test]
    fn other_comments_are_none_of_our_business() {
        assert_eq!(read(" a promising start "), None);
        assert_eq!(read(" promises: later "), None);
        assert_eq!(read(" vouchsafe:status "), None);
    }

    #[test]
    fn whatever_starts_like_an_anchor_and_is_none_is_a_fault() {
        assert_eq!(
            err("promise webhook.signed"),
            AnchorError::NoColon("promise")
        );
        assert_eq!(err("Promise:"), AnchorError::NoId);
        assert_eq!(
            err("promise: Webhook"),
            AnchorError::BadId("Webhook".into())
        );
        assert_eq!(
            err("promise: a route"),
            AnchorError::NotAPair("route".into())
        );
        assert_eq!(err("promise: a k=1 k=2"), AnchorError::Twice("k".into()));
        assert_eq!(err("promise: a k="), AnchorError::Empty("k".into()));
        assert_eq!(err("promise: a k=\"x"), AnchorError::OpenQuote("k".into()));
        assert_eq!(
            err("promise: a k=\"x\"y"),
            AnchorError::StrayQuote("k".into())
        );
        assert_eq!(
            err("promise: a k=x\"y"),
            AnchorError::StrayQuote("k".into())
        );
        assert_eq!(err("note <!-- promise: a "), AnchorError::Nested);
        assert_eq!(
            err(&format!("promise: a k={}", "x".repeat(600))),
            AnchorError::ValueTooLong("k".into())
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            id in "[a-z][a-z0-9.-]{0,20}",
            values in proptest::collection::btree_map("[a-z][a-z0-9_-]{0,8}", "[^\"\\s<>]{1,12}( [^\"\\s<>]{1,6})?", 0..6),
        ) {
            let text = values.iter().fold(format!("promise: {id}"), |text, (key, value)| {
                format!("{text} {key}=\"{value}\"")
            });
            let anchor = read(&text).unwrap().unwrap();
            prop_assert_eq!(anchor.id, id);
            prop_assert_eq!(anchor.values, values);
        }

        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            let _ = read(&text);
            let _ = read(&format!("promise:{text}"));
        }
    }
}
