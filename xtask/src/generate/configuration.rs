//! The reference of controls and their settings, and the page of webhook providers, as the product
//! tells them.

use std::time::Duration;

use crate::{command, failure::Failure, product, workspace::Workspace};

/// The reference of controls and their settings.
pub(super) fn make(workspace: &Workspace) -> Result<String, Failure> {
    ask(workspace, &["reference"])
}

/// The page of webhook providers.
pub(super) fn providers(workspace: &Workspace) -> Result<String, Failure> {
    ask(workspace, &["webhook", "schemes", "--page"])
}

/// Asks the product, which knows its list of controls and its schemes.
fn ask(workspace: &Workspace, words: &[&str]) -> Result<String, Failure> {
    let binary = product::build(workspace)?;
    let mut ask = command::command(workspace.root(), binary, words);
    let said = command::listen(&mut ask, Duration::from_secs(60))?;
    if said.success && said.stdout.starts_with("# ") {
        return Ok(said.stdout);
    }
    Err(Failure::stuck(
        format!(
            "the product does not print what `{}` is for",
            words.join(" ")
        ),
        command::last_lines(&said.stderr, 5),
    ))
}
