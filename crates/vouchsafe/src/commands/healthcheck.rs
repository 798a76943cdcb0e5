//! `healthcheck`: asks a running gate whether it is well, over its admin socket.
//!
//! An image needs no curl: the binary asks itself. Exit 0 well, 1 not, 2 could not ask.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use crate::failure::Failure;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration of the running gate
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let loaded = crate::load::unresolved(&args.config)?;
    let answer = match crate::admin::client(&loaded)?.get("/v1/health") {
        Ok(answer) => answer,
        Err(failure) => return Err(failure),
    };
    let well = answer.get("well").and_then(serde_json::Value::as_bool) == Some(true);
    let _ = writeln!(std::io::stdout(), "{answer}");
    Ok(ExitCode::from(u8::from(!well)))
}
