//! No file of the project names a folder of somebody's machine.

use super::{Findings, Rules};
use crate::tree::Tree;

/// Folders that exist on the author's machine. Joined here, so that this file names none.
const FOLDERS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/Use", "rs/"),
];

pub(crate) fn check(tree: &Tree, rules: &Rules) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.iter() {
        if rules.machine_paths.contains_key(path) {
            continue;
        }
        for (at, line) in text.lines().enumerate() {
            if let Some(folder) = FOLDERS.iter().find(|folder| names(line, folder)) {
                findings.fault(format!("{path}:{}", at + 1), format!("names {folder}"));
            }
        }
    }
    for path in rules
        .machine_paths
        .keys()
        .filter(|path| tree.get(path).is_none())
    {
        findings.fault("xtask/tidy.toml", format!("{path} is excused and gone"));
    }
    findings
}

/// Whether the folder stands in the line as the start of a path, not as a part of a longer one.
fn names(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_a_machine_is_named_with_its_line() {
        let text = format!("a\nsee {}jansen/notes\n", concat!("/ho", "me/"));
        let tree = Tree::of(&[("README.md", &text)]);
        let said = check(&tree, &Rules::sample("")).said();
        assert!(said.starts_with("README.md:2: names "), "{said}");
        let excused = Rules::sample("machine_paths = { \"README.md\" = \"an example\" }");
        assert_eq!(check(&tree, &excused), Findings::default());
    }

    #[test]
    fn other_paths_pass() {
        let inner = format!(
            "https://school.example{}x and target{}y",
            FOLDERS[1], FOLDERS[1]
        );
        let tree = Tree::of(&[("README.md", &inner), ("a.rs", "/etc/vouchsafe")]);
        assert_eq!(check(&tree, &Rules::sample("")), Findings::default());
    }
}
