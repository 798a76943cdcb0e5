//! `cargo xtask bench limits`: what it costs to count, and how exactly it is counted.
//!
//! Owns three ways of measuring. Alone, the decision itself, which `crates/limits/examples/decide.rs`
//! makes. Through the gate, what a limit that nobody reaches adds to a request, beside `limit_req` of
//! nginx and a stick table of HAProxy, on one node and on nodes that ask a server they share. And by
//! several processes at once, how many requests a limit lets pass of more than it allows.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{
    super::{
        Setting, Table, http,
        packages::{self, HAPROXY, NGINX, WRK},
        stage::{self, Folder, Up},
        table::{Aim, Verdict},
    },
    Plan, added,
    rows::{self, Drive, Row},
    systems::{self, ANSWER, HOST, SHARED, Systems, USUAL, Which},
};
use crate::{command, failure::Failure};

const ALONE: &str = "alone";
const REQUESTS: &str = "requests";
const EXACT: &str = "exact";

/// The groups that `--only` may name.
pub(in crate::bench) const NAMES: &[&str] = &[ALONE, REQUESTS, EXACT];

/// Most that a limit may add to a request of one node, in microseconds.
const ADDED: f64 = 1.0;

/// What the limit of the exactness rows allows, and how many requests are sent.
const ALLOWED: usize = 200;
const SENT: usize = 500;

/// Connections that send them at a time.
const AT_ONCE: usize = 8;

const ABOUT: &str = "\
    Added is what a request costs under a limit by address that nobody reaches, less what one costs \
    on another path of the same server, in the same round. Redis and nodes share the cores, and the \
    processor time of Redis is not counted. Nodes ask it once for each request and wait for it: that is \
    what it costs to count together. A range that reaches below zero says that the machine cannot tell \
    what was added.";

/// A limit by address; `more` is what else it says.
pub(super) fn rate(requests: usize, per: &str, more: &str) -> String {
    format!(
        "[[rate]]\nname = \"bench\"\nrequests = {requests}\nper = \"{per}\"\nby = \"address\"\n{more}\n"
    )
}

pub(in crate::bench) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    let chosen = |group| setting.only.is_none_or(|only| only == group);
    let mut tables = Vec::new();
    if chosen(ALONE) && !setting.smoke {
        tables.push(alone(setting)?);
    }
    if chosen(REQUESTS) {
        packages::ensure(&[NGINX, HAPROXY, WRK])?;
        tables.push(requests(&Plan::of(setting))?);
    }
    if chosen(EXACT) {
        tables.push(exact(setting)?);
    }
    if setting.smoke {
        let rows: usize = tables.iter().map(Table::len).sum();
        println!("{rows} rows ran; what so short a run says of cost is not shown");
        return Ok(Vec::new());
    }
    Ok(tables)
}

fn requests(plan: &Plan<'_>) -> Result<Table, Failure> {
    let systems = Systems::start(plan, USUAL, &[Which::Limited])?;
    let mut rows = Vec::new();
    for (which, name, limit) in [
        (Which::Nginx, "nginx", "limit_req"),
        (Which::Haproxy, "HAProxy", "stick table"),
        (Which::Limited, "Vouchsafe", "limit"),
        (Which::Together, "Vouchsafe with Redis", "limit"),
    ] {
        let open = format!("{name}, no limit");
        for (name, path) in [
            (open.clone(), "/"),
            (format!("{name}, {limit}"), "/limited"),
        ] {
            check(&name, systems.get(which)?.address, path)?;
            rows.push(Row {
                name,
                which,
                drive: Drive::Wrk { path },
                against: Some(open.clone()),
                aim: None,
            });
        }
    }
    let samples = rows::rounds(plan, &systems, &rows)?;
    let bound = |row: &Row| (row.which == Which::Limited).then_some(ADDED);
    let mut table = added::tabulate("Requests under a limit", &rows, &samples, bound);
    table.note(format!(
        "{} connections of wrk, {} rounds of {} s for each row, interleaved.",
        plan.connections,
        plan.rounds,
        plan.seconds.ceil(),
    ));
    table.note(ABOUT);
    Ok(table)
}

fn check(name: &str, address: SocketAddr, path: &str) -> Result<(), Failure> {
    let answer = http::get(address, path, &[HOST.to_owned()])
        .map_err(|cause| Failure::stuck(format!("{name}: {cause}"), "mend it"))?;
    if answer.status == 200 && answer.body == ANSWER.as_bytes() {
        return Ok(());
    }
    Err(Failure::stuck(
        format!("{name}: status {}", answer.status),
        "mend it: what answers wrongly is not worth measuring",
    ))
}

/// Decisions alone.
fn alone(setting: &Setting<'_>) -> Result<Table, Failure> {
    let build = [
        "build",
        "--release",
        "--locked",
        "--package",
        "limits",
        "--example",
        "decide",
    ];
    let mut cargo = command::command(setting.workspace.root(), "cargo", &build);
    if !command::talk(&mut cargo)? {
        return Err(Failure::stuck("limits does not build", "see above"));
    }
    let program = setting.workspace.target().join("release/examples/decide");
    eprintln!("measuring decisions alone");
    let mut measure = command::command(Path::new("/"), program, &[]);
    let said = command::listen(&mut measure, Duration::from_secs(120))?;
    let measured: Value = serde_json::from_str(&said.stdout).map_err(|_| {
        let what = command::last_lines(&said.stderr, 5);
        Failure::stuck("limits were not measured", format!("it said: {what}"))
    })?;
    let mut table = Table::titled("Decisions alone", &["decisions", "ns", "million/s"]);
    let list = measured.get("rows").and_then(Value::as_array);
    for row in list.into_iter().flatten() {
        let what = row.get("what").and_then(Value::as_str).unwrap_or_default();
        let nanos = row.get("nanos").and_then(Value::as_f64).unwrap_or(f64::NAN);
        table.row([
            what.to_owned(),
            format!("{nanos:.1}"),
            format!("{:.1}", 1e3 / nanos),
        ]);
    }
    table.note(
        "One decision of one limit by address, the least of 5 batches of a million; on two threads, \
         wall time over both. The table has places for 32,768 callers.",
    );
    Ok(table)
}

/// How many pass by so many processes.
fn exact(setting: &Setting<'_>) -> Result<Table, Failure> {
    let mut table = Table::titled(
        "Exactness",
        &["processes", "sent", "allowed", "passed", "refused", "other"],
    );
    for (together, name) in [(false, "each for itself"), (true, "together")] {
        for processes in [1, 2, 4] {
            eprintln!("{processes} processes, {name}");
            let passed = burst(setting, processes, together)?;
            let allowed = if together {
                ALLOWED
            } else {
                (ALLOWED * processes).min(SENT)
            };
            let figures = [SENT, allowed, passed.passed, passed.refused, passed.other];
            table.cells(
                &format!("{processes}, {name}"),
                figures.map(|n| n.to_string()),
            );
            if together || processes == 1 {
                table.aim(Aim {
                    what: format!("passed by {processes} processes, {name}"),
                    bound: format!("= {ALLOWED}"),
                    measured: passed.passed.to_string(),
                    verdict: Verdict::of(passed.passed == ALLOWED, passed.other as u64),
                });
            }
        }
    }
    table.note(format!(
        "{SENT} requests on new connections, {AT_ONCE} at a time and spread evenly, against a limit of \
         {ALLOWED} an hour. Where Redis does not answer within 250 ms, a process counts for itself: on a \
         machine that is too busy more may pass, and an alert says so.",
    ));
    Ok(table)
}

/// What became of a burst.
#[derive(Clone, Copy, Debug, Default)]
struct Passed {
    passed: usize,
    refused: usize,
    other: usize,
}

fn burst(setting: &Setting<'_>, processes: usize, together: bool) -> Result<Passed, Failure> {
    let folder = Folder::fresh(setting.workspace.target().join("bench-limits"))?;
    let redis = match together {
        true => Some(systems::start_redis(folder.path())?),
        false => None,
    };
    let (origin, address) = stage::origin(&setting.load, folder.path())?;
    let mut ups: Vec<Up> = Vec::new();
    for number in 0..processes {
        let place = folder.path().join(format!("node{number}"));
        configure(&place, address, together)?;
        ups.push(stage::up(&setting.binary, &place)?);
    }
    let gates: Vec<SocketAddr> = ups.iter().map(|up| up.address).collect();
    let counted = thread::scope(|scope| {
        let send = |first: usize| {
            let gates = &gates;
            scope.spawn(move || {
                let mut passed = Passed::default();
                for number in (first..SENT).step_by(AT_ONCE) {
                    // Round robin, and every connection on every node.
                    let gate = gates.get((number / AT_ONCE + first) % gates.len());
                    let headers = [HOST.to_owned()];
                    let answer = gate.map(|gate| http::get(*gate, "/", &headers));
                    match answer {
                        Some(Ok(answer)) if answer.status == 200 => passed.passed += 1,
                        Some(Ok(answer)) if answer.status == 429 => passed.refused += 1,
                        _ => passed.other += 1,
                    }
                }
                passed
            })
        };
        let senders: Vec<_> = (0..AT_ONCE).map(send).collect();
        let counts = senders.into_iter().map(|sender| sender.join());
        counts.fold(Passed::default(), |sum, one| {
            let one = one.unwrap_or_default();
            Passed {
                passed: sum.passed + one.passed,
                refused: sum.refused + one.refused,
                other: sum.other + one.other,
            }
        })
    });
    drop((ups, origin, redis));
    Ok(counted)
}

/// One node, which shares the Redis of the folder above its own or none.
fn configure(place: &PathBuf, origin: SocketAddr, together: bool) -> Result<(), Failure> {
    std::fs::create_dir_all(place).map_err(|cause| Failure::io(place, &cause))?;
    let shared = if together { SHARED } else { "" };
    let listen = "[[listen]]\naddress = \"127.0.0.1:0\"\n";
    let text = format!(
        "version = 1\n[deployment]\nname = \"bench\"\npublic_url = \"http://bench.example\"\n\
         data_dir = \"data\"\n{shared}\n{rate}\n{listen}{listen}\
         [[app]]\nname = \"origin\"\nupstream = \"http://{origin}\"\n\
         [[route]]\npath = \"/\"\napp = \"origin\"\nauth = \"none\"\n\
         reason = \"what is measured here is counting alone\"\n",
        rate = rate(ALLOWED, "1h", ""),
    );
    stage::write(&place.join("vouchsafe.toml"), text)
}
