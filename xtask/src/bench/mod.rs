//! `cargo xtask bench`: what it costs, measured.
//!
//! Owns the list of benchmarks, the machine they ran on, and the way of their figures to the
//! terminal and into `docs/performance.md`. A benchmark is one module and one line in [`BENCHES`].
//! Figures are published as they are: an aim that is missed is a row like any other.

mod disk;
mod figures;
mod gate;
pub(crate) mod http;
mod ledger;
pub(crate) mod packages;
pub(crate) mod process;
pub(crate) mod table;
mod wrk;

use std::path::PathBuf;

use crate::{command, failure::Failure, generate, marked, workspace::Workspace};

pub(crate) use gate::systems::{ANSWER, HOST, await_ready, create_key};
pub(crate) use process::Running;
pub(crate) use table::Table;

/// Where the figures are published.
const DOCUMENT: &str = "docs/performance.md";

/// A benchmark.
struct Bench {
    name: &'static str,
    about: &'static str,
    /// Whether it measures the product, which is then built for release first.
    product: bool,
    /// Options it takes, each with a number.
    takes: &'static [&'static str],
    run: fn(&Setting<'_>) -> Result<Table, Failure>,
}

/// Every benchmark.
const BENCHES: &[Bench] = &[
    Bench {
        name: "gate",
        about: "what a request costs through the gate, nginx and HAProxy",
        product: true,
        takes: &["--rounds", "--seconds", "--connections"],
        run: gate::run,
    },
    Bench {
        name: "ledger",
        about: "how many events a second the ledger makes durable, and how fast it is verified",
        product: false,
        takes: &["--entries"],
        run: ledger::run,
    },
    Bench {
        name: "disk",
        about: "how many times a second this disk makes an append durable",
        product: false,
        takes: &[],
        run: disk::run,
    },
];

/// Options and the number given with each.
type Numbers = Vec<(&'static str, usize)>;

/// What a benchmark is given.
pub(crate) struct Setting<'a> {
    pub(crate) workspace: &'a Workspace,
    /// The product, built for release where the benchmark asks for it.
    pub(crate) binary: PathBuf,
    numbers: Numbers,
}

impl Setting<'_> {
    /// The number given with `option`, or else `default`.
    pub(crate) fn number(&self, option: &str, default: usize) -> usize {
        let given = self.numbers.iter().find(|(name, _)| *name == option);
        given.map_or(default, |(_, number)| *number)
    }
}

/// Runs one benchmark, or lists them.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let Some((name, options)) = arguments.split_first() else {
        for bench in BENCHES {
            println!("{:<10} {}", bench.name, bench.about);
        }
        return Ok(());
    };
    let bench = BENCHES.iter().find(|bench| bench.name == *name);
    let bench = bench.ok_or_else(|| unknown(name))?;
    let (numbers, publish) = read(bench, options)?;
    let setting = Setting {
        workspace,
        binary: workspace.target().join("release/vouchsafe"),
        numbers,
    };
    if bench.product {
        build(&setting)?;
    }
    let table = (bench.run)(&setting)?;
    let machine = machine();
    println!("{}\n{machine}\n\n{}", bench.about, table.aligned());
    if publish {
        let options = setting.numbers.iter();
        let options: String = options.map(|(name, n)| format!(" {name} {n}")).collect();
        let body = format!(
            "`cargo xtask bench {name}{options}`: {}.\n\n{machine}.\n\n{}",
            bench.about,
            table.markdown()
        );
        publish_part(workspace, name, &format!("bench {name}"), &body)?;
    }
    Ok(())
}

/// Numbers and `--write` among the options.
fn read(bench: &Bench, options: &[&str]) -> Result<(Numbers, bool), Failure> {
    let (mut numbers, mut publish) = (Numbers::new(), false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if *option == "--write" {
            publish = true;
            continue;
        }
        let known = bench.takes.iter().find(|known| *known == option);
        let number = options.next().and_then(|number| number.parse().ok());
        match (known, number) {
            (Some(known), Some(number @ 1..=10_000_000)) => numbers.push((*known, number)),
            _ => return Err(misused(bench, option)),
        }
    }
    Ok((numbers, publish))
}

fn misused(bench: &Bench, option: &str) -> Failure {
    let takes: String = bench.takes.iter().map(|o| format!(" [{o} N]")).collect();
    Failure::stuck(
        format!("{option} is not an option of this benchmark, or has no number behind it"),
        format!("run `cargo xtask bench {}{takes} [--write]`", bench.name),
    )
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
pub(crate) fn publish_part(
    workspace: &Workspace,
    heading: &str,
    part: &str,
    body: &str,
) -> Result<(), Failure> {
    let path = workspace.root().join(DOCUMENT);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|_| "# Performance\n".to_owned());
    let text = marked::replace(&text, part, body)
        .unwrap_or_else(|| marked::append(&text, heading, part, body));
    generate::store(&path, &text)?;
    eprintln!("{DOCUMENT}: written");
    Ok(())
}

/// Processor, cores, kernel and day, for the line above the figures.
pub(crate) fn machine() -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_numbers_and_the_wish_to_publish() {
        let gate = &BENCHES[0];
        let (numbers, publish) = read(gate, &["--rounds", "2", "--write"]).unwrap();
        assert_eq!((numbers, publish), (vec![("--rounds", 2)], true));
        assert_eq!(read(gate, &[]).unwrap(), (vec![], false));
    }

    #[test]
    fn an_option_that_is_unknown_or_has_no_number_is_refused() {
        for options in [
            &["--entries", "2"][..],
            &["--rounds"],
            &["--rounds", "0"],
            &["--rounds", "many"],
            &["--rounds", "--write"],
        ] {
            let failure = read(&BENCHES[0], options).unwrap_err().to_string();
            assert!(failure.contains("cargo xtask bench gate [--rounds N]"));
        }
    }
}
