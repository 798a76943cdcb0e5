//! Which patches are applied together.
//!
//! Owns the grouping: patches whose promises have nothing to do with one another share a build and
//! a proof, so that a proof of every control stays affordable. Two patches never share one when a
//! promise of the one, or a dependant of it, is a promise or dependant of the other, or when both
//! touch one file, where one could move what the other changes; nor does a patch that names tests,
//! because one broken sync could hide another. The same patches always give the same groups.

use std::collections::BTreeSet;

use super::{dependants::Dependants, patch::Patch};

/// Patches that are applied to one copy, in the order of their names.
pub(super) type Group<'p> = Vec<&'p Patch>;

/// The groups of `patches`.
pub(super) fn groups<'p>(patches: &'p [Patch], dependants: &Dependants) -> Vec<Group<'p>> {
    let mut groups: Vec<(Group<'p>, BTreeSet<String>)> = Vec::new();
    for patch in patches {
        let reach = dependants.reach(&patch.breaks);
        let place = groups.iter_mut().find(|(group, reached)| {
            let apart =
                |other: &&Patch| other.fails.is_empty() && other.files.is_disjoint(&patch.files);
            patch.fails.is_empty() && reached.is_disjoint(&reach) && group.iter().all(apart)
        });
        match place {
            Some((group, reached)) => {
                group.push(patch);
                reached.extend(reach);
            }
            None => groups.push((vec![patch], reach)),
        }
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{patches::patch::Test, tree::Tree};

    fn patch(name: &str, breaks: &[&str], fails: bool) -> Patch {
        let test = || Test {
            package: "a".to_owned(),
            target: "b".to_owned(),
            name: "c".to_owned(),
        };
        Patch {
            name: name.to_owned(),
            path: format!("{name}.patch").into(),
            breaks: breaks.iter().map(|id| (*id).to_owned()).collect(),
            fails: fails.then(test).into_iter().collect(),
            covers: BTreeSet::new(),
            files: BTreeSet::new(),
        }
    }

    fn names(patches: &[Patch]) -> Vec<Vec<String>> {
        let tree = Tree::of(&[(
            "crates/control/catalogue/a.toml",
            "[[promise]]\nid = \"a\"\ndependants = [\"b\"]\n[[promise]]\nid = \"b\"\n\
             [[promise]]\nid = \"c\"\n",
        )]);
        let dependants = Dependants::read(&tree).unwrap();
        groups(patches, &dependants)
            .into_iter()
            .map(|group| group.iter().map(|patch| patch.name.clone()).collect())
            .collect()
    }

    #[test]
    fn promises_apart_share_a_build_and_dependants_do_not() {
        let patches = [
            patch("one", &["a"], false),
            patch("two", &["b"], false),
            patch("three", &["c"], false),
            patch("four", &["c"], false),
        ];
        assert_eq!(names(&patches), [vec!["one", "three"], vec!["two", "four"]]);
    }

    #[test]
    fn patches_that_name_tests_or_touch_one_file_stand_apart() {
        let mut patches = [
            patch("one", &["a"], false),
            patch("sync", &[], true),
            patch("sync-too", &[], true),
            patch("three", &["c"], false),
        ];
        let together = [vec!["one", "three"], vec!["sync"], vec!["sync-too"]];
        assert_eq!(names(&patches), together);
        for patch in &mut patches {
            patch.files = ["a.rs".to_owned()].into();
        }
        assert_eq!(names(&patches).len(), 4);
    }
}
