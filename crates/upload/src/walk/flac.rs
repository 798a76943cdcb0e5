//! FLAC (RFC 9639): STREAMINFO and other metadata blocks, then frames.
//!
//! Frames have no declared length; where the last one ends is for the reader of the whole to say.

use super::{
    AudioFacts, Structure, Want, array, broken, byte, count_metadata, judge_length, judge_sound,
    time_of,
};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Audio};

#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    Info,
    Skipped,
    Block,
    Sync,
    Frames,
}

#[derive(Debug)]
pub(super) struct Flac {
    rules: Audio,
    at: At,
    last: bool,
    tags: u64,
}

impl Flac {
    pub(super) const fn new(rules: Audio) -> Self {
        Self {
            rules,
            at: At::Start,
            last: false,
            tags: 0,
        }
    }
}

impl Structure for Flac {
    fn kind(&self) -> Kind {
        Kind::Flac
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start => {
                self.at = At::Info;
                Ok(Want::See(4 + 4 + 34))
            }
            At::Info => {
                let head: [u8; 4] = array(seen, 4);
                if head[0] & 0x7f != 0 || head[1..] != [0, 0, 34] {
                    return broken(Kind::Flac, 4, "the first block is not STREAMINFO");
                }
                self.last = head[0] & 0x80 != 0;
                let packed = u64::from_be_bytes(array(seen, 8 + 10));
                let rate = u32::try_from(packed >> 44).unwrap_or_default();
                let channels = (packed >> 41 & 7) as u16 + 1;
                judge_sound(&self.rules, rate, channels)?;
                let samples = packed & 0xf_ffff_ffff;
                // Zero means unknown (section 8.2); counting the frames decides then.
                if samples != 0 {
                    judge_length(&self.rules, time_of(samples, rate))?;
                }
                self.at = At::Skipped;
                Ok(Want::Skip(0))
            }
            At::Skipped if self.last => {
                self.at = At::Sync;
                Ok(Want::See(2))
            }
            At::Skipped => {
                self.at = At::Block;
                Ok(Want::See(4))
            }
            At::Block => {
                let [kind, high, middle, low] = array(seen, 0);
                if kind & 0x7f == 0 || kind & 0x7f == 0x7f {
                    return broken(Kind::Flac, at, "a metadata block is malformed");
                }
                self.last = kind & 0x80 != 0;
                let length = u64::from(u32::from_be_bytes([0, high, middle, low]));
                count_metadata(Kind::Flac, &mut self.tags, length)?;
                self.at = At::Skipped;
                Ok(Want::Skip(length))
            }
            At::Sync => {
                if byte(seen, 0) != 0xff || byte(seen, 1) & 0xfe != 0xf8 {
                    return broken(Kind::Flac, at, "no frame behind the metadata");
                }
                self.at = At::Frames;
                Ok(Want::Rest)
            }
            At::Frames => Ok(Want::Rest),
        }
    }

    fn may_end(&self) -> bool {
        matches!(self.at, At::Frames)
    }

    fn finish(&mut self, _at: u64) -> Result<Option<AudioFacts>, UploadRefusal> {
        Ok(None)
    }
}
