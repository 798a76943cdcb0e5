//! The request target, its authority and the canonical path.

use std::borrow::Cow;

use crate::refusal::PathRefusal;

/// Form of a request target (RFC 9112 section 3.2); authority-form is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    /// A path with an optional query.
    Origin,
    /// `http://…`.
    AbsoluteHttp,
    /// `https://…`.
    AbsoluteHttps,
    /// `*`, with OPTIONS.
    Asterisk,
}

/// Host and port as the client named them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority<'b> {
    /// Name or address as received; IPv6 in brackets.
    pub host: &'b [u8],
    /// Port, when one was named.
    pub port: Option<u16>,
}

impl<'b> Authority<'b> {
    /// Reads `host` or `host:port`: letters, digits, `-`, `.`, `_`, or an IPv6 address in brackets.
    #[must_use]
    pub fn parse(_bytes: &'b [u8]) -> Option<Self> {
        todo!()
    }
}

/// The path policy speaks of: percent-decoded exactly once, free of dot segments and of everything
/// that another parser could read as a separator. Borrowed when there was nothing to decode.
///
/// # Errors
///
/// Every shape that decodes to another path at another reader.
pub fn canonical(_path: &[u8]) -> Result<Cow<'_, str>, PathRefusal> {
    todo!()
}

/// The canonical path as the most lenient application would read it: lower case, parameters (`;x`)
/// cut per segment, repeated slashes merged, trailing slash and trailing dots dropped. Borrowed when
/// the path is folded already.
#[must_use]
pub fn folded(_canonical: &str) -> Cow<'_, str> {
    todo!()
}
