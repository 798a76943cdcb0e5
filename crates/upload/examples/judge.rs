//! What judging an upload costs: `cargo xtask bench upload` runs it.
//!
//! `make FOLDER` writes the inputs; `run WHAT FILE` judges one as it streams, five times, and prints
//! JSON: bytes, the least processor time in nanoseconds, and by how many bytes the process grew.

use std::{
    fs::{self, File},
    hint::black_box,
    io::{BufWriter, Error, Read as _, Write as _},
    path::Path,
    sync::Arc,
    time::Duration,
};

use control::rng::SystemRng;
use upload::{
    Boundary, Judge, Kind, Multipart, PartHead, Quota, Sink, Spool, UploadRefusal,
    rules::{Accepts, Audio, Csv, CsvLimits, Hold, Limits, Rules, Span},
};

const ROUNDS: u32 = 5;

/// What is handed over at once, as a connection does.
const PIECE: usize = 64 << 10;

/// Bytes of sound in the form.
const SOUND: u32 = 500 << 20;

const BOUNDARY: &str = "----boundary7MA4YWxk";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["make", folder] => make(Path::new(folder)),
        ["run", what, file] => run(what, Path::new(file)),
        _ => Err("make FOLDER | run csv|form|spool FILE".into()),
    }
}

/// Every input of the benchmark.
fn make(folder: &Path) -> Outcome<()> {
    fs::write(folder.join("table.csv"), table(50_000, false))?;
    fs::write(folder.join("quoted.csv"), table(50_000, true))?;
    let mut form = BufWriter::new(File::create(folder.join("form"))?);
    write!(
        form,
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a.wav\"\r\n\
         Content-Type: audio/wav\r\n\r\n"
    )?;
    wav(SOUND, &mut form)?;
    write!(form, "\r\n--{BOUNDARY}--\r\n")?;
    Ok(form.flush()?)
}

fn run(what: &str, file: &Path) -> Outcome<()> {
    let before = peak()?;
    let mut best = u64::MAX;
    for _ in 0..ROUNDS {
        let begun = processor_nanos()?;
        match what {
            "csv" => judge(file)?,
            "form" => form(file)?,
            "spool" => spool(file)?,
            _ => return Err("csv, form or spool".into()),
        }
        best = best.min(processor_nanos()? - begun);
    }
    let (bytes, growth) = (fs::metadata(file)?.len(), peak()? - before);
    #[expect(clippy::print_stdout, reason = "what it is for")]
    {
        println!("{{\"bytes\": {bytes}, \"nanos\": {best}, \"growth\": {growth}}}");
    }
    Ok(())
}

/// Processor time of this thread.
fn processor_nanos() -> Outcome<u64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split_whitespace().next().ok_or("no schedstat")?;
    Ok(first.parse()?)
}

/// The most memory the process has had, in bytes.
fn peak() -> Outcome<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next());
    Ok(kilobytes.ok_or("no VmHWM")?.parse::<u64>()? * 1024)
}

/// Hands a file over in pieces.
fn pieces(file: &Path, mut take: impl FnMut(&[u8]) -> Outcome<()>) -> Outcome<()> {
    let mut file = File::open(file)?;
    let mut piece = vec![0; PIECE];
    loop {
        let read = file.read(&mut piece)?;
        let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        take(bytes)?;
    }
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

fn judge(file: &Path) -> Outcome<()> {
    let mut judge = Judge::new(Arc::new(rules()?), None, None)?;
    pieces(file, |piece| Ok(judge.push(piece)?))?;
    black_box(judge.finish(None)?);
    Ok(())
}

/// Judges the one file of a form.
struct Desk {
    rules: Arc<Rules>,
    judge: Option<Judge>,
}

impl Sink for Desk {
    fn begin(&mut self, head: &PartHead) -> Result<(), UploadRefusal> {
        let judge = Judge::new(
            Arc::clone(&self.rules),
            head.content_type.as_deref(),
            head.file_name.as_deref(),
        )?;
        self.judge = Some(judge);
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        self.judge
            .as_mut()
            .map_or(Ok(()), |judge| judge.push(bytes))
    }

    fn end(&mut self) -> Result<(), UploadRefusal> {
        match self.judge.take() {
            Some(judge) => judge.finish(None).map(|accepted| drop(black_box(accepted))),
            None => Ok(()),
        }
    }
}

fn form(file: &Path) -> Outcome<()> {
    let rules = Arc::new(rules()?);
    let boundary = Boundary::read(BOUNDARY.as_bytes())?;
    let mut reader = Multipart::new(&boundary, *rules.limits());
    let mut desk = Desk { rules, judge: None };
    pieces(file, |piece| Ok(reader.push(piece, &mut desk)?))?;
    Ok(reader.finish()?)
}

/// Sealed onto the disk and read back.
fn spool(file: &Path) -> Outcome<()> {
    let folder = file.parent().ok_or_else(|| Error::other("no folder"))?;
    let mut spool = Spool::new(folder, &Quota::new(1 << 30), &SystemRng)?;
    pieces(file, |piece| Ok(spool.write(piece)?))?;
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

/// Noise of 16 kHz, so that searches for single bytes stop as often as in a recording.
fn wav(length: u32, out: &mut impl std::io::Write) -> Outcome<()> {
    out.write_all(b"RIFF")?;
    out.write_all(&(36 + length).to_le_bytes())?;
    out.write_all(b"WAVEfmt \x10\0\0\0\x01\0\x01\0")?;
    out.write_all(&16_000_u32.to_le_bytes())?;
    out.write_all(&32_000_u32.to_le_bytes())?;
    out.write_all(b"\x02\0\x10\0data")?;
    out.write_all(&length.to_le_bytes())?;
    let mut state = 1_u32;
    let noise: Vec<u8> = (0..1 << 20)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    for _ in 0..length >> 20 {
        out.write_all(&noise)?;
    }
    Ok(())
}
