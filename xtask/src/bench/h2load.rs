//! Load: one run of h2load against one address, over TLS.
//!
//! Owns the command line and the reading of the report. A report that lacks a figure is a failure,
//! never a zero.

use std::{net::SocketAddr, path::Path, time::Duration};

use super::packages;
use crate::{command, failure::Failure};

/// What to ask, and how hard.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) address: SocketAddr,
    /// The name in the certificate.
    pub(crate) name: &'static str,
    pub(crate) path: String,
    /// `Name: value`, one header each.
    pub(crate) headers: Vec<String>,
    pub(crate) threads: usize,
    pub(crate) connections: usize,
    /// Streams of each connection at a time.
    pub(crate) streams: usize,
    pub(crate) seconds: u64,
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Report {
    pub(crate) requests: u64,
    pub(crate) per_second: f64,
    /// Answers other than 2xx, and streams and connections that failed.
    pub(crate) failed: u64,
}

/// Runs it to its end.
pub(crate) fn run(load: &Load) -> Result<Report, Failure> {
    let mut run = command::command(Path::new("/"), "h2load", &["--npn-list=h2"]);
    run.env("PATH", packages::path())
        .arg(format!("--threads={}", load.threads))
        .arg(format!("--clients={}", load.connections))
        .arg(format!("--max-concurrent-streams={}", load.streams))
        .arg(format!("--duration={}", load.seconds))
        .arg(format!("--connect-to={}", load.address));
    for header in &load.headers {
        run.arg("--header").arg(header);
    }
    let url = format!("https://{}{}", load.name, load.path);
    let limit = Duration::from_secs(load.seconds) + Duration::from_secs(20);
    let said = command::listen(run.arg(&url), limit)?;
    match parse(&said.stdout) {
        Some(report) if said.success => Ok(report),
        _ => Err(Failure::stuck(
            format!("h2load did not measure {}", load.address),
            format!(
                "it said: {}{}",
                command::last_lines(&said.stdout, 10),
                command::last_lines(&said.stderr, 5)
            ),
        )),
    }
}

fn parse(text: &str) -> Option<Report> {
    let line = |name: &str| text.lines().find_map(|line| line.strip_prefix(name));
    // 5 total, 5 started, 5 done, 5 succeeded, 0 failed, 0 errored, 0 timeout
    let counted = |line: &str, what: &str| {
        let found = line.split(", ").find_map(|part| part.strip_suffix(what))?;
        found.trim().parse::<u64>().ok()
    };
    let (requests, statuses) = (line("requests: ")?, line("status codes: ")?);
    let bad = counted(statuses, " 3xx")? + counted(statuses, " 4xx")? + counted(statuses, " 5xx")?;
    let broken = counted(requests, " errored")? + counted(requests, " timeout")?;
    // finished in 2.00s, 2.50 req/s, 1.00KB/s
    let rate = line("finished in ")?.split(", ").nth(1)?;
    Some(Report {
        requests: counted(statuses, " 2xx")?,
        per_second: rate.strip_suffix(" req/s")?.parse().ok()?,
        failed: bad + broken,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "\
finished in 2.00s, 2534.50 req/s, 301.00KB/s
requests: 5071 total, 5081 started, 5071 done, 5069 succeeded, 2 failed, 1 errored, 0 timeout
status codes: 5069 2xx, 0 3xx, 1 4xx, 0 5xx
traffic: 602.00KB (616448) total
";

    #[test]
    fn a_report_is_read() {
        let report = Report {
            requests: 5069,
            per_second: 2534.5,
            failed: 2,
        };
        assert_eq!(parse(SAID), Some(report));
    }

    #[test]
    fn a_report_that_lacks_a_figure_is_none() {
        for word in ["finished", "requests", "status", "errored", "5xx"] {
            assert_eq!(parse(&SAID.replace(word, "x")), None, "{word}");
        }
    }
}
