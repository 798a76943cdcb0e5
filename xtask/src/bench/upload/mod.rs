//! `cargo xtask bench upload`: what judging an upload costs, beside what a Python app does instead.
//!
//! Owns the inputs, which `crates/upload/examples/judge.rs` writes and judges, and the same checks by
//! csv, pandas and python-multipart in `peer.py`. Each row is a process of its own, so that memory is
//! its alone; rounds are in it, and the least processor time counts.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use super::{
    Setting, Table,
    stage::{Folder, write},
    table::{Aim, Verdict},
};
use crate::{command, failure::Failure, python};

/// Least that a CSV file is judged at, in MB a second on one core.
const PACE: f64 = 500.0;

/// Most that an upload may add to memory, in MB.
const GROWTH: f64 = 4.0;

const PEER: &str = include_str!("peer.py");

/// Long enough for the slowest peer on a slow machine.
const LIMIT: Duration = Duration::from_secs(300);

const ABOUT: &str = "\
    Processor time of one core, the least of 5 rounds; files come in pieces of 64 KiB from the page cache. \
    Growth is how far the process grew beyond what it was before the first round. Checked are: text in \
    UTF-8 without control characters, rows of one width, 50,000 rows, 50 columns, 1,000 characters a \
    cell; of the form its parts, and of the sound rate, channels and length. Ours checks besides that \
    nothing of another kind is hidden in the file, and its name. The judge of Vouchsafe keeps nothing of \
    the sound; python-multipart writes it to a temporary file first, as Starlette does, because wave must \
    go back and forth in it. The last row is what a file costs that must be whole before it is judged: \
    sealed, written, read back and opened.";

/// What is judged, by whom, and the row it is compared with.
struct Row {
    name: &'static str,
    /// Whether it is ours.
    ours: bool,
    what: &'static str,
    file: &'static str,
}

const ROWS: &[Row] = &[
    row("Vouchsafe, CSV", true, "csv", "table.csv"),
    row("Python csv, CSV", false, "csv", "table.csv"),
    row("pandas, CSV", false, "pandas", "table.csv"),
    row(
        "Vouchsafe, CSV, every cell quoted",
        true,
        "csv",
        "quoted.csv",
    ),
    row(
        "Python csv, CSV, every cell quoted",
        false,
        "csv",
        "quoted.csv",
    ),
    row(
        "pandas, CSV, every cell quoted",
        false,
        "pandas",
        "quoted.csv",
    ),
    row("Vouchsafe, form with sound", true, "form", "form"),
    row(
        "python-multipart and wave, form with sound",
        false,
        "form",
        "form",
    ),
    row("Vouchsafe, sealed temporary file", true, "spool", "form"),
];

const fn row(name: &'static str, ours: bool, what: &'static str, file: &'static str) -> Row {
    Row {
        name,
        ours,
        what,
        file,
    }
}

/// What one process said of one row.
#[derive(Clone, Copy, Debug)]
struct Measured {
    /// MB a second.
    pace: f64,
    /// MB.
    growth: f64,
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    python::ensure(setting.workspace)?;
    let ours = build(setting)?;
    let theirs = python::interpreter(setting.workspace)?;
    let folder = Folder::fresh(setting.workspace.target().join("bench-upload"))?;
    let peer = folder.path().join("peer.py");
    write(&peer, PEER)?;
    eprintln!("writing the inputs");
    listen(folder.path(), &ours, &[Path::new("make"), Path::new(".")])?;
    let mut table = Table::titled(
        "Uploads judged",
        &["judge", "MB/s", "× slower", "growth MB"],
    );
    let mut best = f64::NAN;
    for row in ROWS {
        eprintln!("{}", row.name);
        let file = folder.path().join(row.file);
        let what = Path::new(row.what);
        let said = match row.ours {
            true => listen(folder.path(), &ours, &[Path::new("run"), what, &file])?,
            false => listen(folder.path(), &theirs, &[&peer, what, &file])?,
        };
        let measured = read(&said, &file)?;
        if row.ours {
            best = measured.pace;
            aim(&mut table, row, measured);
        }
        let slower = match row.ours {
            true => "–".to_owned(),
            false => format!("{:.1}", best / measured.pace),
        };
        let (pace, growth) = (measured.pace, measured.growth);
        table.cells(
            row.name,
            [format!("{pace:.0}"), slower, format!("{growth:.1}")],
        );
    }
    table.note(ABOUT);
    Ok(vec![table])
}

fn aim(table: &mut Table, row: &Row, measured: Measured) {
    let Measured { pace, growth } = measured;
    if row.what == "csv" {
        table.aim(Aim {
            what: format!("{}, MB/s", row.name),
            bound: format!("≥ {PACE:.0}"),
            measured: format!("{pace:.0}"),
            verdict: Verdict::of(pace >= PACE, 0),
        });
    }
    table.aim(Aim {
        what: format!("{}, growth in MB", row.name),
        bound: format!("≤ {GROWTH:.0}"),
        measured: format!("{growth:.1}"),
        verdict: Verdict::of(growth <= GROWTH, 0),
    });
}

fn build(setting: &Setting<'_>) -> Result<PathBuf, Failure> {
    let build = [
        "build",
        "--release",
        "--locked",
        "--package",
        "upload",
        "--example",
        "judge",
    ];
    let mut cargo = command::command(setting.workspace.root(), "cargo", &build);
    if !command::talk(&mut cargo)? {
        return Err(Failure::stuck("upload does not build", "see above"));
    }
    Ok(setting.workspace.target().join("release/examples/judge"))
}

fn listen(folder: &Path, program: &Path, arguments: &[&Path]) -> Result<String, Failure> {
    let mut run = command::command(folder, program, &[]);
    let said = command::listen(run.args(arguments), LIMIT)?;
    said.success.then_some(said.stdout).ok_or_else(|| {
        Failure::stuck(
            format!("{} judged nothing", program.display()),
            format!("it said: {}", command::last_lines(&said.stderr, 5)),
        )
    })
}

fn read(said: &str, file: &Path) -> Result<Measured, Failure> {
    let bytes = std::fs::metadata(file).map_err(|cause| Failure::io(file, &cause))?;
    let said = serde_json::from_str::<Value>(said).unwrap_or_default();
    let figure = |name: &str| said.get(name).and_then(Value::as_f64);
    let (Some(nanos), Some(growth)) = (figure("nanos"), figure("growth")) else {
        return Err(Failure::stuck("a row lacks a figure", "run it again"));
    };
    Ok(Measured {
        pace: bytes.len() as f64 * 1e3 / nanos,
        growth: growth / 1e6,
    })
}
