//! `cargo xtask gen`: the parts of the documentation that a program knows better than a person.
//!
//! Owns one list of targets. A target makes text from the workspace; it is a marked part of a
//! document (see [`marked`]) or, for a document without marks, the whole of it. `--check` writes
//! nothing and fails where a target is stale.

mod configuration;
mod dependencies;

use std::path::Path;

use crate::{failure::Failure, marked, tidy::Findings, workspace::Workspace};

/// Something that is generated.
struct Target {
    /// The document, from the root of the workspace.
    path: &'static str,
    /// Name of the marked part; `None` for a whole document.
    part: Option<&'static str>,
    make: fn(&Workspace) -> Result<String, Failure>,
}

/// Everything that is generated.
const TARGETS: &[Target] = &[
    Target {
        path: "docs/dependencies.md",
        part: Some("dependencies"),
        make: dependencies::make,
    },
    Target {
        path: "docs/reference/configuration.md",
        part: None,
        make: configuration::make,
    },
    Target {
        path: "docs/guide/webhook-providers.md",
        part: None,
        make: configuration::providers,
    },
];

/// Writes every target, or with `--check` only compares.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    match arguments {
        [] => write(workspace),
        ["--check"] => {
            let findings = stale(workspace)?;
            for fault in &findings.faults {
                eprintln!("{}: {}", fault.place, fault.what);
            }
            if findings.faults.is_empty() {
                return Ok(());
            }
            Err(Failure::no(
                "generated files are stale",
                "run `cargo xtask gen`",
            ))
        }
        [stray, ..] => Err(Failure::stuck(
            format!("there is no option {stray}"),
            "run `cargo xtask gen` or `cargo xtask gen --check`",
        )),
    }
}

/// The targets that are not as they would be written.
pub(crate) fn stale(workspace: &Workspace) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for target in TARGETS {
        let (old, new) = renew(workspace, target)?;
        if old != new {
            findings.fault(target.path, "is not what `cargo xtask gen` writes");
        }
    }
    Ok(findings)
}

fn write(workspace: &Workspace) -> Result<(), Failure> {
    for target in TARGETS {
        let (old, new) = renew(workspace, target)?;
        let verdict = if old == new {
            "is up to date"
        } else {
            "written"
        };
        if old != new {
            let path = workspace.root().join(target.path);
            store(&path, &new)?;
        }
        eprintln!("{}: {verdict}", target.path);
    }
    Ok(())
}

/// What stands there and what should.
fn renew(workspace: &Workspace, target: &Target) -> Result<(String, String), Failure> {
    let path = workspace.root().join(target.path);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    let body = (target.make)(workspace)?;
    let new = match target.part {
        None => body,
        Some(part) => marked::replace(&old, part, &body).ok_or_else(|| {
            Failure::stuck(
                format!("{} has no part marked {part}", target.path),
                format!("put `<!-- generated: {part} -->` and `<!-- end: {part} -->` into it"),
            )
        })?,
    };
    Ok((old, new))
}

/// Writes a document, with its folder where that is missing.
pub(crate) fn store(path: &Path, text: &str) -> Result<(), Failure> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|cause| Failure::io(folder, &cause))?;
    }
    std::fs::write(path, text).map_err(|cause| Failure::io(path, &cause))
}
