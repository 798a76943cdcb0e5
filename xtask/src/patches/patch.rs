//! A patch file: lines that say what it breaks, then a diff.
//!
//! The head has lines `# breaks: promise.id[,promise.id]` for what `prove` must see, lines
//! `# fails: crate::target test_name` for tests of the source that must fail, one to a line and
//! written as the test runner prints them, `# covers: promise.id` where those tests prove that promise
//! because no demo makes it, and other `#` lines in which the author says why. git ignores them all.

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
    /// Tests that must fail: for what no request can show from outside.
    pub(super) fails: Vec<Test>,
    /// Ids of promises that no demo makes, and that those tests prove.
    pub(super) covers: BTreeSet<String>,
    /// The files it changes.
    pub(super) files: BTreeSet<String>,
}

/// One test.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Test {
    /// The crate it belongs to.
    pub(super) package: String,
    /// Its file below `tests/`, without ending, or `lib` for one beside the code.
    pub(super) target: String,
    pub(super) name: String,
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
        let breaks = ids(&text, "# breaks:");
        let fails = said(&text, "# fails:")
            .map(|line| {
                Test::read(line).ok_or_else(|| {
                    Failure::stuck(
                        format!("{}: `{}` names no test", path.display(), line.trim()),
                        "write `# fails: crate::target test_name`, one test to a line",
                    )
                })
            })
            .collect::<Result<Vec<Test>, Failure>>()?;
        if breaks.is_empty() && fails.is_empty() {
            return Err(Failure::stuck(
                format!("{} does not say what it breaks", path.display()),
                "start it with a line `# breaks: promise.id` or `# fails: crate::target test_name`",
            ));
        }
        let covers = ids(&text, "# covers:");
        if fails.is_empty() && !covers.is_empty() {
            return Err(Failure::stuck(
                format!("{} covers a promise by no test", path.display()),
                "name the test that proves it by a line `# fails: crate::target test_name`",
            ));
        }
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            name,
            path,
            breaks,
            fails,
            covers,
            files: text
                .lines()
                .filter_map(|line| line.strip_prefix("+++ b/"))
                .map(str::to_owned)
                .collect(),
        })
    }
}

impl Test {
    fn read(line: &str) -> Option<Self> {
        let (place, name) = line.trim().split_once(' ')?;
        let (package, target) = place.split_once("::")?;
        let name = name.trim();
        let whole = [package, target, name]
            .iter()
            .all(|part| !part.is_empty() && !part.contains(char::is_whitespace));
        whole.then(|| Self {
            package: package.to_owned(),
            target: target.to_owned(),
            name: name.to_owned(),
        })
    }
}

/// The ids that the lines of the head with `label` name.
fn ids(text: &str, label: &str) -> BTreeSet<String> {
    said(text, label)
        .flat_map(|list| list.split(','))
        .map(|id| id.trim().to_owned())
        .filter(|id| !id.is_empty())
        .collect()
}

/// What the lines of the head that start with `label` say.
fn said<'t>(text: &'t str, label: &'t str) -> impl Iterator<Item = &'t str> {
    text.lines()
        .take_while(|line| line.starts_with('#') || line.is_empty())
        .filter_map(move |line| line.strip_prefix(label))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Patch, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.patch");
        fs::write(&path, text).unwrap();
        Patch::read(path)
    }

    #[test]
    fn the_head_names_promises_and_tests() {
        let patch = read(
            "# Skips the comparison.\n# breaks: webhook.signed, webhook.fresh\n\
             # breaks: webhook.raw\n# fails: ledger::crash nothing_is_lost\n--- a/x\n\
             # breaks: not.this\n# fails: not::this one\n+++ b/x\n+++ b/y\n",
        );
        let patch = patch.unwrap();
        assert_eq!(patch.files, ["x".to_owned(), "y".to_owned()].into());
        let breaks: Vec<&str> = patch.breaks.iter().map(String::as_str).collect();
        assert_eq!(breaks, ["webhook.fresh", "webhook.raw", "webhook.signed"]);
        let [test] = patch.fails.as_slice() else {
            panic!("{:?}", patch.fails);
        };
        assert_eq!(
            [&test.package, &test.target, &test.name],
            ["ledger", "crash", "nothing_is_lost"]
        );
    }

    #[test]
    fn a_test_that_is_not_named_whole_is_refused() {
        for line in [
            "",
            "ledger",
            "ledger::crash",
            "ledger a",
            "::crash a",
            "a::b c d",
        ] {
            let failure = read(&format!("# fails: {line}\n--- a/x\n")).unwrap_err();
            assert!(failure.to_string().contains("names no test"), "{failure}");
        }
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

    #[test]
    fn a_promise_that_no_demo_makes_is_covered_by_a_test_and_by_nothing_else() {
        let patch = read("# covers: a.b\n# fails: a::b c\n").unwrap();
        assert_eq!(patch.covers, ["a.b".to_owned()].into());
        assert!(patch.breaks.is_empty());
        assert!(read("# covers: a.b\n# breaks: c.d\n").is_err());
    }
}
