//! Memory does not grow with the upload.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod common;

use std::io::{Read, Result, Seek, SeekFrom};
use std::sync::Arc;
use std::time::Duration;

use common::*;
use control::rng::SystemRng;
use upload::rules::{Accepts, Audio, Csv, CsvLimits, Hold, Limits, Rules, Span};
use upload::{Boundary, Judge, Kind, Multipart, PartHead, Quota, Sink, Spool, UploadRefusal};

const PIECE: usize = 64 << 10;

fn wide_rules() -> Arc<Rules> {
    let limits = CsvLimits {
        rows: Span::new("rows", 1, u64::MAX).unwrap(),
        columns: 9,
        cell: 99,
    };
    let lasts = Span::new("lasts", Duration::ZERO, Duration::MAX).unwrap();
    let audio = [Kind::Wav, Kind::Mp3, Kind::M4a].into_iter().collect();
    let rate = Span::new("rate", 1, 96_000).unwrap();
    let accepts = Accepts {
        csv: Some(Csv::new(b",", vec![], limits).unwrap()),
        audio: Some(Audio::new(audio, rate, 2, lasts).unwrap()),
        image: None,
        pdf: true,
    };
    let limits = Limits {
        file: 1 << 40,
        files: 1,
        fields: 1,
        field: 9,
    };
    Arc::new(Rules::new(limits, Hold::Whole, accepts).unwrap())
}

fn peak(run: impl FnOnce()) -> u64 {
    allocation_counter::measure(run).bytes_max
}

#[test]
fn two_hundred_megabytes_of_csv_in_a_form_cost_less_than_a_quarter_megabyte() {
    struct Judged(Option<Judge>, u64);
    impl Sink for Judged {
        fn begin(&mut self, head: &PartHead) -> std::result::Result<(), UploadRefusal> {
            let name = head.file_name.as_deref();
            self.0 = Some(Judge::new(wide_rules(), None, name)?);
            Ok(())
        }

        fn data(&mut self, bytes: &[u8]) -> std::result::Result<(), UploadRefusal> {
            self.0.as_mut().unwrap().push(bytes)
        }

        fn end(&mut self) -> std::result::Result<(), UploadRefusal> {
            self.1 = self.0.take().unwrap().finish(None)?.len;
            Ok(())
        }
    }
    let piece = "A-1,\"some, text\",3.50\n".repeat(PIECE / 22);
    let times = 200_000_000 / piece.len() + 1;
    let whole = form(b"a.csv", "text/csv", b"sku,note,price\n");
    let (head, tail) = whole.split_at(whole.len() - "\r\n--XX--\r\n".len());
    let mut sink = Judged(None, 0);
    let cost = peak(|| {
        let boundary = Boundary::read(b"XX").unwrap();
        let mut reader = Multipart::new(&boundary, *wide_rules().limits());
        reader.push(head, &mut sink).unwrap();
        for _ in 0..times {
            reader.push(piece.as_bytes(), &mut sink).unwrap();
        }
        reader.push(tail, &mut sink).unwrap();
        reader.finish().unwrap();
    });
    assert!(sink.1 > 200_000_000);
    assert!(cost < 256 << 10, "{cost} bytes");
}

#[test]
fn fifty_megabytes_kept_sealed_cost_less_than_half_a_megabyte() {
    let folder = tempfile::tempdir().unwrap();
    let piece = vec![7; PIECE];
    let cost = peak(|| {
        let mut spool = Spool::new(folder.path(), &Quota::new(1 << 30), &SystemRng).unwrap();
        (0..800).for_each(|_| spool.write(&piece).unwrap());
        let mut reader = spool.reader().unwrap();
        let mut out = [0; 4096];
        while reader.read(&mut out).unwrap() > 0 {}
    });
    assert!(cost < 512 << 10, "{cost} bytes");
}

/// A long file that is never in memory: a beginning, and then zeros or the same bytes again.
struct Endless {
    head: Vec<u8>,
    again: Vec<u8>,
    len: u64,
    at: u64,
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.len.saturating_sub(self.at)).unwrap();
        let count = left.min(out.len());
        for byte in out.iter_mut().take(count) {
            let at = usize::try_from(self.at).unwrap();
            let behind = at.wrapping_sub(self.head.len());
            let here = self.head.get(at);
            *byte = *here.unwrap_or_else(|| self.again.get(behind % self.again.len()).unwrap());
            self.at += 1;
        }
        Ok(count)
    }
}

impl Seek for Endless {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.len.checked_add_signed(by).unwrap(),
            SeekFrom::Current(by) => self.at.checked_add_signed(by).unwrap(),
        };
        Ok(self.at)
    }
}

fn judge_endless(mut file: Endless) -> (u64, std::result::Result<(), UploadRefusal>) {
    let mut outcome = Ok(());
    let cost = peak(|| {
        let mut judge = Judge::new(wide_rules(), None, None).unwrap();
        let mut piece = vec![0; PIECE];
        loop {
            let count = file.read(&mut piece).unwrap();
            if count == 0 {
                break;
            }
            judge.push(piece.get(..count).unwrap()).unwrap();
        }
        outcome = judge.finish(Some(&mut file)).map(|_| ());
    });
    (cost, outcome)
}

#[test]
fn a_long_recording_is_read_whole_in_flat_memory() {
    let mut head = wav_with(16_000, 1, 0, b"");
    let sound = 40_000_000_u32;
    head.splice(4..8, (36 + sound).to_le_bytes());
    head.splice(40..44, sound.to_le_bytes());
    let len = 44 + u64::from(sound);
    let (cost, outcome) = judge_endless(Endless {
        head,
        again: vec![0, 1, 2, 3],
        len,
        at: 0,
    });
    assert_eq!(outcome, Ok(()));
    assert!(cost < 1 << 20, "{cost} bytes");

    let frame = mp3_frames(1);
    let len = frame.len() as u64 * 50_000;
    let (cost, outcome) = judge_endless(Endless {
        head: frame.clone(),
        again: frame,
        len,
        at: 0,
    });
    assert_eq!(outcome, Ok(()));
    // Its reader keeps an index of one entry a second or so.
    assert!(cost < 2 << 20, "{cost} bytes");
}

#[test]
fn a_long_document_is_walked_in_flat_memory() {
    let mut head = pdf();
    let end = head.split_off(head.len() - "startxref\n9\n%%EOF\n".len());
    let again = [b"5 0 obj (text) endobj\n".repeat(9), end].concat();
    let len = (head.len() + again.len() * 50_000) as u64;
    let (cost, outcome) = judge_endless(Endless {
        head,
        again,
        len,
        at: 0,
    });
    assert_eq!(outcome, Ok(()));
    assert!(cost < 1 << 20, "{cost} bytes");
}
