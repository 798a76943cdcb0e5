//! `cargo xtask fuzz`: libFuzzer on every parser, for as long as it is given.
//!
//! Owns the way from a list of targets to a table of what each run did: the nightly compiler and
//! cargo-fuzz, the build, the shares of the time, the corpora and the log of hours. Refuses to call
//! a run clean that left a finding. What the bodies assert is no business of this file: they are
//! functions of the crates, and the committed corpora run through them on stable too.

mod corpus;
mod hours;
mod options;
mod run;
mod targets;

use std::{
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use crate::{
    bench::table::Table, clock::clock, command, failure::Failure, tools, workspace::Workspace,
};

use options::{Mode, Options};
use run::Outcome;
use targets::Target;

/// Folders of one target.
#[derive(Debug)]
struct Folders {
    /// Inputs that are committed: few, small, and together they reach what is known.
    committed: PathBuf,
    /// Inputs found on this machine, below the build folder.
    found: PathBuf,
    /// Where libFuzzer puts an input that breaks an invariant.
    artifacts: PathBuf,
}

impl Folders {
    fn of(workspace: &Workspace, target: &Target) -> Result<Self, Failure> {
        let fuzz = workspace.root().join("fuzz");
        let folders = Self {
            committed: fuzz.join("corpus").join(&target.name),
            found: workspace.target().join("fuzz-found").join(&target.name),
            artifacts: fuzz.join("artifacts").join(&target.name),
        };
        for folder in [&folders.committed, &folders.found, &folders.artifacts] {
            std::fs::create_dir_all(folder).map_err(|cause| Failure::io(folder, &cause))?;
        }
        Ok(folders)
    }
}

/// Runs the chore.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let options = Options::read(arguments)?;
    if options.mode == Mode::Hours {
        println!("{}", hours::summary(workspace)?);
        return Ok(());
    }
    let targets = targets::choose(workspace, &options.targets)?;
    let programs = build(workspace, &targets, options.sanitizer)?;
    match options.mode {
        Mode::Minimise => minimise(workspace, &targets, &programs),
        Mode::Replay => fuzz(workspace, &options, &targets, &programs, Duration::ZERO),
        Mode::Fuzz | Mode::Hours => {
            let share = options.share(targets.len());
            fuzz(workspace, &options, &targets, &programs, share)
        }
    }
}

/// Builds the targets and says where their programs lie.
fn build(workspace: &Workspace, targets: &[Target], sanitizer: &str) -> Result<PathBuf, Failure> {
    let root = workspace.root();
    if !command::answers(&mut nightly(workspace, &["cargo", "--version"])) {
        return Err(Failure::stuck(
            "fuzzing needs a nightly compiler",
            "install one: rustup toolchain install nightly --profile minimal; without it the \
             committed inputs still run: cargo nextest run -p assay",
        ));
    }
    tools::ensure(workspace, &tools::FUZZ)?;
    // Built without a sanitizer and with one side by side, so that neither evicts the other.
    let folder = workspace.target().join("fuzz").join(sanitizer);
    let mut cargo = nightly(workspace, &["cargo", "fuzz", "build", "--release"]);
    cargo
        .args(["--sanitizer", sanitizer, "--target-dir"])
        .arg(&folder)
        .current_dir(root.join("fuzz"))
        .env_remove("CARGO_TARGET_DIR");
    if let [only] = targets {
        cargo.arg(&only.name);
    }
    if !command::talk(&mut cargo)? {
        return Err(Failure::no(
            "the fuzz targets do not build",
            "see above; each lies in fuzz/fuzz_targets and calls a body of a crate",
        ));
    }
    let triple = triple(workspace)?;
    Ok(folder.join(triple).join("release"))
}

/// A program run with the nightly toolchain.
fn nightly(workspace: &Workspace, arguments: &[&str]) -> std::process::Command {
    let mut rustup = command::command(workspace.root(), "rustup", &["run", "nightly"]);
    rustup.args(arguments).env("PATH", tools::path(workspace));
    rustup
}

/// The machine's target triple, which cargo-fuzz builds for.
fn triple(workspace: &Workspace) -> Result<String, Failure> {
    let mut rustc = nightly(workspace, &["rustc", "--version", "--verbose"]);
    let said = command::listen(&mut rustc, Duration::from_secs(60))?;
    let host = said
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| {
        Failure::stuck(
            "rustc does not name its host",
            "run `rustup run nightly rustc --version --verbose`",
        )
    })
}

/// Gives each target its share and prints what became of it.
fn fuzz(
    workspace: &Workspace,
    options: &Options,
    targets: &[Target],
    programs: &Path,
    share: Duration,
) -> Result<(), Failure> {
    let left = Mutex::new(targets.iter());
    let outcomes = Mutex::new(Vec::new());
    let start = clock();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                loop {
                    let Some(target) = lock(&left).next() else {
                        return;
                    };
                    eprintln!("{}: {} s", target.name, share.as_secs());
                    let outcome = Folders::of(workspace, target)
                        .and_then(|folders| run::run(target, programs, &folders, share));
                    if let (Ok(outcome), true) = (&outcome, options.record)
                        && let Err(failure) = hours::record(workspace, options.sanitizer, outcome)
                    {
                        eprintln!("{failure}");
                    }
                    lock(&outcomes).push((target.name.clone(), outcome));
                }
            });
        }
    });
    let outcomes = outcomes
        .into_inner()
        .unwrap_or_else(|held| held.into_inner());
    let mut table = Table::new(&[
        "target",
        "executions",
        "exec/s",
        "edges",
        "new",
        "CPU s",
        "findings",
    ]);
    let mut findings = Vec::new();
    for (name, outcome) in outcomes {
        let outcome = outcome.inspect_err(|_| eprintln!("{name} did not run"))?;
        table.row(outcome.cells());
        findings.extend(outcome.findings);
    }
    table.note(format!("{:.0} s in all", (clock() - start).as_secs_f64()));
    println!("{}", table.aligned());
    if options.record {
        println!("{}", hours::summary(workspace)?);
    }
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Err(Failure::no(
        format!("these inputs break an invariant:\n  {}", list.join("\n  ")),
        "mend the cause, add a test that names it, and move the input into fuzz/corpus",
    ))
}

/// Replaces each committed corpus by the smallest one that reaches as much.
fn minimise(workspace: &Workspace, targets: &[Target], programs: &Path) -> Result<(), Failure> {
    let mut table = Table::new(&["target", "files before", "files", "bytes"]);
    for target in targets {
        let folders = Folders::of(workspace, target)?;
        let before = corpus::count(&folders.committed)?;
        let merged = workspace.target().join("fuzz-merged").join(&target.name);
        run::merge(target, programs, &folders, &merged)?;
        let kept = corpus::replace(&folders.committed, &merged)?;
        table.row([
            target.name.clone(),
            before.to_string(),
            kept.files.to_string(),
            kept.bytes.to_string(),
        ]);
    }
    println!("{}", table.aligned());
    Ok(())
}

/// What a thread that panicked left behind is still a list.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|held| held.into_inner())
}

impl Outcome {
    fn cells(&self) -> [String; 7] {
        let rate = self.executions as f64 / self.processor_seconds.max(0.01);
        [
            self.target.clone(),
            self.executions.to_string(),
            format!("{rate:.0}"),
            self.edges.to_string(),
            self.new.to_string(),
            format!("{:.0}", self.processor_seconds),
            self.findings.len().to_string(),
        ]
    }
}
