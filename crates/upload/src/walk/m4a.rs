//! M4A (ISO/IEC 14496-12 and -14): boxes that lie within each other exactly.
//!
//! What a reader allocates from, sample sizes and tables, is held against its box before any reader
//! sees it. Rates and lengths are for the reader of the whole: the index may stand at the end.

use super::{METADATA, Structure, Want, array, be32, broken};
use crate::{kind::Kind, refusal::UploadRefusal};

/// The most bytes of the index.
const INDEX: u64 = 16 << 20;

/// The most bytes of one sample of sound.
const SAMPLE: u32 = 1 << 20;

/// The most samples, so that a reader takes bounded time.
const SAMPLES: u32 = 8 << 20;

/// How deep boxes are entered.
const DEPTH: usize = 8;

#[derive(Clone, Copy, Debug, Default)]
enum At {
    #[default]
    Start,
    Box,
    Large,
    Body,
    Handler,
    Sizes,
    /// Within the table of sizes, with so many entries left.
    Entries(u32),
}

#[derive(Debug, Default)]
pub(super) struct M4a {
    at: At,
    name: [u8; 4],
    /// Ends of the boxes that were entered.
    ends: Vec<u64>,
    /// End of the box whose body is looked at.
    end: u64,
    index: bool,
    media: u64,
    sizes: u64,
    tracks: u32,
}

impl M4a {
    fn open(&mut self, header: u64, size: u64, at: u64) -> Result<Want, UploadRefusal> {
        let fault = |what| broken(Kind::M4a, at, what);
        let Some(end) = (at - header).checked_add(size).filter(|end| *end >= at) else {
            return fault("a box is malformed");
        };
        if self.ends.last().is_some_and(|outer| end > *outer) {
            return fault("a box is longer than the one around it");
        }
        self.end = end;
        self.at = At::Body;
        let top = self.ends.is_empty();
        match &self.name {
            b"ftyp" | b"free" | b"skip" | b"wide" | b"udta" | b"meta" if top && size > METADATA => {
                return Err(UploadRefusal::AudioMetadata {
                    kind: Kind::M4a,
                    limit: METADATA,
                });
            }
            b"ftyp" | b"free" | b"skip" | b"wide" | b"udta" | b"meta" if top => {}
            b"mdat" if top => self.media = self.media.saturating_add(end - at),
            b"moov" if top && self.index => return fault("a second index"),
            b"moov" if top && size > INDEX => {
                return Err(UploadRefusal::AudioMetadata {
                    kind: Kind::M4a,
                    limit: INDEX,
                });
            }
            b"moov" if top => {
                self.index = true;
                return self.enter(end, at);
            }
            _ if top => return fault("a box is unknown"),
            b"trak" | b"mdia" | b"minf" | b"stbl" => {
                self.tracks += u32::from(&self.name == b"trak");
                return self.enter(end, at);
            }
            b"hdlr" if end - at >= 12 => {
                self.at = At::Handler;
                return Ok(Want::See(12));
            }
            b"stsz" if end - at >= 12 => {
                self.at = At::Sizes;
                return Ok(Want::See(12));
            }
            b"hdlr" | b"stsz" => return fault("a table is too short"),
            // Compact sizes, and tracks in fragments, are of video.
            b"stz2" | b"mvex" => return Err(UploadRefusal::AudioUnreadable { kind: Kind::M4a }),
            _ => {}
        }
        Ok(Want::Skip(end - at))
    }

    fn enter(&mut self, end: u64, at: u64) -> Result<Want, UploadRefusal> {
        if self.ends.len() >= DEPTH {
            return broken(Kind::M4a, at, "boxes lie too deep");
        }
        self.ends.push(end);
        Ok(Want::Skip(0))
    }

    fn entries(&mut self, left: u32) -> Want {
        if left == 0 {
            self.at = At::Body;
            return Want::Skip(0);
        }
        self.at = At::Entries(left);
        Want::See(left.min(1024) as usize * 4)
    }

    fn sizes(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        let (size, count) = (be32(seen, 4), be32(seen, 8));
        if size > SAMPLE || count > SAMPLES || (size > 0 && size < 16) {
            return Err(UploadRefusal::AudioUnreadable { kind: Kind::M4a });
        }
        let table = if size == 0 { u64::from(count) * 4 } else { 0 };
        if at + table != self.end {
            return broken(Kind::M4a, at, "a table has another length than its box");
        }
        self.sizes = self
            .sizes
            .saturating_add(u64::from(size) * u64::from(count));
        Ok(self.entries(if size == 0 { count } else { 0 }))
    }
}

impl Structure for M4a {
    fn kind(&self) -> Kind {
        Kind::M4a
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start | At::Body => {
                while self.ends.last() == Some(&at) {
                    self.ends.pop();
                }
                self.at = At::Box;
                Ok(Want::See(8))
            }
            At::Box => {
                self.name = array(seen, 4);
                match be32(seen, 0) {
                    0 => broken(Kind::M4a, at, "a box has no length"),
                    1 => {
                        self.at = At::Large;
                        Ok(Want::See(8))
                    }
                    size => self.open(8, size.into(), at),
                }
            }
            At::Large => self.open(16, u64::from_be_bytes(array(seen, 0)), at),
            At::Handler => {
                // Of a track: sound and nothing else.
                if self.ends.len() == 3 && seen.get(8..12) != Some(b"soun") {
                    return Err(UploadRefusal::AudioTracks { kind: Kind::M4a });
                }
                self.at = At::Body;
                Ok(Want::Skip(self.end - at))
            }
            At::Sizes => self.sizes(seen, at),
            At::Entries(left) => {
                for entry in seen.chunks_exact(4) {
                    let size = be32(entry, 0);
                    if size == 0 || size > SAMPLE {
                        return Err(UploadRefusal::AudioUnreadable { kind: Kind::M4a });
                    }
                    self.sizes = self.sizes.saturating_add(size.into());
                }
                Ok(self.entries(left.saturating_sub(1024)))
            }
        }
    }

    fn may_end(&self) -> bool {
        matches!(self.at, At::Box) && self.ends.is_empty() && self.index && self.media > 0
    }

    fn finish(&mut self, _at: u64) -> Result<Option<super::AudioFacts>, UploadRefusal> {
        if self.tracks != 1 {
            return Err(UploadRefusal::AudioTracks { kind: Kind::M4a });
        }
        if self.sizes > self.media {
            return Err(UploadRefusal::AudioLies { kind: Kind::M4a });
        }
        Ok(None)
    }
}
