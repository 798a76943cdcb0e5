//! `reload`: makes the running gate read its configuration again. Exit 1 when it refused.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use prove::admin::AdminError;
use serde_json::json;

use crate::{admin, failure::Failure, load};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Configuration of the running gate
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    // Faults of the file are shown here, with their positions, before the gate is asked.
    let loaded = load::unresolved(&args.config)?;
    match admin::client(&loaded).post("/v1/reload", &json!({})) {
        Ok(_) => {
            let _ = writeln!(std::io::stderr(), "reloaded");
            Ok(ExitCode::SUCCESS)
        }
        Err(refused @ AdminError::Refused { status: 409, .. }) => {
            let _ = writeln!(std::io::stderr(), "{refused}");
            Ok(ExitCode::from(1))
        }
        Err(fault) => Err(admin::unanswered(fault)),
    }
}
