//! The chunked coding (RFC 9112 section 7.1), both ways.
//!
//! Owns where the data of a chunked body lies. Refuses every byte that is not chunked coding as
//! soon as it is seen, bare line feeds first of all; chunk extensions and trailers are read
//! strictly, limited and dropped: whoever stands before us may have found the end of a line within
//! a quote that we would have dropped. Trusts neither side.

use std::ops::Range;

use crate::fields::foreign;
use crate::refusal::FramingRefusal;
use crate::scan::{is_token_byte, is_value_byte};

/// The most bytes of chunk extensions on one line.
pub const LINE_EXTENSION: u32 = 256;

/// The most bytes of chunk extensions in one body.
pub const BODY_EXTENSIONS: u32 = 16 << 10;

/// The most bytes of trailers, line ends and the closing empty line included.
pub const TRAILERS: u32 = 8 << 10;

/// The most hexadecimal digits of a chunk size, leading zeros included.
const DIGITS: u8 = 16;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    SizeStart,
    Size,
    Extension(Extension),
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLineFeed,
    LastLineFeed,
    Done,
}

/// Where in an extension: `;name`, `;name=token` or `;name="quoted"` (RFC 9112 section 7.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extension {
    NameStart,
    Name,
    ValueStart,
    Token,
    Quoted,
    Escaped,
    /// Behind the closing quote.
    Ended,
}

impl Extension {
    /// The place after `byte`; `None` where it may not stand. White space, which the standard calls
    /// bad, is not allowed anywhere but in quotes.
    const fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Quoted, b'"') => Some(Self::Ended),
            (Self::Quoted, b'\\') => Some(Self::Escaped),
            (Self::Quoted | Self::Escaped, _) if is_value_byte(byte) => Some(Self::Quoted),
            (Self::Name | Self::Token | Self::Ended, b';') => Some(Self::NameStart),
            (Self::Name, b'=') => Some(Self::ValueStart),
            (Self::ValueStart, b'"') => Some(Self::Quoted),
            _ => None,
        }
    }

    /// Whether the line may end here.
    const fn is_whole(self) -> bool {
        matches!(self, Self::Name | Self::Token | Self::Ended)
    }
}

/// Decodes a chunked body from any division into pieces, without copying.
#[derive(Clone, Debug)]
pub struct ChunkedDecoder {
    phase: Phase,
    digits: u8,
    size: u64,
    line: u32,
    extensions: u32,
    trailers: u32,
}

impl ChunkedDecoder {
    /// A decoder before the first chunk.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            phase: Phase::SizeStart,
            digits: 0,
            size: 0,
            line: 0,
            extensions: 0,
            trailers: 0,
        }
    }

    /// Reads until the next piece of data, the end of the body or the end of the input.
    ///
    /// Call again with the input after `consumed`. When `data` is empty and `done` is false the
    /// input is used up. After the end nothing more is consumed.
    ///
    /// # Errors
    ///
    /// The first byte that is not chunked coding, at once; the connection must be closed. Data
    /// before that byte was given by earlier steps.
    pub fn next(&mut self, input: &[u8]) -> Result<ChunkStep, FramingRefusal> {
        let mut at = 0;
        while self.phase != Phase::Done {
            let Some(&byte) = input.get(at) else {
                break;
            };
            if self.phase == Phase::Data {
                let here = input.len() - at;
                let length = usize::try_from(self.size).map_or(here, |size| size.min(here));
                self.size -= length as u64;
                if self.size == 0 {
                    self.phase = Phase::DataReturn;
                }
                return Ok(ChunkStep {
                    consumed: at + length,
                    data: at..at + length,
                    done: false,
                });
            }
            self.take(byte)?;
            at += 1;
        }
        Ok(ChunkStep {
            consumed: at,
            data: at..at,
            done: self.is_done(),
        })
    }

    /// Whether the last chunk and its trailers were read.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self.phase, Phase::Done)
    }

    /// Takes one byte outside of data.
    fn take(&mut self, byte: u8) -> Result<(), FramingRefusal> {
        self.phase = match self.phase {
            Phase::SizeStart | Phase::Size => self.size_line(byte)?,
            Phase::Extension(place) => self.extension(place, byte)?,
            Phase::SizeLineFeed => {
                line_feed(byte)?;
                if self.size == 0 {
                    Phase::TrailerStart
                } else {
                    Phase::Data
                }
            }
            Phase::DataReturn => match byte {
                b'\r' => Phase::DataLineFeed,
                b'\n' => return Err(FramingRefusal::BareLf),
                _ => return Err(FramingRefusal::ChunkEnd),
            },
            Phase::DataLineFeed => {
                line_feed(byte)?;
                Phase::SizeStart
            }
            Phase::TrailerStart
            | Phase::TrailerName
            | Phase::TrailerValue
            | Phase::TrailerLineFeed
            | Phase::LastLineFeed => self.trailer(byte)?,
            Phase::Data | Phase::Done => self.phase,
        };
        Ok(())
    }

    fn size_line(&mut self, byte: u8) -> Result<Phase, FramingRefusal> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => 16,
        };
        match (self.phase, byte) {
            (Phase::SizeStart, _) if digit < 16 => {
                self.size = u64::from(digit);
                self.digits = 1;
                self.line = 0;
                Ok(Phase::Size)
            }
            (Phase::Size, _) if digit < 16 => {
                self.digits += 1;
                // The first of sixteen digits would be lost, and half of what remains is no size
                // that a signed reader could hold.
                if self.digits > DIGITS || self.size >> 59 != 0 {
                    return Err(FramingRefusal::ChunkSize);
                }
                self.size = self.size << 4 | u64::from(digit);
                Ok(Phase::Size)
            }
            (Phase::Size, b'\r') => Ok(Phase::SizeLineFeed),
            (Phase::Size, b';') => {
                self.count_extension()?;
                Ok(Phase::Extension(Extension::NameStart))
            }
            (Phase::SizeStart, b'\r') => Err(FramingRefusal::ChunkSize),
            _ => Err(foreign(byte, FramingRefusal::ChunkSize)),
        }
    }

    fn extension(&mut self, place: Extension, byte: u8) -> Result<Phase, FramingRefusal> {
        if byte == b'\r' {
            return if place.is_whole() {
                Ok(Phase::SizeLineFeed)
            } else {
                Err(FramingRefusal::ChunkExtension)
            };
        }
        let next = match place {
            Extension::NameStart | Extension::Name if is_token_byte(byte) => Extension::Name,
            Extension::ValueStart | Extension::Token if is_token_byte(byte) => Extension::Token,
            _ => match place.after(byte) {
                Some(next) => next,
                None if byte >= 0x80 => return Err(FramingRefusal::ChunkExtension),
                None => return Err(foreign(byte, FramingRefusal::ChunkExtension)),
            },
        };
        self.count_extension()?;
        Ok(Phase::Extension(next))
    }

    const fn count_extension(&mut self) -> Result<(), FramingRefusal> {
        self.line += 1;
        self.extensions += 1;
        if self.line > LINE_EXTENSION || self.extensions > BODY_EXTENSIONS {
            return Err(FramingRefusal::ChunkExtension);
        }
        Ok(())
    }

    fn trailer(&mut self, byte: u8) -> Result<Phase, FramingRefusal> {
        self.trailers += 1;
        if self.trailers > TRAILERS {
            return Err(FramingRefusal::TrailerTooLarge);
        }
        match (self.phase, byte) {
            (Phase::TrailerStart, b'\r') => Ok(Phase::LastLineFeed),
            (Phase::TrailerStart, b' ' | b'\t') => Err(FramingRefusal::ObsFold),
            (Phase::TrailerStart | Phase::TrailerName, _) if is_token_byte(byte) => {
                Ok(Phase::TrailerName)
            }
            (Phase::TrailerName, b':') => Ok(Phase::TrailerValue),
            (Phase::TrailerName, b' ' | b'\t') => Err(FramingRefusal::SpaceBeforeColon),
            (Phase::TrailerName, b'\r') => Err(FramingRefusal::FieldName),
            (Phase::TrailerValue, b'\r') => Ok(Phase::TrailerLineFeed),
            (Phase::TrailerValue, _) if is_value_byte(byte) => Ok(Phase::TrailerValue),
            (Phase::TrailerLineFeed, _) => line_feed(byte).map(|()| Phase::TrailerStart),
            (Phase::LastLineFeed, _) => line_feed(byte).map(|()| Phase::Done),
            _ => Err(foreign(byte, FramingRefusal::FieldName)),
        }
    }
}

impl Default for ChunkedDecoder {
    fn default() -> Self {
        Self::new()
    }
}

const fn line_feed(byte: u8) -> Result<(), FramingRefusal> {
    if byte == b'\n' {
        Ok(())
    } else {
        Err(FramingRefusal::BareCr)
    }
}

/// Ends the data of each chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// Ends a body, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A size line, on the stack.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHead {
    bytes: [u8; 18],
    start: u8,
}

/// The size line of a chunk of `len` bytes. A chunk of 0 bytes would end the body: use
/// [`LAST_CHUNK`] for that, and write nothing for an empty piece of data.
#[must_use]
pub fn chunk_head(len: usize) -> ChunkHead {
    let mut bytes = *b"0000000000000000\r\n";
    let mut start: u8 = 16;
    let mut rest = len;
    for place in bytes.iter_mut().rev().skip(2) {
        *place = match (rest & 15) as u8 {
            digit @ 0..=9 => b'0' + digit,
            digit => b'a' + digit - 10,
        };
        start -= 1;
        rest >>= 4;
        if rest == 0 {
            break;
        }
    }
    ChunkHead { bytes, start }
}

impl AsRef<[u8]> for ChunkHead {
    fn as_ref(&self) -> &[u8] {
        self.bytes
            .get(usize::from(self.start)..)
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
