//! Project chores: `cargo xtask test | tidy | gen | bench | profile | differential | fuzz | patches`.
//!
//! Owns everything that is run on the source rather than shipped. Refuses to know the product: it
//! reads files, runs commands and compares what they say. Talk goes to stderr; stdout carries only
//! what a chore was asked for. Exit codes: 0 done, 1 the answer is no, 2 could not ask.

mod bench;
mod clock;
mod command;
mod differential;
mod failure;
mod fuzz;
mod generate;
mod golang;
mod marked;
mod node;
mod patches;
mod peers;
mod product;
mod profile;
mod python;
mod suite;
mod tidy;
mod tools;
mod tree;
mod upgrade;
mod workspace;

use std::process::ExitCode;

use failure::Failure;
use workspace::Workspace;

/// A chore and the line that explains it.
struct Verb {
    name: &'static str,
    takes: &'static str,
    about: &'static str,
    run: fn(&Workspace, &[&str]) -> Result<(), Failure>,
}

/// Every chore, in the order a newcomer meets them.
const VERBS: &[Verb] = &[
    Verb {
        name: "test",
        takes: "[--quick | --only STEP]",
        about: "everything CI runs: format, house rules, lints, tests, docs, licences, soak, patches",
        run: suite::run,
    },
    Verb {
        name: "tidy",
        takes: "",
        about: "the house rules that no compiler checks",
        run: tidy::run,
    },
    Verb {
        name: "gen",
        takes: "[--check]",
        about: "writes the generated parts of the documentation",
        run: generate::run,
    },
    Verb {
        name: "bench",
        takes: "[NAME] [--write] [--only GROUP] [--smoke] [--rounds N] [--seconds N] [--minutes N]",
        about: "measures; --write puts the figures into docs/performance.md",
        run: bench::run,
    },
    Verb {
        name: "differential",
        takes: "[--write] [--only SHAPE] [--servers vouchsafe,nginx,haproxy] [--format json]",
        about: "sends what two parsers could read differently; --write renews docs/reference/wire.md",
        run: differential::run,
    },
    Verb {
        name: "profile",
        takes: "gate [--requests N] [--write]",
        about: "counts the instructions and system calls of a request, by stage",
        run: profile::run,
    },
    Verb {
        name: "fuzz",
        takes: "[TARGET]... [--minutes N] [--jobs N] [--address] [--record] [--corpus-only | --minimise | --hours]",
        about: "runs libFuzzer on every parser; --record appends to fuzz/hours.toml",
        run: fuzz::run,
    },
    Verb {
        name: "patches",
        takes: "[NAME]",
        about: "breaks one control at a time in the source and demands that prove says so",
        run: patches::run,
    },
    Verb {
        name: "upgrade",
        takes: "[--from COMMIT]",
        about: "runs this build on the data of an earlier one, HEAD~1 unless told otherwise",
        run: upgrade::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Some((name, rest)) = arguments.split_first() else {
        eprint!("{}", usage());
        return ExitCode::from(2);
    };
    if matches!(*name, "help" | "--help" | "-h") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(verb) = VERBS.iter().find(|verb| verb.name == *name) else {
        eprint!("xtask: there is no chore called {name}\n\n{}", usage());
        return ExitCode::from(2);
    };
    match Workspace::find().and_then(|workspace| (verb.run)(&workspace, rest)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask {name}: {failure}");
            ExitCode::from(failure.exit())
        }
    }
}

fn usage() -> String {
    let mut text = String::from("cargo xtask CHORE\n\n");
    for verb in VERBS {
        let call = format!("{} {}", verb.name, verb.takes);
        text.push_str(&format!("  {call:<28} {}\n", verb.about));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usage_names_every_chore() {
        for verb in VERBS {
            assert!(usage().contains(verb.about), "{}", verb.name);
        }
    }
}
