//! Where a value stands in a request, and what a signed message is put together from.
//!
//! Owns the words for both. What a place holds is read by `reading`.

use serde::Deserialize;

/// A place in a request that holds one value.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// A header that may stand once, whole.
    Header(String),
    /// A query parameter that may stand once, decoded.
    Query(String),
    /// One parameter of a header such as `t=1700000000,v1=…`.
    Param(Param),
    /// A string, whole number or truth value of a JSON body, by its pointer (RFC 6901).
    Json(String),
}

/// A parameter of a header that is written as a list of `name=value`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Param {
    /// The header.
    pub header: String,
    /// The parameter, which may stand once.
    pub name: String,
    /// What separates parameters.
    #[serde(default = "comma")]
    pub separator: char,
}

const fn comma() -> char {
    ','
}

/// A part of a signed message.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Atom {
    /// Fixed text.
    Lit(String),
    /// A header's value.
    Header(String),
    /// A query parameter's decoded value.
    Query(String),
    /// A header parameter's value.
    Param(Param),
    /// A value of a JSON body.
    Json(String),
    /// The same, and nothing where it is missing or null.
    JsonOrEmpty(String),
    /// The body, byte for byte.
    Body,
    /// The method, as received.
    Method,
    /// The public URL as configured, with the target as received; tried with and without port.
    Url,
    /// Names and values of a form, decoded, sorted, repeated values once, nothing in between.
    SortedForm,
    /// SHA-256 of the body in lower-case hexadecimal.
    BodySha256Hex,
    /// SHA-256 of the body in base64.
    BodySha256Base64,
}

impl Atom {
    /// The one place whose value it is, if it is one.
    #[must_use]
    pub fn place(&self) -> Option<Place> {
        Some(match self {
            Self::Header(name) => Place::Header(name.clone()),
            Self::Query(name) => Place::Query(name.clone()),
            Self::Param(param) => Place::Param(param.clone()),
            Self::Json(pointer) | Self::JsonOrEmpty(pointer) => Place::Json(pointer.clone()),
            _ => return None,
        })
    }
}

impl Place {
    /// Whether a message of `atoms` covers what stands here.
    #[must_use]
    pub fn is_signed_by(&self, atoms: &[Atom]) -> bool {
        atoms.iter().any(|atom| match (self, atom) {
            (Self::Header(a), Atom::Header(b)) => a.eq_ignore_ascii_case(b),
            (Self::Query(a), Atom::Query(b)) => a == b,
            (Self::Query(_), Atom::Url) => true,
            (Self::Param(a), Atom::Param(b)) => a.is(b),
            (Self::Json(a), Atom::Json(b) | Atom::JsonOrEmpty(b)) => a == b,
            (Self::Json(_), Atom::Body) => true,
            _ => false,
        })
    }
}

impl Param {
    /// Whether both are the same parameter: names of headers have no case.
    fn is(&self, other: &Self) -> bool {
        self.header.eq_ignore_ascii_case(&other.header)
            && self.name == other.name
            && self.separator == other.separator
    }
}
