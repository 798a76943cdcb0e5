//! Rows that are measured alike: what is done through a server, and what one of it costs.
//!
//! Owns the rounds, interleaved so that what the machine does besides falls on all alike; processor
//! time of each proxy's whole process tree; the ratio within each round to the row a row is compared
//! with. Refuses to call a row comparable of which requests failed.

use std::{thread, time::Duration};

use super::{
    super::{
        Table,
        figures::Spread,
        h2load,
        load::{self, Load},
        process::{Memory, Watch},
        table::{Aim, Verdict},
        wrk,
    },
    Plan,
    systems::{Server, Systems, Which},
};
use crate::failure::Failure;

/// One row.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) which: Which,
    pub(super) drive: Drive,
    /// The row it is compared with.
    pub(super) against: Option<String>,
    /// At most this many times the cost of that row.
    pub(super) aim: Option<f64>,
}

/// What is sent.
pub(super) enum Drive {
    /// Small requests as fast as wrk can.
    Wrk { path: &'static str },
    /// What our own generator is told.
    Load(Box<Load>),
    /// New connections: what our own generator is told, and whether sessions must resume.
    Handshakes(Box<Load>, bool),
    /// Requests over HTTP/2.
    Http2(Box<h2load::Load>),
}

/// What one round says of one row.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sample {
    /// Processor microseconds for each of what is counted.
    pub(super) micros: f64,
    /// How many of them the kernel spent for it.
    pub(super) kernel: f64,
    /// At its most while under load.
    pub(super) memory: Memory,
    pub(super) count: u64,
    pub(super) per_second: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
    pub(super) failed: u64,
}

/// How long after the load its costs are still counted: our ledger writes once a second, and what it
/// writes then is the load's too.
const SETTLE: Duration = Duration::from_millis(1200);

/// The same for those who leave nothing for later.
const BREATH: Duration = Duration::from_millis(100);

/// Measures every row once in each round.
pub(super) fn rounds(
    plan: &Plan<'_>,
    systems: &Systems,
    rows: &[Row],
) -> Result<Vec<Vec<Sample>>, Failure> {
    let mut samples: Vec<Vec<Sample>> = rows.iter().map(|_| Vec::new()).collect();
    // Round 0 opens connections and fills caches: it is not counted.
    let first = usize::from(plan.smoke);
    for round in first..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        for (row, samples) in rows.iter().zip(&mut samples) {
            let sample = measure(plan, row, systems.get(row.which)?)?;
            if round > 0 {
                samples.push(sample);
            }
        }
    }
    Ok(samples)
}

/// One row under load.
fn measure(plan: &Plan<'_>, row: &Row, server: &Server) -> Result<Sample, Failure> {
    let before = server.running.processor_time();
    let watch = Watch::over(&server.running);
    let drove = drive(plan, row, server);
    let memory = watch.most();
    let mut sample = drove?;
    thread::sleep(match (plan.smoke, server.admin.is_some()) {
        (false, true) => SETTLE,
        _ => BREATH,
    });
    let after = server.running.processor_time();
    let (user, kernel) = (after.0 - before.0, after.1 - before.1);
    if server.running.ended() || sample.count == 0 {
        return Err(Failure::stuck(
            format!("{}: it answered nothing, or ended under load", row.name),
            "mend it: what does not bear the load is not worth measuring",
        ));
    }
    sample.memory = memory;
    sample.micros = (user + kernel) * 1e6 / sample.count as f64;
    sample.kernel = kernel * 1e6 / sample.count as f64;
    Ok(sample)
}

fn drive(plan: &Plan<'_>, row: &Row, server: &Server) -> Result<Sample, Failure> {
    let (load, resumes) = match &row.drive {
        Drive::Wrk { path } => return driven_by_wrk(plan, path, server),
        Drive::Http2(load) => {
            let report = h2load::run(load)?;
            return Ok(Sample {
                count: report.requests,
                per_second: report.per_second,
                failed: report.failed,
                ..Sample::default()
            });
        }
        Drive::Load(load) => (load, None),
        Drive::Handshakes(load, resumes) => (load, Some(*resumes)),
    };
    let phases = load::run(plan.setting, load)?;
    let phase = phases.first().cloned().unwrap_or_default();
    // The first connection of each has nothing to resume.
    let expected = match resumes {
        Some(true) => phase.full <= load.connections as u64 && phase.resumed > 0,
        Some(false) => phase.resumed == 0,
        None => true,
    };
    if !expected && !plan.smoke {
        return Err(Failure::stuck(
            format!(
                "{}: {} handshakes in full and {} resumed",
                row.name, phase.full, phase.resumed
            ),
            "mend its configuration: this row would not show what it says",
        ));
    }
    Ok(Sample {
        count: phase.good,
        per_second: phase.per_second,
        p50: phase.times.p50,
        p99: phase.times.p99,
        failed: phase.failed(),
        ..Sample::default()
    })
}

fn driven_by_wrk(plan: &Plan<'_>, path: &str, server: &Server) -> Result<Sample, Failure> {
    let report = wrk::run(&wrk::Load {
        url: format!("http://{}{path}", server.address),
        headers: server.headers(path),
        threads: thread::available_parallelism().map_or(1, usize::from),
        connections: plan.connections,
        // It counts in whole seconds.
        seconds: plan.seconds.ceil() as u64,
    })?;
    Ok(Sample {
        count: report.requests,
        per_second: report.per_second,
        p50: report.p50.as_secs_f64() * 1e6,
        p99: report.p99.as_secs_f64() * 1e6,
        failed: report.failed,
        ..Sample::default()
    })
}

/// The table of rows, with their aims; `unit` is what is counted.
pub(super) fn tabulate(title: &str, unit: &str, rows: &[Row], samples: &[Vec<Sample>]) -> Table {
    let (cost, rate) = (format!("CPU µs/{unit}"), format!("{unit}s/s"));
    let mut table = Table::titled(
        title,
        &[
            "server",
            &cost,
            "in the kernel",
            "× nginx",
            &rate,
            "p50 ms",
            "p99 ms",
            "RSS MB",
            "PSS MB",
            "failed",
        ],
    );
    for (row, own) in rows.iter().zip(samples) {
        let middle = |of: fn(&Sample) -> f64| Spread::of(own.iter().map(of));
        let plain = |of, decimals| {
            middle(of).map_or_else(String::new, |s: Spread| format!("{:.decimals$}", s.median))
        };
        let failed = failed(own);
        let name = match failed {
            0 => row.name.clone(),
            _ => format!("{} (not comparable: requests failed)", row.name),
        };
        table.row([
            name,
            middle(|s| s.micros).map_or_else(String::new, |s| format!("{s:.1}")),
            plain(|s| s.kernel, 1),
            ratio(row, rows, samples).map_or_else(|| "–".to_owned(), |s| format!("{s:.2}")),
            plain(|s| s.per_second, 0),
            plain(|s| s.p50 / 1e3, 2),
            plain(|s| s.p99 / 1e3, 2),
            plain(|s| s.memory.resident as f64 / 1e6, 1),
            plain(|s| s.memory.proportional as f64 / 1e6, 1),
            failed.to_string(),
        ]);
        if let Some(aim) = aim(row, rows, samples) {
            table.aim(aim);
        }
    }
    table
}

/// Requests of the counted rounds that were not answered as they should.
pub(super) fn failed(samples: &[Sample]) -> u64 {
    samples.iter().map(|sample| sample.failed).sum()
}

/// Cost against that of the row it is compared with, round by round.
pub(super) fn ratio(row: &Row, rows: &[Row], samples: &[Vec<Sample>]) -> Option<Spread> {
    let (own, other) = (
        of(&row.name, rows, samples)?,
        of(row.against.as_deref()?, rows, samples)?,
    );
    Spread::of(
        own.iter()
            .zip(other)
            .map(|(own, other)| own.micros / other.micros),
    )
}

/// The samples of the row called `name`.
fn of<'a>(name: &str, rows: &[Row], samples: &'a [Vec<Sample>]) -> Option<&'a [Sample]> {
    let at = rows.iter().position(|row| row.name == name)?;
    samples.get(at).map(Vec::as_slice)
}

/// Whether the aim of a row is met; `None` where it has none.
fn aim(row: &Row, rows: &[Row], samples: &[Vec<Sample>]) -> Option<Aim> {
    let (aim, ratio) = (row.aim?, ratio(row, rows, samples)?);
    let failed = failed(of(&row.name, rows, samples)?);
    Some(Aim {
        what: format!("cost of {} against {}", row.name, row.against.as_deref()?),
        bound: format!("≤ {aim:.2}"),
        measured: format!("{ratio:.2}"),
        verdict: Verdict::of(ratio.median <= aim, failed),
    })
}

#[cfg(test)]
mod tests {
    use super::{super::super::table, *};

    fn row(name: &str, aim: Option<f64>) -> Row {
        Row {
            name: name.to_owned(),
            which: Which::Batched,
            drive: Drive::Wrk { path: "/" },
            against: Some("nginx".to_owned()),
            aim,
        }
    }

    /// Samples that cost `micros`, one for each round.
    fn samples(of: [&[f64]; 2]) -> Vec<Vec<Sample>> {
        let sample = |micros: &f64| Sample {
            micros: *micros,
            ..Sample::default()
        };
        of.iter()
            .map(|micros| micros.iter().map(sample).collect())
            .collect()
    }

    fn told(rows: &[Row], samples: &[Vec<Sample>]) -> String {
        table::markdown(&[tabulate("Requests", "request", rows, samples)])
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let rows = [row("nginx", None), row("ours", Some(0.75))];
        // A machine half as fast in the second round changes both costs and no ratio.
        let text = told(&rows, &samples([&[10.0, 20.0], &[7.0, 14.0]]));
        let aim = "| cost of ours against nginx | ≤ 0.75 | 0.70 (0.70–0.70) | met |";
        assert!(text.contains(aim), "{text}");
    }

    #[test]
    fn a_missed_aim_is_said_and_a_row_without_one_has_none() {
        let rows = [row("nginx", None), row("ours", Some(1.0))];
        let text = told(&rows, &samples([&[10.0], &[10.1]]));
        assert!(text.contains("1.01 (1.01–1.01) | missed |"), "{text}");
        assert!(!text.contains("cost of nginx"), "{text}");
    }

    #[test]
    fn a_row_with_failures_meets_no_aim_and_says_so() {
        let rows = [row("nginx", None), row("ours", Some(1.0))];
        let mut samples = samples([&[10.0], &[5.0]]);
        samples[1][0].failed = 1;
        let text = told(&rows, &samples);
        assert!(text.contains("missed, because requests failed"), "{text}");
        assert!(text.contains("| ours (not comparable"), "{text}");
    }
}
