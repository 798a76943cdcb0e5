//! `config show`: the configuration as it was read, secrets as references.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use super::Format;
use crate::{
    failure::{Failure, io},
    load,
};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Print the configuration as it was read, secrets as references
    Show(Show),
}

#[derive(clap::Args)]
pub(crate) struct Show {
    /// Configuration
    #[arg(long, default_value = "vouchsafe.toml")]
    config: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(crate) fn run(Command::Show(args): &Command) -> Result<ExitCode, Failure> {
    let loaded = load::unresolved(&args.config)?;
    let text = match args.format {
        Format::Json => loaded.tree.to_string(),
        Format::Text => config::to_toml(&loaded.tree)
            .map_err(|fault| Failure::new(fault.to_string(), "report this as a defect"))?,
    };
    writeln!(std::io::stdout(), "{}", text.trim_end())
        .map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}
