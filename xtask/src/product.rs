//! Building the product.
//!
//! Owns the one way in which chores compile it: the whole workspace is selected, and a test is
//! named, so that cargo chooses the same features of the dependencies as the test run does. Built
//! alone, the product would have them all compiled a second time.

use std::{path::PathBuf, time::Duration};

use crate::{command, failure::Failure, workspace::Workspace};

/// How long a build may take: the first one compiles everything.
pub(crate) const BUILD_LIMIT: Duration = Duration::from_secs(1800);

/// What cargo is told, whatever it then does.
pub(crate) const BUILD: &[&str] = &["build", "--workspace", "--bin", "vouchsafe", "--test", TEST];

/// A small test without which cargo would leave the features of tests out.
const TEST: &str = "crash";

/// The product, built from the workspace as it is.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let mut cargo = command::command(workspace.root(), "cargo", BUILD);
    let said = command::listen(cargo.arg("--quiet"), BUILD_LIMIT)?;
    if !said.success {
        return Err(Failure::stuck(
            "the product does not compile",
            command::last_lines(&said.stderr, 10),
        ));
    }
    Ok(workspace.target().join("debug/vouchsafe"))
}
