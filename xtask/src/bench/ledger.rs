//! `cargo xtask bench ledger`: what the ledger bears, beside the disk it lies on.
//!
//! Owns the aims and the tables. The measuring is done by `crates/ledger/examples/append.rs`, which
//! links the ledger, and by the load generator, which brings what people use without us; this builds
//! and runs them in a folder of the build's disk.

use std::{path::Path, time::Duration};

use serde_json::Value;

use super::{
    Setting, Table,
    stage::Folder,
    table::{Aim, Verdict},
};
use crate::{command, failure::Failure};

/// Aims: durable events a second, their p99, what the disk must do alone for them, batched events a
/// second, and entries verified a second.
const DURABLE: f64 = 20_000.0;
const P99: f64 = 15_000.0;
const SYNCS: f64 = 500.0;
const BATCHED: f64 = 200_000.0;
const VERIFIED: f64 = 1_000_000.0;

/// Events that each peer is given.
const PEER_EVENTS: &str = "200000";

pub(crate) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    let folder = Folder::fresh(setting.workspace.target().join("bench-ledger"))?;
    let measured = measure(setting, folder.path())?;
    let peers = peers(setting, folder.path())?;
    Ok(vec![tabulate(&measured)?, beside(&measured, &peers)?])
}

fn measure(setting: &Setting<'_>, folder: &Path) -> Result<Value, Failure> {
    let entries = setting.number("--entries", 1_000_000);
    let root = setting.workspace.root();
    let build = ["build", "--release", "--locked", "--package", "ledger"];
    let mut cargo = command::command(root, "cargo", &build);
    if !command::talk(cargo.args(["--example", "append"]))? {
        return Err(Failure::stuck("the ledger does not build", "see above"));
    }
    let program = setting.workspace.target().join("release/examples/append");
    let data = folder.join("data");
    std::fs::create_dir_all(&data).map_err(|cause| Failure::io(&data, &cause))?;
    let mut measure = command::command(folder, program, &["data"]);
    measure.arg(entries.to_string());
    eprintln!("measuring the ledger");
    let said = command::listen(&mut measure, Duration::from_secs(600))?;
    serde_json::from_str(&said.stdout).map_err(|_| {
        let what = command::last_lines(&said.stderr, 5);
        Failure::stuck("the ledger was not measured", format!("it said: {what}"))
    })
}

/// Logs as people build them without us, on the same disk.
fn peers(setting: &Setting<'_>, folder: &Path) -> Result<Value, Failure> {
    let build = ["build", "--release", "--locked", "--package", "load"];
    let mut cargo = command::command(setting.workspace.root(), "cargo", &build);
    if !command::talk(&mut cargo)? {
        return Err(Failure::stuck("the peers do not build", "see above"));
    }
    eprintln!("measuring its peers");
    let mut measure = command::command(folder, &setting.load, &["peers", "."]);
    let said = command::listen(measure.arg(PEER_EVENTS), Duration::from_secs(120))?;
    serde_json::from_str(&said.stdout).map_err(|_| {
        let what = command::last_lines(&said.stderr, 5);
        Failure::stuck("the peers were not measured", format!("they said: {what}"))
    })
}

/// A figure of the report; its absence is a failure, never a zero.
fn figure(value: &Value, path: &str) -> Result<f64, Failure> {
    value.pointer(path).and_then(Value::as_f64).ok_or_else(|| {
        Failure::stuck(
            format!("the figures lack {path}"),
            "bring what measures and xtask in step",
        )
    })
}

/// A run with events that wait for the disk.
#[derive(Clone, Copy)]
struct Durable {
    waiting: f64,
    rate: f64,
    p50: f64,
    p99: f64,
    disk: f64,
}

fn durable(measured: &Value) -> Result<Vec<Durable>, Failure> {
    let runs = measured.get("durable").and_then(Value::as_array);
    let read = |run: &Value| {
        Ok(Durable {
            waiting: figure(run, "/waiting")?,
            rate: figure(run, "/per_second")?,
            p50: figure(run, "/p50_us")?,
            p99: figure(run, "/p99_us")?,
            disk: figure(run, "/disk_per_second")?,
        })
    };
    runs.into_iter().flatten().map(read).collect()
}

fn tabulate(measured: &Value) -> Result<Table, Failure> {
    let columns = ["what", "a second", "p50 ms", "p99 ms", "the disk alone"];
    let mut table = Table::titled("Ledger", &columns);
    let runs = durable(measured)?;
    for run in &runs {
        table.row([
            format!("durable events, {} waiting at a time", run.waiting),
            format!("{:.0}", run.rate),
            milliseconds(run.p50),
            milliseconds(run.p99),
            format!("{:.0}", run.disk),
        ]);
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
    let batched = rate(
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
    if let Some(aim) = aim(&runs) {
        table.aim(aim);
    }
    for (what, bound, measured) in [
        ("batched events a second, until on disk", BATCHED, batched),
        (
            "entries verified in a second of one core",
            VERIFIED,
            verified,
        ),
    ] {
        table.aim(Aim {
            what: what.to_owned(),
            bound: format!("≥ {bound:.0}"),
            measured: format!("{measured:.0}"),
            verdict: Verdict::of(measured >= bound, 0),
        });
    }
    table.note(ABOUT);
    Ok(table)
}

/// What came of the durable events: of the runs that are quick enough the one that takes most.
fn aim(runs: &[Durable]) -> Option<Aim> {
    let most = |quick: bool| {
        runs.iter()
            .filter(|run| !quick || run.p99 < P99)
            .max_by(|one, other| one.rate.total_cmp(&other.rate))
    };
    let run = most(true).or_else(|| most(false))?;
    let holds = run.rate >= DURABLE && run.p99 < P99;
    Some(Aim {
        what: format!(
            "durable events a second at a p99 below {} ms, on a disk of {SYNCS:.0} appends a second",
            milliseconds(P99)
        ),
        bound: format!("≥ {DURABLE:.0}"),
        measured: format!(
            "{:.0} at {} ms on a disk of {:.0}",
            run.rate,
            milliseconds(run.p99),
            run.disk
        ),
        // A slower disk excuses a miss and takes nothing from what was reached.
        verdict: match Verdict::of(holds, 0) {
            Verdict::Missed if run.disk < SYNCS => Verdict::NotHere,
            verdict => verdict,
        },
    })
}

/// The peers, each beside the run of ours that is like it: one event at a time, or a group.
fn beside(measured: &Value, peers: &Value) -> Result<Table, Failure> {
    let columns = [
        "log",
        "durable a second",
        "ours is × as fast",
        "p50 ms",
        "p99 ms",
    ];
    let mut table = Table::titled("Beside other logs", &columns);
    let runs = durable(measured)?;
    let alone = |run: &&Durable| run.waiting == 1.0;
    let (one, group) = (runs.iter().find(alone), runs.last());
    let peers = peers.get("peers").and_then(Value::as_array);
    for peer in peers.into_iter().flatten() {
        let name = peer.get("name").and_then(Value::as_str).unwrap_or_default();
        let rate = figure(peer, "/per_second")?;
        let like = if name.contains("512") { group } else { one };
        let ratio = like.map(|run| run.rate / rate.max(f64::EPSILON));
        table.row([
            name.to_owned(),
            format!("{rate:.0}"),
            ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.1}")),
            milliseconds(figure(peer, "/p50_us")?),
            milliseconds(figure(peer, "/p99_us")?),
        ]);
    }
    table.note(BESIDE);
    Ok(table)
}

/// What the peers do and do not.
const BESIDE: &str = "\
    Events of the same length, chained by SHA-256 so that an alteration in the middle shows; no \
    signature, no pseudonyms, no proof for a single entry. One writer each, and 512 events wait for \
    one commit or one fdatasync where groups are named: they are beside our run with 512 waiting, the \
    others beside ours with 1.";

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
        let table = told(&measured(22_000.0, 14_000.0));
        assert!(
            table.contains("22000 at 14.00 ms on a disk of 500 | met |"),
            "{table}"
        );
        assert!(table.contains("| 100 | 0.40 | 0.90 | 500 |"), "{table}");
        assert!(
            table.contains("until signed | 9000 | – | – | 400 |"),
            "{table}"
        );
    }

    #[test]
    fn a_missed_aim_is_said() {
        for (rate, p99) in [(19_999.0, 14_000.0), (22_000.0, 15_000.0)] {
            let table = told(&measured(rate, p99));
            assert!(table.contains("on a disk of 500 | missed |"), "{table}");
        }
    }

    #[test]
    fn a_slow_disk_excuses_a_miss_and_takes_nothing_from_what_was_reached() {
        for (rate, verdict) in [(100.0, "not judged"), (22_000.0, "met")] {
            let mut measured = measured(rate, 14_000.0);
            for run in measured["durable"].as_array_mut().unwrap() {
                run["disk_per_second"] = json!(499.0);
            }
            let table = told(&measured);
            assert!(
                table.contains(&format!("on a disk of 499 | {verdict}")),
                "{table}"
            );
        }
    }

    #[test]
    fn a_peer_stands_beside_the_run_that_is_like_it() {
        let peer = |name: &str, rate: f64| json!({"name": name, "per_second": rate, "p50_us": 1000.0, "p99_us": 2000.0});
        let peers =
            json!({"peers": [peer("one at a time", 50.0), peer("512 in a commit", 1000.0)]});
        let table = beside(&measured(22_000.0, 14_000.0), &peers).unwrap();
        let table = table.markdown();
        assert!(
            table.contains("| one at a time | 50 | 2.0 | 1.00 | 2.00 |"),
            "{table}"
        );
        assert!(
            table.contains("| 512 in a commit | 1000 | 22.0 |"),
            "{table}"
        );
    }

    #[test]
    fn a_figure_that_is_missing_is_a_failure() {
        let mut measured = measured(1.0, 1.0);
        measured["verify"] = json!({});
        let failure = tabulate(&measured).unwrap_err().to_string();
        assert!(failure.contains("/verify/entries"), "{failure}");
    }
}
