//! No file is longer than a person reads.

use super::{Findings, Rules};
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree, rules: &Rules) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.rust() {
        let count = text.lines().count();
        if count > rules.lines.wall {
            let wall = rules.lines.wall;
            findings.fault(path, format!("{count} lines; {wall} is the wall"));
        } else if count > rules.lines.note {
            findings.notes.push(format!("{path} has {count} lines"));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_is_noted_and_one_behind_the_wall_is_a_fault() {
        let tree = Tree::of(&[
            ("a.rs", "\n\n\n\n"),
            ("b.rs", "\n\n\n\n\n"),
            ("c.rs", "\n\n\n\n\n\n\n\n\n"),
            ("d.md", "\n\n\n\n\n\n\n\n\n"),
        ]);
        let findings = check(&tree, &Rules::sample(""));
        assert_eq!(findings.notes, ["b.rs has 5 lines"]);
        assert_eq!(findings.said(), "c.rs: 9 lines; 8 is the wall");
    }
}
