//! `cargo xtask bench`: what it costs, measured.
//!
//! Owns the list of benchmarks, the machine they ran on, and the way of their figures to the
//! terminal and into `docs/performance.md`. A benchmark is one module and one line in [`BENCHES`].
//! Figures are published as they are: an aim that is missed is a row like any other.

mod disk;
mod table;

use std::path::PathBuf;

use crate::{command, failure::Failure, generate, marked, workspace::Workspace};

pub(crate) use table::Table;

/// Where the figures are published.
const DOCUMENT: &str = "docs/performance.md";

/// A benchmark.
struct Bench {
    name: &'static str,
    about: &'static str,
    /// Whether it measures the product, which is then built for release first.
    product: bool,
    run: fn(&Setting<'_>) -> Result<Table, Failure>,
}

/// Every benchmark.
const BENCHES: &[Bench] = &[Bench {
    name: "disk",
    about: "how many times a second this disk makes an append durable",
    product: false,
    run: disk::run,
}];

/// What a benchmark is given.
pub(crate) struct Setting<'a> {
    pub(crate) workspace: &'a Workspace,
    /// The product, built for release where the benchmark asks for it.
    pub(crate) binary: PathBuf,
}

/// Runs one benchmark, or lists them.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let (name, publish) = match arguments {
        [] => {
            for bench in BENCHES {
                println!("{:<10} {}", bench.name, bench.about);
            }
            return Ok(());
        }
        [name] => (*name, false),
        [name, "--write"] => (*name, true),
        _ => return Err(unknown("those options")),
    };
    let bench = BENCHES.iter().find(|bench| bench.name == name);
    let bench = bench.ok_or_else(|| unknown(name))?;
    let setting = Setting {
        workspace,
        binary: workspace.target().join("release/vouchsafe"),
    };
    if bench.product {
        build(&setting)?;
    }
    let table = (bench.run)(&setting)?;
    let machine = machine();
    println!("{}\n{machine}\n\n{}", bench.about, table.aligned());
    if publish {
        let body = format!(
            "`cargo xtask bench {name}`: {}.\n\n{machine}.\n\n{}",
            bench.about,
            table.markdown()
        );
        write(workspace, name, &body)?;
    }
    Ok(())
}

fn unknown(what: &str) -> Failure {
    let names: Vec<&str> = BENCHES.iter().map(|bench| bench.name).collect();
    Failure::stuck(
        format!("there is no benchmark {what}"),
        format!(
            "run `cargo xtask bench NAME [--write]` with one of: {}",
            names.join(", ")
        ),
    )
}

fn build(setting: &Setting<'_>) -> Result<(), Failure> {
    let arguments = ["build", "--release", "--locked", "--package", "vouchsafe"];
    let mut cargo = command::command(setting.workspace.root(), "cargo", &arguments);
    if command::talk(&mut cargo)? && setting.binary.is_file() {
        return Ok(());
    }
    Err(Failure::stuck(
        "the product does not build",
        "run `cargo build --release` and mend it",
    ))
}

/// Puts the figures into the document, in their own part; a new one goes to its end.
fn write(workspace: &Workspace, name: &str, body: &str) -> Result<(), Failure> {
    let path = workspace.root().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| "# Performance\n".to_owned());
    let part = format!("bench {name}");
    let text = marked::replace(&text, &part, body)
        .unwrap_or_else(|| marked::append(&text, name, &part, body));
    generate::store(&path, &text)?;
    eprintln!("{DOCUMENT}: written");
    Ok(())
}

/// Processor, cores, kernel and day, for the line above the figures.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let processor = read("/proc/cpuinfo")
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or_else(
            || "unknown processor".to_owned(),
            |(_, name)| name.to_owned(),
        );
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{processor}, {cores} cores, Linux {}, {}",
        kernel.trim(),
        today()
    )
}

/// The day in UTC, as `date` says it: a label, so its absence is no failure.
fn today() -> String {
    let mut date = command::command(std::path::Path::new("/"), "date", &["-u", "+%Y-%m-%d"]);
    command::listen(&mut date, std::time::Duration::from_secs(5)).map_or_else(
        |_| "undated".to_owned(),
        |said| said.stdout.trim().to_owned(),
    )
}
