//! Answer heads of the upstream, parsed as strictly as requests.

use crate::fields::{Fields, Name, Single};
use crate::framing::BodyFraming;
use crate::refusal::FramingRefusal;
use crate::request::{HeadLimits, Method, Parsed, Version};

/// What was asked, which decides what an answer may carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Method of the request.
    pub method: Method,
    /// Whether the request was a WebSocket handshake, so that 101 is a possible answer.
    pub upgrade: bool,
}

/// An answer head: offsets into a buffer that the caller owns, reused without allocation.
#[derive(Debug)]
pub struct AnswerHead {}

#[expect(unused_variables, reason = "skeleton")]
impl AnswerHead {
    /// A head that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }

    /// Forgets everything: call before the first byte of each answer, interim answers included.
    pub fn clear(&mut self) {
        todo!()
    }

    /// Reads on; as [`crate::RequestHead::parse`].
    ///
    /// # Errors
    ///
    /// The first thing wrong; the upstream connection must be closed and nothing of it forwarded.
    pub fn parse(
        &mut self,
        bytes: &[u8],
        limits: &HeadLimits,
        asked: Asked,
    ) -> Result<Parsed, FramingRefusal> {
        todo!()
    }

    /// The parsed head together with its bytes. Only meaningful after [`Parsed::Complete`].
    #[must_use]
    pub fn answer<'b>(&'b self, bytes: &'b [u8]) -> Answer<'b> {
        Answer { head: self, bytes }
    }
}

impl Default for AnswerHead {
    fn default() -> Self {
        Self::new()
    }
}

/// A parsed answer head and the bytes it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'b> {
    head: &'b AnswerHead,
    bytes: &'b [u8],
}

#[expect(unused_variables, reason = "skeleton")]
impl<'b> Answer<'b> {
    /// Status code, 100 to 599.
    #[must_use]
    pub fn status(&self) -> u16 {
        todo!()
    }

    /// Reason phrase as received; may be empty.
    #[must_use]
    pub fn reason(&self) -> &'b [u8] {
        todo!()
    }

    /// Whether another head follows: 1xx other than 101.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        todo!()
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        todo!()
    }

    /// All fields in order.
    #[must_use]
    pub fn fields(&self) -> Fields<'b> {
        todo!()
    }

    /// Value of the first field of that name.
    #[must_use]
    pub fn value(&self, name: Name) -> Option<&'b [u8]> {
        todo!()
    }

    /// Value of the only field of that name.
    #[must_use]
    pub fn single(&self, name: Name) -> Single<'b> {
        todo!()
    }

    /// Whether `Connection` lists this name, case and underscores folded.
    #[must_use]
    pub fn connection_lists(&self, name: &[u8]) -> bool {
        todo!()
    }

    /// How the body ends, given what was asked.
    #[must_use]
    pub fn framing(&self) -> BodyFraming {
        todo!()
    }

    /// Whether the upstream connection may be used again once the body is read.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        todo!()
    }
}
