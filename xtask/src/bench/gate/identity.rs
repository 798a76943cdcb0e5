//! `cargo xtask bench identity`: what it costs to know who asks and what they may do.
//!
//! Owns two ways of measuring. Through the gate, what a credential adds to a request, beside nginx that
//! asks a checker about each. Alone, the judgement itself, beside the cryptography it cannot do without:
//! that is done by `crates/identity/examples/know.rs`, which this builds and runs.

use std::time::Duration;

use serde_json::Value;

use super::{
    super::{
        Setting, Table, http,
        packages::{self, NGINX, WRK},
        stage::Folder,
        table::{Aim, Verdict},
    },
    Plan, added, people,
    rows::{self, Drive, Row},
    systems::{ANSWER, HOST, Systems, USUAL, Which},
};
use crate::{command, failure::Failure};

const REQUESTS: &str = "requests";
const ALONE: &str = "alone";

/// The groups that `--only` may name.
pub(in crate::bench) const NAMES: &[&str] = &[REQUESTS, ALONE];

/// Most that a known key or session may add to a request, in microseconds.
const ADDED: f64 = 2.0;

/// Most that a decision by 500 rules may take, in nanoseconds.
const DECISION: f64 = 1000.0;

const NGINX_OPEN: &str = "nginx, no check";
const OURS_OPEN: &str = "Vouchsafe, open";
const SHARED_OPEN: &str = "Vouchsafe with Redis, open";

const ABOUT: &str = "\
    Added is what a request costs with its credential less what one costs without, in the same round \
    through the same server. The checker of nginx is the cheapest there can be, a map of one key in \
    the same nginx, asked over kept connections of the loopback interface; oauth2-proxy and its like \
    do more. Vouchsafe judges every credential also by a table of 500 rules, takes it out of the \
    request, tells the app who asks by a signed assertion, and records it. A session is asked for at \
    most every few seconds, of SQLite or of Redis; in between it is in memory.";

pub(in crate::bench) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    let chosen = |group| setting.only.is_none_or(|only| only == group);
    let mut tables = Vec::new();
    if chosen(ALONE) && !setting.smoke {
        tables.push(alone(setting)?);
    }
    if chosen(REQUESTS) {
        packages::ensure(&[NGINX, WRK])?;
        let plan = Plan::of(setting);
        let table = requests(&plan)?;
        if plan.smoke {
            println!(
                "{} rows ran; what so short a run says of cost is not shown",
                table.len()
            );
            return Ok(Vec::new());
        }
        tables.push(table);
    }
    Ok(tables)
}

/// A row and the one without a credential, of the same server.
fn rows() -> Vec<Row> {
    let row = |name: &str, which, path, against: &str| Row {
        name: name.to_owned(),
        which,
        drive: Drive::Wrk { path },
        against: Some(against.to_owned()),
        aim: None,
    };
    vec![
        row(NGINX_OPEN, Which::Checked, "/", NGINX_OPEN),
        row("nginx, asks a checker", Which::Checked, "/api", NGINX_OPEN),
        row(OURS_OPEN, Which::People, "/", OURS_OPEN),
        row("Vouchsafe, key", Which::People, "/api", OURS_OPEN),
        row("Vouchsafe, token", Which::People, "/api/token", OURS_OPEN),
        row(
            "Vouchsafe, session",
            Which::People,
            "/api/session",
            OURS_OPEN,
        ),
        row(SHARED_OPEN, Which::Shared, "/", SHARED_OPEN),
        row(
            "Vouchsafe with Redis, session",
            Which::Shared,
            "/api/session",
            SHARED_OPEN,
        ),
    ]
}

fn requests(plan: &Plan<'_>) -> Result<Table, Failure> {
    let systems = Systems::start(plan, USUAL, &[Which::People])?;
    let rows = rows();
    for row in &rows {
        check(row, &systems)?;
    }
    let samples = rows::rounds(plan, &systems, &rows)?;
    let bound = |row: &Row| matches!(row.which, Which::People | Which::Shared).then_some(ADDED);
    let mut table = added::tabulate("Requests with a credential", &rows, &samples, bound);
    table.note(format!(
        "{} connections of wrk, {} rounds of {} s for each row, interleaved; a table of {} rules.",
        plan.connections,
        plan.rounds,
        plan.seconds.ceil(),
        people::RULES
    ));
    table.note(ABOUT);
    Ok(table)
}

/// Sees that a row answers as it must: rightly, and without its credential not at all.
fn check(row: &Row, systems: &Systems) -> Result<(), Failure> {
    let Drive::Wrk { path } = row.drive else {
        return Ok(());
    };
    let server = systems.get(row.which)?;
    let ask = |headers: &[String]| {
        http::get(server.address, path, headers)
            .map_err(|cause| Failure::stuck(format!("{}: {cause}", row.name), "mend it"))
    };
    let with = ask(&server.headers(path))?;
    let without = ask(&[HOST.to_owned()])?.status;
    let expected = if path == "/" { 200 } else { 401 };
    if with.status != 200 || with.body != ANSWER.as_bytes() || without != expected {
        let status = with.status;
        return Err(Failure::stuck(
            format!(
                "{}: {status} with its credential, {without} without",
                row.name
            ),
            "mend it: what answers wrongly is not worth measuring",
        ));
    }
    Ok(())
}

/// The judgements alone.
fn alone(setting: &Setting<'_>) -> Result<Table, Failure> {
    let folder = Folder::fresh(setting.workspace.target().join("bench-identity"))?;
    let build = [
        "build",
        "--release",
        "--locked",
        "--package",
        "identity",
        "--example",
        "know",
    ];
    let mut cargo = command::command(setting.workspace.root(), "cargo", &build);
    if !command::talk(&mut cargo)? {
        return Err(Failure::stuck("identity does not build", "see above"));
    }
    let program = setting.workspace.target().join("release/examples/know");
    eprintln!("measuring judgements alone");
    let mut measure = command::command(folder.path(), program, &["."]);
    let said = command::listen(&mut measure, Duration::from_secs(300))?;
    let measured: Value = serde_json::from_str(&said.stdout).map_err(|_| {
        let what = command::last_lines(&said.stderr, 5);
        Failure::stuck("identity was not measured", format!("it said: {what}"))
    })?;
    let columns = ["judgement", "CPU µs", "its cryptography alone", "×"];
    let mut table = Table::titled("Judgements alone", &columns);
    let list = measured.get("rows").and_then(Value::as_array);
    for row in list.into_iter().flatten() {
        let what = row.get("what").and_then(Value::as_str).unwrap_or_default();
        let nanos = row.get("nanos").and_then(Value::as_f64).unwrap_or(f64::NAN);
        let floor = row.get("floor").and_then(Value::as_f64);
        let micros = |nanos: f64| format!("{:.2}", nanos / 1e3);
        table.row([
            what.to_owned(),
            micros(nanos),
            floor.map_or_else(|| "–".to_owned(), micros),
            floor.map_or_else(|| "–".to_owned(), |floor| format!("{:.2}", nanos / floor)),
        ]);
        if what.ends_with("500 rules") {
            table.aim(Aim {
                what: format!("{what}, ns"),
                bound: format!("≤ {DECISION:.0}"),
                measured: format!("{nanos:.0}"),
                verdict: Verdict::of(nanos <= DECISION, 0),
            });
        }
    }
    table.note(
        "Processor time of one judgement on one thread, the least of 5 batches, over a snapshot of \
         1,001 keys and 1,000 sessions. Cryptography alone is the digest of what is looked up, or for \
         a token at first sight the reading of its three parts and its signature. A token that was \
         seen before, and a session, are looked up by their digest.",
    );
    Ok(table)
}
