//! Load: one run of wrk against one address.
//!
//! Owns the command line and the reading of the report. A report that lacks a figure is a failure,
//! never a zero.

use std::{path::Path, time::Duration};

use super::packages;
use crate::{command, failure::Failure};

/// What to ask, and how hard.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) url: String,
    /// `Name: value`, one header each.
    pub(crate) headers: Vec<String>,
    pub(crate) threads: usize,
    pub(crate) connections: usize,
    pub(crate) seconds: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    /// Answers other than 2xx and 3xx, and connections that failed.
    pub(crate) failed: u64,
}

/// Runs it to its end.
pub(crate) fn run(load: &Load) -> Result<Report, Failure> {
    let mut wrk = command::command(Path::new("/"), "wrk", &["--latency", "--timeout", "5s"]);
    wrk.env("PATH", packages::path())
        .arg(format!("--threads={}", load.threads))
        .arg(format!("--connections={}", load.connections))
        .arg(format!("--duration={}s", load.seconds));
    for header in &load.headers {
        wrk.arg("--header").arg(header);
    }
    let said = command::listen(
        wrk.arg(&load.url),
        Duration::from_secs(load.seconds) + Duration::from_secs(20),
    )?;
    match parse(&said.stdout) {
        Some(report) if said.success => Ok(report),
        _ => Err(Failure::stuck(
            format!("wrk did not measure {}", load.url),
            format!(
                "it said: {}{}",
                command::last_lines(&said.stdout, 10),
                command::last_lines(&said.stderr, 5)
            ),
        )),
    }
}

fn parse(text: &str) -> Option<Report> {
    let after = |name: &str| {
        text.lines()
            .find_map(|line| line.trim_start().strip_prefix(name))
            .map(str::trim)
    };
    let requests = text.lines().find_map(|line| {
        let (number, _) = line.trim_start().split_once(" requests in ")?;
        number.parse().ok()
    })?;
    // Absent where there was none.
    let bad: u64 = match after("Non-2xx or 3xx responses:") {
        Some(number) => number.parse().ok()?,
        None => 0,
    };
    let broken: u64 = match after("Socket errors:") {
        Some(kinds) => kinds
            .split(',')
            .map(|kind| kind.split_whitespace().last()?.parse::<u64>().ok())
            .sum::<Option<u64>>()?,
        None => 0,
    };
    Some(Report {
        requests,
        per_second: after("Requests/sec:")?.parse().ok()?,
        p50: duration(after("50%")?)?,
        p99: duration(after("99%")?)?,
        failed: bad + broken,
    })
}

/// A time as wrk writes it: `254.00us`, `1.05ms`, `2.30s`, `1.02m`.
fn duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at_checked(unit)?;
    let number: f64 = number.parse().ok()?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "Running 2s test @ http://127.0.0.1:8080/
  2 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.39ms    1.08ms  21.53ms   93.90%
    Req/Sec    24.33k     3.95k   33.50k    65.00%
  Latency Distribution
     50%    1.20ms
     75%    1.59ms
     90%    2.18ms
     99%  954.00us
  96884 requests in 2.00s, 24.30MB read
Requests/sec:  48401.35
Transfer/sec:     12.14MB
";

    #[test]
    fn a_report_is_read() {
        let report = parse(CLEAN).unwrap();
        assert_eq!(report.requests, 96_884);
        assert!((report.per_second - 48_401.35).abs() < 1e-6);
        assert_eq!(report.p50, Duration::from_micros(1200));
        assert_eq!(report.p99, Duration::from_micros(954));
        assert_eq!(report.failed, 0);
    }

    #[test]
    fn every_kind_of_failure_is_counted() {
        let text = format!(
            "{CLEAN}  Socket errors: connect 1, read 20, write 300, timeout 4000\n  \
             Non-2xx or 3xx responses: 50000\n"
        );
        assert_eq!(parse(&text).unwrap().failed, 54_321);
    }

    #[test]
    fn a_report_without_a_figure_is_none() {
        for line in ["Requests/sec:", "     99%", "  96884 requests"] {
            let rest: String = CLEAN
                .lines()
                .filter(|other| !other.starts_with(line))
                .map(|line| format!("{line}\n"))
                .collect();
            assert_ne!(rest, CLEAN);
            assert_eq!(parse(&rest), None, "{line}");
        }
    }

    #[test]
    fn times_are_read_in_every_unit() {
        let all = ["5us", "1.50ms", "2.30s", "1.00m", "0.50h"].map(|text| duration(text).unwrap());
        let micros: Vec<u128> = all.iter().map(Duration::as_micros).collect();
        assert_eq!(micros, [5, 1500, 2_300_000, 60_000_000, 1_800_000_000]);
        assert_eq!((duration("5"), duration("5 parsecs")), (None, None));
    }
}
