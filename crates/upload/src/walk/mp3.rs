//! MP3 (ISO/IEC 11172-3, 13818-3): tags and frames of layer III without a byte between them.
//!
//! Players search for the next frame over anything; that is how other files hide in an MP3. Here
//! each frame must follow the one before.

use super::{
    AudioFacts, Structure, Want, array, broken, byte, count_metadata, judge_length, judge_sound,
    le32, time_of,
};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Audio};

#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    /// A frame or a tag.
    Any,
    Id3,
    Ape,
    Between,
    Last,
}

#[derive(Debug)]
pub(super) struct Mp3 {
    rules: Audio,
    at: At,
    tags: u64,
    frames: u64,
    samples: u64,
    rate: u32,
    channels: u16,
}

/// What a frame header says.
struct Frame {
    rate: u32,
    channels: u16,
    samples: u64,
    length: u64,
}

impl Frame {
    fn read(head: [u8; 4]) -> Option<Self> {
        const V1: [u32; 14] = [
            32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
        ];
        const V2: [u32; 14] = [8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
        let [sync, second, third, fourth] = head;
        // Sync, layer III.
        if sync != 0xff || second & 0xe6 != 0xe2 {
            return None;
        }
        let (first, halves) = match second >> 3 & 3 {
            3 => (true, 0),
            2 => (false, 1),
            0 => (false, 2),
            _ => return None,
        };
        let place = usize::from(third >> 4).checked_sub(1)?;
        let kilobits = *if first {
            V1.get(place)?
        } else {
            V2.get(place)?
        };
        let rate = [44_100_u32, 48_000, 32_000].get(usize::from(third >> 2 & 3))? >> halves;
        let samples = if first { 1152 } else { 576 };
        let padding = u64::from(third >> 1 & 1);
        let length = samples / 8 * u64::from(kilobits) * 1000 / u64::from(rate) + padding;
        let channels = if fourth >> 6 == 3 { 1 } else { 2 };
        Some(Self {
            rate,
            channels,
            samples,
            length,
        })
    }
}

impl Mp3 {
    pub(super) const fn new(rules: Audio) -> Self {
        let at = At::Start;
        Self {
            rules,
            at,
            tags: 0,
            frames: 0,
            samples: 0,
            rate: 0,
            channels: 0,
        }
    }

    const fn see(&mut self, count: usize, then: At) -> Want {
        self.at = then;
        Want::See(count)
    }

    fn skip(&mut self, count: u64, then: At) -> Result<Want, UploadRefusal> {
        if !matches!(then, At::Last) {
            count_metadata(Kind::Mp3, &mut self.tags, count)?;
        }
        self.at = then;
        Ok(Want::Skip(count))
    }

    fn any(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        let head: [u8; 4] = array(seen, 0);
        match &head {
            [b'I', b'D', b'3', _] if self.frames == 0 => Ok(self.see(6, At::Id3)),
            [b'T', b'A', b'G', _] if self.frames > 0 => self.skip(124, At::Last),
            b"APET" => Ok(self.see(28, At::Ape)),
            _ => self.frame(head, at),
        }
    }

    fn frame(&mut self, head: [u8; 4], at: u64) -> Result<Want, UploadRefusal> {
        let Some(frame) = Frame::read(head) else {
            return broken(Kind::Mp3, at - 4, "no frame where one must begin");
        };
        if self.frames == 0 {
            judge_sound(&self.rules, frame.rate, frame.channels)?;
            (self.rate, self.channels) = (frame.rate, frame.channels);
        } else if self.rate != frame.rate {
            return broken(Kind::Mp3, at - 4, "the sample rate changes");
        }
        self.channels = self.channels.max(frame.channels);
        self.frames += 1;
        self.samples = self.samples.saturating_add(frame.samples);
        let most = self.rules.lasts().high();
        if time_of(self.samples, self.rate) > most {
            judge_length(&self.rules, time_of(self.samples, self.rate))?;
        }
        self.at = At::Between;
        Ok(Want::Skip(frame.length.saturating_sub(4)))
    }
}

impl Structure for Mp3 {
    fn kind(&self) -> Kind {
        Kind::Mp3
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start | At::Between => Ok(self.see(4, At::Any)),
            At::Any => self.any(seen, at),
            At::Id3 => {
                let size: [u8; 4] = array(seen, 2);
                if size.iter().any(|byte| byte & 0x80 != 0) {
                    return broken(Kind::Mp3, at, "a tag has a malformed length");
                }
                let size = size.iter().fold(0, |sum, byte| sum << 7 | u64::from(*byte));
                let footer = if byte(seen, 1) & 0x10 == 0 { 0 } else { 10 };
                self.skip(size + footer, At::Between)
            }
            At::Ape => {
                if seen.get(..4) != Some(b"AGEX") {
                    return broken(Kind::Mp3, at, "a tag is malformed");
                }
                self.skip(le32(seen, 8).into(), At::Between)
            }
            At::Last => Ok(Want::End),
        }
    }

    fn may_end(&self) -> bool {
        matches!(self.at, At::Any) && self.frames > 0
    }

    fn finish(&mut self, at: u64) -> Result<Option<AudioFacts>, UploadRefusal> {
        if self.frames < 2 {
            return broken(Kind::Mp3, at, "fewer than two frames");
        }
        judge_sound(&self.rules, self.rate, self.channels)?;
        let lasts = time_of(self.samples, self.rate);
        judge_length(&self.rules, lasts)?;
        Ok(Some(AudioFacts {
            rate: self.rate,
            channels: self.channels,
            lasts,
        }))
    }
}
