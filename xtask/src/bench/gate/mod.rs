//! `cargo xtask bench gate`: what a request through the gate costs, beside nginx and HAProxy.
//!
//! Owns the list of cases and the way of measuring: interleaved rounds, so that what the machine
//! does besides falls on all alike; processor time of each proxy's whole process tree; the ratio to
//! nginx within each round. Refuses to measure a server whose answer is wrong.

mod report;
pub(super) mod systems;

use std::{thread, time::Duration};

use serde_json::Value;

use self::systems::{ANSWER, HOST, Server, Systems, Which, large};
use super::{
    Setting, Table, http,
    packages::{self, HAPROXY, NGINX, WRK},
    process::Memory,
    wrk::{self, Load},
};
use crate::failure::Failure;

/// One row.
struct Case {
    name: &'static str,
    which: Which,
    path: &'static str,
    /// At most this many times the cost of the row it is compared with.
    aim: Option<f64>,
}

const NGINX_ALONE: &str = "nginx, pass-through";
const NGINX_LARGE: &str = "nginx, 64 KiB";

/// Every row, in the order of a round.
const CASES: &[Case] = &[
    Case::new("origin, no proxy", Which::Origin, "/"),
    Case::new(NGINX_ALONE, Which::Nginx, "/"),
    Case::new("HAProxy, pass-through", Which::Haproxy, "/"),
    Case::new("Vouchsafe, pass-through", Which::Batched, "/").aim(0.8),
    Case::new("Vouchsafe, full chain", Which::Batched, "/api").aim(1.0),
    Case::new("Vouchsafe, full chain, sync", Which::Sync, "/api"),
    Case::new("nginx, key, log, headers", Which::Nginx, "/api"),
    Case::new(NGINX_LARGE, Which::Nginx, "/large"),
    Case::new("HAProxy, 64 KiB", Which::Haproxy, "/large"),
    Case::new("Vouchsafe, 64 KiB", Which::Batched, "/large"),
];

impl Case {
    const fn new(name: &'static str, which: Which, path: &'static str) -> Self {
        Self {
            name,
            which,
            path,
            aim: None,
        }
    }

    const fn aim(mut self, aim: f64) -> Self {
        self.aim = Some(aim);
        self
    }

    /// The row it is compared with: nginx passing the same answer through.
    fn against(&self) -> &'static str {
        if self.path == "/large" {
            NGINX_LARGE
        } else {
            NGINX_ALONE
        }
    }

    fn guarded(&self) -> bool {
        self.path == "/api"
    }

    /// The fields a request of this row carries.
    fn headers(&self, server: &Server) -> Vec<String> {
        let key = server.key.iter().filter(|_| self.guarded());
        let key = key.map(|key| format!("X-API-Key: {key}"));
        std::iter::once(HOST.to_owned()).chain(key).collect()
    }
}

/// What one round says of one case.
#[derive(Clone, Copy, Debug)]
struct Sample {
    /// Processor microseconds for each request.
    micros: f64,
    memory: Memory,
    report: wrk::Report,
}

/// How long after the load its costs are still counted: what is written once a second is its too.
const SETTLE: Duration = Duration::from_millis(1200);

pub(crate) fn run(setting: &Setting<'_>) -> Result<Table, Failure> {
    packages::ensure(&[NGINX, HAPROXY, WRK])?;
    let rounds = setting.number("--rounds", 5);
    let before = busy();
    let systems = Systems::start(setting)?;
    for case in CASES {
        check(case, systems.get(case.which)?)?;
    }
    let mut samples: Vec<Vec<Sample>> = CASES.iter().map(|_| Vec::new()).collect();
    let mut answered: Vec<(Which, u64)> = Vec::new();
    // Round 0 opens connections and fills caches: it is not counted.
    for round in 0..=rounds {
        eprintln!("round {round} of {rounds}");
        for (case, samples) in CASES.iter().zip(&mut samples) {
            let sample = measure(case, systems.get(case.which)?, setting)?;
            answered.push((case.which, sample.report.requests));
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    let mut table = report::tabulate(&samples);
    table.note(format!(
        "{} connections of wrk in {} threads, {rounds} rounds of {} s for each row, interleaved; \
         load average before the run {before}. {}.",
        connections(setting),
        threads(),
        seconds(setting),
        report::versions(),
    ));
    for note in CASES.iter().filter_map(|case| report::aim(case, &samples)) {
        table.note(note);
    }
    table.note(recorded(&systems, &answered)?);
    table.note(report::ABOUT);
    Ok(table)
}

fn connections(setting: &Setting<'_>) -> usize {
    setting.number("--connections", 64)
}

fn seconds(setting: &Setting<'_>) -> usize {
    setting.number("--seconds", 3)
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Sees that the case answers as it must: rightly, and without its key not at all.
fn check(case: &Case, server: &Server) -> Result<(), Failure> {
    let wrong = |what: String| {
        Failure::stuck(
            format!("{}: {what}", case.name),
            "mend it: what answers wrongly is not worth measuring",
        )
    };
    let ask = |headers: &[String]| {
        http::get(server.address, case.path, headers).map_err(|cause| wrong(cause.to_string()))
    };
    let expected = match case.path {
        "/large" => large(),
        _ => ANSWER.as_bytes().to_vec(),
    };
    let answer = ask(&case.headers(server))?;
    if answer.status != 200 || answer.body != expected {
        let (status, length) = (answer.status, answer.body.len());
        return Err(wrong(format!("status {status} with {length} bytes")));
    }
    if case.guarded() {
        if ask(&[HOST.to_owned()])?.status != 401 {
            return Err(wrong("it lets a request without a key pass".to_owned()));
        }
        if !answer.head.to_ascii_lowercase().contains("nosniff") {
            return Err(wrong("it sets no response headers".to_owned()));
        }
    }
    Ok(())
}

/// One case under load.
fn measure(case: &Case, server: &Server, setting: &Setting<'_>) -> Result<Sample, Failure> {
    let load = Load {
        url: format!("http://{}{}", server.address, case.path),
        headers: case.headers(server),
        threads: threads(),
        connections: connections(setting),
        seconds: seconds(setting) as u64,
    };
    let before = server.running.processor_seconds();
    let (report, memory) = thread::scope(|scope| {
        let loading = scope.spawn(|| wrk::run(&load));
        // In the middle of the load, when every buffer is in use.
        thread::sleep(Duration::from_secs(load.seconds) / 2);
        let memory = server.running.memory();
        let lost = || {
            Err(Failure::stuck(
                "the load generator was lost",
                "run it again",
            ))
        };
        (loading.join().unwrap_or_else(|_| lost()), memory)
    });
    thread::sleep(SETTLE);
    let spent = server.running.processor_seconds() - before;
    let report = report?;
    if server.running.ended() || report.requests == 0 {
        return Err(Failure::stuck(
            format!("{}: it answered nothing, or ended under load", case.name),
            "mend it: what does not bear the load is not worth measuring",
        ));
    }
    Ok(Sample {
        micros: spent * 1e6 / report.requests as f64,
        memory,
        report,
    })
}

/// Whether the ledgers hold an event for every request that was answered.
fn recorded(systems: &Systems, answered: &[(Which, u64)]) -> Result<String, Failure> {
    let mut said = Vec::new();
    for (which, name) in [(Which::Batched, "batched"), (Which::Sync, "sync")] {
        let server = systems.get(which)?;
        let ours = answered.iter().filter(|(other, _)| *other == which);
        let requests: u64 = ours.map(|(_, requests)| requests).sum();
        let entries = server
            .admin
            .as_deref()
            .and_then(|socket| http::post(socket, "/v1/ledger/flush").ok())
            .and_then(|answer| serde_json::from_slice::<Value>(&answer.body).ok())
            .and_then(|body| body.get("size")?.as_u64());
        said.push(match entries {
            None => format!("the {name} ledger did not say how many events it holds"),
            Some(entries) if entries < requests => {
                format!("the {name} ledger holds only {entries} events for {requests} requests")
            }
            Some(entries) => {
                format!("the {name} ledger holds {entries} signed events for {requests} requests")
            }
        });
    }
    Ok(format!("At the end of the run {}.", said.join(", and ")))
}

/// The load average of the last minute.
fn busy() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}
