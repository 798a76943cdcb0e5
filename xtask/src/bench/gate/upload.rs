//! Group `upload`: bodies of 1 MiB, with their length and in chunks.

use serde_json::json;

use super::{
    super::{Table, load::Load},
    Plan,
    rows::{self, Drive, Row},
    systems::{PROXIES, Server, Systems, USUAL},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "upload";

const BODY: usize = 1 << 20;

/// Uploads at a time.
const AT_ONCE: usize = 16;

/// Bytes of `{"received":1048576}`.
const ANSWER: u64 = 20;

const ABOUT: &str = "\
    Each body goes through as it comes: nginx holds none back (proxy_request_buffering is off), and \
    Vouchsafe and HAProxy never do. The origin reads it whole and answers how much it read; any other \
    number is a failure.";

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    let systems = Systems::start(plan, USUAL, &[])?;
    let mut rows = Vec::new();
    for (kind, chunked) in [("with its length", false), ("in chunks", true)] {
        for (which, name) in PROXIES {
            rows.push(Row {
                name: format!("{name}, {kind}"),
                which,
                drive: Drive::Load(Box::new(tell(plan, systems.get(which)?, chunked))),
                against: Some(format!("nginx, {kind}")),
                aim: None,
            });
        }
    }
    let samples = rows::rounds(plan, &systems, &rows)?;
    let mut table = rows::tabulate("Uploads of 1 MiB", "upload", &rows, &samples);
    table.note(format!(
        "{AT_ONCE} uploads at a time; {} rounds of {} s for each row, interleaved. {ABOUT}",
        plan.rounds, plan.seconds
    ));
    Ok(table)
}

fn tell(plan: &Plan<'_>, server: &Server, chunked: bool) -> Load {
    Load {
        address: server.address,
        connections: AT_ONCE,
        phases: vec![(plan.seconds, None)],
        fresh: false,
        tls: None,
        talk: json!({"request": {
            "method": "POST",
            "path": "/read/upload",
            "headers": server.headers("/read"),
            "body": BODY,
            "chunked": chunked,
            "answer": ANSWER,
        }}),
    }
}
