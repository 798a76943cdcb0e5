//! A patch file: lines that say what it breaks, then a diff.
//!
//! The head is `# breaks: promise.id[,promise.id]`, on one or more lines, and other `#` lines in
//! which the author says why. git ignores them.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// One way to break one control.
#[derive(Debug)]
pub(super) struct Patch {
    /// File name without its ending.
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// Ids of the promises that must turn broken, and no others.
    pub(super) breaks: BTreeSet<String>,
}

impl Patch {
    /// Every patch in `folder`, by name; none where there is no folder.
    pub(super) fn all(folder: &Path) -> Result<Vec<Self>, Failure> {
        let Ok(entries) = fs::read_dir(folder) else {
            return Ok(Vec::new());
        };
        let mut patches = Vec::new();
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            if path.extension().is_some_and(|ending| ending == "patch") {
                patches.push(Self::read(path)?);
            }
        }
        patches.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(patches)
    }

    fn read(path: PathBuf) -> Result<Self, Failure> {
        let text = fs::read_to_string(&path).map_err(|cause| Failure::io(&path, &cause))?;
        let breaks = breaks(&text);
        if breaks.is_empty() {
            return Err(Failure::stuck(
                format!("{} does not say what it breaks", path.display()),
                "start it with a line `# breaks: promise.id`",
            ));
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self { name, path, breaks })
    }
}

fn breaks(text: &str) -> BTreeSet<String> {
    text.lines()
        .take_while(|line| line.starts_with('#') || line.is_empty())
        .filter_map(|line| line.strip_prefix("# breaks:"))
        .flat_map(|list| list.split(','))
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_names_the_promises() {
        let text = "# Skips the comparison.\n# breaks: webhook.signed, webhook.fresh\n\
                    # breaks: webhook.raw\n--- a/x\n# breaks: not.this\n";
        let found: Vec<String> = breaks(text).into_iter().collect();
        assert_eq!(found, ["webhook.fresh", "webhook.raw", "webhook.signed"]);
    }

    #[test]
    fn a_patch_without_a_head_is_refused_and_no_folder_is_no_patch() {
        let folder = tempfile::tempdir().unwrap();
        assert!(Patch::all(&folder.path().join("none")).unwrap().is_empty());
        fs::write(folder.path().join("notes.md"), "no patch").unwrap();
        fs::write(folder.path().join("b.patch"), "# breaks: b\n").unwrap();
        fs::write(folder.path().join("a.patch"), "# breaks: a\n").unwrap();
        let names: Vec<String> = Patch::all(folder.path())
            .unwrap()
            .into_iter()
            .map(|patch| patch.name)
            .collect();
        assert_eq!(names, ["a", "b"]);
        fs::write(folder.path().join("c.patch"), "--- a/x\n").unwrap();
        assert!(Patch::all(folder.path()).is_err());
    }
}
