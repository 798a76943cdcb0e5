//! Every module says first what it is for.
//!
//! Files that only test a module (`tests.rs` beside it) and sources that a test compiles or refuses
//! to compile (folders below `tests/`) are named by what they show and need no head.

use super::Findings;
use crate::tree::Tree;

pub(crate) fn check(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.rust().filter(|(path, _)| !shows_another(path)) {
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

fn shows_another(path: &str) -> bool {
    let beside = path.contains("/src/") && path.ends_with("/tests.rs");
    let fixture = path
        .split_once("/tests/")
        .is_some_and(|(_, inside)| inside.contains('/') && !inside.ends_with("/mod.rs"));
    beside || fixture
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
            ("crates/a/src/b/tests.rs", "use super::*;\n"),
            ("crates/a/tests/compile/fails.rs", "fn main() {}\n"),
            ("crates/a/tests/common/mod.rs", "fn f() {}\n"),
            ("crates/a/tests/whole.rs", "fn f() {}\n"),
        ]);
        let faulty: Vec<String> = check(&tree).faults.into_iter().map(|f| f.place).collect();
        assert_eq!(
            faulty,
            [
                "bad.rs",
                "crates/a/tests/common/mod.rs",
                "crates/a/tests/whole.rs",
                "empty.rs",
                "mute.rs"
            ]
        );
    }
}
