//! `cargo xtask bench`: what it costs, measured.
//!
//! Owns the list of benchmarks, the machine they ran on, and the way of their figures to the
//! terminal and into `docs/performance.md`. A benchmark is one module and one line in [`BENCHES`].
//! Figures are published as they are: an aim that is missed is a row like any other.

mod disk;
mod figures;
mod gate;
mod h2load;
pub(crate) mod http;
mod ledger;
mod load;
pub(crate) mod packages;
pub(crate) mod process;
mod reload;
mod soak;
mod stage;
pub(crate) mod table;
mod upload;
mod wrk;

use std::path::PathBuf;

use crate::{command, failure::Failure, generate, marked, product, workspace::Workspace};

pub(crate) use gate::systems::{ANSWER, HOST};
pub(crate) use process::Running;
pub(crate) use stage::{await_ready, create_key};
pub(crate) use table::Table;

/// Where the figures are published.
const DOCUMENT: &str = "docs/performance.md";

/// A benchmark.
struct Bench {
    name: &'static str,
    /// What stands above its figures in the document.
    heading: &'static str,
    about: &'static str,
    /// Whether it measures the product, which is then built for release first.
    product: bool,
    /// Options it takes, each with a number.
    takes: &'static [&'static str],
    /// What `--only` may name.
    groups: &'static [&'static str],
    run: fn(&Setting<'_>) -> Result<Vec<Table>, Failure>,
}

/// Every benchmark.
const BENCHES: &[Bench] = &[
    Bench {
        name: "gate",
        heading: "Gate",
        about: "what a request costs through the gate, nginx and HAProxy",
        product: true,
        takes: &["--rounds", "--seconds", "--connections"],
        groups: gate::NAMES,
        run: gate::run,
    },
    Bench {
        name: "identity",
        heading: "Identity",
        about: "what it costs to know who asks and what they may do",
        product: true,
        takes: &["--rounds", "--seconds", "--connections"],
        groups: gate::identity::NAMES,
        run: gate::identity::run,
    },
    Bench {
        name: "limits",
        heading: "Limits",
        about: "what it costs to count requests, and how exactly they are counted",
        product: true,
        takes: &["--rounds", "--seconds", "--connections"],
        groups: gate::limits::NAMES,
        run: gate::limits::run,
    },
    Bench {
        name: "upload",
        heading: "Uploads",
        about: "what judging uploads costs, beside the same checks in Python",
        product: false,
        takes: &[],
        groups: &[],
        run: upload::run,
    },
    Bench {
        name: "reload",
        heading: "Reloads",
        about: "whether anybody notices that the configuration changes under load",
        product: true,
        takes: &["--seconds"],
        groups: &[],
        run: reload::run,
    },
    Bench {
        name: "soak",
        heading: "Soak",
        about: "whether anything grows or goes wrong under mixed traffic",
        product: true,
        takes: &["--minutes"],
        groups: &[],
        run: soak::run,
    },
    Bench {
        name: "ledger",
        heading: "Ledger",
        about: "how many events a second the ledger makes durable, and how fast it is verified",
        product: false,
        takes: &["--entries"],
        groups: &[],
        run: ledger::run,
    },
    Bench {
        name: "disk",
        heading: "Disk",
        about: "how many times a second this disk makes an append durable",
        product: false,
        takes: &[],
        groups: &[],
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
    /// The load generator.
    pub(crate) load: PathBuf,
    numbers: Numbers,
    /// The one group that is measured.
    pub(crate) only: Option<&'static str>,
    /// Whether it is only seen that everything runs, on a build that was made anyway.
    pub(crate) smoke: bool,
}

impl Setting<'_> {
    /// The number given with `option`, or else `default`.
    pub(crate) fn number(&self, option: &str, default: usize) -> usize {
        let given = self.numbers.iter().find(|(name, _)| *name == option);
        given.map_or(default, |(_, number)| *number)
    }
}

/// What was asked for.
#[derive(Debug, Default, PartialEq)]
struct Options {
    numbers: Numbers,
    only: Option<&'static str>,
    smoke: bool,
    publish: bool,
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
    let options = read(bench, options)?;
    let profile = if options.smoke { "debug" } else { "release" };
    let setting = Setting {
        workspace,
        binary: workspace.target().join(profile).join("vouchsafe"),
        load: workspace.target().join(profile).join("load"),
        numbers: options.numbers,
        only: options.only,
        smoke: options.smoke,
    };
    if bench.product {
        build(&setting)?;
    }
    let tables = (bench.run)(&setting)?;
    if tables.is_empty() {
        return Ok(());
    }
    let machine = machine();
    println!("{}\n{machine}\n\n{}", bench.about, table::aligned(&tables));
    if options.publish {
        let numbers = setting.numbers.iter();
        let numbers: String = numbers.map(|(name, n)| format!(" {name} {n}")).collect();
        let body = format!(
            "`cargo xtask bench {name}{numbers}`: {}.\n\n{machine}.\n\n{}",
            bench.about,
            table::markdown(&tables)
        );
        publish_part(workspace, bench.heading, &format!("bench {name}"), &body)?;
    }
    Ok(())
}

/// Sees that every row of the gate's benchmark runs.
pub(crate) fn smoke(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    run(workspace, &["gate", "--smoke"])?;
    run(workspace, &["identity", "--smoke"])?;
    run(workspace, &["limits", "--smoke"])?;
    run(workspace, &["reload", "--smoke"]).map(|()| Vec::new())
}

/// The soak as CI has time for: three minutes, on the build of the tests.
pub(crate) fn soak_briefly(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    run(workspace, &["soak", "--smoke", "--minutes", "3"])?;
    Ok(vec![
        "three minutes of mixed traffic were answered rightly, recorded whole and left nothing behind"
            .to_owned(),
    ])
}

/// Numbers, the one group, and the wishes among the options.
fn read(bench: &Bench, given: &[&str]) -> Result<Options, Failure> {
    let mut options = Options::default();
    let mut given = given.iter();
    while let Some(option) = given.next() {
        match *option {
            "--write" => options.publish = true,
            "--smoke" if bench.product => options.smoke = true,
            "--only" => {
                let name = given.next();
                let group = bench.groups.iter().find(|group| Some(*group) == name);
                options.only = Some(group.ok_or_else(|| misused(bench, option))?);
            }
            option => {
                let known = bench.takes.iter().find(|known| **known == option);
                let number = given.next().and_then(|number| number.parse().ok());
                match (known, number) {
                    (Some(known), Some(number @ 1..=10_000_000)) => {
                        options.numbers.push((*known, number));
                    }
                    _ => return Err(misused(bench, option)),
                }
            }
        }
    }
    if options.publish && (options.smoke || options.only.is_some()) {
        return Err(Failure::stuck(
            "what is published is the whole run",
            "leave --write out, or --only and --smoke",
        ));
    }
    Ok(options)
}

fn misused(bench: &Bench, option: &str) -> Failure {
    let takes: String = bench.takes.iter().map(|o| format!(" [{o} N]")).collect();
    let smoke = if bench.product { " [--smoke]" } else { "" };
    let groups = match bench.groups {
        [] => smoke.to_owned(),
        groups => format!("{smoke} [--only {}]", groups.join(" | ")),
    };
    Failure::stuck(
        format!("{option} is not an option of this benchmark, or lacks what belongs behind it"),
        format!(
            "run `cargo xtask bench {}{takes}{groups} [--write]`",
            bench.name
        ),
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

/// Builds what is measured and what measures it.
fn build(setting: &Setting<'_>) -> Result<(), Failure> {
    let smoke: &[&str] = &[product::BUILD, &["--bin", "load"]].concat();
    let release = [
        "build",
        "--release",
        "--package",
        "vouchsafe",
        "--package",
        "load",
    ];
    let arguments = if setting.smoke { smoke } else { &release };
    let mut cargo = command::command(setting.workspace.root(), "cargo", arguments);
    cargo.args(["--locked", "--quiet"]);
    if command::talk(&mut cargo)? && setting.binary.is_file() && setting.load.is_file() {
        return Ok(());
    }
    Err(Failure::stuck(
        "the product or the load generator does not build",
        "run `cargo build --release -p vouchsafe -p load` and mend it",
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
    fn options_are_numbers_a_group_and_wishes() {
        let gate = &BENCHES[0];
        let all = read(gate, &["--rounds", "2", "--write"]).unwrap();
        assert_eq!((all.numbers, all.publish), (vec![("--rounds", 2)], true));
        let one = read(gate, &["--only", "tls", "--smoke"]).unwrap();
        assert_eq!((one.only, one.smoke), (Some("tls"), true));
        assert_eq!(read(gate, &[]).unwrap(), Options::default());
    }

    #[test]
    fn an_option_that_is_unknown_or_lacks_its_value_is_refused() {
        for options in [
            &["--entries", "2"][..],
            &["--rounds"],
            &["--rounds", "0"],
            &["--rounds", "many"],
            &["--rounds", "--write"],
            &["--only", "nothing"],
            &["--only"],
        ] {
            let failure = read(&BENCHES[0], options).unwrap_err().to_string();
            assert!(failure.contains("cargo xtask bench gate [--rounds N]"));
        }
        let ledger = BENCHES.iter().find(|bench| bench.name == "ledger");
        assert!(read(ledger.unwrap(), &["--smoke"]).is_err());
    }

    #[test]
    fn a_part_of_a_run_is_not_published() {
        for part in [&["--smoke", "--write"][..], &["--write", "--only", "tls"]] {
            let failure = read(&BENCHES[0], part).unwrap_err().to_string();
            assert!(failure.contains("whole run"), "{failure}");
        }
    }
}
