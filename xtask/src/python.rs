//! The virtual environment of the Python apps that end-to-end tests run.
//!
//! Owns its making below the build folder, one for each state of `tests/python/requirements.txt`,
//! so that a change of versions never meets an old environment. Installs from PyPI with pip, and
//! Debian's `python3-venv` only where Python comes without it. Refuses an environment that was not
//! finished.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{command, failure::Failure, workspace::Workspace};

/// The variable in which tests find the interpreter.
pub(crate) const VARIABLE: &str = "VOUCHSAFE_TEST_PYTHON";

/// What is installed, from the root of the workspace.
const REQUIREMENTS: &str = "tests/python/requirements.txt";

/// The interpreter of the environment, made already or not.
pub(crate) fn interpreter(workspace: &Workspace) -> Result<PathBuf, Failure> {
    Ok(folder(workspace)?.join("bin/python"))
}

/// Makes sure that the environment is there.
pub(crate) fn ensure(workspace: &Workspace) -> Result<(), Failure> {
    let folder = folder(workspace)?;
    let finished = folder.join("finished");
    if finished.is_file() && runs(&folder) {
        return Ok(());
    }
    eprintln!("installing {REQUIREMENTS} into {}", folder.display());
    create(workspace, &folder)?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ];
    let mut install = command::command(workspace.root(), folder.join("bin/python"), &pip);
    if !command::talk(install.args(["--requirement", REQUIREMENTS]))? {
        return Err(Failure::stuck(
            "the Python apps of the tests could not be installed",
            format!("see above; is PyPI reachable? The list is {REQUIREMENTS}"),
        ));
    }
    fs::write(&finished, "").map_err(|cause| Failure::io(&finished, &cause))
}

fn runs(folder: &Path) -> bool {
    let python = folder.join("bin/python");
    command::answers(&mut command::command(folder, python, &["-c", ""]))
}

/// Makes an empty environment in place of whatever is there.
fn create(workspace: &Workspace, folder: &Path) -> Result<(), Failure> {
    let venv = |quiet: bool| {
        let mut venv = command::command(workspace.root(), "python3", &["-m", "venv", "--clear"]);
        venv.arg(folder);
        if quiet {
            Ok(command::answers(&mut venv))
        } else {
            command::talk(&mut venv)
        }
    };
    if venv(true)? {
        return Ok(());
    }
    // Debian and Ubuntu cut venv out of Python. Only their own package puts it back.
    let apt = |arguments: &[&str]| {
        let mut apt = command::command(Path::new("/"), "apt-get", arguments);
        command::talk(apt.env("DEBIAN_FRONTEND", "noninteractive")).unwrap_or(false)
    };
    if !apt(&["install", "--yes", "--quiet", "python3-venv"]) {
        apt(&["update", "--quiet"]);
        apt(&["install", "--yes", "--quiet", "python3-venv"]);
    }
    if venv(false)? {
        return Ok(());
    }
    Err(Failure::stuck(
        "no virtual environment for Python could be made",
        "install Python 3.10 or later with venv; on Debian: sudo apt-get install python3-venv",
    ))
}

fn folder(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let path = workspace.root().join(REQUIREMENTS);
    let list = fs::read(&path).map_err(|cause| Failure::io(&path, &cause))?;
    Ok(workspace
        .target()
        .join("python")
        .join(format!("{:016x}", digest(&list))))
}

/// FNV-1a, 64 bits: enough to tell the lists of one project apart.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of the FNV draft, <https://datatracker.ietf.org/doc/html/draft-eastlake-fnv>.
    #[test]
    fn the_digest_is_fnv_1a() {
        assert_eq!(digest(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(digest(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(digest(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn each_list_has_an_environment_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join(REQUIREMENTS);
        let workspace = Workspace::at(folder.path());
        assert!(interpreter(&workspace).is_err());
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        fs::write(&list, "a==1\n").unwrap();
        let first = interpreter(&workspace).unwrap();
        fs::write(&list, "a==2\n").unwrap();
        assert_ne!(interpreter(&workspace).unwrap(), first);
        assert!(first.starts_with(folder.path().join("target/python")));
    }
}
