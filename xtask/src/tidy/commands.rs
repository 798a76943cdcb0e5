//! What a document tells people to run exists.
//!
//! Holds every `cargo xtask CHORE` and `vouchsafe VERB` of every Markdown file, with its second verb
//! and its options, against what the two say of themselves. The product is asked for its help, and
//! only for what a document names.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    time::Duration,
};

use super::{Findings, shell};
use crate::{VERBS, command, failure::Failure, product, tree::Tree, workspace::Workspace};

/// What a program says of itself below some of its verbs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Help {
    verbs: BTreeSet<String>,
    options: BTreeSet<String>,
}

/// Asks a program for its help below these verbs.
type Ask<'a> = dyn FnMut(Program, &[&str]) -> Result<Help, Failure> + 'a;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Xtask,
    Vouchsafe,
}

pub(crate) fn check(workspace: &Workspace, tree: &Tree) -> Findings {
    let mut product = Product {
        workspace,
        binary: None,
        known: BTreeMap::new(),
    };
    let judged = judge(tree, &mut |program, verbs| match program {
        Program::Xtask => Ok(chore_help(verbs)),
        Program::Vouchsafe => product.help(verbs),
    });
    judged.unwrap_or_else(|failure| {
        // One fault instead of one for each mention, and no end to the other checks.
        let mut findings = Findings::default();
        findings.fault("crates/vouchsafe", failure.to_string());
        findings
    })
}

fn judge(tree: &Tree, ask: &mut Ask<'_>) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    for (path, text) in tree.iter().filter(|(path, _)| path.ends_with(".md")) {
        for told in shell::command_lines(text) {
            let words: Vec<&str> = told.words.iter().map(String::as_str).collect();
            let Some((program, rest)) = ours(&words) else {
                continue;
            };
            for wrong in wrong(program, rest, ask)? {
                findings.fault(format!("{path}:{}", told.line), wrong);
            }
        }
    }
    Ok(findings)
}

/// The program and its arguments, if a command line calls one of ours with a verb.
fn ours<'w>(words: &'w [&'w str]) -> Option<(Program, &'w [&'w str])> {
    let (program, rest) = match words {
        ["cargo", "xtask", rest @ ..] => (Program::Xtask, rest),
        ["cargo", "run", rest @ ..] => {
            let at = rest.iter().position(|word| *word == "--")?;
            (Program::Vouchsafe, rest.get(at + 1..)?)
        }
        [first, rest @ ..] if *first == "vouchsafe" || first.ends_with("/vouchsafe") => {
            (Program::Vouchsafe, rest)
        }
        _ => return None,
    };
    rest.first()
        .is_some_and(|word| is_verb(word))
        .then_some((program, rest))
}

fn is_verb(word: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    word.bytes().all(letter) && !word.starts_with('-')
}

/// What is wrong with the verbs and options of one call.
fn wrong(program: Program, words: &[&str], ask: &mut Ask<'_>) -> Result<Vec<String>, Failure> {
    let name = match program {
        Program::Xtask => "cargo xtask",
        Program::Vouchsafe => "vouchsafe",
    };
    let mut help = ask(program, &[])?;
    let mut depth = 0;
    while let Some(verb) = words.get(depth).filter(|_| !help.verbs.is_empty()) {
        let so_far = words.get(..=depth).unwrap_or_default();
        if !help.verbs.contains(*verb) {
            return Ok(vec![format!("there is no `{name} {}`", so_far.join(" "))]);
        }
        help = ask(program, so_far)?;
        depth += 1;
    }
    let verbs = words.get(..depth).unwrap_or_default().join(" ");
    let options = words.iter().take_while(|word| **word != "--");
    Ok(options
        .filter(|word| word.starts_with("--"))
        .map(|word| word.split('=').next().unwrap_or_default())
        .filter(|option| !help.options.contains(*option))
        .map(|option| format!("`{name} {verbs}` takes no {option}"))
        .collect())
}

/// The help of our own chores.
fn chore_help(verbs: &[&str]) -> Help {
    match verbs {
        [] => Help {
            verbs: VERBS.iter().map(|verb| verb.name.to_owned()).collect(),
            options: BTreeSet::new(),
        },
        [chore, ..] => {
            let takes = VERBS.iter().find(|verb| verb.name == *chore);
            read_help(takes.map_or("", |verb| verb.takes))
        }
    }
}

/// The product, asked once for each verb.
struct Product<'a> {
    workspace: &'a Workspace,
    binary: Option<PathBuf>,
    known: BTreeMap<String, Help>,
}

impl Product<'_> {
    fn help(&mut self, verbs: &[&str]) -> Result<Help, Failure> {
        let name = verbs.join(" ");
        if let Some(help) = self.known.get(&name) {
            return Ok(help.clone());
        }
        let binary = match &self.binary {
            Some(binary) => binary,
            None => self.binary.insert(product::build(self.workspace)?),
        };
        let arguments = [verbs, &["--help"]].concat();
        let mut asked = command::command(self.workspace.root(), binary, &arguments);
        let said = command::listen(asked.env("NO_COLOR", "1"), Duration::from_secs(60))?;
        if !said.success {
            return Err(Failure::stuck(
                format!("`vouchsafe {}` says nothing of itself", arguments.join(" ")),
                command::last_lines(&said.stderr, 5),
            ));
        }
        let help = read_help(&said.stdout);
        self.known.insert(name, help.clone());
        Ok(help)
    }
}

/// Verbs are the first words of the indented lines below `Commands:`; options stand anywhere.
fn read_help(text: &str) -> Help {
    let verbs = text
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1)
        .take_while(|line| line.starts_with(' ') || line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next());
    let part = |c: char| !c.is_ascii_alphanumeric() && c != '-';
    let options = text
        .split(part)
        .filter(|word| word.starts_with("--") && word.len() > 2);
    Help {
        verbs: verbs.map(str::to_owned).collect(),
        options: options.map(str::to_owned).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(program: Program, verbs: &[&str]) -> Help {
        read_help(match (program, verbs) {
            (Program::Xtask, []) => "Commands:\n  test  Tests\n",
            (Program::Xtask, _) => "[--quick | --only STEP]",
            (Program::Vouchsafe, []) => {
                "Commands:\n  prove  Proves\n  demo   Shows\n  key    Keys\n"
            }
            (Program::Vouchsafe, ["key"]) => "Commands:\n  list    Lists\n  create  Creates\n",
            (Program::Vouchsafe, _) => "Options:\n      --strict    Fails\n  -h, --help  Helps\n",
        })
    }

    fn said(text: &str) -> String {
        let tree = Tree::of(&[("README.md", text), ("a.rs", "`vouchsafe porve`")]);
        let ask = &mut |program, verbs: &[&str]| Ok(help(program, verbs));
        judge(&tree, ask).unwrap().said()
    }

    #[test]
    fn commands_that_exist_pass() {
        let text = "Run `cargo xtask test --only x`, then `vouchsafe prove --strict`.\n\n\
                    ```sh\ncargo run --release -p vouchsafe -- demo student-outreach\n```\n\n\
                    ```console\n$ RUST_LOG=x ./target/release/vouchsafe prove\nvouchsafe wrote\n```\n\
                    Where `vouchsafe.toml` lies, `vouchsafe --help` helps, `ls` too.\n\
                    ```console\nvouchsafe key list\nvouchsafe prove --strict=yes\n```\n";
        assert_eq!(said(text), "");
    }

    #[test]
    fn commands_that_do_not_exist_are_named_with_their_line() {
        for (text, fault) in [
            (
                "see `cargo xtask tset`\n",
                "1: there is no `cargo xtask tset`",
            ),
            (
                "```console\n$ vouchsafe porve --x\n```\n",
                "2: there is no `vouchsafe porve`",
            ),
            (
                "\n```sh\nvouchsafe porve\n```\n",
                "3: there is no `vouchsafe porve`",
            ),
            (
                "```console\nvouchsafe key mint\n```\n",
                "2: there is no `vouchsafe key mint`",
            ),
        ] {
            assert_eq!(said(text), format!("README.md:{fault}"));
        }
    }

    #[test]
    fn options_that_are_not_taken_are_named() {
        assert_eq!(
            said("`vouchsafe key create --strict --strikt -- --free`\n"),
            "README.md:1: `vouchsafe key create` takes no --strikt"
        );
        assert_eq!(
            said("`cargo xtask test --quick --quiet`\n"),
            "README.md:1: `cargo xtask test` takes no --quiet"
        );
    }
}
