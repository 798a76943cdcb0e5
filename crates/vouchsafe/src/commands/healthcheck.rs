//! `healthcheck`: asks a running gate whether it is well, over its admin socket.
//!
//! An image needs no curl: the binary asks itself. Exit 0 well, 1 not, 2 could not ask.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use crate::{admin, failure::Failure, load};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration of the running gate
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let answer = admin::client(&loaded)
        .get("/v1/health")
        .map_err(admin::unanswered)?;
    let well = answer.get("well").and_then(serde_json::Value::as_bool) == Some(true);
    let _ = writeln!(std::io::stdout(), "{answer}");
    Ok(ExitCode::from(u8::from(!well)))
}
