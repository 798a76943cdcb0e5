//! The `vouchsafe` binary: one file per command, the ordered list of controls, the admin surface
//! and the wiring of the crates below.
//!
//! Owns the process: arguments, exit codes, signals, what goes to stdout (data) and to stderr
//! (talk). Refuses to hold a rule of its own: every check lives in the crate that keeps it.

mod admin;
mod cli;
mod commands;
mod controls;
#[cfg(feature = "demo")]
mod demo;
mod descriptors;
mod failure;
mod inspection;
mod load;
mod log;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match commands::run(cli.command) {
        Ok(exit) => exit,
        Err(failure) => failure.end(),
    }
}
