//! The version that a copy of the source carries.
//!
//! The copy shares its compiled dependencies with the clone. cargo tells crates apart by name,
//! version and place below the workspace, so without a version of its own a broken or an older crate would
//! pass for the whole one in the next build. It also makes a broken binary say what it is.

use std::borrow::Cow;

use crate::{failure::Failure, tree::Tree};

/// What a copy's version says of it. No release has any of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Controls are broken in it.
    Patched,
    /// It is an earlier commit.
    Earlier,
}

impl Mark {
    const fn line(self) -> &'static str {
        match self {
            Self::Patched => "version = \"0.0.0-patched\"",
            Self::Earlier => "version = \"0.0.0-earlier\"",
        }
    }
}

/// `text` as the file at `path` reads in a copy under `mark`.
pub(super) fn marked<'t>(mark: Mark, path: &str, text: &'t [u8]) -> Cow<'t, [u8]> {
    let rewrite = match path {
        "Cargo.toml" => in_manifest,
        "Cargo.lock" => in_lock,
        _ => return Cow::Borrowed(text),
    };
    std::str::from_utf8(text).map_or(Cow::Borrowed(text), |text| {
        Cow::Owned(rewrite(text, mark.line()).into_bytes())
    })
}

/// Every crate of ours must take its version from the workspace, else it would keep it in the copy.
pub(super) fn check(tree: &Tree) -> Result<(), Failure> {
    for about in tree.crates()?.values() {
        let version = about.manifest.get("package").and_then(|p| p.get("version"));
        let shared = version.and_then(|v| v.get("workspace")).is_some();
        if !shared {
            return Err(Failure::stuck(
                format!("{} has a version of its own", about.place()),
                "write `version.workspace = true`",
            ));
        }
    }
    Ok(())
}

/// Replaces the version below `[workspace.package]`.
fn in_manifest(text: &str, version: &str) -> String {
    let mut inside = false;
    let lines = text.lines().map(|line| {
        if line.starts_with('[') {
            inside = line == "[workspace.package]";
        }
        match inside && line.starts_with("version = ") {
            true => version,
            false => line,
        }
    });
    lines.fold(String::new(), |text, line| text + line + "\n")
}

/// Replaces the version of every package that comes from no registry.
fn in_lock(text: &str, version: &str) -> String {
    let replace = |package: &str| {
        if package.contains("\nsource = ") {
            return package.to_owned();
        }
        let lines = package
            .split('\n')
            .map(|line| match line.starts_with("version = \"") {
                true => version,
                false => line,
            });
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut packages = text.split("[[package]]");
    let head = packages.next().unwrap_or_default().to_owned();
    packages.fold(head, |text, package| {
        text + "[[package]]" + &replace(package)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_text(path: &str, text: &str) -> String {
        String::from_utf8(marked(Mark::Patched, path, text.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn the_workspace_gets_another_version_and_its_dependencies_keep_theirs() {
        let manifest = "[workspace.package]\nversion = \"0.1.0\"\nedition = \"2024\"\n\n\
                        [workspace.dependencies]\nversion = \"1\"\n";
        assert_eq!(
            as_text("Cargo.toml", manifest),
            manifest.replace("0.1.0", "0.0.0-patched")
        );
        let lock = "version = 4\n\n[[package]]\nname = \"gate\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"http\"\nversion = \"1.5.0\"\nsource = \"registry\"\n";
        assert_eq!(
            as_text("Cargo.lock", lock),
            lock.replace("0.1.0", "0.0.0-patched")
        );
        assert_eq!(as_text("crates/gate/Cargo.toml", manifest), manifest);
    }

    #[test]
    fn a_crate_with_a_version_of_its_own_is_refused() {
        let manifest = |version| format!("[package]\nname = \"gate\"\n{version}\n");
        let check = |version| {
            let manifest = manifest(version);
            check(&Tree::of(&[("crates/gate/Cargo.toml", &manifest)]))
        };
        assert!(check("version.workspace = true").is_ok());
        let failure = check("version = \"0.1.0\"").unwrap_err();
        assert!(failure.to_string().contains("crates/gate/Cargo.toml"));
    }
}
