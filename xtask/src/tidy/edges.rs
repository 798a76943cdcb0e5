//! Arrows between crates go down, and each has a reason.
//!
//! Every dependency of one of our crates on another, in whatever section of the manifest, must
//! stand in `[edges]` and reach a lower floor. A reason for an edge that is gone is stale.

use std::collections::BTreeSet;

use super::{Findings, Rules};
use crate::{failure::Failure, tree::Tree};

const TABLE: &str = "xtask/tidy.toml";

pub(crate) fn check(tree: &Tree, rules: &Rules) -> Result<Findings, Failure> {
    let crates = tree.crates()?;
    let ours: BTreeSet<&str> = crates.keys().map(String::as_str).collect();
    let mut findings = Findings::default();
    for (from, about) in &crates {
        let place = about.place();
        if !rules.floors.contains_key(from) {
            findings.fault(&place, format!("{from} has no floor"));
        }
        for to in dependencies(&about.manifest).intersection(&ours) {
            check_edge(&place, from, to, rules, &mut findings);
        }
    }
    for name in rules
        .floors
        .keys()
        .filter(|name| !ours.contains(name.as_str()))
    {
        findings.fault(TABLE, format!("{name} has a floor and no manifest"));
    }
    for (from, tos) in &rules.edges {
        let there = crates.get(from).map(|about| dependencies(&about.manifest));
        let there = there.unwrap_or_default();
        for to in tos.keys().filter(|to| !there.contains(to.as_str())) {
            let what = format!("the edge from {from} to {to} is gone; drop its line");
            findings.fault(TABLE, what);
        }
    }
    Ok(findings)
}

fn check_edge(place: &str, from: &str, to: &str, rules: &Rules, findings: &mut Findings) {
    let (high, low) = (rules.floors.get(from), rules.floors.get(to));
    if let (Some(high), Some(low)) = (high, low)
        && high <= low
    {
        let what = format!("{from} (floor {high}) must not know {to} (floor {low})");
        findings.fault(place, what);
    }
    let reason = rules.edges.get(from).and_then(|tos| tos.get(to));
    if reason.is_none_or(|reason| reason.trim().is_empty()) {
        findings.fault(place, format!("the edge to {to} has no reason"));
    }
}

/// Names in every dependency section of a manifest, platform sections included.
pub(super) fn dependencies(manifest: &toml::Table) -> BTreeSet<&str> {
    const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let platforms = manifest
        .get("target")
        .and_then(toml::Value::as_table)
        .into_iter()
        .flat_map(|platforms| platforms.values())
        .filter_map(toml::Value::as_table);
    std::iter::once(manifest)
        .chain(platforms)
        .flat_map(|table| SECTIONS.iter().filter_map(|section| table.get(*section)))
        .filter_map(toml::Value::as_table)
        .flat_map(|section| section.keys().map(String::as_str))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "[floors]\nlow = 0\nhigh = 1\n[edges.high]\nlow = \"words\"\n";

    /// What the check says of two crates with these manifests.
    fn said(low: &str, high: &str) -> String {
        let tree = Tree::of(&[
            (
                "crates/low/Cargo.toml",
                &format!("package.name = \"low\"\n{low}"),
            ),
            (
                "crates/high/Cargo.toml",
                &format!("package.name = \"high\"\n{high}"),
            ),
        ]);
        check(&tree, &Rules::sample(RULES)).unwrap().said()
    }

    const DOWN: &str = "[dependencies]\nlow.workspace = true\n";

    #[test]
    fn a_downward_edge_with_a_reason_passes() {
        assert_eq!(said("[dependencies]\nserde = \"1\"\n", DOWN), "");
    }

    #[test]
    fn an_upward_edge_is_a_fault_in_every_section() {
        for section in [
            "dependencies",
            "dev-dependencies",
            "build-dependencies",
            "target.'cfg(unix)'.dependencies",
        ] {
            let said = said(&format!("[{section}]\nhigh.workspace = true\n"), DOWN);
            assert!(said.contains("low (floor 0) must not know high"), "{said}");
            assert!(said.contains("the edge to high has no reason"), "{said}");
        }
    }

    #[test]
    fn a_stale_reason_is_a_fault() {
        let said = said("", "");
        assert_eq!(
            said,
            "xtask/tidy.toml: the edge from high to low is gone; drop its line"
        );
    }

    #[test]
    fn a_crate_without_a_floor_and_a_floor_without_a_crate_are_faults() {
        let tree = Tree::of(&[("systems/new/Cargo.toml", "package.name = \"new\"\n")]);
        let said = check(&tree, &Rules::sample("[floors]\nold = 0\n"))
            .unwrap()
            .said();
        assert_eq!(
            said,
            "systems/new/Cargo.toml: new has no floor\n\
             xtask/tidy.toml: old has a floor and no manifest"
        );
    }
}
