//! Compressed bodies, inflated step by step and bounded at every step.
//!
//! Owns the framing of gzip (RFC 1952) and zlib (RFC 1950, which HTTP calls `deflate`, RFC 9110
//! section 8.4.1.2), the checksums, and the bounds on expansion. Refuses a second stream, bytes
//! behind the end, preset dictionaries, and streams that grow beyond bytes or ratio; brotli and
//! zstd are refused as codings we do not take. Trusts `miniz_oxide` for DEFLATE (RFC 1951).

use miniz_oxide::{
    DataFormat, MZError, MZFlush, MZStatus,
    inflate::stream::{InflateState, inflate},
};

use crate::refusal::{Fault, Place, Refusal};

/// Longest gzip header, with the names and comments that may stand in it, in bytes.
const HEADER: usize = 1024;
/// Bytes inflated at a time.
const STEP: usize = 16_384;
/// Bytes that may always come out, before the ratio counts.
const FREE: u64 = 65_536;
const CODING: &str = "Content-Encoding";

/// How a body is coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Plain,
    /// gzip (RFC 1952).
    Gzip,
    /// zlib (RFC 1950).
    Deflate,
}

impl Coding {
    /// Reads Content-Encoding. `identity` is nothing; `x-gzip` is gzip (RFC 9110 section 8.4.1.3).
    ///
    /// # Errors
    ///
    /// A coding that is not taken, or more than one.
    pub fn parse(value: Option<&[u8]>) -> Result<Self, Refusal> {
        let Some(value) = value else {
            return Ok(Self::Plain);
        };
        if value.contains(&b',') {
            return Err(Refusal::header(CODING, Fault::CodingNested));
        }
        let name = value.trim_ascii().to_ascii_lowercase();
        match name.as_slice() {
            b"identity" => Ok(Self::Plain),
            b"gzip" | b"x-gzip" => Ok(Self::Gzip),
            b"deflate" => Ok(Self::Deflate),
            _ => Err(Refusal::header(CODING, Fault::CodingUnknown)),
        }
    }
}

/// Bounds on what a compressed body may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Bytes out.
    pub bytes: u64,
    /// Bytes out for each byte in, beyond the first 64 KiB.
    pub ratio: u32,
}

enum Part {
    /// The gzip header, as far as it came.
    Header(Vec<u8>),
    Data,
    /// The gzip trailer, as far as it came.
    Trailer(Vec<u8>),
    End,
}

/// One stream in the course of being inflated.
pub struct Inflater {
    state: Box<InflateState>,
    coding: Coding,
    part: Part,
    bounds: Expansion,
    taken: u64,
    given: u64,
    checksum: crc32fast::Hasher,
}

impl std::fmt::Debug for Inflater {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("Inflater")
            .field("coding", &self.coding)
            .field("taken", &self.taken)
            .field("given", &self.given)
            .finish_non_exhaustive()
    }
}

impl Inflater {
    /// A stream of this coding. [`Coding::Plain`] is passed on as it is, within the bound in bytes.
    #[must_use]
    pub fn new(coding: Coding, bounds: Expansion) -> Self {
        let (format, part) = match coding {
            Coding::Plain | Coding::Deflate => (DataFormat::Zlib, Part::Data),
            Coding::Gzip => (DataFormat::Raw, Part::Header(Vec::new())),
        };
        Self {
            state: InflateState::new_boxed(format),
            coding,
            part,
            bounds,
            taken: 0,
            given: 0,
            checksum: crc32fast::Hasher::new(),
        }
    }

    /// Inflates the next bytes and appends what they become. At most 16 KiB are appended beyond
    /// what the bounds allow, and none of it after a refusal.
    ///
    /// # Errors
    ///
    /// A stream that is broken or expands too much.
    pub fn push(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        if self.coding == Coding::Plain {
            return self.pass(input, out);
        }
        while !input.is_empty() {
            let before = input.len();
            input = match &mut self.part {
                Part::Header(_) => self.header(input)?,
                Part::Data => self.data(input, out)?,
                Part::Trailer(_) => self.trailer(input)?,
                Part::End => return Err(self.at(Fault::CodingTrailing)),
            };
            self.taken += crate::count(before.saturating_sub(input.len()));
            self.ratio()?;
        }
        Ok(())
    }

    /// Ends the stream.
    ///
    /// # Errors
    ///
    /// The stream has not come to its end.
    pub fn finish(self) -> Result<(), Refusal> {
        match (self.coding, &self.part) {
            (Coding::Plain, _) | (_, Part::End) => Ok(()),
            _ => Err(self.at(Fault::CodingCut)),
        }
    }

    fn at(&self, fault: Fault) -> Refusal {
        Refusal {
            fault,
            place: Place::Byte(self.taken),
        }
    }

    fn pass(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Refusal> {
        self.taken += crate::count(input.len());
        self.given = self.taken;
        self.bytes()?;
        out.extend_from_slice(input);
        Ok(())
    }

    fn bytes(&self) -> Result<(), Refusal> {
        let limit = self.bounds.bytes;
        if self.given > limit {
            return Err(Refusal::whole(Fault::TooLarge { limit }));
        }
        Ok(())
    }

    fn ratio(&self) -> Result<(), Refusal> {
        let limit = self.bounds.ratio;
        let most = self.taken.saturating_mul(u64::from(limit));
        if self.given > most.max(FREE) {
            return Err(Refusal::whole(Fault::CodingRatio { limit }));
        }
        Ok(())
    }

    fn header<'i>(&mut self, input: &'i [u8]) -> Result<&'i [u8], Refusal> {
        let broken = self.at(Fault::CodingBroken);
        let Part::Header(seen) = &mut self.part else {
            return Ok(input);
        };
        let (byte, rest) = input.split_first().ok_or_else(|| broken.clone())?;
        seen.push(*byte);
        match header_ends(seen) {
            Some(true) => self.part = Part::Data,
            Some(false) if seen.len() < HEADER => {}
            _ => return Err(broken),
        }
        Ok(rest)
    }

    fn data<'i>(&mut self, mut input: &'i [u8], out: &mut Vec<u8>) -> Result<&'i [u8], Refusal> {
        let mut before = self.taken;
        loop {
            let start = out.len();
            out.resize(start + STEP, 0);
            let room = out.get_mut(start..).unwrap_or_default();
            let step = inflate(&mut self.state, input, room, MZFlush::None);
            out.truncate(start + step.bytes_written);
            let fresh = out.get(start..).unwrap_or_default();
            if self.coding == Coding::Gzip {
                self.checksum.update(fresh);
            }
            self.given += crate::count(step.bytes_written);
            input = input.get(step.bytes_consumed..).unwrap_or_default();
            before += crate::count(step.bytes_consumed);
            self.bytes()?;
            self.ratio_at(before)?;
            match step.status {
                Ok(MZStatus::StreamEnd) => {
                    self.part = match self.coding {
                        Coding::Gzip => Part::Trailer(Vec::with_capacity(8)),
                        Coding::Deflate | Coding::Plain => Part::End,
                    };
                    return Ok(input);
                }
                // Output that filled the room may have more behind it, without any input.
                Ok(_) if step.bytes_written == STEP || !input.is_empty() => {}
                Ok(_) | Err(MZError::Buf) => return Ok(input),
                Err(_) => return Err(self.at(Fault::CodingBroken)),
            }
        }
    }

    fn ratio_at(&mut self, taken: u64) -> Result<(), Refusal> {
        let before = std::mem::replace(&mut self.taken, taken);
        let outcome = self.ratio();
        self.taken = before;
        outcome
    }

    fn trailer<'i>(&mut self, input: &'i [u8]) -> Result<&'i [u8], Refusal> {
        let wrong = self.at(Fault::CodingChecksum);
        let Part::Trailer(seen) = &mut self.part else {
            return Ok(input);
        };
        let missing = 8_usize.saturating_sub(seen.len()).min(input.len());
        let (now, rest) = input.split_at_checked(missing).unwrap_or((input, b""));
        seen.extend_from_slice(now);
        if let Ok(trailer) = <[u8; 8]>::try_from(seen.as_slice()) {
            let [a, b, c, d, e, f, g, h] = trailer;
            let length = self.given & u64::from(u32::MAX);
            let fits = u32::from_le_bytes([a, b, c, d]) == self.checksum.clone().finalize()
                && u64::from(u32::from_le_bytes([e, f, g, h])) == length;
            if !fits {
                return Err(wrong);
            }
            self.part = Part::End;
        }
        Ok(rest)
    }
}

/// Whether a gzip header is complete; `None` where it is none. Header checksums (FHCRC) and reserved
/// flags are refused: nobody sends them, and readers differ.
fn header_ends(seen: &[u8]) -> Option<bool> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    const KNOWN: u8 = EXTRA | NAME | COMMENT | 1;
    let begins = seen
        .iter()
        .zip([0x1f, 0x8b, 8])
        .all(|(one, other)| *one == other);
    if !begins {
        return None;
    }
    let Some((fixed, mut rest)) = seen.split_at_checked(10) else {
        return Some(false);
    };
    let flags = *fixed.get(3)?;
    if flags & !KNOWN != 0 {
        return None;
    }
    if flags & EXTRA != 0 {
        let Some(([low, high], behind)) = rest.split_first_chunk() else {
            return Some(false);
        };
        match behind.get(usize::from(u16::from_le_bytes([*low, *high]))..) {
            Some(behind) => rest = behind,
            None => return Some(false),
        }
    }
    for flag in [NAME, COMMENT] {
        if flags & flag != 0 {
            match rest.iter().position(|byte| *byte == 0) {
                Some(end) => rest = rest.get(end + 1..)?,
                None => return Some(false),
            }
        }
    }
    Some(rest.is_empty())
}

#[cfg(test)]
mod tests;
