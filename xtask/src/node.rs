//! The peers on Node that end-to-end tests run against.
//!
//! Owns their making below the build folder, one for each state of `systems/savings-analysis/provider`.
//! Installs exactly what that names, with npm, and runs no script of any package. Refuses a folder
//! that was not finished.

use std::{fs, path::PathBuf};

use crate::{command, failure::Failure, python::digest, workspace::Workspace};

/// The variable in which tests find the folder.
pub(crate) const VARIABLE: &str = "VOUCHSAFE_TEST_NODE";

/// What is installed, from the root of the workspace.
const LISTS: [&str; 2] = [
    "systems/savings-analysis/provider/package.json",
    "systems/savings-analysis/provider/package-lock.json",
];

/// The folder, made already or not.
pub(crate) fn folder(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let mut lists = Vec::new();
    for list in LISTS {
        let path = workspace.root().join(list);
        lists.extend(fs::read(&path).map_err(|cause| Failure::io(&path, &cause))?);
    }
    let name = format!("{:016x}", digest(&lists));
    Ok(workspace.target().join("node").join(name))
}

/// Makes sure that the peers are there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<(), Failure> {
    let folder = folder(workspace)?;
    let finished = folder.join("finished");
    if finished.is_file() {
        return Ok(());
    }
    eprintln!("installing {} into {}", LISTS[1], folder.display());
    fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
    for list in LISTS {
        let from = workspace.root().join(list);
        let name = from.file_name().unwrap_or_default();
        fs::copy(&from, folder.join(name)).map_err(|cause| Failure::io(&from, &cause))?;
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    if !command::talk(&mut command::command(&folder, "npm", &arguments))? {
        return Err(Failure::stuck(
            "the Node peers of the tests could not be installed",
            format!(
                "see above; are Node 20 and npm there? The list is {}",
                LISTS[1]
            ),
        ));
    }
    fs::write(&finished, "").map_err(|cause| Failure::io(&finished, &cause))
}
