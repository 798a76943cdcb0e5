//! `cargo xtask profile`: where the instructions of a request go.
//!
//! Owns the way of measuring: the gate runs under callgrind with a fixed load on one connection,
//! twice, and the run with fewer requests is subtracted, so that start and end do not count.
//! Instructions do not depend on what else the machine does; time and the kernel's share they do
//! not show, which `cargo xtask bench gate` does. System calls are counted by strace the same way.

mod callgrind;
mod load;
mod run;
mod stages;

use std::path::{Path, PathBuf};

use crate::{
    bench::{
        self, Table,
        packages::{self, Package},
    },
    command,
    failure::Failure,
    workspace::Workspace,
};
use run::Spent;

/// The profiler.
const VALGRIND: Package = Package {
    name: "valgrind",
    program: "valgrind",
    version: "--version",
};

/// Counts system calls.
const STRACE: Package = Package {
    name: "strace",
    program: "strace",
    version: "-V",
};

/// Requests of the run that is subtracted: enough to open connections and fill caches.
const WARM: usize = 300;

/// Requests that are counted, where nobody says how many.
const COUNTED: usize = 2000;

/// Profiles the gate.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let (counted, publish) = read(arguments)?;
    packages::ensure(&[VALGRIND, STRACE])?;
    let binary = build(workspace)?;
    let table = tabulate(workspace, &binary, counted)?;
    println!("{}", table.aligned());
    if publish {
        let body = format!(
            "`cargo xtask profile gate`: instructions of one request, by stage.\n\n{}.\n\n{}",
            bench::machine(),
            table.markdown()
        );
        bench::publish_part(workspace, "Instructions", "profile gate", &body)?;
    }
    Ok(())
}

fn read(arguments: &[&str]) -> Result<(usize, bool), Failure> {
    let (mut counted, mut publish) = (COUNTED, false);
    let Some(("gate", mut options)) = arguments.split_first().map(|(first, rest)| (*first, rest))
    else {
        return Err(misused());
    };
    loop {
        options = match options {
            [] => return Ok((counted, publish)),
            ["--write", rest @ ..] => {
                publish = true;
                rest
            }
            ["--requests", number, rest @ ..] => {
                let number = number.parse().ok().filter(|n| (1..=1_000_000).contains(n));
                counted = number.ok_or_else(misused)?;
                rest
            }
            _ => return Err(misused()),
        };
    }
}

fn misused() -> Failure {
    Failure::stuck(
        "that is no profile",
        "run `cargo xtask profile gate [--requests N] [--write]`",
    )
}

/// The product as it is measured, with the boundaries of its stages kept: inlined into one another
/// they could not be told apart.
fn build(workspace: &Workspace) -> Result<PathBuf, Failure> {
    let arguments = [
        "build",
        "--profile",
        "bench",
        "--locked",
        "--package",
        "vouchsafe",
        "--features",
        "gate/profile",
    ];
    let binary = workspace.target().join("release/vouchsafe");
    let mut cargo = command::command(workspace.root(), "cargo", &arguments);
    if command::talk(&mut cargo)? && binary.is_file() {
        return Ok(binary);
    }
    Err(Failure::stuck(
        "the product does not build",
        "run `cargo build --profile bench --features gate/profile -p vouchsafe` and mend it",
    ))
}

fn tabulate(workspace: &Workspace, binary: &Path, requests: usize) -> Result<Table, Failure> {
    let mut columns = vec!["stage"];
    columns.extend(load::CASES.iter().map(|case| case.name));
    let mut table = Table::new(&columns);
    let (mut spent, mut calls) = (Vec::new(), Vec::new());
    for case in load::CASES {
        eprintln!("{}", case.name);
        let bench = run::Bench::new(workspace, binary, case)?;
        spent.push(Spent {
            fewer: bench.profile(WARM)?,
            many: bench.profile(WARM + requests)?,
            requests,
        });
        let fewer = bench.calls(WARM)?;
        calls.push(bench.calls(WARM + requests)?.more(&fewer));
    }
    for (name, of) in stages::rows() {
        table.cells(name, spent.iter().map(|spent| format!("{:.0}", of(spent))));
    }
    table.note(format!(
        "Instructions in user space of one request, from {requests} requests over one connection \
         that waits for each answer, so that no two share a wake-up; the gate has one thread. {} \
         The thread that hashes and signs is left out, and the digest of a key (about 2,300 of \
         the full chain) costs a tenth on a real processor: callgrind's has no SHA instructions.",
        load::ABOUT
    ));
    for (case, calls) in load::CASES.iter().zip(calls) {
        table.note(system_calls(case.name, calls, requests));
    }
    Ok(table)
}

/// System calls of one request, the most frequent first; those that few requests make are left out.
fn system_calls(case: &str, mut calls: Vec<(String, u64)>, requests: usize) -> String {
    calls.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let each = calls
        .iter()
        .map(|(name, count)| (name, *count as f64 / requests as f64));
    let said: Vec<String> = each
        .filter(|(_, each)| *each >= 0.01)
        .map(|(name, each)| format!("{name} {each:.2}"))
        .collect();
    format!("System calls of one request, {case}: {}.", said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_takes_a_number_and_the_wish_to_publish() {
        assert_eq!(read(&["gate"]).unwrap(), (COUNTED, false));
        let both = ["gate", "--requests", "7", "--write"];
        assert_eq!(read(&both).unwrap(), (7, true));
        for wrong in [
            &[][..],
            &["ledger"],
            &["gate", "--requests"],
            &["gate", "--requests", "0"],
            &["gate", "7"],
        ] {
            assert!(read(wrong).is_err(), "{wrong:?}");
        }
    }
}
