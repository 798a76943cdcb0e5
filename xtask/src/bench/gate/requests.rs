//! Group `requests`: small requests and answers of 64 KiB over kept connections, without TLS.

use serde_json::Value;

use super::{
    super::{Table, http},
    Plan,
    rows::{self, Drive, Row},
    systems::{ANSWER, HOST, KIB, LARGE, Server, Systems, USUAL, Which, cycled},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "requests";

const NGINX_ALONE: &str = "nginx, pass-through";
const NGINX_KIB: &str = "nginx, 1 KiB";
const NGINX_LARGE: &str = "nginx, 64 KiB";

/// What the figures include, and what they do not.
const ABOUT: &str = "\
    Processor time is user and system time of the proxy's whole process tree, for Vouchsafe with \
    its ledger writer, counted until 1.2 s after the load ends. Proxies have one worker for each \
    core, keep connections to the origin and the client open, and share the cores with origin and \
    load generator: latencies are those of a saturated machine and say little by themselves. \
    Vouchsafe runs with every default: pass-through is an open route with strict framing, host \
    allow-list, forwarding fields, request id, response headers and one ledger event for each \
    request; the full chain adds an API key with role and scope and the signed assertion. nginx and \
    HAProxy pass through with logs off; the row of nginx with key, log and headers adds a map of the \
    key, a buffered JSON access log and three response headers. TLS is off in every row. RSS and PSS \
    are the greatest while under load.";

fn rows() -> Vec<Row> {
    let row = |name: &str, which, path, aim| Row {
        name: name.to_owned(),
        which,
        drive: Drive::Wrk { path },
        against: Some(
            match path {
                "/large" => NGINX_LARGE,
                "/kib" => NGINX_KIB,
                _ => NGINX_ALONE,
            }
            .to_owned(),
        ),
        aim,
    };
    vec![
        row("origin, no proxy", Which::Origin, "/", None),
        row(NGINX_ALONE, Which::Nginx, "/", None),
        row("HAProxy, pass-through", Which::Haproxy, "/", None),
        row("Vouchsafe, pass-through", Which::Batched, "/", Some(0.75)),
        row("Vouchsafe, full chain", Which::Batched, "/api", Some(1.0)),
        row("Vouchsafe, full chain, sync", Which::Sync, "/api", None),
        row("nginx, key, log, headers", Which::Nginx, "/api", None),
        row(NGINX_KIB, Which::Nginx, "/kib", None),
        row("HAProxy, 1 KiB", Which::Haproxy, "/kib", None),
        row("Vouchsafe, 1 KiB", Which::Batched, "/kib", None),
        row(NGINX_LARGE, Which::Nginx, "/large", None),
        row("HAProxy, 64 KiB", Which::Haproxy, "/large", None),
        row("Vouchsafe, 64 KiB", Which::Batched, "/large", None),
    ]
}

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    let before = busy();
    let systems = Systems::start(plan, USUAL, &[Which::Sync])?;
    let rows = rows();
    for row in &rows {
        if let Drive::Wrk { path } = row.drive {
            check(&row.name, path, systems.get(row.which)?)?;
        }
    }
    let samples = rows::rounds(plan, &systems, &rows)?;
    let mut table = rows::tabulate("Requests", "request", &rows, &samples);
    table.note(format!(
        "{} connections of wrk, {} rounds of {} s for each row, interleaved; load average before \
         the run {before}.",
        plan.connections,
        plan.rounds,
        plan.seconds.ceil(),
    ));
    table.note(recorded(&systems, &rows, &samples)?);
    table.note(ABOUT);
    Ok(table)
}

/// Sees that a row answers as it must: rightly, and without its key not at all.
fn check(name: &str, path: &str, server: &Server) -> Result<(), Failure> {
    let wrong = |what: String| {
        Failure::stuck(
            format!("{name}: {what}"),
            "mend it: what answers wrongly is not worth measuring",
        )
    };
    let ask = |headers: &[String]| {
        http::get(server.address, path, headers).map_err(|cause| wrong(cause.to_string()))
    };
    let expected = match path {
        "/large" => cycled(LARGE),
        "/kib" => cycled(KIB),
        _ => ANSWER.as_bytes().to_vec(),
    };
    let answer = ask(&server.headers(path))?;
    if answer.status != 200 || answer.body != expected {
        let (status, length) = (answer.status, answer.body.len());
        return Err(wrong(format!("status {status} with {length} bytes")));
    }
    if path == "/api" {
        if ask(&[HOST.to_owned()])?.status != 401 {
            return Err(wrong("it lets a request without a key pass".to_owned()));
        }
        if !answer.head.to_ascii_lowercase().contains("nosniff") {
            return Err(wrong("it sets no response headers".to_owned()));
        }
    }
    Ok(())
}

/// Whether the ledgers hold an event for every request that was answered.
fn recorded(
    systems: &Systems,
    rows: &[Row],
    samples: &[Vec<rows::Sample>],
) -> Result<String, Failure> {
    let mut said = Vec::new();
    for (which, name) in [(Which::Batched, "batched"), (Which::Sync, "sync")] {
        let server = systems.get(which)?;
        let ours = rows
            .iter()
            .zip(samples)
            .filter(|(row, _)| row.which == which);
        let requests: u64 = ours.flat_map(|(_, samples)| samples).map(|s| s.count).sum();
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
            Some(entries) => format!(
                "the {name} ledger holds {entries} signed events for {requests} requests of the \
                 counted rounds"
            ),
        });
    }
    Ok(format!("At the end of the run {}.", said.join(", and ")))
}

/// The load average of the last minute.
fn busy() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}
