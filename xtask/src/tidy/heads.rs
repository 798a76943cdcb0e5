//! Every module says first what it is for.

use super::Findings;
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.rust() {
        let first = text.lines().find(|line| !line.trim().is_empty());
        let says = first
            .and_then(|line| line.strip_prefix("//!"))
            .is_some_and(|words| !words.trim().is_empty());
        if !says {
            findings.fault(path, "does not open with a `//!` line");
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_with_a_head_passes_and_one_without_is_named() {
        let tree = Tree::of(&[
            ("good.rs", "//! Owns this.\nfn f() {}\n"),
            ("bad.rs", "fn f() {}\n//! Late.\n"),
            ("mute.rs", "//!\nfn f() {}\n"),
            ("empty.rs", ""),
        ]);
        let faulty: Vec<String> = check(&tree).faults.into_iter().map(|f| f.place).collect();
        assert_eq!(faulty, ["bad.rs", "empty.rs", "mute.rs"]);
    }
}
