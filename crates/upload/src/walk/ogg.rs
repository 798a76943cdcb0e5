//! Ogg (RFC 3533): pages of one logical stream, from its first to its last.

use super::{Structure, Want, array, broken, byte, judge_length, judge_sound, le32, time_of};
use crate::walk::{AudioFacts, METADATA};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Audio};

#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    Page,
    Lacing,
    First,
    Body,
}

#[derive(Debug)]
pub(super) struct Ogg {
    rules: Audio,
    at: At,
    pages: u32,
    serial: u32,
    flags: u8,
    granule: u64,
    /// Bytes of the packet that is not whole yet.
    packet: u64,
    rate: u32,
    channels: u16,
    /// Samples a second of the granule position, and samples before the sound.
    clock: u32,
    lead: u64,
}

impl Ogg {
    pub(super) const fn new(rules: Audio) -> Self {
        Self {
            rules,
            at: At::Start,
            pages: 0,
            serial: 0,
            flags: 0,
            granule: 0,
            packet: 0,
            rate: 0,
            channels: 0,
            clock: 0,
            lead: 0,
        }
    }

    const fn see(&mut self, count: usize, then: At) -> Want {
        self.at = then;
        Want::See(count)
    }

    fn page(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        let start = at - 27;
        if seen.get(..5) != Some(b"OggS\0") {
            return broken(Kind::Ogg, start, "no page where one must begin");
        }
        let (flags, serial, number) = (byte(seen, 5), le32(seen, 14), le32(seen, 18));
        let first = self.pages == 0;
        if first {
            self.serial = serial;
        }
        if serial != self.serial || (flags & 2 != 0) != first {
            return Err(UploadRefusal::AudioTracks { kind: Kind::Ogg });
        }
        if number != self.pages {
            return broken(Kind::Ogg, start, "a page is missing or out of order");
        }
        if (flags & 1 != 0) != (self.packet > 0) {
            return broken(Kind::Ogg, start, "a packet is continued wrongly");
        }
        let granule = u64::from_le_bytes(array(seen, 6));
        if granule != u64::MAX {
            if granule < self.granule || granule > i64::MAX as u64 {
                return broken(Kind::Ogg, start, "time runs backwards");
            }
            self.granule = granule;
        }
        self.flags = flags;
        self.pages = self.pages.saturating_add(1);
        match byte(seen, 26) {
            0 => {
                self.at = At::Body;
                Ok(Want::Skip(0))
            }
            segments => Ok(self.see(segments.into(), At::Lacing)),
        }
    }

    fn lacing(&mut self, seen: &[u8]) -> Result<Want, UploadRefusal> {
        let mut total = 0;
        for &size in seen {
            total += u64::from(size);
            self.packet += u64::from(size);
            if self.packet > METADATA {
                return Err(UploadRefusal::AudioMetadata {
                    kind: Kind::Ogg,
                    limit: METADATA,
                });
            }
            if size < 255 {
                self.packet = 0;
            }
        }
        let length = usize::try_from(total).unwrap_or(usize::MAX);
        if self.pages == 1 && length <= 512 && length > 0 {
            return Ok(self.see(length, At::First));
        }
        self.at = At::Body;
        Ok(Want::Skip(total))
    }

    /// The first packet says what is in the stream.
    fn first(&mut self, seen: &[u8], at: u64) -> Result<(), UploadRefusal> {
        (self.rate, self.channels) = if seen.starts_with(b"\x01vorbis") {
            (le32(seen, 12), byte(seen, 11).into())
        } else if seen.starts_with(b"OpusHead") {
            self.lead = u16::from_le_bytes(array(seen, 10)).into();
            // Opus is decoded at 48 kHz whatever it was made from (RFC 7845 section 5.1).
            (48_000, byte(seen, 9).into())
        } else if seen.starts_with(b"\x7fFLAC") {
            let packed = u64::from_be_bytes(array(seen, 13 + 4 + 10));
            let rate = u32::try_from(packed >> 44).unwrap_or_default();
            (rate, (packed >> 41 & 7) as u16 + 1)
        } else {
            return broken(Kind::Ogg, at, "not Vorbis, Opus or FLAC");
        };
        self.clock = self.rate;
        judge_sound(&self.rules, self.rate, self.channels)
    }
}

impl Structure for Ogg {
    fn kind(&self) -> Kind {
        Kind::Ogg
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start => Ok(self.see(27, At::Page)),
            At::Page => self.page(seen, at),
            At::Lacing => self.lacing(seen),
            At::First => {
                self.first(seen, at)?;
                self.at = At::Body;
                Ok(Want::Skip(0))
            }
            At::Body if self.clock == 0 => broken(Kind::Ogg, at, "not Vorbis, Opus or FLAC"),
            // The last page is marked, and ends a packet.
            At::Body if self.flags & 4 != 0 && self.packet == 0 => Ok(Want::End),
            At::Body => Ok(self.see(27, At::Page)),
        }
    }

    fn finish(&mut self, _at: u64) -> Result<Option<AudioFacts>, UploadRefusal> {
        let lasts = time_of(self.granule.saturating_sub(self.lead), self.clock);
        judge_length(&self.rules, lasts)?;
        Ok(Some(AudioFacts {
            rate: self.rate,
            channels: self.channels,
            lasts,
        }))
    }
}
