//! `cargo xtask test`: everything CI runs.
//!
//! Owns the list of steps, cheapest first, and the closing lines. A new suite is one line in
//! [`STEPS`]. The first step that fails ends the run and says what to do.

use std::{io::IsTerminal as _, process::Command, time::Duration};

use crate::{
    bench,
    clock::clock,
    command::{self, Said},
    differential,
    failure::Failure,
    generate, golang, node, patches, peers, python, tidy, tools, upgrade,
    workspace::Workspace,
};

/// One step of the suite.
struct Step {
    name: &'static str,
    /// What to do when it fails.
    hint: &'static str,
    /// Whether `--quick` leaves it out.
    slow: bool,
    run: Run,
}

/// What a step does.
enum Run {
    /// A cargo command that says all there is to say.
    Cargo(&'static [&'static str]),
    /// A cargo command whose closing lines are printed again at the end, behind what it needs.
    Tests(&'static [Need], &'static [&'static str]),
    /// A chore of our own; what it answers is printed at the end.
    Own(fn(&Workspace) -> Result<Vec<String>, Failure>),
}

/// Makes sure that something a step needs is there.
type Need = fn(&Workspace) -> Result<(), Failure>;

/// Every step, in order.
const STEPS: &[Step] = &[
    Step {
        name: "format",
        hint: "run `cargo fmt`",
        slow: false,
        run: Run::Cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "lints",
        hint: "mend each warning; `#[expect(..., reason = \"...\")]` only where it is justified",
        slow: false,
        run: Run::Cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ]),
    },
    Step {
        name: "tests",
        hint: "run the failing test alone: cargo nextest run -p CRATE NAME",
        slow: false,
        run: Run::Tests(
            &[
                |workspace| tools::ensure(workspace, &tools::NEXTEST),
                python::ensure,
                node::ensure,
                golang::ensure,
                peers::ensure,
            ],
            &[
                "nextest",
                "run",
                "--workspace",
                "--locked",
                "--no-fail-fast",
            ],
        ),
    },
    Step {
        name: "examples in documentation",
        hint: "run `cargo test --doc -p CRATE`",
        slow: false,
        run: Run::Tests(
            &[],
            &["test", "--workspace", "--doc", "--locked", "--quiet"],
        ),
    },
    Step {
        name: "wire shapes",
        hint: "run `cargo xtask differential --only SHAPE`; `--write` renews docs/reference/wire.md",
        slow: false,
        run: Run::Own(differential::check),
    },
    Step {
        name: "house rules",
        hint: "run `cargo xtask tidy`",
        slow: false,
        run: Run::Own(|workspace| tidy::run(workspace, &[]).map(|()| Vec::new())),
    },
    Step {
        name: "generated files",
        hint: "run `cargo xtask gen` and commit what it wrote",
        slow: false,
        run: Run::Own(|workspace| generate::run(workspace, &["--check"]).map(|()| Vec::new())),
    },
    Step {
        name: "documentation",
        hint: "run `cargo doc --no-deps -p CRATE`",
        slow: true,
        run: Run::Cargo(&["doc", "--workspace", "--no-deps", "--locked"]),
    },
    Step {
        name: "licences and bans",
        hint: "read deny.toml: it says why each rule stands",
        slow: true,
        run: Run::Own(deny),
    },
    Step {
        name: "upgrade",
        hint: "run `cargo xtask upgrade`: data of an earlier build must go on under this one",
        slow: true,
        run: Run::Own(upgrade::previous),
    },
    Step {
        name: "benchmarks run",
        hint: "run `cargo xtask bench gate --smoke`",
        slow: true,
        run: Run::Own(bench::smoke),
    },
    Step {
        name: "soak",
        hint: "run `cargo xtask bench soak --smoke --minutes 3`; it says what grew or went wrong",
        slow: true,
        run: Run::Own(bench::soak_briefly),
    },
    Step {
        name: "source patches",
        hint: "run `cargo xtask patches NAME`",
        slow: true,
        run: Run::Own(patches::all),
    },
];

/// Runs the suite.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let steps = choose(arguments)?;
    let mut closing = Vec::new();
    let begun = clock();
    for (at, step) in steps.iter().enumerate() {
        eprintln!("\n== {}/{} {}", at + 1, steps.len(), step.name);
        let start = clock();
        let lines = run_step(workspace, step)?;
        let seconds = (clock() - start).as_secs_f64();
        eprintln!("== {} took {seconds:.1} s", step.name);
        closing.extend(
            lines
                .into_iter()
                .map(|line| format!("{}: {line}", step.name)),
        );
    }
    eprintln!();
    for line in closing {
        println!("{line}");
    }
    let seconds = (clock() - begun).as_secs();
    println!(
        "{} of {} steps passed in {seconds} s",
        steps.len(),
        STEPS.len()
    );
    if steps.len() < STEPS.len() {
        println!("left out: {}", left_out(&steps));
    }
    Ok(())
}

/// The steps that the arguments ask for.
fn choose(arguments: &[&str]) -> Result<Vec<&'static Step>, Failure> {
    let chosen: Vec<&Step> = match arguments {
        [] => STEPS.iter().collect(),
        ["--quick"] => STEPS.iter().filter(|step| !step.slow).collect(),
        ["--only", name] => STEPS
            .iter()
            .filter(|step| step.name.contains(name))
            .collect(),
        _ => Vec::new(),
    };
    if chosen.is_empty() {
        let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
        return Err(Failure::stuck(
            format!("no step answers to {}", arguments.join(" ")),
            format!("use --quick, or --only with one of: {}", names.join(", ")),
        ));
    }
    Ok(chosen)
}

fn left_out(steps: &[&Step]) -> String {
    let names: Vec<&str> = STEPS
        .iter()
        .map(|step| step.name)
        .filter(|name| !steps.iter().any(|step| step.name == *name))
        .collect();
    names.join(", ")
}

fn run_step(workspace: &Workspace, step: &Step) -> Result<Vec<String>, Failure> {
    let failed = || Failure::no(format!("{} failed", step.name), step.hint);
    match &step.run {
        Run::Cargo(arguments) => {
            let passed = command::talk(&mut cargo(workspace, arguments))?;
            passed.then(Vec::new).ok_or_else(failed)
        }
        Run::Tests(needs, arguments) => {
            needs.iter().try_for_each(|need| need(workspace))?;
            let said = command::overhear(&mut cargo(workspace, arguments))?;
            said.success
                .then(|| closing_lines(&said))
                .ok_or_else(failed)
        }
        Run::Own(chore) => chore(workspace).map_err(|failure| {
            eprintln!("{failure}");
            failed()
        }),
    }
}

fn cargo(workspace: &Workspace, arguments: &[&str]) -> Command {
    let mut cargo = command::command(workspace.root(), "cargo", arguments);
    cargo
        .env("PATH", tools::path(workspace))
        .env("RUSTDOCFLAGS", "-D warnings")
        .env("INSTA_UPDATE", "no")
        .env(golang::VARIABLE, golang::told(workspace));
    peers::tell(&mut cargo);
    if let Ok(interpreter) = python::interpreter(workspace) {
        cargo.env(python::VARIABLE, interpreter);
    }
    for packages in &node::ALL {
        if let Ok(folder) = packages.folder(workspace) {
            cargo.env(packages.variable, folder);
        }
    }
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        cargo.env("CARGO_TERM_COLOR", "always");
    }
    cargo
}

/// The lines in which a test runner sums up: nextest's on stderr, the doc tests' on stdout.
fn closing_lines(said: &Said) -> Vec<String> {
    let sums = |line: &&str| {
        line.trim_start().starts_with("Summary [") || line.starts_with("test result:")
    };
    let quiet = |line: &&str| !line.contains(" 0 passed; 0 failed");
    said.stderr
        .lines()
        .chain(said.stdout.lines())
        .filter(sums)
        .filter(quiet)
        .map(|line| line.trim().to_owned())
        .collect()
}

/// Licences, bans and sources always; advisories where their database can be reached.
fn deny(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    tools::ensure(workspace, &tools::DENY)?;
    let check = |what: &[&str]| {
        let arguments = [&["deny", "--workspace", "check"], what].concat();
        command::talk(&mut cargo(workspace, &arguments))
    };
    let refused = || Failure::no("cargo-deny refused a dependency", "see above and deny.toml");
    if !check(&["bans", "licenses", "sources"])? {
        return Err(refused());
    }
    let fetch = ["deny", "fetch", "db"];
    let fetched = command::listen(&mut cargo(workspace, &fetch), Duration::from_secs(60));
    if !fetched.is_ok_and(|said| said.success) {
        let note = "advisories not checked: their database on github.com cannot be reached";
        eprintln!("{note}");
        return Ok(vec![note.to_owned()]);
    }
    if !check(&["advisories"])? {
        return Err(refused());
    }
    Ok(Vec::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_those_of_the_runners() {
        let said = Said {
            success: true,
            code: Some(0),
            stdout: "running 1 test\ntest result: ok. 1 passed; 0 failed; 0 ignored\n\
                     test result: ok. 0 passed; 0 failed; 0 ignored\n"
                .to_owned(),
            stderr: "   PASS x\n     Summary [   0.9s] 38 tests run: 38 passed, 0 skipped\n"
                .to_owned(),
        };
        assert_eq!(
            closing_lines(&said),
            [
                "Summary [   0.9s] 38 tests run: 38 passed, 0 skipped",
                "test result: ok. 1 passed; 0 failed; 0 ignored"
            ]
        );
    }

    #[test]
    fn an_unknown_option_or_step_is_refused_before_anything_runs() {
        let workspace = Workspace::at(std::path::Path::new("/"));
        for arguments in [&["--fast"][..], &["--only", "nothing"], &["--only"]] {
            let failure = run(&workspace, arguments).unwrap_err();
            assert_eq!(failure.exit(), 2);
        }
    }

    #[test]
    fn options_choose_steps() {
        let count = |arguments: &[&str]| choose(arguments).unwrap().len();
        assert_eq!(count(&[]), STEPS.len());
        assert_eq!(count(&["--only", "licences"]), 1);
        assert!(count(&["--quick"]) < STEPS.len());
        assert_eq!(left_out(&choose(&[]).unwrap()), "");
    }

    #[test]
    fn every_step_says_what_to_do() {
        for step in STEPS {
            assert!(!step.hint.is_empty(), "{}", step.name);
        }
    }
}
