//! The house rules that no compiler checks.
//!
//! Owns one ordered list of checks. Each is a small module that looks at a [`Tree`] and the table
//! in `xtask/tidy.toml`, and is tested on a good and a bad sample.

mod commands;
mod dependencies;
mod edges;
mod heads;
mod links;
mod outbound;
mod paths;
mod rules;
mod shell;
mod sizes;

use crate::{failure::Failure, generate, tree::Tree, workspace::Workspace};

pub(crate) use rules::Rules;

/// Something that is not as the house wants it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `path` or `path:line`.
    pub(crate) place: String,
    /// What is wrong there.
    pub(crate) what: String,
}

/// What a check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Findings {
    /// What fails the build.
    pub(crate) faults: Vec<Fault>,
    /// What is worth a word and fails nothing.
    pub(crate) notes: Vec<String>,
}

impl Findings {
    pub(crate) fn fault(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.faults.push(Fault {
            place: place.into(),
            what: what.into(),
        });
    }

    #[cfg(test)]
    fn said(&self) -> String {
        let lines: Vec<String> = self
            .faults
            .iter()
            .map(|fault| format!("{}: {}", fault.place, fault.what))
            .collect();
        lines.join("\n")
    }
}

/// A house rule.
struct Check {
    name: &'static str,
    /// How to mend what it finds.
    hint: &'static str,
    run: fn(&Workspace, &Tree, &Rules) -> Result<Findings, Failure>,
}

/// Every house rule.
const CHECKS: &[Check] = &[
    Check {
        name: "file sizes",
        hint: "split the file along its subjects; 400 lines are enough for one",
        run: |_, tree, rules| Ok(sizes::check(tree, rules)),
    },
    Check {
        name: "module heads",
        hint: "open the file with `//!` and say what it owns, refuses and trusts",
        run: |_, tree, _| Ok(heads::check(tree)),
    },
    Check {
        name: "crate edges",
        hint: "keep to lower floors; a new edge gets a line with its reason in xtask/tidy.toml",
        run: |_, tree, rules| edges::check(tree, rules),
    },
    Check {
        name: "outbound connections",
        hint: "dial through the crate that may, or name the crate and the reason in xtask/tidy.toml",
        run: |_, tree, rules| Ok(outbound::check(tree, rules)),
    },
    Check {
        name: "dependencies",
        hint: "each outside crate has one line of why in docs/dependencies.md, and a use",
        run: |_, tree, _| dependencies::check(tree),
    },
    Check {
        name: "commands in documents",
        hint: "correct the document: it tells people to run what does not exist",
        run: |workspace, tree, _| Ok(commands::check(workspace, tree)),
    },
    Check {
        name: "links in documents",
        hint: "correct the link, or write what it leads to",
        run: |workspace, tree, _| Ok(links::check(workspace, tree)),
    },
    Check {
        name: "machine paths",
        hint: "name paths from the root of the clone, or in examples below /srv or /etc",
        run: |_, tree, rules| Ok(paths::check(tree, rules)),
    },
    Check {
        name: "generated files",
        hint: "run `cargo xtask gen`",
        run: |workspace, _, _| generate::stale(workspace),
    },
];

/// Runs every check and says all that is wrong.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    if let [stray, ..] = arguments {
        return Err(Failure::stuck(
            format!("there is no option {stray}"),
            "run `cargo xtask tidy`",
        ));
    }
    let tree = Tree::load(workspace.root())?;
    let rules = Rules::read(tree.get("xtask/tidy.toml").unwrap_or_default())?;
    let mut broken = 0;
    for check in CHECKS {
        let findings = (check.run)(workspace, &tree, &rules)?;
        let verdict = if findings.faults.is_empty() {
            "ok"
        } else {
            "NOT OK"
        };
        eprintln!("tidy: {}: {verdict}", check.name);
        for note in &findings.notes {
            eprintln!("  note: {note}");
        }
        for fault in &findings.faults {
            eprintln!("  {}: {}", fault.place, fault.what);
        }
        if !findings.faults.is_empty() {
            eprintln!("  help: {}", check.hint);
            broken += findings.faults.len();
        }
    }
    if broken == 0 {
        return Ok(());
    }
    Err(Failure::no(
        format!("{broken} places are not tidy"),
        "mend each place above and run `cargo xtask tidy` again",
    ))
}
