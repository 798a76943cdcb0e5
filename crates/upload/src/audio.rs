//! Sound as a whole: its container read by symphonia, behind our own limits.
//!
//! Owns the frame around a reader of other people: it is given a file whose structure was walked
//! before (so no table or tag it could allocate from is beyond a limit), a source with a budget of
//! bytes and seeks, and a cap on packets; a panic of it is a refusal. Owns the comparison of what
//! the container announces with what is in it. Nothing is decoded to sound. Blocks on its source.

use std::io::{Error, ErrorKind, Read, Result as IoResult, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

use symphonia::core::codecs::CodecParameters;
use symphonia::core::formats::{FormatOptions, FormatReader};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::default::formats::{FlacReader, IsoMp4Reader, MpaReader, OggReader, WavReader};

use crate::{
    kind::Kind,
    refusal::UploadRefusal,
    rules::Audio,
    walk::{AudioFacts, judge_length, judge_sound, time_of},
};

/// A file that is there as a whole.
pub trait Whole: Read + Seek + Send + Sync {}

impl<T: Read + Seek + Send + Sync> Whole for T {}

/// Seeks a reader may make; each may cost a segment of a spool.
const SEEKS: u32 = 100_000;

/// A source that ends when too much is asked of it.
struct Budget<'a> {
    inner: &'a mut dyn Whole,
    len: u64,
    bytes: u64,
    seeks: u32,
}

impl Read for Budget<'_> {
    fn read(&mut self, out: &mut [u8]) -> IoResult<usize> {
        let count = self.inner.read(out)?;
        let left = self.bytes.checked_sub(count as u64);
        self.bytes = left.ok_or_else(|| Error::from(ErrorKind::QuotaExceeded))?;
        Ok(count)
    }
}

impl Seek for Budget<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        let left = self.seeks.checked_sub(1);
        self.seeks = left.ok_or_else(|| Error::from(ErrorKind::QuotaExceeded))?;
        self.inner.seek(to)
    }
}

impl MediaSource for Budget<'_> {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len)
    }
}

/// Reads the whole of a file that its walker accepted, and holds it against `rules`.
///
/// # Errors
///
/// A container that cannot be read, announces what it does not hold, or is outside the rules.
pub fn read(
    kind: Kind,
    source: &mut dyn Whole,
    rules: &Audio,
    walked: Option<AudioFacts>,
) -> Result<AudioFacts, UploadRefusal> {
    let unreadable = UploadRefusal::AudioUnreadable { kind };
    // The reader is dropped with the unwinding; nothing of it is looked at again.
    let found = catch_unwind(AssertUnwindSafe(|| demux(kind, source)));
    let found = found.map_err(|_| unreadable.clone())??;
    let rate = found.rate;
    judge_sound(rules, rate, found.channels)?;
    if found.ticks == 0 {
        return Err(unreadable);
    }
    let lasts = found.lasts(rate);
    let lies = || UploadRefusal::AudioLies { kind };
    if let Some(announced) = found.announced.filter(|announced| *announced > 0) {
        // Frames are whole, and encoders announce what lies between their edges.
        let tolerance = (announced / 100).max(2 * u64::from(rate) / 10);
        if announced.abs_diff(found.ticks) > tolerance {
            return Err(lies());
        }
    }
    if let Some(walked) = walked {
        let apart = walked.lasts.abs_diff(lasts);
        let tolerance = std::time::Duration::from_millis(200) + walked.lasts / 100;
        if walked.rate != rate || walked.channels != found.channels || apart > tolerance {
            return Err(lies());
        }
    }
    judge_length(rules, lasts)?;
    Ok(AudioFacts {
        rate,
        channels: found.channels,
        lasts,
    })
}

/// What symphonia found.
struct Found {
    rate: u32,
    channels: u16,
    /// Ticks of the track's clock in all packets, and those announced.
    ticks: u64,
    announced: Option<u64>,
    /// Seconds of a tick as a fraction.
    clock: (u32, u32),
}

impl Found {
    fn lasts(&self, rate: u32) -> std::time::Duration {
        let (numerator, denominator) = self.clock;
        if numerator == 1 {
            return time_of(self.ticks, denominator);
        }
        let samples = u128::from(self.ticks) * u128::from(numerator) * u128::from(rate)
            / u128::from(denominator.max(1));
        time_of(u64::try_from(samples).unwrap_or(u64::MAX), rate)
    }
}

fn open<'s>(
    kind: Kind,
    stream: MediaSourceStream<'s>,
) -> symphonia::core::errors::Result<Box<dyn FormatReader + 's>> {
    // Each kind by its own reader: nothing is probed, so nothing is guessed.
    let options = FormatOptions::default();
    Ok(match kind {
        Kind::Wav => Box::new(WavReader::try_new(stream, options)?),
        Kind::Flac => Box::new(FlacReader::try_new(stream, options)?),
        Kind::Ogg => Box::new(OggReader::try_new(stream, options)?),
        Kind::M4a => Box::new(IsoMp4Reader::try_new(stream, options)?),
        _ => Box::new(MpaReader::try_new(stream, options)?),
    })
}

fn demux(kind: Kind, source: &mut dyn Whole) -> Result<Found, UploadRefusal> {
    let unreadable = || UploadRefusal::AudioUnreadable { kind };
    let failed = |_| UploadRefusal::SpoolFailed;
    let len = source.seek(SeekFrom::End(0)).map_err(failed)?;
    let start = if kind == Kind::Mp3 {
        behind_tags(source).map_err(failed)?
    } else {
        0
    };
    source.seek(SeekFrom::Start(start)).map_err(failed)?;
    let bytes = len.saturating_mul(2).saturating_add(1 << 20);
    let budget = Budget {
        inner: source,
        len,
        bytes,
        seeks: SEEKS,
    };
    let stream = MediaSourceStream::new(Box::new(budget), Default::default());
    let mut reader = open(kind, stream).map_err(|_| unreadable())?;
    let [track] = reader.tracks() else {
        return Err(UploadRefusal::AudioTracks { kind });
    };
    let Some(CodecParameters::Audio(sound)) = &track.codec_params else {
        return Err(UploadRefusal::AudioTracks { kind });
    };
    let rate = sound.sample_rate.unwrap_or_default();
    let channels = sound
        .channels
        .as_ref()
        .map_or(0, |channels| channels.count());
    let clock = track
        .time_base
        .map_or((1, rate), |base| (base.numer.get(), base.denom.get()));
    let mut found = Found {
        rate,
        channels: u16::try_from(channels).unwrap_or(u16::MAX),
        ticks: 0,
        announced: track.duration.map(|ticks| ticks.get()),
        clock,
    };
    let mut packets = 0_u64;
    let mut data = 0_u64;
    // A packet of sound is at least a few bytes; empty ones could go on for ever.
    let most = len / 4 + 1024;
    while let Some(packet) = reader.next_packet().map_err(|_| unreadable())? {
        packets += 1;
        if packets > most {
            return Err(unreadable());
        }
        found.ticks = found.ticks.saturating_add(packet.dur.get());
        data = data.saturating_add(packet.data.len() as u64);
    }
    drop(reader);
    if kind == Kind::Flac {
        judge_frames(source, len, data)?;
    }
    Ok(found)
}

/// Frames of FLAC announce no length: those that were read must be all that lies behind the
/// metadata, or other bytes stand between or behind them.
fn judge_frames(source: &mut dyn Whole, len: u64, data: u64) -> Result<(), UploadRefusal> {
    let failed = |_| UploadRefusal::SpoolFailed;
    let mut at = 4_u64;
    loop {
        let mut head = [0; 4];
        source.seek(SeekFrom::Start(at)).map_err(failed)?;
        source.read_exact(&mut head).map_err(failed)?;
        let [kind, high, middle, low] = head;
        at = at.saturating_add(4 + u64::from(u32::from_be_bytes([0, high, middle, low])));
        if kind & 0x80 != 0 {
            break;
        }
    }
    if at.saturating_add(data) == len {
        Ok(())
    } else {
        let what = "bytes that belong to no frame";
        Err(UploadRefusal::Broken {
            kind: Kind::Flac,
            offset: at,
            what,
        })
    }
}

/// Where the frames of an MP3 begin: its reader is not asked about tags.
fn behind_tags(source: &mut dyn Whole) -> IoResult<u64> {
    let mut at = 0_u64;
    loop {
        let mut head = [0; 10];
        source.seek(SeekFrom::Start(at))?;
        source.read_exact(&mut head)?;
        let [b'I', b'D', b'3', _, _, flags, size @ ..] = head else {
            return Ok(at);
        };
        let size = size
            .iter()
            .fold(0, |sum, byte| sum << 7 | u64::from(*byte & 0x7f));
        at += 10 + size + if flags & 0x10 == 0 { 0 } else { 10 };
    }
}
