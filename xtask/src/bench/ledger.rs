//! `cargo xtask bench ledger`: what the ledger bears, beside the disk it lies on.
//!
//! Owns the aims and the table. The measuring is done by `crates/ledger/examples/measure.rs`, which
//! links the ledger; this builds and runs it in a folder of the build's disk.

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::{
    Setting, Table,
    table::{Aim, Verdict},
};
use crate::{command, failure::Failure};

/// Aims of reference: durable events a second, their p99, and entries verified a second.
const DURABLE: f64 = 10_000.0;
const P99: f64 = 25_000.0;
const VERIFIED: f64 = 1_000_000.0;

pub(crate) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    let folder = setting.workspace.target().join("bench-ledger");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
    let measured = measure(setting, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    Ok(vec![tabulate(&measured?)?])
}

fn measure(setting: &Setting<'_>, folder: &Path) -> Result<Value, Failure> {
    let entries = setting.number("--entries", 1_000_000);
    let root = setting.workspace.root();
    let build = ["build", "--release", "--locked", "--package", "ledger"];
    let mut cargo = command::command(root, "cargo", &build);
    if !command::talk(cargo.args(["--example", "measure"]))? {
        return Err(Failure::stuck("the ledger does not build", "see above"));
    }
    let program = setting.workspace.target().join("release/examples/measure");
    let data = folder.join("data");
    std::fs::create_dir_all(&data).map_err(|cause| Failure::io(&data, &cause))?;
    let mut measure = command::command(folder, program, &["data"]);
    measure.arg(entries.to_string());
    eprintln!("measuring");
    let said = command::listen(&mut measure, Duration::from_secs(600))?;
    serde_json::from_str(&said.stdout).map_err(|_| {
        let what = command::last_lines(&said.stderr, 5);
        Failure::stuck("the ledger was not measured", format!("it said: {what}"))
    })
}

fn tabulate(measured: &Value) -> Result<Table, Failure> {
    let mut table = Table::titled(
        "Ledger",
        &["what", "a second", "p50 ms", "p99 ms", "the disk alone"],
    );
    let figure = |value: &Value, path: &str| {
        value.pointer(path).and_then(Value::as_f64).ok_or_else(|| {
            Failure::stuck(
                format!("the ledger's figures lack {path}"),
                "bring crates/ledger/examples/measure.rs and xtask in step",
            )
        })
    };
    let runs = measured.get("durable").and_then(Value::as_array);
    let mut best: Option<(f64, f64)> = None;
    for run in runs.into_iter().flatten() {
        let (rate, p99) = (figure(run, "/per_second")?, figure(run, "/p99_us")?);
        let waiting = figure(run, "/waiting")?;
        table.row([
            format!("durable events, {waiting} waiting at a time"),
            format!("{rate:.0}"),
            milliseconds(figure(run, "/p50_us")?),
            milliseconds(p99),
            format!("{:.0}", figure(run, "/disk_per_second")?),
        ]);
        if best.is_none_or(|(most, _)| rate > most) {
            best = Some((rate, p99));
        }
    }
    let disk = format!("{:.0}", figure(measured, "/batched/disk_per_second")?);
    let mut rate = |what: String, path: &str| {
        let rate = figure(measured, path)?;
        let none = || "–".to_owned();
        let writes = path.starts_with("/batched");
        let disk = if writes { disk.clone() } else { none() };
        table.row([what, format!("{rate:.0}"), none(), none(), disk]);
        Ok::<f64, Failure>(rate)
    };
    rate(
        "batched events, until on disk".into(),
        "/batched/per_second",
    )?;
    rate(
        "batched events, until signed".into(),
        "/batched/signed_per_second",
    )?;
    let entries = figure(measured, "/verify/entries")?;
    let verified = format!("entries verified, of {entries}");
    rate(format!("{verified}, by the clock"), "/verify/per_second")?;
    let verified = rate(
        format!("{verified}, by processor time"),
        "/verify/per_processor_second",
    )?;
    if let Some((rate, p99)) = best {
        table.aim(Aim {
            what: format!(
                "durable events a second, at a p99 below {} ms",
                milliseconds(P99)
            ),
            bound: format!("≥ {DURABLE:.0}"),
            measured: format!("{rate:.0} at {} ms", milliseconds(p99)),
            verdict: Verdict::of(rate >= DURABLE && p99 < P99, 0),
        });
    }
    table.aim(Aim {
        what: "entries verified in a second of one core".to_owned(),
        bound: format!("≥ {VERIFIED:.0}"),
        measured: format!("{verified:.0}"),
        verdict: Verdict::of(verified >= VERIFIED, 0),
    });
    table.note(ABOUT);
    Ok(table)
}

/// What the figures include, and what they do not.
const ABOUT: &str = "\
    The disk alone is how many appends of 256 bytes a second it makes durable, one fdatasync at a \
    time, measured right before the row: other work on the machine moves both. \
    Events are those of refused requests with their pseudonyms, made on one thread for each core \
    and written by the ledger's own threads on the same cores; tiles and signed checkpoints are \
    written meanwhile. A durable event counts once fdatasync has returned; batched events come as fast \
    as the ledger takes them, and are signed once a checkpoint covers the last of them. Verification checks \
    signature, every entry, every tile and the root, from files that the system still has in memory, \
    on one thread. No second place for checkpoints is configured.";

fn milliseconds(micros: f64) -> String {
    format!("{:.2}", micros / 1e3)
}

#[cfg(test)]
mod tests {
    use super::{super::table, *};
    use serde_json::json;

    fn told(measured: &Value) -> String {
        table::markdown(&[tabulate(measured).unwrap()])
    }

    fn measured(rate: f64, p99: f64) -> Value {
        let run = |waiting: u32, rate: f64, p99: f64| {
            json!({
                "waiting": waiting,
                "disk_per_second": 500.0,
                "per_second": rate,
                "p50_us": 400,
                "p99_us": p99,
            })
        };
        json!({
            "durable": [run(1, 100.0, 900.0), run(64, rate, p99)],
            "batched": {
                "disk_per_second": 400.0,
                "per_second": 90_000.0,
                "signed_per_second": 9_000.0,
            },
            "verify": {
                "entries": 1_000_000,
                "per_second": 900_000.0,
                "per_processor_second": 1_500_000.0,
            },
        })
    }

    #[test]
    fn the_best_run_is_held_against_the_aim() {
        let table = told(&measured(12_000.0, 20_000.0));
        assert!(table.contains("12000 at 20.00 ms | met |"), "{table}");
        assert!(table.contains("| 100 | 0.40 | 0.90 | 500 |"), "{table}");
        assert!(
            table.contains("until signed | 9000 | – | – | 400 |"),
            "{table}"
        );
    }

    #[test]
    fn a_missed_aim_is_said() {
        for (rate, p99) in [(9_999.0, 20_000.0), (12_000.0, 25_000.0)] {
            let table = told(&measured(rate, p99));
            assert!(table.contains("| missed |"), "{table}");
        }
    }

    #[test]
    fn a_figure_that_is_missing_is_a_failure() {
        let mut measured = measured(1.0, 1.0);
        measured["verify"] = json!({});
        let failure = tabulate(&measured).unwrap_err().to_string();
        assert!(failure.contains("/verify/entries"), "{failure}");
    }
}
