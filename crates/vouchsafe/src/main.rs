//! The `vouchsafe` binary: one file per command, the ordered list of controls, the admin surface
//! and the wiring of the crates below.
//!
//! Owns the process: arguments, exit codes, signals, what goes to stdout (data) and to stderr
//! (talk). Refuses to hold a rule of its own: every check lives in the crate that keeps it.

mod admin;
mod alerts;
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
mod people;
mod storage;

use std::process::ExitCode;

use clap::Parser;
use nix::sys::stat::{Mode, umask};

use crate::cli::Cli;

fn main() -> ExitCode {
    private();
    let cli = Cli::parse();
    match commands::run(cli.command) {
        Ok(exit) => exit,
        Err(failure) => failure.end(),
    }
}

/// Whatever umask we were started with: nobody else may write to what we make, and we may ourselves.
/// What nobody else may read says so by itself.
fn private() {
    let given = umask(Mode::from_bits_truncate(0o022));
    umask((given | Mode::from_bits_truncate(0o022)) & Mode::from_bits_truncate(0o077));
}
