//! `cargo xtask upgrade`: the data folder of an earlier commit under the build of this one.
//!
//! Owns a checkout of that commit below the build folder and its product; the trial itself is the
//! tests `upgrade` of the product's `hostile` suite, which are told where both binaries are. Refuses
//! nothing in a clone that holds no earlier commit: it says so and passes over.

use std::{fs, path::Path, time::Duration};

use crate::{
    command,
    failure::Failure,
    patches::{checkout::Checkout, version::Mark},
    product::{BUILD, BUILD_LIMIT},
    workspace::Workspace,
};

/// Where the tests look for the earlier binary.
const VARIABLE: &str = "VOUCHSAFE_TEST_EARLIER";

/// How long git may take, and the tests.
const GIT_LIMIT: Duration = Duration::from_secs(60);
const RUN_LIMIT: Duration = Duration::from_secs(600);

/// Runs the trial from the commit that the arguments name.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let from = match arguments {
        [] => PREVIOUS,
        ["--from", commit] => commit,
        _ => {
            return Err(Failure::stuck(
                "that is not how it is called",
                "run `cargo xtask upgrade [--from COMMIT]`",
            ));
        }
    };
    let lines = match known(workspace, from) {
        Some(commit) => trial(workspace, &commit)?,
        None if from == PREVIOUS => vec![NONE_HERE.to_owned()],
        None => {
            return Err(Failure::stuck(
                format!("{from} is no commit of this clone"),
                "name one that `git log` shows",
            ));
        }
    };
    for line in lines {
        println!("{line}");
    }
    Ok(())
}

const PREVIOUS: &str = "HEAD~1";

const NONE_HERE: &str = "passed over: this clone holds no earlier commit";

/// The trial from the commit before this one; answers with the lines that sum up.
pub(crate) fn previous(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    known(workspace, PREVIOUS).map_or_else(
        || Ok(vec![NONE_HERE.to_owned()]),
        |commit| trial(workspace, &commit),
    )
}

/// The full name of a commit, where this clone holds it.
fn known(workspace: &Workspace, name: &str) -> Option<String> {
    let commit = format!("{name}^{{commit}}");
    let ask = [
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        &commit,
    ];
    let mut git = command::command(workspace.root(), "git", &ask);
    let said = command::listen(&mut git, GIT_LIMIT).ok()?;
    let name = said.stdout.trim();
    (said.success && !name.is_empty()).then(|| name.to_owned())
}

fn trial(workspace: &Workspace, commit: &str) -> Result<Vec<String>, Failure> {
    let checkout = extract(workspace, commit)?;
    let built = command::listen(&mut checkout.cargo(BUILD), BUILD_LIMIT)?;
    if !built.success {
        return Err(Failure::stuck(
            format!(
                "{commit} does not compile:\n{}",
                command::last_lines(&built.stderr, 20)
            ),
            "name another commit with --from",
        ));
    }
    let arguments = [
        "test",
        "--workspace",
        "--locked",
        "--quiet",
        "--test",
        "hostile",
        "--",
        "--ignored",
        "upgrade",
    ];
    let mut tests = command::command(workspace.root(), "cargo", &arguments);
    tests.env(VARIABLE, checkout.binary());
    let said = command::listen(&mut tests, RUN_LIMIT)?;
    let passed = said
        .stdout
        .lines()
        .find(|line| line.starts_with("test result: ok. ") && !line.contains(" 0 passed"));
    match passed {
        Some(line) if said.success => Ok(vec![format!(
            "from {}: {line}",
            commit.get(..12).unwrap_or(commit)
        )]),
        _ => Err(Failure::no(
            format!(
                "data of {commit} does not go on under this build:\n{}\n{}",
                command::last_lines(&said.stdout, 40),
                command::last_lines(&said.stderr, 10)
            ),
            "bring old data forward with a migration; it is never lost and never reinterpreted",
        )),
    }
}

/// A copy of the source as it was at `commit`.
fn extract(workspace: &Workspace, commit: &str) -> Result<Checkout, Failure> {
    let fresh = workspace.target().join("upgrade/fresh");
    let _ = fs::remove_dir_all(&fresh);
    fs::create_dir_all(&fresh).map_err(|cause| Failure::io(&fresh, &cause))?;
    let archive = fresh.with_extension("tar");
    let output = format!("--output={}", archive.display());
    run_quietly(
        workspace.root(),
        "git",
        &["archive", "--format=tar", &output, commit],
    )?;
    let from = archive.display().to_string();
    run_quietly(&fresh, "tar", &["-xf", &from])?;
    let paths = files_below(&fresh, &fresh);
    let checkout = Checkout::copy_of(workspace, ("upgrade", Mark::Earlier), &fresh, &paths);
    // Only the copy is kept: files in it are as old as their last change, so that little is compiled.
    let _ = fs::remove_dir_all(&fresh);
    let _ = fs::remove_file(&archive);
    checkout
}

fn run_quietly(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), Failure> {
    let said = command::listen(&mut command::command(folder, program, arguments), GIT_LIMIT)?;
    if said.success {
        return Ok(());
    }
    Err(Failure::stuck(
        format!("{program}: {}", said.stderr.trim()),
        "check that git and tar can be run",
    ))
}

/// The paths of all files below `folder`, from `root`.
fn files_below(folder: &Path, root: &Path) -> Vec<String> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            paths.extend(files_below(&path, root));
        } else if let Ok(below) = path.strip_prefix(root) {
            paths.extend(below.to_str().map(str::to_owned));
        }
    }
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    #[test]
    fn a_clone_without_an_earlier_commit_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        assert_eq!(previous(&workspace).unwrap(), [NONE_HERE]);
        let failure = run(&workspace, &["--from", "HEAD~3"]).unwrap_err();
        assert_eq!(failure.exit(), 2);
    }

    #[test]
    fn a_copy_is_of_the_commit_and_under_a_version_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let git = |arguments: &[&str]| {
            let who = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
            let mut git = command::command(folder.path(), "git", &who);
            assert!(command::answers(git.args(arguments)), "{arguments:?}");
        };
        let write = |text: &str| generate::store(&folder.path().join("src/a.rs"), text).unwrap();
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\n";
        generate::store(&folder.path().join("Cargo.toml"), manifest).unwrap();
        git(&["init", "--quiet"]);
        for text in ["one", "two"] {
            write(text);
            git(&["add", "--all"]);
            git(&["commit", "--quiet", "--message", text]);
        }
        write("three");
        let commit = known(&workspace, PREVIOUS).unwrap();
        extract(&workspace, &commit).unwrap();
        let copy = folder.path().join("target/upgrade/checkout");
        assert_eq!(fs::read_to_string(copy.join("src/a.rs")).unwrap(), "one");
        let manifest = fs::read_to_string(copy.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("0.0.0-earlier"), "{manifest}");
    }
}
