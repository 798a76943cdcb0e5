//! What end-to-end tests run on Node.
//!
//! Owns the folders below the build folder that have the modules, one for each state of a list.
//! Installs exactly what that names, with npm, and runs no script of any package. Refuses a folder
//! that was not finished.

use std::{fs, path::PathBuf};

use crate::{command, failure::Failure, python::digest, workspace::Workspace};

/// One list of packages.
pub(crate) struct Packages {
    /// The variable in which tests find the folder.
    pub(crate) variable: &'static str,
    /// Where the list lies, from the root of the workspace.
    list: &'static str,
}

/// Every list there is.
pub(crate) const ALL: [Packages; 2] = [
    Packages {
        variable: "VOUCHSAFE_TEST_NODE",
        list: "systems/savings-analysis/provider",
    },
    Packages {
        variable: "VOUCHSAFE_TEST_NODE_APPS",
        list: "tests/node",
    },
];

/// The files of a list.
const FILES: [&str; 2] = ["package.json", "package-lock.json"];

impl Packages {
    /// The folder, made already or not.
    pub(crate) fn folder(&self, workspace: &Workspace) -> Result<PathBuf, Failure> {
        let mut lists = Vec::new();
        for file in FILES {
            let path = workspace.root().join(self.list).join(file);
            lists.extend(fs::read(&path).map_err(|cause| Failure::io(&path, &cause))?);
        }
        let name = format!("{:016x}", digest(&lists));
        Ok(workspace.target().join("node").join(name))
    }
}

/// Makes sure that all of them are there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<(), Failure> {
    ALL.iter()
        .try_for_each(|packages| install(workspace, packages))
}

fn install(workspace: &Workspace, packages: &Packages) -> Result<(), Failure> {
    let folder = packages.folder(workspace)?;
    let finished = folder.join("finished");
    if finished.is_file() {
        return Ok(());
    }
    let list = packages.list;
    eprintln!(
        "installing {list}/package-lock.json into {}",
        folder.display()
    );
    fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
    for file in FILES {
        let from = workspace.root().join(list).join(file);
        fs::copy(&from, folder.join(file)).map_err(|cause| Failure::io(&from, &cause))?;
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    if !command::talk(&mut command::command(&folder, "npm", &arguments))? {
        return Err(Failure::stuck(
            "what tests run on Node could not be installed",
            format!("see above; are Node 20 and npm there? The list is {list}/package-lock.json"),
        ));
    }
    fs::write(&finished, "").map_err(|cause| Failure::io(&finished, &cause))
}
