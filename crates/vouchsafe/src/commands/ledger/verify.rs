//! `ledger verify`: whether a folder is what was recorded.
//!
//! Owns what is said of it, and of how far a long verification is: on a terminal alone, so that
//! nobody's log fills with percentages.

use std::{
    cell::{Cell, RefCell},
    io::{IsTerminal as _, Read as _, Write},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    process::ExitCode,
    thread::available_parallelism,
    time::Duration,
};

use control::{Clock as _, SystemClock};
use ledger::{
    disk::RealDisk,
    note::VerifierKey,
    verify::{Effort, Given, VerifyError, verify_with},
};
use serde_json::json;

use super::{Format, print};
use crate::failure::{Failure, io};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The ledger's folder, `<data_dir>/ledger`
    folder: PathBuf,
    /// The verifier key, as `vouchsafe ledger key` prints it
    #[arg(long)]
    key: Option<String>,
    /// File with checkpoints of this log that were seen earlier, such as the second place, or a
    /// folder of such files
    #[arg(long)]
    seen: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let key = args
        .key
        .as_deref()
        .map(VerifierKey::parse)
        .transpose()
        .map_err(|fault| Failure::new(fault.to_string(), "print it with vouchsafe ledger key"))?;
    let seen = args.seen.as_deref().map(read_seen).transpose()?;
    let given = Given {
        key: key.as_ref(),
        seen: seen.as_deref(),
    };
    let progress = Progress::new(std::io::stderr(), std::io::stderr().is_terminal());
    let clock = SystemClock::new();
    let effort = Effort {
        threads: available_parallelism().unwrap_or(NonZeroUsize::MIN),
        progress: &|done, of| progress.tell(clock.monotonic(), done, of),
    };
    let judged = verify_with(&RealDisk, &args.folder, given, &effort);
    progress.end();
    match judged {
        Ok(whole) => {
            let open = whole.cannot_exclude();
            match args.format {
                Format::Json => print(
                    &json!({
                        "whole": true,
                        "size": whole.head.size,
                        "unsigned": whole.unsigned,
                        "minimum": whole.minimum,
                        "since": whole.since.map(|since| since.to_string()),
                        "signature_checked": whole.signature_checked,
                        "cannot_exclude": open,
                    })
                    .to_string(),
                ),
                Format::Text => {
                    for sentence in open {
                        let _ = writeln!(std::io::stderr(), "note: {sentence}");
                    }
                    let gone = whole.since.map_or_else(String::new, |since| {
                        format!(
                            "; those before {} were old enough to go, since {since}",
                            whole.minimum
                        )
                    });
                    print(&format!(
                        "whole: {} signed entries, {} behind them{gone}",
                        whole.head.size, whole.unsigned
                    ))
                }
            }
        }
        Err(fault) => match fault.alteration() {
            Some(alteration) => {
                if args.format == Format::Json {
                    print(
                        &json!({ "whole": false, "altered": alteration.to_string() }).to_string(),
                    )?;
                } else {
                    let _ = writeln!(std::io::stderr(), "altered: {alteration}");
                }
                Ok(ExitCode::from(1))
            }
            None => Err(unanswerable(&fault)),
        },
    }
}

fn unanswerable(fault: &VerifyError) -> Failure {
    let hint = match fault {
        VerifyError::NoLedger(_) => "name the folder <data_dir>/ledger",
        VerifyError::Seen(_) => "give a checkpoint file of this log",
        VerifyError::Ledger(_) => "check who may read the folder",
    };
    Failure::new(fault.to_string(), hint)
}

/// A second place is thinned long before it is as large as this.
const SEEN_LIMIT: u64 = 512 * 1024 * 1024;

/// The checkpoints of a file, or of every file in a folder.
fn read_seen(path: &Path) -> Result<String, Failure> {
    let hint = "name a file with checkpoints, or a folder of such files";
    let failed = || io(format!("read {}", path.display()), hint);
    let mut text = String::new();
    let mut read = |path: &Path| {
        let left = SEEN_LIMIT.saturating_sub(text.len() as u64);
        let file = std::fs::File::open(path)?;
        file.take(left).read_to_string(&mut text).map(drop)
    };
    if !path.is_dir() {
        read(path).map_err(failed())?;
        return Ok(text);
    }
    for entry in std::fs::read_dir(path).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        if path.is_file() {
            read(&path).map_err(failed())?;
        }
    }
    Ok(text)
}

/// How often it is told how far a verification is; one that is shorter is not told of.
const OFTEN: Duration = Duration::from_millis(500);

/// How far a verification is, on one line that is written over.
struct Progress<W: Write> {
    out: RefCell<W>,
    /// Whether anybody is watching.
    watched: bool,
    /// When it is told next; absent before the first look.
    next: Cell<Option<Duration>>,
    told: Cell<bool>,
}

impl<W: Write> Progress<W> {
    fn new(out: W, watched: bool) -> Self {
        Self {
            out: RefCell::new(out),
            watched,
            next: Cell::new(None),
            told: Cell::new(false),
        }
    }

    /// At the monotonic moment `now`, `done` entries of `of` are verified.
    fn tell(&self, now: Duration, done: u64, of: u64) {
        let due = match self.next.get() {
            None => false,
            Some(next) if now < next => return,
            Some(_) => true,
        };
        self.next.set(Some(now + OFTEN));
        if due && self.watched {
            let percent = done.saturating_mul(100).checked_div(of).unwrap_or(100);
            self.write(&format!("\r{percent:>3} % of {of} entries verified"));
            self.told.set(true);
        }
    }

    /// Takes the line away.
    fn end(&self) {
        if self.told.take() {
            self.write("\r\x1b[K");
        }
    }

    /// A terminal that cannot be written to changes no verdict.
    fn write(&self, text: &str) {
        let mut out = self.out.borrow_mut();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(watched: bool, moments: &[(u64, u64)]) -> String {
        let progress = Progress::new(Vec::new(), watched);
        for (millis, done) in moments {
            progress.tell(Duration::from_millis(*millis), *done, 1000);
        }
        progress.end();
        String::from_utf8(progress.out.into_inner()).unwrap()
    }

    #[test]
    fn a_long_verification_is_told_of_now_and_then_and_the_line_is_taken_away() {
        let moments = [(0, 10), (100, 20), (600, 300), (700, 310), (1200, 1000)];
        let said = told(true, &moments);
        let lines: Vec<&str> = said.split('\r').collect();
        assert_eq!(
            lines,
            [
                "",
                " 30 % of 1000 entries verified",
                "100 % of 1000 entries verified",
                "\x1b[K"
            ]
        );
    }

    #[test]
    fn a_short_one_and_one_that_nobody_watches_are_not() {
        assert_eq!(told(true, &[(0, 10), (400, 1000)]), "");
        assert_eq!(told(false, &[(0, 10), (900, 300), (1800, 1000)]), "");
    }
}
