//! The chunked coding (RFC 9112 section 7.1), both ways.

use std::ops::Range;

use crate::refusal::FramingRefusal;

/// What one step of decoding found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkStep {
    /// Bytes of the input that are used up, data included.
    pub consumed: usize,
    /// Body data within the input; empty when this step found none.
    pub data: Range<usize>,
    /// Whether the body has ended; input after `consumed` is not part of it.
    pub done: bool,
}

/// Decodes a chunked body from any division into pieces, without copying.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {}

#[expect(unused_variables, reason = "skeleton")]
impl ChunkedDecoder {
    /// A decoder before the first chunk.
    #[must_use]
    pub fn new() -> Self {
        todo!()
    }

    /// Reads until the next piece of data, the end of the body or the end of the input.
    ///
    /// Call again with the input after `consumed`. When `data` is empty and `done` is false the
    /// input is used up.
    ///
    /// # Errors
    ///
    /// The first byte that is not chunked coding, at once; the connection must be closed.
    pub fn next(&mut self, input: &[u8]) -> Result<ChunkStep, FramingRefusal> {
        todo!()
    }

    /// Whether the last chunk and its trailers were read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        todo!()
    }
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Ends the data of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Ends a body, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The size line of a chunk of `len` bytes; `len` is not 0.
#[must_use]
pub fn chunk_head(len: usize) -> ChunkHead {
    let _ = len;
    todo!()
}

/// A size line, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHead {
    bytes: [u8; 18],
    start: u8,
}

impl AsRef<[u8]> for ChunkHead {
    fn as_ref(&self) -> &[u8] {
        self.bytes
            .get(usize::from(self.start)..)
            .unwrap_or_default()
    }
}
