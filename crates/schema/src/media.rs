//! Media types: what a body says it is.
//!
//! Owns the reading of one Content-Type (RFC 9110 section 8.3.1). Refuses lists, duplicate
//! parameters and charsets other than UTF-8, which two readers could take differently.

use std::fmt;

use crate::{
    load::LoadError,
    refusal::{Fault, Refusal},
};

/// Longest Content-Type that is read, in bytes.
pub const LONGEST: usize = 256;
/// Most parameters of one.
pub const MAX_PARAMETERS: usize = 8;
const HEADER: &str = "Content-Type";

/// A type and a subtype in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MediaType(Box<str>);

impl MediaType {
    /// A media type that an operator wrote, without parameters. The subtype, or both, may be `*`.
    ///
    /// # Errors
    ///
    /// It is not `type/subtype`.
    pub fn new(written: &str) -> Result<Self, LoadError> {
        let bad = || LoadError::MediaType(written.into());
        let (kind, subtype) = written.split_once('/').ok_or_else(bad)?;
        if !is_token(kind.as_bytes()) || !is_token(subtype.as_bytes()) {
            return Err(bad());
        }
        if kind == "*" && subtype != "*" {
            return Err(bad());
        }
        Ok(Self(written.to_ascii_lowercase().into()))
    }

    /// The media type of a request or answer.
    ///
    /// # Errors
    ///
    /// It is missing, is not one media type, or names a charset other than UTF-8.
    pub fn parse(value: Option<&[u8]>) -> Result<Self, Refusal> {
        let value = value.ok_or(Refusal::header(HEADER, Fault::TypeMissing))?;
        let malformed = || Refusal::header(HEADER, Fault::TypeMalformed);
        let text = std::str::from_utf8(value).map_err(|_| malformed())?;
        if text.len() > LONGEST || text.contains('*') {
            return Err(malformed());
        }
        let (essence, parameters) = match text.split_once(';') {
            Some((essence, rest)) => (essence, Some(rest)),
            None => (text, None),
        };
        let essence = essence.trim_matches([' ', '\t']);
        let media = Self::new(essence).map_err(|_| malformed())?;
        read_parameters(parameters)?;
        Ok(media)
    }

    /// Whether a type that was sent is one of these: equal, or covered by `*`.
    #[must_use]
    pub fn covers(&self, sent: &Self) -> bool {
        if *self.0 == *sent.0 || &*self.0 == "*/*" {
            return true;
        }
        let kind = |of: &Self| of.0.split_once('/').map(|(kind, _)| kind.to_owned());
        self.0.ends_with("/*") && kind(self) == kind(sent)
    }

    /// Whether it is JSON by its name (RFC 6839 section 3.1).
    #[must_use]
    pub fn is_json(&self) -> bool {
        &*self.0 == "application/json" || self.0.ends_with("+json")
    }

    /// `type/subtype`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MediaType {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

/// Reads `name=value` pairs between semicolons.
fn read_parameters(mut rest: Option<&str>) -> Result<(), Refusal> {
    let malformed = || Refusal::header(HEADER, Fault::TypeMalformed);
    let mut names: Vec<String> = Vec::new();
    while let Some(text) = rest {
        let text = text.trim_start_matches([' ', '\t']);
        let (name, behind) = text.split_once('=').ok_or_else(malformed)?;
        if !is_token(name.as_bytes()) || names.len() == MAX_PARAMETERS {
            return Err(malformed());
        }
        let name = name.to_ascii_lowercase();
        let (value, behind) = value(behind).ok_or_else(malformed)?;
        if name == "charset" && !value.eq_ignore_ascii_case("utf-8") {
            return Err(Refusal::header(HEADER, Fault::Charset));
        }
        if names.contains(&name) {
            return Err(malformed());
        }
        names.push(name);
        let behind = behind.trim_start_matches([' ', '\t']);
        rest = match behind.strip_prefix(';') {
            Some(behind) => Some(behind),
            None if behind.is_empty() => None,
            None => return Err(malformed()),
        };
    }
    Ok(())
}

/// A token or a quoted string, and what follows. A backslash in quotes is refused: nothing that we
/// know needs it, and readers differ.
fn value(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (value, behind) = quoted.split_once('"')?;
        let plain = value
            .bytes()
            .all(|byte| matches!(byte, b' '..=b'~') && byte != b'\\');
        return plain.then_some((value, behind));
    }
    let end = text.find([';', ' ', '\t']).unwrap_or(text.len());
    let (value, behind) = text.split_at_checked(end)?;
    is_token(value.as_bytes()).then_some((value, behind))
}

/// RFC 9110 section 5.6.2.
fn is_token(bytes: &[u8]) -> bool {
    let is_character =
        |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(is_character)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(value: &str) -> Result<String, Fault> {
        let media = MediaType::parse(Some(value.as_bytes()));
        media.map(|it| it.to_string()).map_err(|it| it.fault)
    }

    #[test]
    fn one_media_type_is_read_with_its_parameters() {
        for value in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\" ; profile=\"a b\"",
            " application/json ",
        ] {
            assert_eq!(parsed(value).as_deref(), Ok("application/json"), "{value}");
        }
    }

    #[test]
    fn what_is_not_one_media_type_is_refused() {
        let long = format!("application/json; a={}", "b".repeat(LONGEST));
        for value in [
            "",
            "json",
            "application/",
            "/json",
            "application/json, text/plain",
            "*/*",
            "application/json;",
            "application/json; charset",
            "application/json; charset=",
            "application/json; a=1; A=1",
            "application/json; a=\"b",
            "application/json; a=\"b\\\"\"",
            "application/json; a=1 b=2",
            "application /json",
            "application/json; a =1",
            "a/b; a=1; b=1; c=1; d=1; e=1; f=1; g=1; h=1; i=1",
            long.as_str(),
            "application/jsön",
        ] {
            assert_eq!(parsed(value), Err(Fault::TypeMalformed), "{value}");
        }
        for value in [
            "a/b; charset=latin1",
            "a/b; charset=utf-16",
            "a/b; charset=utf8",
        ] {
            assert_eq!(parsed(value), Err(Fault::Charset), "{value}");
        }
        assert_eq!(
            MediaType::parse(None).map_err(|it| it.fault),
            Err(Fault::TypeMissing)
        );
    }

    #[test]
    fn a_star_covers_what_it_says() {
        let covers = |one: &str, other: &str| {
            MediaType::new(one)
                .unwrap()
                .covers(&MediaType::new(other).unwrap())
        };
        assert!(covers("image/*", "image/png") && covers("*/*", "image/png"));
        assert!(covers("image/png", "IMAGE/PNG") && !covers("image/*", "imag/png"));
        assert!(!covers("image/png", "image/gif"));
        assert!(MediaType::new("*/png").is_err() && MediaType::new("a").is_err());
    }
}
