//! Group `connections`: from one connection to ten thousand, and the memory they take.

use super::{
    super::{
        Table,
        figures::Spread,
        load::{self, Load},
        process::{Memory, Watch},
        table::{Aim, Verdict},
    },
    Plan,
    rows::{self, Drive, Row, Sample},
    systems::{ANSWER, PROXIES, Systems, Which},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "connections";

/// How many connections, and how many requests a second go over them in turn; without a rate each
/// asks again at once.
const COUNTS: [(usize, Option<f64>); 4] =
    [(1, None), (64, None), (1000, None), (10_000, Some(2000.0))];

/// Megabytes resident, at most, when nobody is connected and at a thousand connections.
const IDLE: f64 = 25.0;
const THOUSAND: f64 = 64.0;

const ABOUT: &str = "\
    Servers are started anew for each number of connections. Up to a thousand connections each asks again as soon as it is answered. Over ten thousand, two \
    thousand requests a second go in turn by a schedule, so that all stay open and few are busy. \
    Vouchsafe, nginx and HAProxy are set up for 16,384 connections here, and Vouchsafe for as many of \
    one address and as many requests at a time; the memory nginx takes for them beforehand is in its \
    figure.";

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    let (mut idle, mut rows, mut samples) = (Vec::new(), Vec::new(), Vec::new());
    let counts = COUNTS
        .iter()
        .filter(|(count, _)| !plan.smoke || *count <= 1000);
    for (count, rate) in counts {
        // Anew each time: what many connections took is not given back for few.
        let systems = Systems::start(plan, 16_384, &[])?;
        if idle.is_empty() {
            idle = resident(&systems)?;
        }
        let these = at(plan, &systems, *count, *rate)?;
        samples.extend(rows::rounds(plan, &systems, &these)?);
        rows.extend(these);
    }
    let mut table = rows::tabulate("Connections", "request", &rows, &samples);
    remember(&mut table, &idle, &rows, &samples);
    table.note(format!(
        "{} rounds of {} s for each row, interleaved. {ABOUT}",
        plan.rounds, plan.seconds
    ));
    Ok(table)
}

/// Memory of the proxies before anybody has asked them anything but whether they are there.
fn resident(systems: &Systems) -> Result<Vec<Memory>, Failure> {
    PROXIES
        .iter()
        .map(|(which, _)| Ok(Watch::over(&systems.get(*which)?.running).most()))
        .collect()
}

/// The rows of one number of connections.
fn at(
    plan: &Plan<'_>,
    systems: &Systems,
    count: usize,
    rate: Option<f64>,
) -> Result<Vec<Row>, Failure> {
    let row = |(which, name): &(Which, &str)| {
        let server = systems.get(*which)?;
        let load = Load {
            address: server.address,
            connections: count,
            phases: vec![(plan.seconds, rate)],
            fresh: false,
            tls: None,
            talk: load::get("/", &server.headers("/"), ANSWER.len()),
        };
        Ok(Row {
            name: named(name, count),
            which: *which,
            drive: Drive::Load(Box::new(load)),
            against: Some(named("nginx", count)),
            aim: None,
        })
    };
    PROXIES.iter().map(row).collect()
}

fn named(server: &str, count: usize) -> String {
    match count {
        1 => format!("{server}, 1 connection"),
        1000.. => format!("{server}, {},000 connections", count / 1000),
        _ => format!("{server}, {count} connections"),
    }
}

/// Says what memory was taken, idle and busy, and holds ours against its bounds.
fn remember(table: &mut Table, idle: &[Memory], rows: &[Row], samples: &[Vec<Sample>]) {
    let megabytes = |memory: &Memory| memory.resident as f64 / 1e6;
    let said: Vec<String> = PROXIES
        .iter()
        .zip(idle)
        .map(|((_, name), memory)| format!("{name} {:.1} MB", megabytes(memory)))
        .collect();
    table.note(format!(
        "Resident before the first connection: {}.",
        said.join(", ")
    ));
    let ours = PROXIES
        .iter()
        .position(|(which, _)| *which == Which::Batched);
    if let Some(memory) = ours.and_then(|at| idle.get(at)) {
        table.aim(within(
            "resident before the first connection, MB",
            IDLE,
            megabytes(memory),
            0,
        ));
    }
    let row = rows
        .iter()
        .position(|row| row.name == named("Vouchsafe", 1000));
    if let Some(own) = row.and_then(|at| samples.get(at))
        && let Some(spread) = Spread::of(own.iter().map(|sample| megabytes(&sample.memory)))
    {
        let what = "resident at 1,000 connections, MB";
        table.aim(within(what, THOUSAND, spread.greatest, rows::failed(own)));
    }
}

fn within(what: &str, bound: f64, measured: f64, failed: u64) -> Aim {
    Aim {
        what: format!("Vouchsafe, {what}"),
        bound: format!("≤ {bound:.0}"),
        measured: format!("{measured:.1}"),
        verdict: Verdict::of(measured <= bound, failed),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::table, *};

    #[test]
    fn rows_are_named_as_people_count() {
        let names = [1, 64, 1000, 10_000].map(|count| named("nginx", count));
        let counts = [
            "1 connection",
            "64 connections",
            "1,000 connections",
            "10,000 connections",
        ];
        assert_eq!(names, counts.map(|count| format!("nginx, {count}")));
    }

    #[test]
    fn memory_beyond_its_bound_is_a_missed_aim() {
        let told = |measured| {
            let mut table = Table::titled("Connections", &["server"]);
            table.aim(within("idle", IDLE, measured, 0));
            table::markdown(&[table])
        };
        assert!(told(25.0).contains("| ≤ 25 | 25.0 | met |"));
        assert!(told(25.1).contains("| ≤ 25 | 25.1 | missed |"));
    }
}
