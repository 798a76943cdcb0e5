//! Programs the suite needs and a fresh machine lacks.
//!
//! Owns their installation from crates.io into the build folder, so that nothing of the user's own
//! is touched. A program that is on the PATH already is used as it is.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{command, failure::Failure, workspace::Workspace};

/// A cargo subcommand that comes as a crate of its own.
#[derive(Debug)]
pub(crate) struct Tool {
    /// Its crate: `cargo-deny`.
    pub(crate) package: &'static str,
    /// The version that is installed when there is none.
    pub(crate) version: &'static str,
}

/// Runs the tests, each in a process of its own.
pub(crate) const NEXTEST: Tool = Tool {
    package: "cargo-nextest",
    version: "0.9.143",
};

/// Checks licences, bans and sources of dependencies.
pub(crate) const DENY: Tool = Tool {
    package: "cargo-deny",
    version: "0.20.2",
};

/// Builds and runs fuzz targets.
pub(crate) const FUZZ: Tool = Tool {
    package: "cargo-fuzz",
    version: "0.13.2",
};

/// The PATH with our own tools behind the user's.
pub(crate) fn path(workspace: &Workspace) -> OsString {
    let own = folder(workspace).join("bin");
    let before = std::env::var_os("PATH").unwrap_or_default();
    let all = std::env::split_paths(&before).chain([own]);
    std::env::join_paths(all).unwrap_or(before)
}

/// Makes sure that `tool` can be run.
///
/// Installed without optimisation: compiling takes longer than all it will ever do here.
pub(crate) fn ensure(workspace: &Workspace, tool: &Tool) -> Result<(), Failure> {
    if there(workspace, tool) {
        return Ok(());
    }
    let folder = folder(workspace);
    let (package, version) = (tool.package, tool.version);
    eprintln!("installing {package} {version} into {}", folder.display());
    let arguments = [
        "install",
        "--locked",
        "--debug",
        "--quiet",
        "--version",
        version,
        package,
    ];
    let mut install = command::command(workspace.root(), "cargo", &arguments);
    install
        .arg("--root")
        .arg(&folder)
        .env("CARGO_TARGET_DIR", folder.join("build"))
        .env("CARGO_PROFILE_DEV_DEBUG", "false")
        .env("CARGO_PROFILE_DEV_INCREMENTAL", "false");
    let installed = command::talk(&mut install);
    remove(&folder.join("build"));
    if installed? && there(workspace, tool) {
        return Ok(());
    }
    Err(Failure::stuck(
        format!("{package} could not be installed"),
        format!("see above, or install it yourself: cargo install --locked {package}"),
    ))
}

fn there(workspace: &Workspace, tool: &Tool) -> bool {
    let subcommand = tool.package.trim_start_matches("cargo-");
    let mut ask = command::command(workspace.root(), "cargo", &[subcommand, "--version"]);
    command::answers(ask.env("PATH", path(workspace)))
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target().join("tools")
}

/// What is left of a build is only in the way; failing to remove it is no failure.
fn remove(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}
