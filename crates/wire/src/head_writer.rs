//! Heads on their way out.
//!
//! Owns the bytes of request and status lines and fields. Refuses every part that would let a value
//! end its line or a name be read differently, whoever supplied it. Trusts only what was checked
//! before and says so by its type: a [`Field`] and a [`Request`] when they were parsed, an
//! [`OwnName`] and a literal [`Clean`] when this program was compiled.

mod parts;

pub use parts::{Clean, CleanText, OwnName};

use crate::answer::Answer;
use crate::fields::Field;
use crate::head::Version;
use crate::request::Request;
use crate::scan::{is_target, is_token, is_value};

/// A part of a head that must not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// The name is not a token (RFC 9110 section 5.1).
    #[error("the field name is not a token")]
    Name,
    /// The value holds a control byte (RFC 9110 section 5.5).
    #[error("the field value holds a control byte")]
    Value,
    /// Method, target, status or reason cannot stand on a first line (RFC 9112 sections 3 and 4).
    #[error("the first line would be malformed")]
    Line,
}

/// Appends a head to a buffer, without formatting machinery. A part that is refused leaves the
/// buffer as it was.
#[derive(Debug)]
pub struct HeadWriter<'v> {
    out: &'v mut Vec<u8>,
}

impl<'v> HeadWriter<'v> {
    /// Writes at the end of `out`.
    pub const fn new(out: &'v mut Vec<u8>) -> Self {
        Self { out }
    }

    /// `METHOD target HTTP/1.1`.
    ///
    /// # Errors
    ///
    /// When the method is not a token, or the target is empty or holds `#` or a byte that is not
    /// visible ASCII.
    pub fn request_line(&mut self, method: &[u8], target: &[u8]) -> Result<(), WriteFault> {
        if !is_token(method) || !is_target(target) {
            return Err(WriteFault::Line);
        }
        self.append(&[method, b" ", target, b" HTTP/1.1\r\n"]);
        Ok(())
    }

    /// The line of a parsed request with our own version, its target in origin form.
    ///
    /// # Errors
    ///
    /// When the request was never parsed to its end.
    pub fn line_of(&mut self, request: &Request<'_>) -> Result<(), WriteFault> {
        let (method, target) = (request.method_bytes(), request.path_and_query());
        if request.bytes().is_empty() {
            return Err(WriteFault::Line);
        }
        self.append(&[method, b" ", target, b" HTTP/1.1\r\n"]);
        Ok(())
    }

    /// `HTTP/1.1 status reason`, always with our own version (RFC 9110 section 2.5); an empty
    /// reason gives the standard phrase.
    ///
    /// # Errors
    ///
    /// When the status is not 100 to 599 or the reason holds a control byte.
    pub fn status_line(&mut self, status: u16, reason: &[u8]) -> Result<(), WriteFault> {
        if !(100..600).contains(&status) || !is_value(reason) {
            return Err(WriteFault::Line);
        }
        let mut digits = itoa::Buffer::new();
        let reason = match reason {
            [] => phrase(status).as_bytes(),
            given => given,
        };
        let digits = digits.format(status).as_bytes();
        self.append(&[b"HTTP/1.1 ", digits, b" ", reason, b"\r\n"]);
        Ok(())
    }

    /// The status line of a parsed answer with our own version; an empty reason gives the standard
    /// phrase.
    ///
    /// # Errors
    ///
    /// When the answer was never parsed to its end.
    pub fn status_of(&mut self, answer: &Answer<'_>) -> Result<(), WriteFault> {
        let line = answer.line().ok_or(WriteFault::Line)?;
        if answer.version() == Version::Http11 && !answer.reason().is_empty() {
            self.out.extend_from_slice(line);
            return Ok(());
        }
        self.status_line(answer.status(), answer.reason())
    }

    /// A field whose bytes were checked when they were parsed.
    #[inline]
    pub fn copy(&mut self, field: &Field<'_>) {
        match field.neat_line() {
            Some(line) => self.out.extend_from_slice(line),
            None => self.append(&[field.name(), b": ", field.value(), b"\r\n"]),
        }
    }

    /// A field of cookies (RFC 6265 section 4.2.1) less the pairs that are not kept, the others byte for
    /// byte but for spaces before the first; nothing where none is left. Its bytes were checked when they
    /// were parsed.
    pub fn copy_pairs(&mut self, field: &Field<'_>, keeps: impl Fn(&[u8]) -> bool) {
        let start = self.out.len();
        self.append(&[field.name(), b": "]);
        let begins = self.out.len();
        let pairs = field.value().split(|byte| *byte == b';');
        for pair in pairs.filter(|pair| keeps(pair)) {
            if self.out.len() == begins {
                self.out.extend_from_slice(pair.trim_ascii_start());
            } else {
                self.append(&[b";", pair]);
            }
        }
        let left = self.out.get(begins..).unwrap_or_default();
        if left.trim_ascii().is_empty() {
            self.out.truncate(start);
        } else {
            self.out.extend_from_slice(b"\r\n");
        }
    }

    /// A field of our own under a constant name, its value the concatenation of `parts`.
    #[inline]
    pub fn own<const PARTS: usize>(&mut self, name: OwnName, parts: [Clean<'_>; PARTS]) {
        let length: usize = parts.iter().map(|part| part.0.len()).sum();
        self.out.reserve(name.0.len() + length + 2);
        self.out.extend_from_slice(name.0);
        for part in parts {
            self.out.extend_from_slice(part.0);
        }
        self.out.extend_from_slice(b"\r\n");
    }

    /// A field of our own.
    ///
    /// # Errors
    ///
    /// When the name is not a token or the value holds a control byte other than tab.
    #[inline]
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), WriteFault> {
        if !is_token(name) {
            return Err(WriteFault::Name);
        }
        self.append(&[name, b": ", Clean::new(value)?.0, b"\r\n"]);
        Ok(())
    }

    /// A field with a decimal number.
    ///
    /// # Errors
    ///
    /// When the name is not a token.
    pub fn number(&mut self, name: &[u8], value: u64) -> Result<(), WriteFault> {
        self.field(name, itoa::Buffer::new().format(value).as_bytes())
    }

    /// The empty line that ends the head.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }

    #[inline]
    fn append(&mut self, parts: &[&[u8]]) {
        self.out.reserve(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            self.out.extend_from_slice(part);
        }
    }
}

/// The standard phrase of a status (RFC 9110 section 15, RFC 6585), or nothing.
#[must_use]
pub const fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        507 => "Insufficient Storage",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_written_as_they_are_read() {
        let mut out = Vec::new();
        let mut head = HeadWriter::new(&mut out);
        head.request_line(b"GET", b"/a?b").unwrap();
        head.field(b"Host", b"example.com").unwrap();
        let address = Clean::new(b"192.0.2.1").unwrap();
        head.own(
            OwnName::new("Forwarded: "),
            [Clean::literal("for="), address],
        );
        head.number(b"Content-Length", 42).unwrap();
        head.end();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "GET /a?b HTTP/1.1\r\nHost: example.com\r\nForwarded: for=192.0.2.1\r\n\
             Content-Length: 42\r\n\r\n"
        );

        let mut out = Vec::new();
        let mut head = HeadWriter::new(&mut out);
        head.status_line(404, b"").unwrap();
        head.status_line(299, b"").unwrap();
        head.status_line(200, b"Fine").unwrap();
        assert_eq!(
            out,
            b"HTTP/1.1 404 Not Found\r\nHTTP/1.1 299 \r\nHTTP/1.1 200 Fine\r\n"
        );
    }

    #[test]
    fn what_would_end_a_line_early_is_refused_and_leaves_nothing_behind() {
        let mut out = Vec::new();
        let mut head = HeadWriter::new(&mut out);
        for value in [&b"a\r\nb: c"[..], b"a\nb", b"a\rb", b"a\0b", b"\x7f"] {
            assert_eq!(head.field(b"A", value), Err(WriteFault::Value));
            assert_eq!(Clean::new(value), Err(WriteFault::Value));
            let text = std::str::from_utf8(value).unwrap();
            assert!(CleanText::new(text).is_err());
            assert_eq!(head.field(value, b"x"), Err(WriteFault::Name));
            assert_eq!(head.request_line(value, b"/"), Err(WriteFault::Line));
            assert_eq!(head.request_line(b"GET", value), Err(WriteFault::Line));
            assert_eq!(head.status_line(200, value), Err(WriteFault::Line));
        }
        assert_eq!(head.field(b"", b"x"), Err(WriteFault::Name));
        assert_eq!(head.field(b"A:", b"x"), Err(WriteFault::Name));
        assert_eq!(head.number(b"A b", 1), Err(WriteFault::Name));
        assert_eq!(head.request_line(b"GET", b"/a b"), Err(WriteFault::Line));
        assert_eq!(head.request_line(b"GET", b""), Err(WriteFault::Line));
        assert_eq!(head.status_line(99, b""), Err(WriteFault::Line));
        assert_eq!(head.status_line(600, b""), Err(WriteFault::Line));
        assert!(out.is_empty());
    }

    #[test]
    fn pairs_that_are_not_kept_leave_the_others_as_they_were() {
        for (value, written) in [
            ("a=1; b=2", "Cookie: a=1\r\n"),
            ("b=2;  a=1;c", "Cookie: a=1;c\r\n"),
            ("a=1 ;b=2; ;a=3", "Cookie: a=1 ; ;a=3\r\n"),
            ("b=2", ""),
            ("b=2; ; b", ""),
            (";;b=2;a", "Cookie: a\r\n"),
        ] {
            let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {value}\r\n\r\n");
            let mut parsed = crate::RequestHead::new();
            parsed
                .parse(bytes.as_bytes(), &crate::HeadLimits::REQUEST)
                .unwrap();
            let request = parsed.request(bytes.as_bytes());
            let field = request.fields().find(|it| it.kind() == crate::Name::Cookie);
            let mut out = b"before".to_vec();
            let keeps = |pair: &[u8]| !pair.trim_ascii().starts_with(b"b");
            HeadWriter::new(&mut out).copy_pairs(&field.unwrap(), keeps);
            let out = String::from_utf8(out).unwrap();
            assert_eq!(out.strip_prefix("before"), Some(written), "{value}");
        }
    }

    #[test]
    fn the_line_of_a_request_is_written_only_when_it_is_whole() {
        let bytes = b"GET http://a/b?c HTTP/1.0\r\nHost: a\r\n\r\n";
        let mut parsed = crate::RequestHead::new();
        let mut out = Vec::new();
        let written = HeadWriter::new(&mut out).line_of(&parsed.request(bytes));
        assert_eq!((written, out.len()), (Err(WriteFault::Line), 0));
        parsed.parse(bytes, &crate::HeadLimits::REQUEST).unwrap();
        let written = HeadWriter::new(&mut out).line_of(&parsed.request(bytes));
        assert_eq!((written, &out[..]), (Ok(()), &b"GET /b?c HTTP/1.1\r\n"[..]));
    }

    #[test]
    fn the_status_line_of_an_answer_is_written_with_our_version_once_it_is_whole() {
        let asked = crate::Asked {
            method: crate::Method::Get,
            upgrade: false,
        };
        for (received, written) in [
            ("HTTP/1.1 200 Fine", "HTTP/1.1 200 Fine\r\n"),
            ("HTTP/1.0 200 Fine", "HTTP/1.1 200 Fine\r\n"),
            ("HTTP/1.1 404 ", "HTTP/1.1 404 Not Found\r\n"),
        ] {
            let bytes = format!("{received}\r\nA: b\r\n\r\n");
            let mut head = crate::AnswerHead::new();
            let mut out = Vec::new();
            let before = HeadWriter::new(&mut out).status_of(&head.answer(bytes.as_bytes()));
            assert_eq!((before, out.len()), (Err(WriteFault::Line), 0));
            head.parse(bytes.as_bytes(), &crate::HeadLimits::ANSWER, asked)
                .unwrap();
            let answer = head.answer(bytes.as_bytes());
            HeadWriter::new(&mut out).status_of(&answer).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), written);
        }
    }
}
