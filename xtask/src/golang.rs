//! The Go program that judges our ledgers with the code of Go's checksum database.
//!
//! Owns its making from `tests/go/ledger` below the build folder. Go and `golang.org/x/mod` come as
//! Debian's packages, so that nothing is fetched while it is built. Refuses to fail where those
//! cannot be installed: then the test is told so, and says that it compared nothing.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{command, failure::Failure, workspace::Workspace};

/// The variable in which tests find the program.
pub(crate) const VARIABLE: &str = "VOUCHSAFE_TEST_GO_LEDGER";

/// What the variable says where there is no Go.
const ABSENT: &str = "absent";

/// The program's source, from the root of the workspace.
const SOURCE: &str = "tests/go/ledger/main.go";

/// The library, where Debian's package puts it.
const LIBRARY: &str = "/usr/share/gocode/src/golang.org/x/mod/sumdb/tlog";

/// Makes sure that the program is there, if it can be.
pub(crate) fn ensure(workspace: &Workspace) -> Result<(), Failure> {
    let source = workspace.root().join(SOURCE);
    let program = program(workspace);
    let changed = |path: &Path| path.metadata().and_then(|data| data.modified()).ok();
    if changed(&program).is_some_and(|made| changed(&source).is_some_and(|at| at <= made)) {
        return Ok(());
    }
    let built = || {
        let mut build = command::command(workspace.root(), "go", &["build", "-o"]);
        build
            .arg(&program)
            .arg(&source)
            .env("GO111MODULE", "off")
            .env("GOPATH", "/usr/share/gocode")
            .env("GOFLAGS", "")
            .env("GOCACHE", workspace.target().join("go/cache"));
        command::talk(&mut build).unwrap_or(false)
    };
    if (installed() || install()) && built() {
        return Ok(());
    }
    eprintln!("no Go with golang.org/x/mod here: ledgers are not compared with sumdb");
    Ok(())
}

/// What the variable says.
pub(crate) fn told(workspace: &Workspace) -> OsString {
    let program = program(workspace);
    if program.is_file() {
        program.into_os_string()
    } else {
        ABSENT.into()
    }
}

fn program(workspace: &Workspace) -> PathBuf {
    workspace.target().join("go/ledger")
}

fn installed() -> bool {
    let mut version = command::command(Path::new("/"), "go", &["version"]);
    Path::new(LIBRARY).is_dir() && command::answers(&mut version)
}

fn install() -> bool {
    let apt = |arguments: &[&str]| {
        let mut apt = command::command(Path::new("/"), "apt-get", arguments);
        command::talk(apt.env("DEBIAN_FRONTEND", "noninteractive")).unwrap_or(false)
    };
    let packages = [
        "install",
        "--yes",
        "--quiet",
        "--no-install-recommends",
        "golang-go",
        "golang-golang-x-mod-dev",
    ];
    apt(&packages) || (apt(&["update", "--quiet"]) && apt(&packages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_was_not_made_is_said_to_be_absent() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        assert_eq!(told(&workspace), ABSENT);
        let path = program(&workspace);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "").unwrap();
        assert_eq!(told(&workspace), path);
    }
}
