//! What is asked and what is answered.
//!
//! Owns [`Field`], which cannot end its line or govern the message, and [`Request`], whose `Debug`
//! shows whom it speaks to and nothing else. Refuses names that frame or route a message: those are
//! written by the exchange alone. Trusts no caller with bytes on the wire.

use std::fmt;

use control::Secret;

use crate::target::Target;

/// Names a caller does not set: they frame or route the message, or are set by other means.
const GOVERNING: &[&str] = &[
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Names that say nothing about whom we are to the first origin, and travel to another.
const TRAVELLING: &[&str] = &["accept", "accept-language", "user-agent"];

/// The two methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Sends a body.
    Post,
}

impl Method {
    pub(super) const fn wire(self) -> wire::Method {
        match self {
            Self::Get => wire::Method::Get,
            Self::Post => wire::Method::Post,
        }
    }

    pub(super) const fn name(self) -> &'static [u8] {
        match self {
            Self::Get => b"GET",
            Self::Post => b"POST",
        }
    }
}

/// Why a field is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldFault {
    /// The name is not a token.
    #[error("the field name is not a token")]
    Name,
    /// The name frames or routes the message.
    #[error("the field governs the message and is not the caller's to set")]
    Governing,
    /// The value holds a control byte, or is not ASCII.
    #[error("the field value holds a byte that must not stand there")]
    Value,
}

/// A field of a request. Its value is treated as a secret.
#[derive(Clone)]
pub struct Field {
    name: Box<str>,
    value: Secret,
}

impl Field {
    /// A field; only `Accept`, `Accept-Language` and `User-Agent` follow a redirect to another
    /// origin.
    ///
    /// # Errors
    ///
    /// See [`FieldFault`].
    pub fn new(name: &str, value: impl Into<Vec<u8>>) -> Result<Self, FieldFault> {
        let value = Secret::new(value.into());
        if !wire::scan::is_token(name.as_bytes()) {
            return Err(FieldFault::Name);
        }
        let name = name.to_ascii_lowercase();
        if GOVERNING.contains(&name.as_str()) {
            return Err(FieldFault::Governing);
        }
        if !value
            .expose()
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~'))
        {
            return Err(FieldFault::Value);
        }
        Ok(Self {
            name: name.into(),
            value,
        })
    }

    pub(super) fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }

    pub(super) fn value(&self) -> &[u8] {
        self.value.expose()
    }

    pub(super) fn travels(&self) -> bool {
        TRAVELLING.contains(&&*self.name)
    }
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({}, ..)", self.name)
    }
}

/// A body and its type.
#[derive(Clone, Debug)]
pub(super) struct Body {
    pub(super) kind: &'static str,
    pub(super) bytes: Secret,
}

/// A request.
#[derive(Clone)]
pub struct Request {
    pub(super) method: Method,
    pub(super) target: Target,
    pub(super) fields: Vec<Field>,
    pub(super) body: Option<Body>,
}

impl Request {
    /// Reads `target`.
    #[must_use]
    pub const fn get(target: Target) -> Self {
        Self {
            method: Method::Get,
            target,
            fields: Vec::new(),
            body: None,
        }
    }

    /// Sends `body`, whose content type is `kind`.
    #[must_use]
    pub const fn post(target: Target, kind: &'static str, body: Secret) -> Self {
        Self {
            method: Method::Post,
            target,
            fields: Vec::new(),
            body: Some(Body { kind, bytes: body }),
        }
    }

    /// The same with one more field.
    #[must_use]
    pub fn with(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// What is asked for.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?} {:?})", self.method, self.target)
    }
}

/// A whole answer.
pub struct Response {
    pub(super) status: u16,
    pub(super) target: Target,
    pub(super) fields: Vec<(Box<str>, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// The status, 200 to 599.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Where it came from: the last redirect's target.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The value of the only field of that name, in lower case; `None` where there is none or more
    /// than one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let mut values = self.fields.iter().filter(|(given, _)| **given == *name);
        let (_, first) = values.next()?;
        values.next().is_none().then_some(first)
    }

    /// Whether every value of every field of that name keeps to `rule`.
    pub(super) fn every(&self, name: &str, rule: impl Fn(&[u8]) -> bool) -> bool {
        let mut values = self.fields.iter().filter(|(given, _)| **given == *name);
        values.all(|(_, value)| rule(value))
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, taken out.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }
}

impl fmt::Debug for Response {
    /// Shows status and length; the body may be a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Response({}, {} bytes)", self.status, self.body.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_cannot_end_its_line_or_govern_the_message() {
        for (name, value, fault) in [
            ("X-Key", "a\r\nHost: b", FieldFault::Value),
            ("X-Key", "a\nb", FieldFault::Value),
            ("X-Key", "a\0b", FieldFault::Value),
            ("X-Key", "é", FieldFault::Value),
            ("X Key", "a", FieldFault::Name),
            ("X-Key:", "a", FieldFault::Name),
            ("X-Key\r\nHost", "a", FieldFault::Name),
            ("", "a", FieldFault::Name),
            ("Host", "a", FieldFault::Governing),
            ("content-LENGTH", "1", FieldFault::Governing),
            ("Transfer-Encoding", "chunked", FieldFault::Governing),
            ("Connection", "keep-alive", FieldFault::Governing),
            ("Proxy-Authorization", "a", FieldFault::Governing),
        ] {
            assert_eq!(
                Field::new(name, value).unwrap_err(),
                fault,
                "{name:?} {value:?}"
            );
        }
        assert!(Field::new("Authorization", "Bearer a").is_ok());
    }

    #[test]
    fn nothing_that_may_be_secret_is_shown() {
        let target = Target::parse("https://id.example/s3cret?s3cret").unwrap();
        let body = Secret::new(b"s3cret".to_vec());
        let field = Field::new("X-Api-Key", "s3cret").unwrap();
        let request = Request::post(target.clone(), "text/plain", body).with(field);
        let response = Response {
            status: 200,
            target,
            fields: vec![("x".into(), b"s3cret".to_vec())],
            body: b"s3cret".to_vec(),
        };
        let shown = format!("{request:?} {:?} {response:?}", request.fields);
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}
