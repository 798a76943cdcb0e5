//! Request heads, parsed as their bytes arrive.

use crate::fields::{Fields, Name, Single};
use crate::framing::BodyFraming;
use crate::refusal::FramingRefusal;
use crate::target::{Authority, TargetForm};

/// Sizes beyond which a head is refused.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Bytes of the first line, its line end included.
    pub line: u32,
    /// Bytes of all field lines, line ends and the closing empty line included.
    pub block: u32,
    /// Fields, at most [`crate::fields::MAX_FIELDS`].
    pub fields: u16,
    /// Whether HTTP/1.0 requests may come without Host.
    pub http10_without_host: bool,
}

impl HeadLimits {
    /// Requests: line 8 KiB, block 32 KiB, 100 fields, Host required.
    pub const REQUEST: Self = Self {
        line: 8 << 10,
        block: 32 << 10,
        fields: 100,
        http10_without_host: false,
    };

    /// Answers: status line 8 KiB, block 64 KiB, 100 fields.
    pub const ANSWER: Self = Self {
        line: 8 << 10,
        block: 64 << 10,
        fields: 100,
        http10_without_host: false,
    };

    /// The most bytes a head within these limits takes: a buffer this large always suffices.
    #[must_use]
    pub const fn largest(&self) -> usize {
        self.line as usize + self.block as usize
    }
}

/// How far a head has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// More bytes are needed; call again with the same bytes and more after them.
    Incomplete,
    /// The head is whole and takes the first `len` bytes.
    Complete {
        /// Bytes of the head, closing empty line included.
        len: usize,
    },
}

/// Request method; case matters (RFC 9110 section 9.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each variant is the method it is named after")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Trace,
    /// Any other token; see [`Request::method_bytes`].
    Other,
}

impl Method {
    /// Whether sending it twice does what sending it once does (RFC 9110 section 9.2.2).
    #[must_use]
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Post | Self::Patch | Self::Other)
    }
}

/// Protocol version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// A request head: offsets into a buffer that the caller owns, reused for every request of a
/// connection without allocation.
#[derive(Debug)]
pub struct RequestHead {}

impl RequestHead {
    /// A head that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }

    /// Forgets everything: call before the first byte of each request.
    pub fn clear(&mut self) {
        todo!()
    }

    /// Reads on. `bytes` starts at the first byte of the request and, on a later call, repeats what
    /// earlier calls saw; each byte is looked at once. Bytes after the head are ignored.
    ///
    /// # Errors
    ///
    /// The first thing wrong, at the byte where it becomes known; the connection must be closed.
    pub fn parse(&mut self, _bytes: &[u8], _limits: &HeadLimits) -> Result<Parsed, FramingRefusal> {
        todo!()
    }

    /// The parsed head together with its bytes. Only meaningful after [`Parsed::Complete`].
    #[must_use]
    pub fn request<'b>(&'b self, bytes: &'b [u8]) -> Request<'b> {
        Request { head: self, bytes }
    }
}

impl Default for RequestHead {
    fn default() -> Self {
        Self::new()
    }
}

/// A parsed request head and the bytes it was parsed from.
#[derive(Clone, Copy, Debug)]
pub struct Request<'b> {
    head: &'b RequestHead,
    bytes: &'b [u8],
}

#[expect(unused_variables, reason = "skeleton")]
impl<'b> Request<'b> {
    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        todo!()
    }

    /// The method as received.
    #[must_use]
    pub fn method_bytes(&self) -> &'b [u8] {
        todo!()
    }

    /// The version.
    #[must_use]
    pub fn version(&self) -> Version {
        todo!()
    }

    /// The target as received.
    #[must_use]
    pub fn target(&self) -> &'b [u8] {
        todo!()
    }

    /// Which form the target has.
    #[must_use]
    pub fn target_form(&self) -> TargetForm {
        todo!()
    }

    /// Path and query as received, without scheme and authority: what goes upstream. `*` stays `*`.
    #[must_use]
    pub fn path_and_query(&self) -> &'b [u8] {
        todo!()
    }

    /// The path as received.
    #[must_use]
    pub fn path(&self) -> &'b [u8] {
        todo!()
    }

    /// The query as received, without its question mark.
    #[must_use]
    pub fn query(&self) -> Option<&'b [u8]> {
        todo!()
    }

    /// Host and port that the request names; `None` only for HTTP/1.0 where limits allow it.
    #[must_use]
    pub fn authority(&self) -> Option<Authority<'b>> {
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

    /// Value of the only field with these bytes as its name, whatever their case.
    #[must_use]
    pub fn single_named(&self, name: &[u8]) -> Single<'b> {
        todo!()
    }

    /// Whether `Connection` lists this name, case and underscores folded: then the field is not
    /// forwarded.
    #[must_use]
    pub fn connection_lists(&self, name: &[u8]) -> bool {
        todo!()
    }

    /// How the body ends; never [`BodyFraming::UntilClose`].
    #[must_use]
    pub fn framing(&self) -> BodyFraming {
        todo!()
    }

    /// Whether the connection may be used again: HTTP/1.1 without `Connection: close`.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        todo!()
    }

    /// Whether the client waits for 100 Continue before it sends its body.
    #[must_use]
    pub fn expects_continue(&self) -> bool {
        todo!()
    }

    /// Whether this is a whole WebSocket handshake (RFC 6455 section 4.1).
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        todo!()
    }
}
