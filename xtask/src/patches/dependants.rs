//! Which promises may fall together, as the catalogue declares it.
//!
//! A patch takes one control away. So the promises it breaks are one promise and others that the
//! catalogue calls its dependants, just as `prove --self-test` allows it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::{failure::Failure, tree::Tree};

/// Where the catalogue lies.
const CATALOGUE: &str = "crates/control/catalogue/";

/// The dependants of each promise, and which promises have a live probe.
#[derive(Debug)]
pub(super) struct Dependants(BTreeMap<String, BTreeSet<String>>, BTreeSet<String>);

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    promise: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    dependants: BTreeSet<String>,
}

impl Dependants {
    pub(super) fn read(tree: &Tree) -> Result<Self, Failure> {
        let (mut all, mut probed) = (BTreeMap::new(), BTreeSet::new());
        let ours = |path: &str| path.starts_with(CATALOGUE) && path.ends_with(".toml");
        for (path, text) in tree.iter().filter(|(path, _)| ours(path)) {
            let file: File = toml::from_str(text).map_err(|cause| {
                Failure::stuck(format!("{path}: {cause}"), "mend the catalogue")
            })?;
            for promise in file.promise {
                if promise.kind == "probed" {
                    probed.insert(promise.id.clone());
                }
                all.insert(promise.id, promise.dependants);
            }
        }
        Ok(Self(all, probed))
    }

    /// `promises` and everything that may fall with one of them.
    pub(super) fn reach(&self, promises: &BTreeSet<String>) -> BTreeSet<String> {
        let below = promises.iter().filter_map(|id| self.0.get(id)).flatten();
        promises.iter().chain(below).cloned().collect()
    }

    /// Every promise that a live probe attacks.
    pub(super) fn probed(&self) -> &BTreeSet<String> {
        &self.1
    }

    /// Whether `breaks` is one promise and some of its dependants.
    pub(super) fn allow(&self, breaks: &BTreeSet<String>) -> bool {
        breaks.is_empty()
            || breaks.iter().any(|root| {
                let below = self.0.get(root);
                below.is_some_and(|below| breaks.iter().all(|id| id == root || below.contains(id)))
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(names: &[&str]) -> bool {
        let tree = Tree::of(&[
            (
                "crates/control/catalogue/a.toml",
                "[[promise]]\nid = \"a\"\ndependants = [\"b\", \"c\"]\nkind = \"probed\"\n\
                 [[promise]]\nid = \"b\"\n",
            ),
            (
                "crates/control/catalogue/c.toml",
                "[[promise]]\nid = \"c\"\n",
            ),
        ]);
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        Dependants::read(&tree).unwrap().allow(&names)
    }

    #[test]
    fn a_promise_falls_alone_or_with_its_dependants() {
        assert!(allowed(&[]) && allowed(&["b"]) && allowed(&["a"]));
        assert!(allowed(&["a", "c"]) && allowed(&["a", "b", "c"]));
        assert!(!allowed(&["b", "c"]));
        assert!(!allowed(&["unknown"]));
    }
}
