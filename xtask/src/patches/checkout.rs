//! A copy of the source: one in which controls are broken, or one of an earlier commit.
//!
//! Owns `checkout` and `build` in a folder below the build folder, `patches` for broken source. Only files that differ are
//! written, so cargo rebuilds what a patch touches and nothing else. What cargo compiles on the way
//! lies in the user's build folder, where the dependencies are found compiled already; finished
//! programs do not. The user's own files are never touched.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::{
    patch::Patch,
    version::{self, Mark},
};
use crate::{command, failure::Failure, tree, workspace::Workspace};

/// The copy.
#[derive(Debug)]
pub(crate) struct Checkout {
    source: PathBuf,
    build: PathBuf,
    shared: PathBuf,
}

impl Checkout {
    /// Brings the copy to the state of the working tree.
    pub(super) fn make(workspace: &Workspace) -> Result<Self, Failure> {
        let paths = tree::paths(workspace.root())?;
        let checkout = Self::copy_of(
            workspace,
            ("patches", Mark::Patched),
            workspace.root(),
            &paths,
        )?;
        // A repository of its own, so that git does not take the one around it for the patch's.
        checkout
            .git(&["init", "--quiet"])
            .map_err(|cause| Failure::stuck(cause, "check that git can be run"))?;
        Ok(checkout)
    }

    /// Brings the copy called `name` to the state of the files at `paths` below `root`.
    pub(crate) fn copy_of(
        workspace: &Workspace,
        (name, mark): (&str, Mark),
        root: &Path,
        paths: &[String],
    ) -> Result<Self, Failure> {
        let folder = workspace.target().join(name);
        let checkout = Self {
            source: folder.join("checkout"),
            build: folder.join("build"),
            shared: workspace.target().to_path_buf(),
        };
        checkout.remove_others(paths)?;
        for path in paths {
            checkout.copy(mark, root, path)?;
        }
        Ok(checkout)
    }

    /// Whether the copy can be broken so; says what to do where it cannot.
    pub(super) fn fits(&self, patch: &Patch) -> Result<(), Failure> {
        self.git(&["apply", "--check", &patch.path.to_string_lossy()])
            .map_err(|cause| {
                Failure::no(
                    format!("{} no longer applies: {cause}", patch.name),
                    "take the control out of the source as the patch's head says, write \
                     `git diff` below that head, and put the source back",
                )
            })
    }

    /// Breaks the copy.
    pub(super) fn apply(&self, patch: &Patch) -> Result<(), Failure> {
        self.change(&["apply", "--whitespace=nowarn"], patch)
    }

    /// Mends it.
    pub(super) fn revert(&self, patch: &Patch) -> Result<(), Failure> {
        self.change(&["apply", "--whitespace=nowarn", "--reverse"], patch)
    }

    /// A cargo command on the copy, leading a process group of its own.
    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = command::command(&self.source, "cargo", arguments);
        cargo
            .env("CARGO_TARGET_DIR", &self.build)
            .env("CARGO_BUILD_BUILD_DIR", &self.shared)
            .process_group(0);
        cargo
    }

    /// The product built from the copy, leading a process group of its own: it starts others.
    pub(super) fn product(&self, arguments: &[&str]) -> Command {
        let mut product = command::command(&self.source, self.binary(), arguments);
        product.process_group(0);
        product
    }

    /// The product built from the copy.
    pub(crate) fn binary(&self) -> PathBuf {
        self.build.join("debug/vouchsafe")
    }

    fn change(&self, how: &[&str], patch: &Patch) -> Result<(), Failure> {
        let path = patch.path.to_string_lossy();
        let arguments: Vec<&str> = how.iter().copied().chain([&*path]).collect();
        self.git(&arguments).map_err(|cause| {
            Failure::stuck(
                format!("{}: {cause}", patch.name),
                "run `cargo xtask patches` again: it starts from a fresh copy",
            )
        })
    }

    /// Runs git on the copy; what it says where it fails.
    fn git(&self, arguments: &[&str]) -> Result<(), String> {
        let mut git = command::command(&self.source, "git", arguments);
        match command::listen(&mut git, Duration::from_secs(60)) {
            Ok(said) if said.success => Ok(()),
            Ok(said) => Err(said.stderr.trim().to_owned()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    /// Copies a file where it differs.
    fn copy(&self, mark: Mark, root: &Path, path: &str) -> Result<(), Failure> {
        let to = self.source.join(path);
        let Ok(new) = fs::read(root.join(path)) else {
            // Deleted in the working tree and not yet in git.
            let _ = fs::remove_file(to);
            return Ok(());
        };
        let new = version::marked(mark, path, &new);
        if fs::read(&to).is_ok_and(|old| old == *new) {
            return Ok(());
        }
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(|cause| Failure::io(folder, &cause))?;
        }
        fs::write(&to, new).map_err(|cause| Failure::io(&to, &cause))
    }

    /// Removes files that are no longer part of the project.
    fn remove_others(&self, paths: &[String]) -> Result<(), Failure> {
        let keep: BTreeSet<PathBuf> = paths.iter().map(|path| self.source.join(path)).collect();
        for path in files_below(&self.source) {
            if !keep.contains(&path) {
                fs::remove_file(&path).map_err(|cause| Failure::io(&path, &cause))?;
            }
        }
        remove_empty(&self.source);
        Ok(())
    }
}

/// Removes folders without files: an empty one below `crates/` would pass for a crate.
fn remove_empty(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name() != ".git" && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_empty(&entry.path());
            // One that holds something stays, which is what is wanted.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

/// Every file below `folder`, git's own excepted.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        for entry in entries.filter(|entry| entry.file_name() != ".git") {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                Ok(_) => files.push(entry.path()),
                Err(_) => {}
            }
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate;

    fn project() -> (tempfile::TempDir, Workspace) {
        let folder = tempfile::tempdir().unwrap();
        let workspace = Workspace::at(folder.path());
        let write = |path: &str, text: &str| {
            generate::store(&folder.path().join(path), text).unwrap();
        };
        write("src/check.rs", "fn allowed() -> bool {\n    equal()\n}\n");
        write(".gitignore", "/target\n");
        write(
            "patches/open.patch",
            "# breaks: webhook.signed\n--- a/src/check.rs\n+++ b/src/check.rs\n\
             @@ -1,3 +1,3 @@\n fn allowed() -> bool {\n-    equal()\n+    true\n }\n",
        );
        let mut git = command::command(folder.path(), "git", &["init", "--quiet"]);
        assert!(command::answers(&mut git));
        (folder, workspace)
    }

    #[test]
    fn a_patch_breaks_the_copy_alone_and_is_taken_back() {
        let (folder, workspace) = project();
        let checkout = Checkout::make(&workspace).unwrap();
        let patches = Patch::all(&folder.path().join("patches")).unwrap();
        let copy = || fs::read_to_string(checkout.source.join("src/check.rs")).unwrap();
        let whole = copy();
        checkout.fits(&patches[0]).unwrap();
        checkout.apply(&patches[0]).unwrap();
        assert!(copy().contains("true"));
        let own = fs::read_to_string(folder.path().join("src/check.rs")).unwrap();
        assert_eq!(own, whole);
        checkout.revert(&patches[0]).unwrap();
        assert_eq!(copy(), whole);
    }

    #[test]
    fn the_copy_follows_the_working_tree() {
        let (folder, workspace) = project();
        let checkout = Checkout::make(&workspace).unwrap();
        fs::write(checkout.source.join("stray.rs"), "").unwrap();
        let gone = checkout.source.join("crates/gone");
        fs::create_dir_all(gone.join("src")).unwrap();
        fs::write(gone.join("Cargo.toml"), "").unwrap();
        fs::write(checkout.source.join("src/check.rs"), "left by a crash").unwrap();
        fs::write(folder.path().join("src/new.rs"), "new").unwrap();
        Checkout::make(&workspace).unwrap();
        assert!(!checkout.source.join("stray.rs").exists());
        assert!(!gone.exists(), "an empty folder would pass for a crate");
        assert!(checkout.source.join(".git").exists());
        assert!(checkout.source.join("src/new.rs").exists());
        let text = fs::read_to_string(checkout.source.join("src/check.rs")).unwrap();
        assert!(text.contains("equal()"));
    }

    #[test]
    fn a_patch_that_does_not_apply_is_a_failure() {
        let (folder, workspace) = project();
        fs::write(folder.path().join("src/check.rs"), "fn other() {}\n").unwrap();
        let checkout = Checkout::make(&workspace).unwrap();
        let patches = Patch::all(&folder.path().join("patches")).unwrap();
        let failure = checkout.fits(&patches[0]).unwrap_err().to_string();
        assert!(failure.contains("open no longer applies"), "{failure}");
        assert!(checkout.apply(&patches[0]).is_err());
    }
}
