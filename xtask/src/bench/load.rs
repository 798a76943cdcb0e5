//! Load: one run of our own generator against one address.
//!
//! Owns building it, the specification it reads, and the reading of its report; the generator is
//! `xtask/load`. A report that lacks a figure is a failure, never a zero.

use std::{io::Write as _, net::SocketAddr, path::Path, process::Stdio, thread, time::Duration};

use serde::Deserialize;
use serde_json::{Value, json};

use super::Setting;
use crate::{command, failure::Failure};

/// What to send, to whom and how hard; `xtask/load/src/spec.rs` says what each part means.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    pub(crate) connections: usize,
    /// Seconds, and requests a second where a schedule is kept.
    pub(crate) phases: Vec<(f64, Option<f64>)>,
    pub(crate) fresh: bool,
    pub(crate) tls: Option<Value>,
    pub(crate) talk: Value,
}

/// What came of one phase.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Phase {
    pub(crate) due: u64,
    pub(crate) good: u64,
    pub(crate) per_second: f64,
    pub(crate) statuses: std::collections::BTreeMap<String, u64>,
    pub(crate) wrong: u64,
    pub(crate) broken: u64,
    pub(crate) unanswered: u64,
    pub(crate) resumed: u64,
    pub(crate) full: u64,
    pub(crate) times: Times,
    pub(crate) other_times: Times,
}

/// Percentiles in microseconds.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq)]
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

impl Phase {
    /// Requests that were not answered as they should.
    pub(crate) const fn failed(&self) -> u64 {
        self.due.saturating_sub(self.good)
    }
}

#[derive(Deserialize)]
struct Report {
    phases: Vec<Phase>,
}

/// A request, and the length of the answer it must get.
pub(crate) fn get(path: &str, headers: &[String], answer: usize) -> Value {
    json!({"request": {"method": "GET", "path": path, "headers": headers, "answer": answer}})
}

/// Runs it to its end.
pub(crate) fn run(setting: &Setting<'_>, load: &Load) -> Result<Vec<Phase>, Failure> {
    let seconds: f64 = load.phases.iter().map(|(seconds, _)| seconds).sum();
    let spec = json!({
        "address": load.address,
        "threads": threads(),
        "connections": load.connections,
        "phases": load.phases.iter().map(|(seconds, rate)| json!({"seconds": seconds, "rate": rate}))
            .collect::<Vec<_>>(),
        "fresh": load.fresh,
        "tls": load.tls,
        "talk": load.talk,
    });
    let limit = Duration::from_secs_f64(seconds) + Duration::from_secs(60);
    let said = tell(&setting.load, "run", &spec, limit)?;
    match serde_json::from_str::<Report>(&said) {
        Ok(report) if report.phases.len() == load.phases.len() => Ok(report.phases),
        _ => Err(Failure::stuck(
            format!("the load generator did not measure {}", load.address),
            format!("it said: {}", command::last_lines(&said, 5)),
        )),
    }
}

/// Runs the generator with a specification, and answers what it said.
pub(crate) fn tell(
    program: &Path,
    verb: &str,
    spec: &Value,
    limit: Duration,
) -> Result<String, Failure> {
    let mut run = command::command(Path::new("/"), program, &[verb]);
    let said = command::listen(run.stdin(given(spec)?), limit)?;
    said.success.then_some(said.stdout).ok_or_else(|| {
        Failure::stuck(
            "the load generator failed",
            format!("it said: {}", command::last_lines(&said.stderr, 5)),
        )
    })
}

/// A pipe that holds the specification: it is smaller than what a pipe takes at once.
fn given(spec: &Value) -> Result<Stdio, Failure> {
    let lost = |cause: std::io::Error| {
        Failure::stuck(
            format!("the load generator was given nothing: {cause}"),
            "run it again",
        )
    };
    let (from, mut to) = std::io::pipe().map_err(lost)?;
    to.write_all(spec.to_string().as_bytes()).map_err(lost)?;
    Ok(from.into())
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}
