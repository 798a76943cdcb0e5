//! The text of the source, as git would take it.
//!
//! Owns which files belong to the project: those git tracks, and new ones it does not ignore.
//! Checks look at this and never at the disk, so a test hands them a few lines instead.

use std::{collections::BTreeMap, path::Path, time::Duration};

use crate::{command, failure::Failure};

/// Larger files are data, not source.
const LIMIT: usize = 1 << 20;

/// A crate of ours.
#[derive(Debug)]
pub(crate) struct Crate {
    /// Its folder, with a slash at the end.
    pub(crate) folder: String,
    pub(crate) manifest: toml::Table,
}

impl Crate {
    /// The path of its manifest.
    pub(crate) fn place(&self) -> String {
        format!("{}Cargo.toml", self.folder)
    }
}

/// Text files by path from the root of the workspace, with `/` between the parts.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    files: BTreeMap<String, String>,
}

impl Tree {
    /// Every text file of the project below `root`.
    pub(crate) fn load(root: &Path) -> Result<Self, Failure> {
        let files = paths(root)?
            .into_iter()
            .filter_map(|path| {
                let bytes = std::fs::read(root.join(&path)).ok()?;
                (bytes.len() <= LIMIT).then_some(())?;
                Some((path, String::from_utf8(bytes).ok()?))
            })
            .collect();
        Ok(Self { files })
    }

    /// A tree of a test's own.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self {
            files: files.iter().map(own).collect(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(String::as_str)
    }

    /// Path and text of every file, by path.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The Rust sources.
    pub(crate) fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter().filter(|(path, _)| path.ends_with(".rs"))
    }

    /// Every crate of ours, by name.
    pub(crate) fn crates(&self) -> Result<BTreeMap<String, Crate>, Failure> {
        let mut crates = BTreeMap::new();
        for (path, text) in self.iter() {
            let Some(folder) = path.strip_suffix("Cargo.toml") else {
                continue;
            };
            let manifest = parse(path, text)?;
            // A package that is a workspace of its own is built apart from ours.
            if manifest.contains_key("workspace") {
                continue;
            }
            let name = manifest
                .get("package")
                .and_then(|package| package.get("name"));
            if let Some(name) = name.and_then(toml::Value::as_str) {
                let folder = folder.to_owned();
                crates.insert(name.to_owned(), Crate { folder, manifest });
            }
        }
        Ok(crates)
    }

    /// The manifest of the workspace.
    pub(crate) fn root_manifest(&self) -> Result<toml::Table, Failure> {
        parse("Cargo.toml", self.get("Cargo.toml").unwrap_or_default())
    }
}

/// The files of the project below `root`, as git lists them.
pub(crate) fn paths(root: &Path) -> Result<Vec<String>, Failure> {
    let listing = [
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ];
    let said = command::listen(
        &mut command::command(root, "git", &listing),
        Duration::from_secs(60),
    )?;
    if !said.success {
        return Err(Failure::stuck(
            format!("git cannot list the files: {}", said.stderr.trim()),
            "run this inside a git clone",
        ));
    }
    let mut paths: Vec<String> = said
        .stdout
        .split('\0')
        .filter(|path| !path.is_empty())
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths.dedup();
    Ok(paths)
}

fn parse(path: &str, text: &str) -> Result<toml::Table, Failure> {
    text.parse().map_err(|cause| {
        Failure::stuck(format!("{path} is not TOML: {cause}"), "mend the manifest")
    })
}
