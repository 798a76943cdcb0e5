//! `alert read`: what a monitoring system's message says, in the normal form.
//!
//! Owns the reading of the file and the two renderings. Exit codes: 0 read, 1 nobody's that is known
//! or more than one's, 2 no alert to read.

use std::{
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use alert::{Alert, Attribution, Driver, attribute, read};

use super::Format;
use crate::failure::{Failure, io};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Read one message of a monitoring system: exit 0 read, 1 nobody's that is known, 2 unusable input
    Read(Args),
}

#[derive(clap::Args)]
pub(crate) struct Args {
    /// File with the message; `-` is standard input
    file: PathBuf,
    /// Who sent it; told from the message when absent
    #[arg(long)]
    source: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// Bytes above this are refused.
const LIMIT: u64 = 16 << 20;

pub(crate) fn run(command: &Command) -> Result<ExitCode, Failure> {
    let Command::Read(args) = command;
    let body = body(&args.file)?;
    let unusable = |fault: alert::Unreadable| {
        Failure::new(
            fault.to_string(),
            "give a message as the monitoring system sent it",
        )
    };
    let driver = match &args.source {
        Some(name) => Driver::named(name).ok_or_else(|| unknown(name))?,
        None => match attribute(&body).map_err(unusable)? {
            Attribution::One(driver) => driver,
            Attribution::Nobody => {
                return Ok(told("no sender's that is known; say whose with --source"));
            }
            Attribution::Several(drivers) => {
                let names: Vec<&str> = drivers.iter().map(|it| it.name()).collect();
                let names = names.join(" and ");
                return Ok(told(&format!(
                    "could be of {names}; say whose with --source"
                )));
            }
        },
    };
    let alerts = read(driver, &body).map_err(unusable)?;
    let mut stdout = std::io::stdout().lock();
    for alert in &alerts {
        let line = match args.format {
            Format::Json => serde_json::to_string(alert)
                .map_err(|fault| Failure::new(fault.to_string(), "report this as a defect"))?,
            Format::Text => line(alert),
        };
        writeln!(stdout, "{line}").map_err(io("print", "is standard output closed?"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn told(what: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "{what}");
    ExitCode::from(1)
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = Driver::ALL.iter().map(|it| it.name()).collect();
    let hint = match config::nearest(name, names.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("use one of {}", names.join(", ")),
    };
    Failure::new(format!("there is no driver called `{name}`"), hint)
}

/// One alert as a person reads it: what became of it, how bad it is, what it is, and what is missing.
fn line(alert: &Alert) -> String {
    let word = |value: Option<String>| value.unwrap_or_else(|| "unknown".to_owned());
    let status = alert.status.map(|it| format!("{it:?}").to_lowercase());
    let severity = alert.severity.map(|it| format!("{it:?}").to_lowercase());
    let gaps = match alert.mapping_gaps.len() {
        0 => String::new(),
        1 => "  (1 gap)".to_owned(),
        many => format!("  ({many} gaps)"),
    };
    format!(
        "{:<13} {:<9} {:<13} {}{gaps}",
        word(status),
        word(severity),
        alert.source,
        alert.name.escape_debug()
    )
}

fn body(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(LIMIT + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(LIMIT + 1).read_to_end(&mut bytes))
    };
    read.map_err(io(
        format!("read {}", path.display()),
        "name a file that can be read",
    ))?;
    if bytes.len() as u64 > LIMIT {
        return Err(Failure::new(
            format!("{} is above 16 MiB", path.display()),
            "no monitoring system sends that much",
        ));
    }
    Ok(bytes)
}
