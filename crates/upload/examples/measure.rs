//! Prints how many megabytes a second each judge takes on one core. Build it with `--release`.

use std::hint::black_box;
use std::io::{Cursor, Error, Read};
use std::sync::Arc;
use std::time::Duration;

use control::rng::SystemRng;
use upload::rules::{Accepts, Audio, Csv, CsvLimits, Hold, Limits, Rules, Span};
use upload::{Boundary, Judge, Kind, Multipart, PartHead, Quota, Sink, Spool, UploadRefusal};

const ROUNDS: u32 = 5;
const PIECE: usize = 64 << 10;

type Outcome = Result<(), Box<dyn std::error::Error>>;

fn main() -> Outcome {
    let rows = table(50_000, false);
    let quoted = table(50_000, true);
    let sound = wav(100 << 20);
    let form = form(&sound);
    measure("csv, 50,000 rows", rows.len(), || judge(&rows, None))?;
    measure("csv, by the csv crate", rows.len(), || by_another(&rows))?;
    measure("csv, every cell quoted", quoted.len(), || {
        judge(&quoted, None)
    })?;
    measure("form with a 100 MB file", form.len(), || multipart(&form))?;
    measure("wav, structure as it streams", sound.len(), || {
        judge(&sound, None)
    })?;
    measure("wav, whole by symphonia", sound.len(), || {
        judge(&sound, Some(()))
    })?;
    measure("spool, written and read", sound.len(), || spool(&sound))?;
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement is of real time")]
fn measure(title: &str, bytes: usize, mut run: impl FnMut() -> Outcome) -> Outcome {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = std::time::Instant::now();
        run()?;
        best = best.min(start.elapsed());
    }
    let pace = bytes as f64 / best.as_secs_f64() / 1e6;
    #[expect(clippy::print_stdout, reason = "what it is for")]
    {
        println!(
            "{title:32} {pace:8.0} MB/s  ({:.1} MB in {best:.1?})",
            bytes as f64 / 1e6
        );
    }
    Ok(())
}

fn rules() -> Result<Rules, upload::rules::RuleFault> {
    let limits = CsvLimits {
        rows: Span::new("rows", 1, 50_000)?,
        columns: 50,
        cell: 1000,
    };
    let lasts = Span::new("lasts", Duration::ZERO, Duration::from_secs(100_000))?;
    let rate = Span::new("rate", 8_000, 48_000)?;
    let accepts = Accepts {
        csv: Some(Csv::new(b",;", vec![], limits)?),
        audio: Some(Audio::new(
            [Kind::Wav].into_iter().collect(),
            rate,
            2,
            lasts,
        )?),
        ..Accepts::default()
    };
    let limits = Limits {
        file: 1 << 30,
        files: 1,
        fields: 0,
        field: 0,
    };
    Rules::new(limits, Hold::Head, accepts)
}

fn judge(bytes: &[u8], whole: Option<()>) -> Outcome {
    let rules = rules()?;
    if whole.is_some() {
        let rules = rules.audio().ok_or_else(|| Error::other("no rules"))?;
        upload::audio::read(Kind::Wav, &mut Cursor::new(bytes), rules, None)?;
        return Ok(());
    }
    let mut judge = Judge::new(Arc::new(rules), None, None)?;
    bytes
        .chunks(PIECE)
        .try_for_each(|piece| judge.push(piece))?;
    black_box(judge.finish(None)?);
    Ok(())
}

/// The same rows by a reader that neither validates UTF-8 nor refuses anything but ragged rows.
fn by_another(bytes: &[u8]) -> Outcome {
    let mut reader = csv::Reader::from_reader(bytes);
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {}
    Ok(())
}

struct Count(u64);

impl Sink for Count {
    fn begin(&mut self, _head: &PartHead) -> Result<(), UploadRefusal> {
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        self.0 += black_box(bytes).len() as u64;
        Ok(())
    }

    fn end(&mut self) -> Result<(), UploadRefusal> {
        Ok(())
    }
}

fn multipart(bytes: &[u8]) -> Outcome {
    let mut reader = Multipart::new(
        &Boundary::read(b"----boundary7MA4YWxk")?,
        *rules()?.limits(),
    );
    let mut count = Count(0);
    bytes
        .chunks(PIECE)
        .try_for_each(|piece| reader.push(piece, &mut count))?;
    reader.finish()?;
    Ok(())
}

fn spool(bytes: &[u8]) -> Outcome {
    let mut spool = Spool::new(&std::env::temp_dir(), &Quota::new(1 << 30), &SystemRng)?;
    bytes
        .chunks(PIECE)
        .try_for_each(|piece| spool.write(piece))?;
    let mut reader = spool.reader()?;
    let mut piece = vec![0; PIECE];
    while reader.read(&mut piece)? > 0 {}
    Ok(())
}

fn table(rows: u32, quoted: bool) -> Vec<u8> {
    let mut out = String::from("sku,description,quantity,unit price,supplier,date,total,note\n");
    for row in 0..rows {
        let cells = [
            format!("SKU-{row:06}"),
            format!("Nitrile gloves size M, box {}", row % 7).replace(',', ""),
            format!("{}", row % 40),
            format!("{}.{:02}", row % 90, row % 100),
            "Dental Supplies B.V.".to_owned(),
            "2026-03-14".to_owned(),
            format!("{}.00", row % 3000),
            String::new(),
        ];
        let cells = cells.map(|cell| if quoted { format!("\"{cell}\"") } else { cell });
        out.push_str(&cells.join(","));
        out.push('\n');
    }
    out.into_bytes()
}

fn wav(length: u32) -> Vec<u8> {
    let mut out = b"RIFF".to_vec();
    out.extend_from_slice(&(36 + length).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    out.extend_from_slice(&16_000_u32.to_le_bytes());
    out.extend_from_slice(&32_000_u32.to_le_bytes());
    out.extend_from_slice(b"\x02\0\x10\0data");
    out.extend_from_slice(&length.to_le_bytes());
    // Noise, so that searches for single bytes stop as often as in a recording.
    let mut state = 1_u32;
    out.extend((0..length).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    out
}

fn form(file: &[u8]) -> Vec<u8> {
    let head = b"------boundary7MA4YWxk\r\nContent-Disposition: form-data; name=\"f\"; \
        filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n";
    [&head[..], file, b"\r\n------boundary7MA4YWxk--\r\n"].concat()
}
