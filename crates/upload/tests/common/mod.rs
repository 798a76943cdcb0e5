//! Small builders of good files, and the way an upload takes through the crate.
#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::sync::Arc;
use std::time::Duration;

use control::rng::SystemRng;
use upload::rules::{
    Accepts, Audio, Column, Csv, CsvLimits, Hold, Image, Layout, Limits, Rules, Span,
};
use upload::{Accepted, Boundary, Judge, Kind, Multipart, PartHead, Quota, Sink, Spool};
use upload::{UploadRefusal, Verdict};

pub(crate) const CSV: &str = "sku,note,price\nA-1,\"one, two\",3\n";

pub(crate) fn rules_of(kinds: &[Kind], hold: Hold) -> Rules {
    let column = |name: &str, required| Column {
        name: name.to_owned(),
        required,
    };
    let columns = vec![
        column("sku", true),
        column("note", false),
        column("price", true),
    ];
    let layouts = vec![Layout::new("supplier", columns, true).unwrap()];
    let limits = CsvLimits {
        rows: Span::new("rows", 1, 5).unwrap(),
        columns: 6,
        cell: 20,
    };
    let lasts = Span::new("lasts", Duration::from_millis(100), Duration::from_secs(10)).unwrap();
    let rate = Span::new("rate", 8_000, 48_000).unwrap();
    let audio = kinds
        .iter()
        .copied()
        .filter(|kind| kind.is_audio())
        .collect();
    let image = kinds
        .iter()
        .copied()
        .filter(|kind| kind.is_image())
        .collect();
    let accepts = Accepts {
        csv: kinds
            .contains(&Kind::Csv)
            .then(|| Csv::new(b",;", layouts, limits).unwrap()),
        audio: Audio::new(audio, rate, 2, lasts).ok(),
        image: Image::new(image, 100, 5_000).ok(),
        pdf: kinds.contains(&Kind::Pdf),
    };
    let limits = Limits {
        file: 5_000_000,
        files: 2,
        fields: 2,
        field: 100,
    };
    Rules::new(limits, hold, accepts).unwrap()
}

/// Takes files the way a relay does: judged as they come, kept sealed, judged whole.
pub(crate) struct Intake {
    pub(crate) rules: Arc<Rules>,
    pub(crate) quota: Quota,
    pub(crate) folder: tempfile::TempDir,
    pub(crate) accepted: Vec<Accepted>,
    open: Option<(Judge, Spool)>,
}

impl Intake {
    pub(crate) fn new(rules: Rules, quota: u64) -> Self {
        Self {
            rules: Arc::new(rules),
            quota: Quota::new(quota),
            folder: tempfile::tempdir().unwrap(),
            accepted: Vec::new(),
            open: None,
        }
    }

    /// Reads a form body in pieces of `size`.
    pub(crate) fn form(&mut self, body: &[u8], size: usize) -> Result<(), UploadRefusal> {
        let boundary = Boundary::read(b"XX").unwrap();
        let mut reader = Multipart::new(&boundary, *self.rules.limits());
        let outcome = body
            .chunks(size)
            .try_for_each(|piece| reader.push(piece, self));
        let outcome = outcome.and_then(|()| reader.finish());
        self.open = None;
        outcome
    }
}

impl Sink for Intake {
    fn begin(&mut self, head: &PartHead) -> Result<(), UploadRefusal> {
        let Some(name) = &head.file_name else {
            return Ok(());
        };
        let rules = Arc::clone(&self.rules);
        let judge = Judge::new(rules, head.content_type.as_deref(), Some(name))?;
        let spool = Spool::new(self.folder.path(), &self.quota, &SystemRng)?;
        self.open = Some((judge, spool));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        if let Some((judge, spool)) = &mut self.open {
            judge.push(bytes)?;
            spool.write(bytes)?;
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), UploadRefusal> {
        if let Some((judge, mut spool)) = self.open.take() {
            self.accepted
                .push(judge.finish(Some(&mut spool.reader()?))?);
        }
        Ok(())
    }
}

/// What a judge says with nothing kept.
pub(crate) fn streamed(rules: Rules, bytes: &[u8]) -> (Verdict, Result<Accepted, UploadRefusal>) {
    let mut judge = Judge::new(Arc::new(rules), None, None).unwrap();
    for piece in bytes.chunks(1000) {
        if let Err(refusal) = judge.push(piece) {
            return (judge.verdict(), Err(refusal));
        }
    }
    (judge.verdict(), judge.finish(None))
}

fn riff(form: &[u8], chunks: &[u8]) -> Vec<u8> {
    let size = u32::try_from(4 + chunks.len()).unwrap();
    [b"RIFF", &size.to_le_bytes()[..], form, chunks].concat()
}

fn chunk(name: &[u8], data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(data.len()).unwrap();
    let pad = vec![0; data.len() % 2];
    [name, &size.to_le_bytes()[..], data, &pad].concat()
}

pub(crate) fn wav_with(rate: u32, channels: u16, millis: u32, between: &[u8]) -> Vec<u8> {
    let block = channels * 2;
    let mut format = Vec::new();
    format.extend_from_slice(&1_u16.to_le_bytes());
    format.extend_from_slice(&channels.to_le_bytes());
    format.extend_from_slice(&rate.to_le_bytes());
    format.extend_from_slice(&(rate * u32::from(block)).to_le_bytes());
    format.extend_from_slice(&block.to_le_bytes());
    format.extend_from_slice(&16_u16.to_le_bytes());
    let samples = u64::from(rate) * u64::from(millis) / 1000 * u64::from(block);
    let data = vec![0; usize::try_from(samples).unwrap()];
    let chunks = [
        chunk(b"fmt ", &format),
        between.to_vec(),
        chunk(b"data", &data),
    ]
    .concat();
    riff(b"WAVE", &chunks)
}

pub(crate) fn wav() -> Vec<u8> {
    wav_with(16_000, 1, 500, b"")
}

pub(crate) fn mp3_frames(count: usize) -> Vec<u8> {
    let mut frame = vec![0; 417];
    frame[..4].copy_from_slice(b"\xff\xfb\x90\x00");
    frame.repeat(count)
}

pub(crate) fn mp3() -> Vec<u8> {
    [b"ID3\x04\0\0\0\0\0\x0a", &[0; 10][..], &mp3_frames(30)].concat()
}

fn crc(bytes: &[u8], bits: u32, polynomial: u32) -> u32 {
    let top = 1_u32 << (bits - 1);
    bytes.iter().fold(0_u32, |mut sum, byte| {
        sum ^= u32::from(*byte) << (bits - 8);
        for _ in 0..8 {
            sum = if sum & top == 0 {
                sum << 1
            } else {
                sum << 1 ^ polynomial
            };
        }
        if bits == 32 {
            sum
        } else {
            sum & ((1 << bits) - 1)
        }
    })
}

pub(crate) fn flac_with(rate: u32, frames: u8, announced: u64, extra: &[u8]) -> Vec<u8> {
    let mut out = b"fLaC".to_vec();
    out.extend_from_slice(&[if extra.is_empty() { 0x80 } else { 0 }, 0, 0, 34]);
    out.extend_from_slice(&[0x10, 0, 0x10, 0, 0, 0, 0, 0, 0, 0]);
    let packed = u64::from(rate) << 44 | 15 << 36 | announced;
    out.extend_from_slice(&packed.to_be_bytes());
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(extra);
    for number in 0..frames {
        let mut frame = vec![0xff, 0xf8, 0xc0, 0x08, number];
        frame.push(crc(&frame, 8, 0x07) as u8);
        frame.extend_from_slice(&[0, 0, 0]);
        let sum = crc(&frame, 16, 0x8005) as u16;
        frame.extend_from_slice(&sum.to_be_bytes());
        out.extend_from_slice(&frame);
    }
    out
}

pub(crate) fn flac() -> Vec<u8> {
    flac_with(16_000, 10, 40_960, b"")
}

pub(crate) fn ogg_page(flags: u8, granule: u64, number: u32, packets: &[Vec<u8>]) -> Vec<u8> {
    let mut page = b"OggS\0".to_vec();
    page.push(flags);
    page.extend_from_slice(&granule.to_le_bytes());
    page.extend_from_slice(&7_u32.to_le_bytes());
    page.extend_from_slice(&number.to_le_bytes());
    page.extend_from_slice(&[0; 4]);
    page.push(u8::try_from(packets.len()).unwrap());
    page.extend(
        packets
            .iter()
            .map(|packet| u8::try_from(packet.len()).unwrap()),
    );
    packets
        .iter()
        .for_each(|packet| page.extend_from_slice(packet));
    let sum = crc(&page, 32, 0x04c1_1db7);
    page[22..26].copy_from_slice(&sum.to_le_bytes());
    page
}

pub(crate) fn ogg_with(channels: u8, last: u8, granule: u64) -> Vec<u8> {
    let head = [
        &b"OpusHead\x01"[..],
        &[channels],
        &[0x38, 1],
        &48_000_u32.to_le_bytes(),
        &[0; 3],
    ];
    let tags = b"OpusTags\x01\0\0\0x\0\0\0\0".to_vec();
    let sound = vec![vec![0xf8, 1, 2, 3]; 50];
    [
        ogg_page(2, 0, 0, &[head.concat()]),
        ogg_page(0, 0, 1, &[tags]),
        ogg_page(last, granule, 2, &sound),
    ]
    .concat()
}

pub(crate) fn ogg() -> Vec<u8> {
    ogg_with(1, 4, 48_000)
}

pub(crate) fn boxed(name: &[u8], data: &[u8]) -> Vec<u8> {
    let size = u32::try_from(8 + data.len()).unwrap();
    [&size.to_be_bytes()[..], name, data].concat()
}

fn words(values: &[u32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_be_bytes())
        .collect()
}

pub(crate) struct M4a {
    pub(crate) brand: &'static [u8; 4],
    pub(crate) handler: &'static [u8; 4],
    pub(crate) size: u32,
    pub(crate) tracks: usize,
    pub(crate) behind: Vec<u8>,
}

impl Default for M4a {
    fn default() -> Self {
        let (brand, handler) = (b"M4A ", b"soun");
        Self {
            brand,
            handler,
            size: 20,
            tracks: 1,
            behind: Vec::new(),
        }
    }
}

impl M4a {
    pub(crate) fn build(&self) -> Vec<u8> {
        const SAMPLES: u32 = 40;
        let start = boxed(b"ftyp", &[&self.brand[..], &[0; 4], b"isom"].concat());
        let media = boxed(b"mdat", &[7; 20 * SAMPLES as usize]);
        let offset = u32::try_from(start.len() + 8).unwrap();
        let config =
            b"\x03\x19\0\0\0\x04\x11\x40\x15\0\0\0\0\0\0\0\0\0\0\0\x05\x02\x12\x10\x06\x01\x02";
        let esds = boxed(b"esds", &[&[0; 4][..], config].concat());
        let entry = [
            &[0, 0, 0, 0, 0, 0, 0, 1][..],
            &[0; 8],
            &[0, 2, 0, 16, 0, 0, 0, 0],
            &words(&[44_100 << 16]),
        ];
        let entry = boxed(b"mp4a", &[entry.concat(), esds].concat());
        let table = [
            boxed(b"stsd", &[words(&[0, 1]), entry].concat()),
            boxed(b"stts", &words(&[0, 1, SAMPLES, 1024])),
            boxed(b"stsc", &words(&[0, 1, 1, SAMPLES, 1])),
            boxed(b"stsz", &words(&[0, self.size, SAMPLES])),
            boxed(b"stco", &words(&[0, 1, offset])),
        ];
        let stbl = boxed(b"stbl", &table.concat());
        let minf = boxed(b"minf", &[boxed(b"smhd", &[0; 8]), stbl].concat());
        let mdhd = boxed(
            b"mdhd",
            &[
                words(&[0, 0, 0, 44_100, SAMPLES * 1024]),
                vec![0x55, 0xc4, 0, 0],
            ]
            .concat(),
        );
        let hdlr = [words(&[0, 0]), self.handler.to_vec(), vec![0; 13]].concat();
        let mdia = boxed(b"mdia", &[mdhd, boxed(b"hdlr", &hdlr), minf].concat());
        let tkhd = boxed(
            b"tkhd",
            &[words(&[7, 0, 0, 1, 0, SAMPLES * 1024]), vec![0; 60]].concat(),
        );
        let trak = boxed(b"trak", &[tkhd, mdia].concat());
        let mvhd = boxed(
            b"mvhd",
            &[words(&[0, 0, 0, 44_100, SAMPLES * 1024]), vec![0; 80]].concat(),
        );
        let moov = boxed(b"moov", &[mvhd, trak.repeat(self.tracks)].concat());
        [start, media, moov, self.behind.clone()].concat()
    }
}

pub(crate) fn png_with(width: u32, height: u32, between: &[u8]) -> Vec<u8> {
    let chunk = |name: &[u8], data: &[u8]| {
        let size = u32::try_from(data.len()).unwrap();
        [&size.to_be_bytes()[..], name, data, &[0; 4]].concat()
    };
    let header = [words(&[width, height]), vec![8, 2, 0, 0, 0]].concat();
    [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &header),
        between.to_vec(),
        chunk(b"IDAT", &[7; 20]),
        chunk(b"IEND", b""),
    ]
    .concat()
}

pub(crate) fn png() -> Vec<u8> {
    png_with(10, 20, b"")
}

pub(crate) fn jpeg_with(width: u16, height: u16, comment: &[u8]) -> Vec<u8> {
    let segment = |marker: u8, data: &[u8]| {
        let size = u16::try_from(data.len() + 2).unwrap();
        [&[0xff, marker][..], &size.to_be_bytes(), data].concat()
    };
    let frame = [
        &[8][..],
        &height.to_be_bytes(),
        &width.to_be_bytes(),
        &[1, 1, 0x11, 0],
    ]
    .concat();
    [
        vec![0xff, 0xd8],
        segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"),
        segment(0xfe, comment),
        segment(0xc0, &frame),
        segment(0xda, &[1, 1, 0, 0, 63, 0]),
        vec![1, 2, 0xff, 0, 3, 0xff, 0xd0, 4],
        vec![0xff, 0xd9],
    ]
    .concat()
}

pub(crate) fn jpeg() -> Vec<u8> {
    jpeg_with(10, 20, b"text")
}

pub(crate) fn gif_with(width: u16, height: u16) -> Vec<u8> {
    let size = [width.to_le_bytes(), height.to_le_bytes()].concat();
    [
        b"GIF89a".to_vec(),
        size.clone(),
        vec![0x80, 0, 0, 1, 2, 3, 4, 5, 6],
        b"\x21\xf9\x04\0\0\0\0\0\x2c\0\0\0\0".to_vec(),
        size,
        b"\0\x02\x02\x4c\x01\0\x3b".to_vec(),
    ]
    .concat()
}

pub(crate) fn gif() -> Vec<u8> {
    gif_with(10, 20)
}

pub(crate) fn webp_with(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    let data = [&[0x2f][..], &bits.to_le_bytes(), &[0; 7]].concat();
    riff(b"WEBP", &chunk(b"VP8L", &data))
}

pub(crate) fn webp() -> Vec<u8> {
    webp_with(10, 20)
}

pub(crate) fn pdf_with(body: &str) -> Vec<u8> {
    format!("%PDF-1.7\n1 0 obj\n<< /Type /Catalog >>\nendobj\n{body}\nstartxref\n9\n%%EOF\n")
        .into_bytes()
}

pub(crate) fn pdf() -> Vec<u8> {
    pdf_with("")
}

pub(crate) const ZIP_END: &[u8] = b"PK\x05\x06\0\0\0\0\x01\0\x01\0\x2e\0\0\0\x1e\0\0\0\0\0";

pub(crate) fn zip() -> Vec<u8> {
    [b"PK\x03\x04", &[0; 60][..], ZIP_END].concat()
}

/// A good file of each kind, with a name and type that agree.
pub(crate) fn good(kind: Kind) -> (&'static str, &'static str, Vec<u8>) {
    match kind {
        Kind::Csv => ("a.csv", "text/csv", CSV.as_bytes().to_vec()),
        Kind::Wav => ("a.wav", "audio/wav", wav()),
        Kind::Mp3 => ("a.mp3", "audio/mpeg", mp3()),
        Kind::Flac => ("a.flac", "audio/flac", flac()),
        Kind::M4a => ("a.m4a", "audio/mp4", M4a::default().build()),
        Kind::Ogg => ("a.ogg", "audio/ogg", ogg()),
        Kind::Png => ("a.png", "image/png", png()),
        Kind::Jpeg => ("a.jpg", "image/jpeg", jpeg()),
        Kind::Gif => ("a.gif", "image/gif", gif()),
        Kind::WebP => ("a.webp", "image/webp", webp()),
        Kind::Pdf => ("a.pdf", "application/pdf", pdf()),
    }
}

/// A form with one file.
pub(crate) fn form(name: &[u8], content_type: &str, bytes: &[u8]) -> Vec<u8> {
    [
        b"--XX\r\nContent-Disposition: form-data; name=\"f\"; filename=\"",
        name,
        b"\"\r\nContent-Type: ",
        content_type.as_bytes(),
        b"\r\n\r\n",
        bytes,
        b"\r\n--XX--\r\n",
    ]
    .concat()
}
