//! A copy of the source in which controls are broken.
//!
//! Owns `patches/checkout` and `patches/build` in the build folder. Only files that differ are
//! written, so cargo rebuilds what a patch touches and nothing else. The user's own files are
//! never touched.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use super::patch::Patch;
use crate::{command, failure::Failure, tree, workspace::Workspace};

/// The copy.
#[derive(Debug)]
pub(super) struct Checkout {
    source: PathBuf,
    build: PathBuf,
}

impl Checkout {
    /// Brings the copy to the state of the working tree.
    pub(super) fn make(workspace: &Workspace) -> Result<Self, Failure> {
        let folder = workspace.target().join("patches");
        let checkout = Self {
            source: folder.join("checkout"),
            build: folder.join("build"),
        };
        let paths = tree::paths(workspace.root())?;
        checkout.remove_others(&paths)?;
        for path in &paths {
            copy(&workspace.root().join(path), &checkout.source.join(path))?;
        }
        // A repository of its own, so that git does not take the one around it for the patch's.
        checkout.git(&["init", "--quiet"])?;
        Ok(checkout)
    }

    /// Breaks the copy.
    pub(super) fn apply(&self, patch: &Patch) -> Result<(), Failure> {
        let path = patch.path.to_string_lossy();
        self.git(&["apply", "--whitespace=nowarn", &path])
    }

    /// Mends it.
    pub(super) fn revert(&self, patch: &Patch) -> Result<(), Failure> {
        let path = patch.path.to_string_lossy();
        self.git(&["apply", "--whitespace=nowarn", "--reverse", &path])
    }

    /// A cargo command on the copy, with its own build folder.
    pub(super) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = command::command(&self.source, "cargo", arguments);
        cargo.env("CARGO_TARGET_DIR", &self.build);
        cargo
    }

    /// The product built from the copy, leading a process group of its own: it starts others.
    pub(super) fn product(&self, arguments: &[&str]) -> Command {
        let binary = self.build.join("debug/vouchsafe");
        let mut product = command::command(&self.source, binary, arguments);
        product.process_group(0);
        product
    }

    fn git(&self, arguments: &[&str]) -> Result<(), Failure> {
        let mut git = command::command(&self.source, "git", arguments);
        let said = command::listen(&mut git, Duration::from_secs(60))?;
        if said.success {
            return Ok(());
        }
        Err(Failure::no(
            format!("git {}: {}", arguments.join(" "), said.stderr.trim()),
            "bring the patch up to date with the source",
        ))
    }

    /// Removes files that are no longer part of the project.
    fn remove_others(&self, paths: &[String]) -> Result<(), Failure> {
        let keep: BTreeSet<PathBuf> = paths.iter().map(|path| self.source.join(path)).collect();
        for path in files_below(&self.source) {
            if !keep.contains(&path) {
                fs::remove_file(&path).map_err(|cause| Failure::io(&path, &cause))?;
            }
        }
        Ok(())
    }
}

/// Copies a file where it differs.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let Ok(new) = fs::read(from) else {
        // Deleted in the working tree and not yet in git.
        let _ = fs::remove_file(to);
        return Ok(());
    };
    if fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(|cause| Failure::io(folder, &cause))?;
    }
    fs::write(to, new).map_err(|cause| Failure::io(to, &cause))
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
        fs::write(checkout.source.join("src/check.rs"), "left by a crash").unwrap();
        fs::write(folder.path().join("src/new.rs"), "new").unwrap();
        Checkout::make(&workspace).unwrap();
        assert!(!checkout.source.join("stray.rs").exists());
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
        let failure = checkout.apply(&patches[0]).unwrap_err();
        assert!(failure.to_string().contains("up to date"), "{failure}");
    }
}
