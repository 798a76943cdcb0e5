//! What a document tells people to run exists.
//!
//! Reads fenced blocks and code in running text of every Markdown file for `cargo xtask CHORE` and
//! `vouchsafe VERB`. The product itself is asked for its verbs, and only if a document names one.

use std::{collections::BTreeSet, time::Duration};

use super::Findings;
use crate::{VERBS, command, failure::Failure, product, tree::Tree, workspace::Workspace};

/// A command in a document.
#[derive(Debug, PartialEq, Eq)]
struct Mention<'a> {
    line: usize,
    program: Program,
    verb: &'a str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Xtask,
    Vouchsafe,
}

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Findings {
    let chores: BTreeSet<String> = VERBS.iter().map(|verb| verb.name.to_owned()).collect();
    let asked = documents(tree)
        .flat_map(|(_, text)| mentions(text))
        .any(|mention| mention.program == Program::Vouchsafe);
    let verbs = match asked.then(|| product_verbs(workspace)) {
        None => BTreeSet::new(),
        Some(Ok(verbs)) => verbs,
        // One fault instead of one for each mention, and no end to the other checks.
        Some(Err(failure)) => {
            let mut findings = Findings::default();
            findings.fault("crates/vouchsafe", failure.to_string());
            return findings;
        }
    };
    judge(tree, &chores, &verbs)
}

fn judge(tree: &Tree, chores: &BTreeSet<String>, verbs: &BTreeSet<String>) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in documents(tree) {
        for mention in mentions(text) {
            let (known, program) = match mention.program {
                Program::Xtask => (chores, "cargo xtask"),
                Program::Vouchsafe => (verbs, "vouchsafe"),
            };
            if !known.contains(mention.verb) {
                findings.fault(
                    format!("{path}:{}", mention.line),
                    format!("there is no `{program} {}`", mention.verb),
                );
            }
        }
    }
    findings
}

fn documents(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.iter().filter(|(path, _)| path.ends_with(".md"))
}

/// The verbs the product lists in its help.
fn product_verbs(workspace: &Workspace) -> Result<BTreeSet<String>, Failure> {
    let mut help = command::command(workspace.root(), product::build(workspace)?, &["--help"]);
    let said = command::listen(help.env("NO_COLOR", "1"), Duration::from_secs(60))?;
    if !said.success {
        return Err(Failure::stuck(
            "the product does not say its verbs",
            command::last_lines(&said.stderr, 5),
        ));
    }
    Ok(verbs_in_help(&said.stdout))
}

/// First words of the indented lines below `Commands:`.
fn verbs_in_help(help: &str) -> BTreeSet<String> {
    help.lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with(' ') || line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn mentions(text: &str) -> Vec<Mention<'_>> {
    let mut found = Vec::new();
    let mut fence: Option<bool> = None;
    for (at, line) in text.lines().enumerate() {
        if let Some(info) = line.trim_start().strip_prefix("```") {
            // In a block of shell every line is a command; in others those behind a prompt.
            fence = match fence {
                None => Some(matches!(info.trim(), "sh" | "bash" | "shell")),
                Some(_) => None,
            };
            continue;
        }
        match fence {
            Some(shell) => {
                let prompted = line.trim_start().strip_prefix("$ ");
                let code = if shell {
                    Some(prompted.unwrap_or(line))
                } else {
                    prompted
                };
                found.extend(code.and_then(command_in).map(|m| (at + 1, m)));
            }
            None => found.extend(
                line.split('`')
                    .skip(1)
                    .step_by(2)
                    .filter_map(command_in)
                    .map(|m| (at + 1, m)),
            ),
        }
    }
    found
        .into_iter()
        .map(|(line, (program, verb))| Mention {
            line,
            program,
            verb,
        })
        .collect()
}

/// The program and verb of one command line, if it is one of ours.
fn command_in(code: &str) -> Option<(Program, &str)> {
    let assignment = |word: &&str| word.contains('=') && !word.starts_with('-');
    let mut words = code.split_whitespace().skip_while(assignment);
    let first = words.next()?;
    let program = if first == "cargo" {
        match words.next()? {
            "xtask" => Program::Xtask,
            "run" => {
                words.by_ref().find(|word| *word == "--")?;
                Program::Vouchsafe
            }
            _ => return None,
        }
    } else if first == "vouchsafe" || first.ends_with("/vouchsafe") {
        Program::Vouchsafe
    } else {
        return None;
    };
    let verb = words.next()?;
    let word = verb
        .bytes()
        .all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    (word && !verb.starts_with('-')).then_some((program, verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> BTreeSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    fn said(text: &str) -> String {
        let tree = Tree::of(&[("README.md", text)]);
        judge(&tree, &set(&["test"]), &set(&["prove", "demo"])).said()
    }

    #[test]
    fn commands_that_exist_pass() {
        let text = "Run `cargo xtask test`, then `vouchsafe prove --strict`.\n\n\
                    ```sh\ncargo run --release -p vouchsafe -- demo student-outreach\n```\n\n\
                    ```console\n$ RUST_LOG=x ./target/release/vouchsafe prove\nvouchsafe wrote\n```\n\
                    Where `vouchsafe.toml` lies, `vouchsafe --help` helps, `ls` too.\n";
        assert_eq!(said(text), "");
        assert_eq!(mentions(text).len(), 4);
    }

    #[test]
    fn commands_that_do_not_exist_are_named_with_their_line() {
        assert_eq!(
            said("see `cargo xtask tset`\n"),
            "README.md:1: there is no `cargo xtask tset`"
        );
        assert_eq!(
            said("```console\n$ vouchsafe porve --x\n```\n"),
            "README.md:2: there is no `vouchsafe porve`"
        );
        assert_eq!(
            said("\n```sh\nvouchsafe porve\n```\n"),
            "README.md:3: there is no `vouchsafe porve`"
        );
    }

    #[test]
    fn verbs_are_read_from_the_help() {
        let help = "A gateway\n\nUsage: vouchsafe <COMMAND>\n\nCommands:\n  up     Starts it\n           \
                    and waits\n  prove  Proves it\n\nOptions:\n  -h  Help\n";
        assert_eq!(verbs_in_help(help), set(&["up", "prove"]));
    }
}
