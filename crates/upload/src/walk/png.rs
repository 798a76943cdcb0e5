//! PNG (ISO/IEC 15948): signature, then chunks, IHDR first and IEND last.

use super::{Structure, Want, be32, broken, judge_sides};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Image};

#[derive(Debug)]
enum At {
    Start,
    Header,
    Chunk,
    Data,
    Last,
}

#[derive(Debug)]
pub(super) struct Png {
    rules: Image,
    at: At,
    pixels: bool,
}

impl Png {
    pub(super) const fn new(rules: Image) -> Self {
        Self {
            rules,
            at: At::Start,
            pixels: false,
        }
    }
}

impl Structure for Png {
    fn kind(&self) -> Kind {
        Kind::Png
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start => {
                self.at = At::Header;
                // Signature, then the whole of IHDR with its checksum.
                Ok(Want::See(8 + 8 + 13 + 4))
            }
            At::Header => {
                if seen.get(8..16) != Some(b"\0\0\0\x0dIHDR") {
                    return broken(Kind::Png, 8, "the first chunk is not IHDR");
                }
                judge_sides(&self.rules, be32(seen, 16), be32(seen, 20))?;
                self.at = At::Chunk;
                Ok(Want::See(8))
            }
            At::Chunk => {
                let length = be32(seen, 0);
                let name = seen.get(4..8).unwrap_or_default();
                if length > i32::MAX as u32 || !name.iter().all(u8::is_ascii_alphabetic) {
                    return broken(Kind::Png, at, "a chunk is malformed");
                }
                self.at = At::Data;
                match name {
                    b"IHDR" => return broken(Kind::Png, at, "a second IHDR"),
                    b"IDAT" => self.pixels = true,
                    b"IEND" if length != 0 => return broken(Kind::Png, at, "IEND has data"),
                    b"IEND" if !self.pixels => return broken(Kind::Png, at, "no pixels"),
                    b"IEND" => self.at = At::Last,
                    _ => {}
                }
                Ok(Want::Skip(u64::from(length) + 4))
            }
            At::Data => {
                self.at = At::Chunk;
                Ok(Want::See(8))
            }
            At::Last => Ok(Want::End),
        }
    }

    fn is_past_head(&self) -> bool {
        !matches!(self.at, At::Start | At::Header)
    }
}
