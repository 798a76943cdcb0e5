//! JPEG (ITU-T T.81 annex B): markers, segments and coded data, from SOI to EOI.

use super::{Structure, Want, be16, broken, byte, judge_sides};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Image};

#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    First,
    Marker,
    /// Behind the length of a segment of this marker.
    Length(u8),
    /// Behind the sides, with so many bytes of the segment left.
    Frame(u64),
    /// Behind a segment; coded data follows a start of scan.
    Segment(bool),
    /// Behind an FF within coded data.
    Coded,
    CodedNext,
}

#[derive(Debug)]
pub(super) struct Jpeg {
    rules: Image,
    at: At,
    framed: bool,
    scanned: bool,
}

impl Jpeg {
    pub(super) const fn new(rules: Image) -> Self {
        Self {
            rules,
            at: At::Start,
            framed: false,
            scanned: false,
        }
    }

    fn marker(&mut self, marker: u8, at: u64) -> Result<Want, UploadRefusal> {
        match marker {
            // A fill byte (B.1.1.2).
            0xff => Ok(Want::See(1)),
            0xd9 if self.scanned => Ok(Want::End),
            0xd9 => broken(Kind::Jpeg, at, "no coded data"),
            0xd8 => broken(Kind::Jpeg, at, "a second beginning"),
            0x00 | 0x01 | 0x02..=0xbf | 0xd0..=0xd7 => {
                broken(Kind::Jpeg, at, "a marker is unknown")
            }
            0xc0..=0xcf if self.framed && !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                broken(Kind::Jpeg, at, "a second frame header")
            }
            0xda if !self.framed => broken(Kind::Jpeg, at, "coded data before its frame header"),
            _ => {
                self.at = At::Length(marker);
                Ok(Want::See(2))
            }
        }
    }
}

impl Structure for Jpeg {
    fn kind(&self) -> Kind {
        Kind::Jpeg
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start => {
                self.at = At::First;
                Ok(Want::See(2))
            }
            At::First => {
                self.at = At::Marker;
                Ok(Want::See(2))
            }
            At::Marker if seen.len() == 2 && byte(seen, 0) != 0xff => {
                broken(Kind::Jpeg, at, "no marker behind a segment")
            }
            At::Marker => self.marker(byte(seen, seen.len().saturating_sub(1)), at),
            At::Length(marker) => {
                let Some(length) = be16(seen, 0).checked_sub(2) else {
                    return broken(Kind::Jpeg, at, "a segment is malformed");
                };
                let frame = matches!(marker, 0xc0..=0xcf) && !matches!(marker, 0xc4 | 0xc8 | 0xcc);
                if !frame {
                    self.at = At::Segment(marker == 0xda);
                    return Ok(Want::Skip(length.into()));
                }
                let Some(left) = length.checked_sub(6) else {
                    return broken(Kind::Jpeg, at, "a frame header is too short");
                };
                self.at = At::Frame(left.into());
                Ok(Want::See(6))
            }
            At::Frame(left) => {
                judge_sides(&self.rules, be16(seen, 3).into(), be16(seen, 1).into())?;
                self.framed = true;
                self.at = At::Segment(false);
                Ok(Want::Skip(left))
            }
            At::Segment(false) => {
                self.at = At::Marker;
                Ok(Want::See(2))
            }
            At::Segment(true) => {
                self.scanned = true;
                self.at = At::Coded;
                Ok(Want::Find(0xff))
            }
            At::Coded => {
                self.at = At::CodedNext;
                Ok(Want::See(1))
            }
            At::CodedNext => match byte(seen, 0) {
                // A stuffed zero, or a restart marker.
                0x00 | 0xd0..=0xd7 => {
                    self.at = At::Coded;
                    Ok(Want::Find(0xff))
                }
                marker => {
                    self.at = At::Marker;
                    self.marker(marker, at)
                }
            },
        }
    }

    fn is_past_head(&self) -> bool {
        self.framed
    }
}
