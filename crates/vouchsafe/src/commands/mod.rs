//! One file per command.
//!
//! Owns the dispatch, and the few things several commands share: the output format, moments and the
//! ready file.

pub(crate) mod alert;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod demo;
#[cfg(feature = "demo")]
pub(crate) mod demo_app;
pub(crate) mod egress;
pub(crate) mod explain;
pub(crate) mod healthcheck;
pub(crate) mod init;
pub(crate) mod key;
pub(crate) mod ledger;
pub(crate) mod observed;
pub(crate) mod prove;
pub(crate) mod reference;
pub(crate) mod reload;
mod roles;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod up;
pub(crate) mod user;
pub(crate) mod webhook;

use std::{io::Write as _, path::Path, process::ExitCode};

use control::Timestamp;

use crate::{
    cli::Command,
    failure::{Failure, io},
};

/// How a verb prints its data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

pub(crate) fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(args) => demo::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Up(args) => up::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Observed(args) => observed::run(&args),
        Command::Prove(args) => prove::run(&args),
        Command::Key(command) => key::run(&command),
        Command::User(command) => user::run(&command),
        Command::Session(command) => session::run(&command),
        Command::Token(command) => token::run(&command),
        Command::Alert(command) => alert::run(&command),
        Command::Webhook(command) => webhook::run(&command),
        Command::Ledger(command) => ledger::run(&command),
        Command::Egress(command) => egress::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Healthcheck(args) => healthcheck::run(&args),
        #[cfg(feature = "demo")]
        Command::DemoApp(args) => demo_app::run(&args),
        Command::Reference(args) => reference::run(&args),
    }
}

/// Prints data.
fn print(text: &str) -> Result<ExitCode, Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a ready file whole or not at all: whoever waits for it never reads half of it.
pub(crate) fn write_ready(path: &Path, text: &str) -> Result<(), Failure> {
    let hint = "choose a --ready-file in a folder that can be written";
    let doing = || format!("write {}", path.display());
    let part = path.with_extension("part");
    std::fs::write(&part, text).map_err(io(doing(), hint))?;
    std::fs::rename(&part, path).map_err(io(doing(), hint))
}

/// A moment that somebody wrote.
fn moment(text: &str) -> Result<Timestamp, Failure> {
    time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
        .ok()
        .and_then(|at| i64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok())
        .map(Timestamp::from_millis)
        .ok_or_else(|| {
            Failure::new(
                format!("{text} is not a moment"),
                "write it as RFC 3339, such as 2026-11-21T10:00:00Z",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_to_the_millisecond_and_other_text_is_not() {
        let at = moment("2026-11-21T10:00:00.250Z").unwrap();
        assert_eq!(at.to_string(), "2026-11-21T10:00:00.250Z");
        assert!(moment("yesterday").is_err());
    }
}
