//! WebP (RFC 9649): a RIFF file whose first chunk has the sides.

use super::{Structure, Want, array, broken, byte, judge_sides, le16, le32};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Image};

#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    Header,
    First,
    Chunk,
    Data,
}

#[derive(Debug)]
pub(super) struct WebP {
    rules: Image,
    at: At,
    end: u64,
    picture: bool,
}

impl WebP {
    pub(super) const fn new(rules: Image) -> Self {
        Self {
            rules,
            at: At::Start,
            end: 0,
            picture: false,
        }
    }

    fn data(&mut self, name: &[u8], length: u32, at: u64) -> Result<Want, UploadRefusal> {
        let padded = u64::from(length) + u64::from(length % 2);
        let start = match self.at {
            At::First => at - 10,
            _ => at,
        };
        if start.saturating_add(padded) > self.end {
            return broken(Kind::WebP, at, "a chunk is longer than the file says it is");
        }
        self.picture |= matches!(name, b"VP8 " | b"VP8L" | b"ANMF");
        self.at = At::Data;
        Ok(Want::Skip(start + padded - at))
    }
}

/// Width and height in the first ten bytes of the first chunk.
fn sides(name: &[u8], data: &[u8]) -> Option<(u32, u32)> {
    match name {
        b"VP8 " if data.get(3..6) == Some(b"\x9d\x01\x2a") => Some((
            u32::from(le16(data, 6)) & 0x3fff,
            u32::from(le16(data, 8)) & 0x3fff,
        )),
        b"VP8L" if byte(data, 0) == 0x2f => {
            let bits = le32(data, 1);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        b"VP8X" => {
            let three = |from| {
                let [low, middle, high] = array(data, from);
                u32::from_le_bytes([low, middle, high, 0]) + 1
            };
            Some((three(4), three(7)))
        }
        _ => None,
    }
}

impl Structure for WebP {
    fn kind(&self) -> Kind {
        Kind::WebP
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start => {
                self.at = At::Header;
                Ok(Want::See(12))
            }
            At::Header => {
                self.end = u64::from(le32(seen, 4)) + 8;
                self.at = At::First;
                Ok(Want::See(18))
            }
            At::First => {
                let name: [u8; 4] = array(seen, 0);
                let length = le32(seen, 4);
                let found = sides(&name, seen.get(8..).unwrap_or_default());
                let Some((width, height)) = found.filter(|_| length >= 10) else {
                    return broken(Kind::WebP, at, "the first chunk has no sides");
                };
                judge_sides(&self.rules, width, height)?;
                self.data(&name, length, at)
            }
            At::Chunk => {
                let name: [u8; 4] = array(seen, 0);
                self.data(&name, le32(seen, 4), at)
            }
            At::Data if at == self.end && self.picture => Ok(Want::End),
            At::Data if at >= self.end => broken(Kind::WebP, at, "no picture"),
            At::Data => {
                self.at = At::Chunk;
                Ok(Want::See(8))
            }
        }
    }

    fn is_past_head(&self) -> bool {
        matches!(self.at, At::Chunk | At::Data)
    }
}
