//! The reference of controls and their settings, as the product tells it.

use std::time::Duration;

use crate::{command, failure::Failure, product, workspace::Workspace};

/// Asks the product, which knows its list of controls.
pub(super) fn make(workspace: &Workspace) -> Result<String, Failure> {
    let binary = product::build(workspace)?;
    let mut ask = command::command(workspace.root(), binary, &["reference"]);
    let said = command::listen(&mut ask, Duration::from_secs(60))?;
    if said.success && said.stdout.starts_with("# ") {
        return Ok(said.stdout);
    }
    Err(Failure::stuck(
        "the product does not print its reference",
        command::last_lines(&said.stderr, 5),
    ))
}
