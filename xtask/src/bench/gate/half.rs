//! Group `half-load`: how much later answers come through a proxy when the machine is not saturated.
//!
//! Owns the schedule: half of what nginx bears on this machine, sent evenly whatever the servers do,
//! and times counted from when a request was due.

use super::{
    super::{
        Table,
        figures::Spread,
        load::{self, Load, Phase},
        table::{Aim, Verdict},
    },
    Plan,
    systems::{ANSWER, Systems, USUAL, Which},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "half-load";

/// Added to the origin's p99, at most so many milliseconds.
const ADDED: f64 = 0.3;

const ORIGIN: &str = "origin, no proxy";

const ABOUT: &str = "\
    Requests are sent by a schedule that waits for nobody, and times are counted from it, so that a \
    pause makes all requests late that fell into it. Added is the p99 less that of the origin alone \
    in the same round. Origin, proxy and generator share the cores.";

/// Name, server, path and whether the aim is ours.
const ROWS: [(&str, Which, &str, bool); 5] = [
    (ORIGIN, Which::Origin, "/", false),
    ("nginx, pass-through", Which::Nginx, "/", false),
    ("HAProxy, pass-through", Which::Haproxy, "/", false),
    ("Vouchsafe, pass-through", Which::Batched, "/", true),
    ("Vouchsafe, full chain", Which::Batched, "/api", true),
];

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    let systems = Systems::start(plan, USUAL, &[])?;
    let ask = |(_, which, path, _): &(&str, Which, &str, bool), rate| {
        let server = systems.get(*which)?;
        let load = Load {
            address: server.address,
            connections: plan.connections,
            phases: vec![(plan.seconds, rate)],
            fresh: false,
            tls: None,
            talk: load::get(path, &server.headers(path), ANSWER.len()),
        };
        Ok::<_, Failure>(load::run(plan.setting, &load)?.pop().unwrap_or_default())
    };
    // Everything is warm before anything is measured.
    for row in &ROWS {
        ask(row, None)?;
    }
    let capacity = capacity(&ask)?;
    let mut phases: [Vec<Phase>; ROWS.len()] = Default::default();
    for round in 1..=plan.rounds {
        eprintln!("round {round} of {}", plan.rounds);
        for (row, phases) in ROWS.iter().zip(&mut phases) {
            let phase = ask(row, Some(capacity / 2.0))?;
            if phase.good == 0 {
                return Err(Failure::stuck(
                    format!("{}: it answered nothing", row.0),
                    "mend it: what does not bear half the load is not worth measuring",
                ));
            }
            phases.push(phase);
        }
    }
    let mut table = tabulate(&phases);
    table.note(format!(
        "{:.0} requests a second, half of the {capacity:.0} that nginx bears here, over {} \
         connections; {} rounds of {} s for each row, interleaved. {ABOUT}",
        capacity / 2.0,
        plan.connections,
        plan.rounds,
        plan.seconds
    ));
    Ok(table)
}

/// What nginx bears when every connection asks again at once.
fn capacity(
    ask: &impl Fn(&(&'static str, Which, &'static str, bool), Option<f64>) -> Result<Phase, Failure>,
) -> Result<f64, Failure> {
    let nginx = ROWS.iter().find(|(_, which, ..)| *which == Which::Nginx);
    let measured = nginx.map(|row| ask(row, None)).transpose()?;
    measured
        .map(|phase| phase.per_second)
        .filter(|rate| *rate >= 2.0)
        .ok_or_else(|| Failure::stuck("nginx answered nothing", "see its log"))
}

fn tabulate(phases: &[Vec<Phase>; ROWS.len()]) -> Table {
    let columns = [
        "server",
        "p50 ms",
        "p99 ms",
        "p99.9 ms",
        "added p99 ms",
        "failed",
    ];
    let mut table = Table::titled("Latency at half load", &columns);
    let [origin, ..] = phases;
    for ((name, _, _, ours), own) in ROWS.iter().zip(phases) {
        let millis = |of: fn(&Phase) -> f64| {
            Spread::of(own.iter().map(|phase| of(phase) / 1e3))
                .map_or_else(String::new, |spread| format!("{spread:.2}"))
        };
        let added = own.iter().zip(origin);
        let added = Spread::of(added.map(|(own, origin)| (own.times.p99 - origin.times.p99) / 1e3))
            .filter(|_| *name != ORIGIN);
        let failed: u64 = own.iter().map(Phase::failed).sum();
        let said = added.map_or_else(|| "–".to_owned(), |added| format!("{added:.2}"));
        table.row([
            (*name).to_owned(),
            millis(|phase| phase.times.p50),
            millis(|phase| phase.times.p99),
            millis(|phase| phase.times.p999),
            said.clone(),
            failed.to_string(),
        ]);
        if let Some(added) = added.filter(|_| *ours) {
            table.aim(Aim {
                what: format!("added p99 at half load, {name}, ms"),
                bound: format!("≤ {ADDED:.2}"),
                measured: said,
                verdict: Verdict::of(added.median <= ADDED, failed),
            });
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::{super::super::table, *};

    fn phase(p99: f64, failed: u64) -> Phase {
        let mut phase = Phase {
            due: 10,
            good: 10 - failed,
            ..Phase::default()
        };
        phase.times.p99 = p99;
        phase
    }

    fn told(ours: [Phase; 2]) -> String {
        let phases = [700.0, 900.0, 950.0].map(|p99| vec![phase(p99, 0)]);
        let [origin, nginx, haproxy] = phases;
        let [open, full] = ours.map(|phase| vec![phase]);
        table::markdown(&[tabulate(&[origin, nginx, haproxy, open, full])])
    }

    #[test]
    fn what_a_proxy_adds_is_its_p99_less_that_of_the_origin() {
        let text = told([phase(1000.0, 0), phase(1001.0, 0)]);
        assert!(
            text.contains("pass-through, ms | ≤ 0.30 | 0.30 (0.30–0.30) | met |"),
            "{text}"
        );
        assert!(
            text.contains("| nginx, pass-through | 0.00 (0.00–0.00) | 0.90"),
            "{text}"
        );
    }

    #[test]
    fn an_aim_is_missed_by_being_late_and_by_failing() {
        let text = told([phase(1100.0, 0), phase(800.0, 1)]);
        assert!(text.contains("0.40 (0.40–0.40) | missed |"), "{text}");
        assert!(text.contains("missed, because requests failed"), "{text}");
    }
}
