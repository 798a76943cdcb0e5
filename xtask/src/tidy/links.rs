//! Links between documents lead somewhere.
//!
//! Looks at links to files of the project and to headings of documents. Addresses elsewhere are
//! not followed: a check must give the same answer tomorrow and without a network.

use std::{collections::BTreeSet, path::Path};

use super::Findings;
use crate::{tree::Tree, workspace::Workspace};

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Findings {
    judge(tree, |path| workspace.root().join(path).exists())
}

fn judge(tree: &Tree, on_disk: impl Fn(&str) -> bool) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        for (line, link) in links(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let Some(to) = resolve(path, file) else {
                findings.fault(
                    format!("{path}:{line}"),
                    format!("{link} leaves the project"),
                );
                continue;
            };
            match tree.get(&to) {
                Some(text) if heading.is_empty() || headings(text).contains(heading) => {}
                Some(_) => {
                    findings.fault(format!("{path}:{line}"), format!("{to} has no #{heading}"));
                }
                None if on_disk(&to) => {}
                None => findings.fault(format!("{path}:{line}"), format!("there is no {to}")),
            }
        }
    }
    findings
}

/// The path that `link` means in the document at `path`; itself where it is empty.
fn resolve(path: &str, link: &str) -> Option<String> {
    if link.is_empty() {
        return Some(path.to_owned());
    }
    let folder = Path::new(path).parent().unwrap_or(Path::new(""));
    let mut parts: Vec<&str> = folder.iter().filter_map(|part| part.to_str()).collect();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// The targets of inline links with their lines; code is left out.
fn links(text: &str) -> Vec<(usize, &str)> {
    prose(text)
        .flat_map(|(at, line)| {
            let outside_code = line.split('`').step_by(2);
            // Each piece behind `](` begins with a target.
            outside_code
                .flat_map(|piece| piece.split("](").skip(1))
                .filter_map(|rest| rest.split(')').next())
                .filter_map(|target| target.split_whitespace().next())
                .map(move |target| (at, target))
        })
        .collect()
}

/// The names under which headings are linked to: lower case, words joined by hyphens.
fn headings(text: &str) -> BTreeSet<String> {
    let name = |title: &str| -> String {
        let kept = title.trim().chars().filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        });
        kept.flat_map(char::to_lowercase).collect()
    };
    prose(text)
        .filter_map(|(_, line)| line.strip_prefix('#'))
        .map(|rest| name(rest.trim_start_matches('#')))
        .collect()
}

/// The lines outside of fenced blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(at, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((at + 1, line))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> String {
        let tree = Tree::of(&[
            ("docs/guide/a.md", text),
            ("docs/guide/b.md", "# The `ledger`, twice\n```\n# no\n```\n"),
            ("README.md", ""),
        ]);
        judge(&tree, |path| path == "docs/picture.png").said()
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "# Title\nSee [b](b.md) and [two](b.md#the-ledger-twice), [up](../../README.md),\n\
                    ![p](../picture.png), [here](#title), [far](https://example.org/x#y).\n\
                    ```\n[no](gone.md)\n```\n`[no](gone.md)` and `x` [b](./b.md \"title\")\n";
        assert_eq!(said(text), "");
        assert_eq!(links(text).len(), 7);
    }

    #[test]
    fn links_that_lead_nowhere_are_named_with_their_line() {
        for (text, fault) in [
            ("\n[x](gone.md)\n", "2: there is no docs/guide/gone.md"),
            ("[x](b.md#no)\n", "1: docs/guide/b.md has no #no"),
            ("[x](#no)\n", "1: docs/guide/a.md has no #no"),
            ("[x](../../../x)\n", "1: ../../../x leaves the project"),
        ] {
            assert_eq!(said(text), format!("docs/guide/a.md:{fault}"));
        }
    }
}
