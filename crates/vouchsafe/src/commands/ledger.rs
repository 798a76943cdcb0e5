//! `ledger tail|show|verify|export|key`: reading the log and checking it.
//!
//! Owns the rendering of entries for people: what happened, and why a request was refused. Reads
//! the files as they lie; a running gate is only asked to flush, so that the latest is there.

mod verify;

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ledger::{disk::RealDisk, explain::explain, view::View};
use serde_json::json;

use super::Format;
use crate::{
    admin,
    failure::{Failure, io},
    load,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Print the latest entries
    Tail(Tail),
    /// Say what became of one request, and why
    Show(Show),
    /// Check a ledger folder: exit 0 whole, 1 altered
    Verify(verify::Args),
    /// Print every entry, or a proof for one
    Export(Export),
    /// Print the key that checks this ledger's signatures
    Key(KeyArgs),
}

#[derive(clap::Args)]
pub(crate) struct Tail {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// How many
    #[arg(long, short = 'n', default_value_t = 20)]
    lines: u64,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct Show {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// The request's id: `X-Request-Id`, or `request` in a refusal
    request: String,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(clap::Args)]
pub(crate) struct Export {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// Print the proof that this entry is in the signed log, as a C2SP tlog-proof
    #[arg(long, value_name = "INDEX")]
    proof: Option<u64>,
}

#[derive(clap::Args)]
pub(crate) struct KeyArgs {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
}

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Tail(args) => tail(args),
        Command::Show(args) => show(args),
        Command::Verify(args) => verify::run(args),
        Command::Export(args) => export(args),
        Command::Key(args) => key(args),
    }
}

/// The ledger's folder. A running gate first writes down what it still holds.
fn folder(config: &Path) -> Result<PathBuf, Failure> {
    let loaded = load::unresolved(config)?;
    // No gate is no fault: what is on disk is then all there is.
    let _ = admin::client(&loaded).post("/v1/ledger/flush", &json!({}));
    Ok(ledger::home::ledger_folder(&loaded.data_dir))
}

fn unreadable(fault: impl ToString) -> Failure {
    Failure::new(
        fault.to_string(),
        "check the folder with vouchsafe ledger verify",
    )
}

fn print(text: &str) -> Result<ExitCode, Failure> {
    writeln!(std::io::stdout(), "{}", text.trim_end())
        .map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}

fn tail(args: &Tail) -> Result<ExitCode, Failure> {
    let folder = folder(&args.config)?;
    let view = View::open(&RealDisk, &folder).map_err(unreadable)?;
    let entries = view.last(args.lines).map_err(unreadable)?;
    let mut text = String::new();
    for (index, entry) in &entries {
        let _ = match args.format {
            Format::Json => writeln!(text, "{}", String::from_utf8_lossy(entry)),
            Format::Text => writeln!(text, "{}", line(*index, entry)),
        };
    }
    print(&text)
}

/// One entry on one line.
fn line(index: u64, entry: &[u8]) -> String {
    let explained = explain(index, entry);
    let details: Vec<&str> = explained
        .details
        .iter()
        .filter(|(name, _)| LISTED.contains(&name.as_str()))
        .map(|(_, value)| value.as_str())
        .collect();
    format!(
        "{index:>7}  {}  {} {}",
        explained.time,
        explained.what,
        details.join(" ")
    )
}

/// What a line shows beside its sentence; the rest is for `show`.
const LISTED: &[&str] = &["route", "promise", "verdict", "request"];

fn show(args: &Show) -> Result<ExitCode, Failure> {
    let folder = folder(&args.config)?;
    let id: [u8; 16] = seal::encode::unhex(&args.request)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| {
            let what = format!("{} is not a request id", args.request);
            Failure::new(
                what,
                "take the 32 digits of X-Request-Id, or of request in a refusal",
            )
        })?;
    let view = View::open(&RealDisk, &folder).map_err(unreadable)?;
    let entries = view.of_request(ledger::RequestId(id)).map_err(unreadable)?;
    if entries.is_empty() {
        let _ = writeln!(
            std::io::stderr(),
            "no entry names this request: it was another node's, or one of a flood of refusals \
             that were only counted"
        );
        return Ok(ExitCode::from(1));
    }
    let mut text = String::new();
    for (index, entry) in &entries {
        let _ = match args.format {
            Format::Json => writeln!(text, "{}", String::from_utf8_lossy(entry)),
            Format::Text => writeln!(text, "{}", paragraph(*index, entry)),
        };
    }
    print(&text)
}

/// One entry with everything it says, and what to do where it is a refusal.
fn paragraph(index: u64, entry: &[u8]) -> String {
    let explained = explain(index, entry);
    let mut text = format!("{}  {}\n", explained.time, explained.what);
    for (name, value) in &explained.details {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {name:<10} {value}");
    }
    if let Some(hint) = explained.hint {
        let _ = writeln!(text, "\nhint: {hint}");
    }
    text
}

fn export(args: &Export) -> Result<ExitCode, Failure> {
    let folder = folder(&args.config)?;
    let view = View::open(&RealDisk, &folder).map_err(unreadable)?;
    let Some(index) = args.proof else {
        let mut stdout = std::io::BufWriter::new(std::io::stdout().lock());
        view.export(&mut stdout).map_err(unreadable)?;
        stdout
            .flush()
            .map_err(io("print", "is standard output closed?"))?;
        return Ok(ExitCode::SUCCESS);
    };
    match view.proof(index).map_err(unreadable)? {
        Some(proof) => print(&proof),
        None => {
            let _ = writeln!(
                std::io::stderr(),
                "entry {index} is not under a signed checkpoint, or was old enough to be removed"
            );
            Ok(ExitCode::from(1))
        }
    }
}

fn key(args: &KeyArgs) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let signer = ledger::home::read_signer(&RealDisk, &loaded.data_dir)
        .map_err(|fault| Failure::new(fault.to_string(), fault.hint()))?
        .ok_or_else(|| {
            Failure::new(
                "this ledger has no key yet",
                "start the gate once: it makes the key",
            )
        })?;
    print(&signer.verifier().to_string())
}
