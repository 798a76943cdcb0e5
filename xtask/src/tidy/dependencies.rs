//! Every outside crate has a reason and a use.
//!
//! The reasons stand in the first table of `docs/dependencies.md`, one row for each name in
//! `[workspace.dependencies]`. Versions stand in the root manifest alone, and a crate declares only
//! what its sources mention.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, edges::dependencies};
use crate::{
    failure::Failure,
    tree::{Crate, Tree},
};

/// The document with the reasons.
pub(crate) const DOCUMENT: &str = "docs/dependencies.md";

pub(crate) fn check(tree: &Tree) -> Result<Findings, Failure> {
    let root = tree.root_manifest()?;
    let outside = outside(&root);
    let reasons = reasons(tree.get(DOCUMENT).unwrap_or_default());
    let mut findings = Findings::default();
    for name in &outside {
        match reasons.get(name.as_str()) {
            None => findings.fault(DOCUMENT, format!("{name} has no row")),
            Some(why) if why.len() < 20 => {
                findings.fault(DOCUMENT, format!("the row of {name} gives no reason"));
            }
            Some(_) => {}
        }
    }
    for name in reasons.keys().filter(|name| !outside.contains(**name)) {
        findings.fault(DOCUMENT, format!("{name} is no dependency any more"));
    }
    let mut used = BTreeSet::new();
    for about in tree.crates()?.values() {
        let declared = dependencies(&about.manifest);
        used.extend(declared.iter().map(|name| (*name).to_owned()));
        check_crate(tree, about, &declared, &mut findings);
    }
    for name in outside.difference(&used) {
        findings.fault("Cargo.toml", format!("no crate uses {name}"));
    }
    Ok(findings)
}

fn check_crate(tree: &Tree, about: &Crate, declared: &BTreeSet<&str>, findings: &mut Findings) {
    let place = about.place();
    for (dependency, how) in ["dependencies", "dev-dependencies", "build-dependencies"]
        .iter()
        .filter_map(|section| about.manifest.get(*section)?.as_table())
        .flatten()
    {
        if how.get("workspace").is_none() {
            findings.fault(
                &place,
                format!("{dependency} does not say workspace = true"),
            );
        }
    }
    let sources: Vec<&str> = tree
        .rust()
        .filter(|(path, _)| path.starts_with(&about.folder))
        .map(|(_, text)| text)
        .collect();
    let unused: Vec<&str> = declared
        .iter()
        .filter(|name| {
            let word = name.replace('-', "_");
            !sources.iter().any(|text| mentions(text, &word))
        })
        .copied()
        .collect();
    if !unused.is_empty() {
        findings.fault(
            &place,
            format!("declared and never used: {}", unused.join(", ")),
        );
    }
}

/// Outside crates of the workspace: those without a path.
pub(crate) fn outside(root: &toml::Table) -> BTreeSet<String> {
    root.get("workspace")
        .and_then(|workspace| workspace.get("dependencies"))
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten()
        .filter(|(_, how)| how.get("path").is_none())
        .map(|(name, _)| name.clone())
        .collect()
}

/// Name and reason of each row `| `name` | reason |` before the generated part.
pub(crate) fn reasons(document: &str) -> BTreeMap<&str, &str> {
    document
        .lines()
        .take_while(|line| !line.starts_with("<!-- generated:"))
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, rest)| (name, rest.trim().trim_end_matches('|').trim()))
        .collect()
}

/// Whether `text` uses the crate `word`: by a path that starts with it, or by `use`.
fn mentions(text: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + word.len()..).unwrap_or_default();
        let path = after.starts_with("::");
        let used = before.ends_with("use ") && !after.starts_with(part);
        !before.ends_with(part) && (path || used)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "[workspace.dependencies]\ncontrol = { path = \"crates/control\" }\n\
                        arc-swap = \"1\"\n";
    const WHY: &str = "| crate | why |\n|---|---|\n\
                       | `arc-swap` | replaces the site while requests run |\n";
    const MANIFEST: &str = "[dependencies]\narc-swap.workspace = true\n";

    fn said(root: &str, why: &str, manifest: &str, source: &str) -> String {
        let tree = Tree::of(&[
            ("Cargo.toml", root),
            (DOCUMENT, why),
            (
                "crates/gate/Cargo.toml",
                &format!("package.name = \"gate\"\n{manifest}"),
            ),
            ("crates/gate/src/lib.rs", source),
        ]);
        check(&tree).unwrap().said()
    }

    #[test]
    fn a_dependency_with_a_reason_and_a_use_passes() {
        assert_eq!(said(ROOT, WHY, MANIFEST, "use arc_swap::ArcSwap;"), "");
    }

    #[test]
    fn what_lacks_a_row_or_a_reason_or_is_gone_is_named() {
        let source = "use arc_swap::ArcSwap;";
        assert_eq!(
            said(ROOT, "", MANIFEST, source),
            "docs/dependencies.md: arc-swap has no row"
        );
        assert_eq!(
            said(ROOT, "| `arc-swap` | good |\n", MANIFEST, source),
            "docs/dependencies.md: the row of arc-swap gives no reason"
        );
        let more = format!("{WHY}| `left-pad` | was needed before, and is not |\n");
        assert_eq!(
            said(ROOT, &more, MANIFEST, source),
            "docs/dependencies.md: left-pad is no dependency any more"
        );
    }

    #[test]
    fn a_dependency_nobody_uses_is_named() {
        assert_eq!(
            said(ROOT, WHY, MANIFEST, "use my_arc_swap_too; // and arc_swap"),
            "crates/gate/Cargo.toml: declared and never used: arc-swap"
        );
        assert_eq!(
            said(ROOT, WHY, "", ""),
            "Cargo.toml: no crate uses arc-swap"
        );
    }

    #[test]
    fn versions_stand_in_the_root_alone() {
        assert_eq!(
            said(
                ROOT,
                WHY,
                "[dependencies]\narc-swap = \"1\"\n",
                "use arc_swap;"
            ),
            "crates/gate/Cargo.toml: arc-swap does not say workspace = true"
        );
    }
}
