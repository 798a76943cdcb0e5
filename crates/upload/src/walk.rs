//! The structure of binary files, walked as they stream.
//!
//! Owns the one loop under every format: a format says how many bytes it wants to see, or how many
//! it steps over, and is called when they are there, however the input was divided. So each format
//! is a small table of what follows what, memory is flat, and no declared length is ever allocated.
//! Refuses bytes behind the end of a structure and ends within one.

mod flac;
mod gif;
mod jpeg;
mod m4a;
mod mp3;
mod ogg;
mod png;
mod wav;
mod webp;

use std::time::Duration;

use crate::{
    kind::Kind,
    refusal::UploadRefusal,
    rules::{Audio, Image, Rules},
};

/// The most bytes of tags, pictures and tables in sound.
pub const METADATA: u64 = 4 << 20;

/// The most bytes a format may ask to see at once.
const LOOK: usize = 4096;

/// What a format wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Want {
    /// To see so many bytes, at most [`LOOK`].
    See(usize),
    /// To step over so many.
    Skip(u64),
    /// To step over all up to this byte, and over the byte.
    Find(u8),
    /// All that comes belongs to it.
    Rest,
    /// Nothing: the structure is whole.
    End,
}

/// What streaming found about sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AudioFacts {
    /// Samples a second.
    pub rate: u32,
    /// Channels.
    pub channels: u16,
    /// How long it lasts.
    pub lasts: Duration,
}

/// One format.
trait Structure: std::fmt::Debug + Send {
    fn kind(&self) -> Kind;

    /// What comes next, `seen` being what was wanted last and `at` the place behind it.
    fn next(&mut self, seen: &[u8], at: u64) -> Result<Want, UploadRefusal>;

    /// Whether the file may end here, no wanted byte having come yet.
    fn may_end(&self) -> bool {
        false
    }

    /// What only the end shows, `at` being the length of the file.
    fn finish(&mut self, _at: u64) -> Result<Option<AudioFacts>, UploadRefusal> {
        Ok(None)
    }

    /// Whether what decides about the file has been seen.
    fn is_past_head(&self) -> bool {
        false
    }
}

/// Walks one file.
#[derive(Debug)]
pub struct Walker {
    structure: Box<dyn Structure>,
    want: Want,
    seen: Vec<u8>,
    at: u64,
}

impl Walker {
    /// A walker over a file of `kind`; `None` for kinds that are judged otherwise (CSV, PDF) or have
    /// no rules.
    #[must_use]
    pub fn new(kind: Kind, rules: &Rules) -> Option<Self> {
        let image = rules.image().copied();
        let audio = rules.audio().copied();
        let structure: Box<dyn Structure> = match kind {
            Kind::Png => Box::new(png::Png::new(image?)),
            Kind::Jpeg => Box::new(jpeg::Jpeg::new(image?)),
            Kind::Gif => Box::new(gif::Gif::new(image?)),
            Kind::WebP => Box::new(webp::WebP::new(image?)),
            Kind::Wav => Box::new(wav::Wav::new(audio?)),
            Kind::Flac => Box::new(flac::Flac::new(audio?)),
            Kind::Mp3 => Box::new(mp3::Mp3::new(audio?)),
            Kind::Ogg => Box::new(ogg::Ogg::new(audio?)),
            Kind::M4a => Box::new(m4a::M4a::default()),
            Kind::Csv | Kind::Pdf => return None,
        };
        Some(Self {
            structure,
            want: Want::Skip(0),
            seen: Vec::new(),
            at: 0,
        })
    }

    /// Walks over the next bytes.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn push(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let used = match self.want {
                Want::See(wanted) => self.see(rest, wanted)?,
                Want::Skip(left) => {
                    let here = rest.len();
                    let used = usize::try_from(left).map_or(here, |left| left.min(here));
                    self.at += used as u64;
                    self.want = Want::Skip(left - used as u64);
                    used
                }
                Want::Find(byte) => match memchr::memchr(byte, rest) {
                    Some(place) => {
                        self.at += place as u64 + 1;
                        self.want = self.structure.next(&[byte], self.at)?;
                        place + 1
                    }
                    None => {
                        self.at += rest.len() as u64;
                        rest.len()
                    }
                },
                Want::Rest => {
                    self.at += rest.len() as u64;
                    rest.len()
                }
                Want::End => {
                    let (kind, offset) = (self.structure.kind(), self.at);
                    return Err(UploadRefusal::Trailing { kind, offset });
                }
            };
            rest = rest.get(used..).unwrap_or_default();
            self.settle()?;
        }
        Ok(())
    }

    /// Asks on when a step is done, also when no byte is left: an end may need none.
    fn settle(&mut self) -> Result<(), UploadRefusal> {
        // Each turn wants at least something or nothing at all; formats never skip zero for ever.
        while self.want == Want::Skip(0) {
            self.want = self.structure.next(&[], self.at)?;
        }
        Ok(())
    }

    fn see(&mut self, bytes: &[u8], wanted: usize) -> Result<usize, UploadRefusal> {
        let wanted = wanted.min(LOOK);
        let missing = wanted.saturating_sub(self.seen.len());
        let now = bytes.get(..missing.min(bytes.len())).unwrap_or_default();
        self.seen.extend_from_slice(now);
        self.at += now.len() as u64;
        if self.seen.len() == wanted {
            self.want = self.structure.next(&self.seen, self.at)?;
            self.seen.clear();
        }
        Ok(now.len())
    }

    /// Ends the file.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::Truncated`], and what the format sees only at the end.
    pub fn finish(&mut self) -> Result<Option<AudioFacts>, UploadRefusal> {
        let open = self.seen.is_empty() && self.structure.may_end();
        if self.want != Want::End && !open {
            let (kind, offset) = (self.structure.kind(), self.at);
            return Err(UploadRefusal::Truncated { kind, offset });
        }
        self.structure.finish(self.at)
    }

    /// Whether rates, sides and lengths have been judged, so that only a broken rest can follow.
    #[must_use]
    pub fn is_past_head(&self) -> bool {
        self.structure.is_past_head()
    }
}

const fn broken<T>(kind: Kind, offset: u64, what: &'static str) -> Result<T, UploadRefusal> {
    Err(UploadRefusal::Broken { kind, offset, what })
}

/// Bytes at a place, as a fixed array; zeros where there are none.
fn array<const N: usize>(bytes: &[u8], from: usize) -> [u8; N] {
    let mut out = [0; N];
    for (to, byte) in out.iter_mut().zip(bytes.get(from..).unwrap_or_default()) {
        *to = *byte;
    }
    out
}

fn le16(bytes: &[u8], from: usize) -> u16 {
    u16::from_le_bytes(array(bytes, from))
}

fn le32(bytes: &[u8], from: usize) -> u32 {
    u32::from_le_bytes(array(bytes, from))
}

fn be16(bytes: &[u8], from: usize) -> u16 {
    u16::from_be_bytes(array(bytes, from))
}

fn be32(bytes: &[u8], from: usize) -> u32 {
    u32::from_be_bytes(array(bytes, from))
}

fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or_default()
}

/// Holds the sides of a picture against the rules.
fn judge_sides(rules: &Image, width: u32, height: u32) -> Result<(), UploadRefusal> {
    let limit = rules.side();
    if width == 0 || height == 0 || width > limit || height > limit {
        return Err(UploadRefusal::ImageSide {
            width,
            height,
            limit,
        });
    }
    let pixels = u64::from(width) * u64::from(height);
    let limit = rules.pixels();
    if pixels > limit {
        Err(UploadRefusal::ImagePixels { pixels, limit })
    } else {
        Ok(())
    }
}

/// Holds rate and channels against the rules.
pub(crate) fn judge_sound(rules: &Audio, rate: u32, channels: u16) -> Result<(), UploadRefusal> {
    if !rules.rate().contains(rate) {
        let (low, high) = (rules.rate().low(), rules.rate().high());
        return Err(UploadRefusal::AudioRate {
            hertz: rate,
            low,
            high,
        });
    }
    if channels == 0 || channels > rules.channels() {
        let limit = rules.channels();
        return Err(UploadRefusal::AudioChannels {
            found: channels,
            limit,
        });
    }
    Ok(())
}

/// Holds the length against the rules.
pub(crate) fn judge_length(rules: &Audio, lasts: Duration) -> Result<(), UploadRefusal> {
    let span = rules.lasts();
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    if lasts < span.low() {
        return Err(UploadRefusal::AudioShort {
            millis: millis(lasts),
            limit: millis(span.low()),
        });
    }
    if lasts > span.high() {
        return Err(UploadRefusal::AudioLong {
            millis: millis(lasts),
            limit: millis(span.high()),
        });
    }
    Ok(())
}

/// The time that `samples` take.
pub(crate) fn time_of(samples: u64, rate: u32) -> Duration {
    let rate = u64::from(rate.max(1));
    let nanos = (samples % rate) * 1_000_000_000 / rate;
    Duration::from_secs(samples / rate) + Duration::from_nanos(nanos)
}

/// Adds to what tags and tables take.
fn count_metadata(kind: Kind, total: &mut u64, more: u64) -> Result<(), UploadRefusal> {
    *total = total.saturating_add(more);
    if *total > METADATA {
        return Err(UploadRefusal::AudioMetadata {
            kind,
            limit: METADATA,
        });
    }
    Ok(())
}
