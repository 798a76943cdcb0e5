//! WAV (Multimedia Programming Interface and Data Specifications 1.0, RIFF): `fmt `, then `data`.
//!
//! Rate, channels and length stand in the first bytes, so they are judged before the sound comes.

use super::{
    AudioFacts, Structure, Want, array, broken, count_metadata, judge_length, judge_sound, le16,
    le32, time_of,
};
use crate::{kind::Kind, refusal::UploadRefusal, rules::Audio};

#[derive(Clone, Copy, Debug)]
enum At {
    Start,
    Header,
    Chunk,
    Format,
    Data,
}

#[derive(Debug)]
pub(super) struct Wav {
    rules: Audio,
    at: At,
    end: u64,
    tags: u64,
    /// Bytes a second, rate and channels.
    format: Option<(u32, u32, u16)>,
    facts: Option<AudioFacts>,
}

impl Wav {
    pub(super) const fn new(rules: Audio) -> Self {
        Self {
            rules,
            at: At::Start,
            end: 0,
            tags: 0,
            format: None,
            facts: None,
        }
    }

    fn chunk(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        let name: [u8; 4] = array(seen, 0);
        let length = u64::from(le32(seen, 4));
        // Some writers leave out the byte that pads an odd last chunk.
        let left = self.end.saturating_sub(at);
        let padded = if length == left {
            length
        } else {
            length + length % 2
        };
        if padded > left {
            return Err(UploadRefusal::AudioLies { kind: Kind::Wav });
        }
        match &name {
            b"fmt " if self.format.is_some() => broken(Kind::Wav, at, "a second format"),
            b"fmt " if (16..=64).contains(&length) => {
                self.at = At::Format;
                Ok(Want::See(usize::try_from(padded).unwrap_or_default()))
            }
            b"fmt " => broken(Kind::Wav, at, "the format has an unknown length"),
            b"data" => {
                self.sound(length, at)?;
                self.at = At::Data;
                Ok(Want::Skip(padded))
            }
            _ => {
                count_metadata(Kind::Wav, &mut self.tags, padded)?;
                self.at = At::Data;
                Ok(Want::Skip(padded))
            }
        }
    }

    fn sound(&mut self, length: u64, at: u64) -> Result<(), UploadRefusal> {
        let Some((pace, rate, channels)) = self.format else {
            return broken(Kind::Wav, at, "sound before its format");
        };
        if self.facts.is_some() {
            return broken(Kind::Wav, at, "sound stands twice");
        }
        let lasts = time_of(length, pace);
        judge_length(&self.rules, lasts)?;
        self.facts = Some(AudioFacts {
            rate,
            channels,
            lasts,
        });
        Ok(())
    }

    fn format(&mut self, seen: &[u8], at: u64) -> Result<(), UploadRefusal> {
        let (coding, channels, rate) = (le16(seen, 0), le16(seen, 2), le32(seen, 4));
        let (pace, block, bits) = (le32(seen, 8), le16(seen, 12), le16(seen, 14));
        judge_sound(&self.rules, rate, channels)?;
        // Uncompressed sound, float included, has one arithmetic; extensible says more further on.
        if matches!(coding, 1 | 3 | 0xfffe) {
            let whole = u32::from(channels) * u32::from(bits).div_ceil(8);
            if u32::from(block) != whole || u64::from(pace) != u64::from(rate) * u64::from(block) {
                return broken(Kind::Wav, at, "the format contradicts itself");
            }
        }
        if pace == 0 {
            return broken(Kind::Wav, at, "the format has no pace");
        }
        self.format = Some((pace, rate, channels));
        Ok(())
    }
}

impl Structure for Wav {
    fn kind(&self) -> Kind {
        Kind::Wav
    }

    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal> {
        match self.at {
            At::Start => {
                self.at = At::Header;
                Ok(Want::See(12))
            }
            At::Chunk => self.chunk(seen, at),
            At::Header => {
                self.end = u64::from(le32(seen, 4)) + 8;
                self.at = At::Chunk;
                Ok(Want::See(8))
            }
            At::Format | At::Data => {
                if matches!(self.at, At::Format) {
                    self.format(seen, at)?;
                }
                if at < self.end {
                    self.at = At::Chunk;
                    return Ok(Want::See(8));
                }
                if self.facts.is_some() {
                    Ok(Want::End)
                } else {
                    broken(Kind::Wav, at, "no sound")
                }
            }
        }
    }

    fn finish(&mut self, _at: u64) -> Result<Option<AudioFacts>, UploadRefusal> {
        Ok(self.facts)
    }

    fn is_past_head(&self) -> bool {
        self.facts.is_some()
    }
}
