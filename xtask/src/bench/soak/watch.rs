//! What a running gate shows of itself, once a second.
//!
//! Owns the reading of `/proc` and of the admin socket. What cannot be read ends the run: a sample
//! that is missing would look flat.

use std::{fs, net::SocketAddr, path::Path};

use serde_json::Value;

use super::{
    super::{
        http,
        process::{Running, kilobytes},
    },
    judge::Series,
};
use crate::failure::Failure;

/// One second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    resident: f64,
    proportional: f64,
    descriptors: f64,
    threads: f64,
    upstream: f64,
    unsigned: f64,
    stored: f64,
    pub(super) requests: f64,
    pub(super) open: f64,
}

/// How much may drift over the second half: memory in KiB, descriptors and connections in pieces.
/// In a short run the store's page cache is still filling, which by its own limit ends at 2 MiB; a
/// leak of fifty bytes a request shows all the same.
const MEMORY: f64 = 1024.0;
const MEMORY_AT_FIRST: f64 = 2048.0;
const PIECES: f64 = 8.0;

impl Sample {
    pub(super) fn take(
        gate: &Running,
        admin: &Path,
        origin: SocketAddr,
        data: &Path,
    ) -> Result<Self, Failure> {
        let pid = gate.pid();
        let read = |name: &str| {
            let path = format!("/proc/{pid}/{name}");
            fs::read_to_string(&path).map_err(|cause| Failure::io(Path::new(&path), &cause))
        };
        let status = read("status")?;
        let descriptors = format!("/proc/{pid}/fd");
        let descriptors = fs::read_dir(&descriptors)
            .map_err(|cause| Failure::io(Path::new(&descriptors), &cause))?
            .count();
        let health: Value = serde_json::from_slice(&ask(admin, "/v1/health")?).unwrap_or_default();
        let metrics = String::from_utf8_lossy(&ask(admin, "/metrics")?).into_owned();
        let metric = |name: &str| {
            metrics
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
                .ok_or_else(|| missing(name))
        };
        let entries = |name: &str| {
            let number = health
                .pointer(&format!("/ledger/{name}"))
                .and_then(Value::as_f64);
            number.ok_or_else(|| missing(name))
        };
        Ok(Self {
            resident: kilobytes(&status, "VmRSS:") as f64,
            proportional: kilobytes(&read("smaps_rollup")?, "Pss:") as f64,
            descriptors: descriptors as f64,
            threads: kilobytes(&status, "Threads:") as f64,
            upstream: connections_to(origin.port(), &read("net/tcp")?) as f64,
            unsigned: entries("durable")? - entries("signed")?,
            stored: stored(data) as f64 / 1024.0,
            requests: metric("vouchsafe_requests_total")?,
            open: metric("vouchsafe_connections_open")?,
        })
    }
}

fn missing(name: &str) -> Failure {
    Failure::stuck(
        format!("the running gate does not show {name}"),
        "bring the admin surface and xtask in step",
    )
}

fn ask(admin: &Path, path: &str) -> Result<Vec<u8>, Failure> {
    let lost = |cause: std::io::Error| {
        Failure::no(
            format!("the gate does not answer on its admin socket any more: {cause}"),
            "see its own log",
        )
    };
    let answer = http::over_socket(admin, "GET", path).map_err(lost)?;
    Ok(answer.body)
}

/// Established connections to a port of the loopback interface (proc_net(5)).
fn connections_to(port: u16, table: &str) -> usize {
    let remote = format!("0100007F:{port:04X}");
    let established = |line: &&str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(2) == Some(&remote.as_str()) && words.get(3) == Some(&"01")
    };
    table.lines().filter(established).count()
}

/// Bytes of all files below `folder`, as far as they are still there.
fn stored(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| Some((entry.path(), entry.metadata().ok()?)))
        .map(|(path, about)| {
            if about.is_dir() {
                stored(&path)
            } else {
                about.len()
            }
        })
        .sum()
}

/// The samples, one series for each figure.
pub(super) fn series(samples: &[Sample]) -> Vec<Series> {
    const SHORT: usize = 10 * 60;
    let memory = if samples.len() < SHORT {
        MEMORY_AT_FIRST
    } else {
        MEMORY
    };
    let of = |name, unit, bound, figure: fn(&Sample) -> f64| Series {
        name,
        unit,
        bound,
        values: samples.iter().map(figure).collect(),
    };
    vec![
        of("resident memory", "KiB", Some(memory), |s| s.resident),
        of("proportional memory", "KiB", Some(memory), |s| {
            s.proportional
        }),
        of("descriptors", "", Some(PIECES), |s| s.descriptors),
        of("threads", "", Some(0.0), |s| s.threads),
        of("connections to the app", "", Some(PIECES), |s| s.upstream),
        of("connections of clients", "", Some(PIECES), |s| s.open),
        of("entries not yet signed", "", Some(512.0), |s| s.unsigned),
        of("ledger and store", "KiB", None, |s| s.stored),
        of("requests", "", None, |s| s.requests),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_open_connections_to_the_port_are_counted() {
        let table = "  sl  local_address rem_address   st tx_queue\n   \
                     0: 0100007F:D431 0100007F:1F90 01 0:0\n   \
                     1: 0100007F:D432 0100007F:1F90 06 0:0\n   \
                     2: 0100007F:1F90 0100007F:D431 01 0:0\n   \
                     3: 0100007F:D433 0100007F:1F91 01 0:0\n";
        assert_eq!(connections_to(0x1f90, table), 1);
    }

    #[test]
    fn what_lies_in_a_folder_is_added_up() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("a")).unwrap();
        fs::write(folder.path().join("a/b"), [0; 10]).unwrap();
        fs::write(folder.path().join("c"), [0; 5]).unwrap();
        assert_eq!(stored(folder.path()), 15);
    }
}
