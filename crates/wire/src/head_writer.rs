//! Heads on their way out.

use crate::fields::Field;
use crate::request::Version;

/// A part of a head that must not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// The name is not a token.
    #[error("the field name is not a token")]
    Name,
    /// The value holds a control byte.
    #[error("the field value holds a control byte")]
    Value,
    /// Method, target or status cannot stand on a first line.
    #[error("the first line would be malformed")]
    Line,
}

/// Appends a head to a buffer; a part that is refused leaves the buffer as it was.
#[derive(Debug)]
pub struct HeadWriter<'v> {
    out: &'v mut Vec<u8>,
}

#[expect(unused_variables, reason = "skeleton")]
impl<'v> HeadWriter<'v> {
    /// Writes at the end of `out`.
    pub fn new(out: &'v mut Vec<u8>) -> Self {
        Self { out }
    }

    /// `METHOD target HTTP/1.1`.
    ///
    /// # Errors
    ///
    /// When the method is not a token or the target holds a space, control or non-ASCII byte.
    pub fn request_line(&mut self, method: &[u8], target: &[u8]) -> Result<(), WriteFault> {
        todo!()
    }

    /// `HTTP/1.1 status reason`, always with our own version (RFC 9110 section 2.5); an empty
    /// reason gives the standard phrase.
    ///
    /// # Errors
    ///
    /// When the status is not 100 to 599 or the reason holds a control byte.
    pub fn status_line(&mut self, status: u16, reason: &[u8]) -> Result<(), WriteFault> {
        todo!()
    }

    /// A field whose bytes were checked when they were parsed.
    pub fn copy(&mut self, field: &Field<'_>) {
        todo!()
    }

    /// A field of our own.
    ///
    /// # Errors
    ///
    /// When the name is not a token or the value holds a control byte other than tab.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), WriteFault> {
        todo!()
    }

    /// A field whose value is the concatenation of `parts`.
    ///
    /// # Errors
    ///
    /// As [`HeadWriter::field`].
    pub fn field_of(&mut self, name: &[u8], parts: &[&[u8]]) -> Result<(), WriteFault> {
        todo!()
    }

    /// A field with a decimal number.
    ///
    /// # Errors
    ///
    /// When the name is not a token.
    pub fn number(&mut self, name: &[u8], value: u64) -> Result<(), WriteFault> {
        todo!()
    }

    /// The empty line that ends the head.
    pub fn end(self) {
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The standard phrase of a status (RFC 9110 section 15), or nothing.
#[must_use]
pub fn phrase(status: u16) -> &'static str {
    let _ = (status, Version::Http11);
    todo!()
}
