//! `reference`: every control with its promises and keys, as Markdown, from the one list. Hidden;
//! `cargo xtask gen` writes it into the documentation.

use std::{fmt::Write as _, io::Write as _, process::ExitCode};

use crate::{
    controls::controls,
    failure::{Failure, io},
};

#[derive(clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Result<ExitCode, Failure> {
    std::io::stdout()
        .write_all(reference().as_bytes())
        .map_err(io("print", "is standard output closed?"))?;
    Ok(ExitCode::SUCCESS)
}

fn reference() -> String {
    let mut text = String::from(
        "# Controls and their configuration\n\nGenerated from the list of controls by `cargo xtask \
         gen`; do not edit.\n",
    );
    for control in controls() {
        let card = control.card();
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "\n## {}\n\n`{}`. {}\n",
            card.title, card.id, card.summary
        );
        let promises: Vec<String> = card.promises.iter().map(|id| format!("`{id}`")).collect();
        if !promises.is_empty() {
            let _ = writeln!(text, "\nPromises: {}.", promises.join(", "));
        }
        if !card.keys.is_empty() {
            text.push_str("\n| key | takes | default | about |\n|---|---|---|---|\n");
        }
        for key in card.keys {
            let cell = |words: &str| words.replace('|', "\\|");
            let _ = writeln!(
                text,
                "| `{}` | {} | {} | {} |",
                cell(key.path),
                cell(key.takes),
                cell(key.default),
                cell(key.about)
            );
        }
    }
    text
}
