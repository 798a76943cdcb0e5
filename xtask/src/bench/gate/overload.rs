//! Group `overload`: ten times what can be done, and what becomes of those who are let in.
//!
//! Owns two kinds of too much: requests by a schedule at ten times the rate of an app that takes
//! eight at a time, and ten times the connections that saturate this machine. The first goes on at
//! half of what the app bears, to see whether all is well again a tenth of a second later.

use super::{
    super::{
        Table,
        load::{self, Load, Phase},
        table::{Aim, Verdict},
    },
    Plan,
    systems::{ANSWER, PROXIES, Systems, USUAL, Which},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "overload";

/// Requests a second of an app that works on eight at a time for ten milliseconds each.
const CAPACITY: f64 = 800.0;

/// How many times that is offered.
const TIMES: f64 = 10.0;

/// Seconds after which all must be well again: what the app was given is done long before.
const BREATH: f64 = 0.1;

/// Connections over which it is offered.
const CONNECTIONS: usize = 800;

/// The p99 of those who were let in, at most so many milliseconds.
const LATE: f64 = 50.0;

const ABOUT: &str = "\
    The slow app works on eight requests at a time, ten milliseconds each, and is offered ten times \
    that by a schedule; then half of what it bears, of which the first tenth of a second is not shown. Each proxy is told that the app takes at \
    most 16 requests at a time: Vouchsafe by `requests` of the app, nginx by limit_conn, HAProxy by \
    maxconn and a queue of 20 ms. Admitted is what was answered rightly; times count from the \
    schedule. In the rows of the saturated machine each of ten times the usual connections asks again \
    as soon as it is answered.";

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    let systems = Systems::start(plan, USUAL, &[])?;
    let columns = [
        "server",
        "offered/s",
        "admitted/s",
        "503",
        "otherwise lost",
        "p99 admitted ms",
        "p99 refused ms",
        "right afterwards",
        "p99 afterwards ms",
    ];
    let mut table = Table::titled("Ten times capacity", &columns);
    let scale = if plan.smoke { 0.1 } else { 1.0 };
    for (which, name) in PROXIES {
        let server = systems.get(which)?;
        let load = Load {
            address: server.address,
            connections: CONNECTIONS,
            phases: vec![
                (3.0 * scale, Some(CAPACITY * TIMES)),
                (BREATH, Some(CAPACITY / 2.0)),
                (2.0 * scale, Some(CAPACITY / 2.0)),
            ],
            fresh: false,
            tls: None,
            talk: load::get("/slow", &server.headers("/slow"), ANSWER.len()),
        };
        add(&mut table, plan, &format!("{name}, slow app"), which, &load)?;
    }
    for (which, name) in PROXIES {
        let server = systems.get(which)?;
        let load = Load {
            address: server.address,
            connections: plan.connections * 10,
            phases: vec![(3.0 * scale, None)],
            fresh: false,
            tls: None,
            talk: load::get("/", &server.headers("/"), ANSWER.len()),
        };
        let name = format!("{name}, saturated machine");
        add(&mut table, plan, &name, which, &load)?;
    }
    table.note(format!(
        "{CONNECTIONS} connections to the slow app, {} on the saturated machine. {ABOUT}",
        plan.connections * 10
    ));
    Ok(table)
}

fn add(
    table: &mut Table,
    plan: &Plan<'_>,
    name: &str,
    which: Which,
    load: &Load,
) -> Result<(), Failure> {
    eprintln!("{name}");
    let phases = load::run(plan.setting, load)?;
    let (under, after) = (phases.first(), phases.get(2));
    let Some(under) = under.filter(|under| under.good > 0) else {
        return Err(Failure::stuck(
            format!("{name}: it admitted nobody"),
            "mend it: an overload that stops everything has no figures",
        ));
    };
    tabulate(table, name, which == Which::Batched, under, after, load);
    Ok(())
}

fn tabulate(
    table: &mut Table,
    name: &str,
    ours: bool,
    under: &Phase,
    after: Option<&Phase>,
    load: &Load,
) {
    let seconds = load.phases.first().map_or(1.0, |(seconds, _)| *seconds);
    let share = |part: u64, all: u64| format!("{:.1} %", part as f64 * 100.0 / all.max(1) as f64);
    let millis = |micros: f64| format!("{:.1}", micros / 1e3);
    let shed = under.statuses.get("503").copied().unwrap_or(0);
    let lost = under.due.saturating_sub(under.good + shed);
    let dash = || "–".to_owned();
    table.row([
        name.to_owned(),
        format!("{:.0}", under.due as f64 / seconds),
        format!("{:.0}", under.per_second),
        share(shed, under.due),
        share(lost, under.due),
        millis(under.times.p99),
        if shed > 0 {
            millis(under.other_times.p99)
        } else {
            dash()
        },
        after.map_or_else(dash, |after| share(after.good, after.due)),
        after.map_or_else(dash, |after| millis(after.times.p99)),
    ]);
    if !ours {
        return;
    }
    let p99 = under.times.p99 / 1e3;
    table.aim(Aim {
        what: format!("p99 of the admitted at ten times capacity, {name}, ms"),
        bound: format!("≤ {LATE:.0}"),
        measured: format!("{p99:.1}"),
        // A refusal by 503 is what is hoped for; any other end is a failure.
        verdict: Verdict::of(p99 <= LATE, lost),
    });
    if let Some(after) = after {
        let p99 = after.times.p99 / 1e3;
        table.aim(Aim {
            what: format!("all well again after {BREATH} s, {name}"),
            bound: format!("all right, p99 ≤ {LATE:.0} ms"),
            measured: format!("{}, {p99:.1} ms", share(after.good, after.due)),
            verdict: Verdict::of(p99 <= LATE, after.failed()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{super::super::table, *};

    fn phase(due: u64, good: u64, shed: u64, p99: f64) -> Phase {
        let mut phase = Phase {
            due,
            good,
            ..Phase::default()
        };
        phase.statuses.insert("200".to_owned(), good);
        phase.statuses.insert("503".to_owned(), shed);
        phase.times.p99 = p99;
        phase
    }

    fn told(under: &Phase, after: &Phase) -> String {
        let mut table = Table::titled("Ten times", &["server"]);
        let load = Load {
            address: ([127, 0, 0, 1], 1).into(),
            connections: 1,
            phases: vec![(1.0, None)],
            fresh: false,
            tls: None,
            talk: serde_json::Value::Null,
        };
        tabulate(&mut table, "ours", true, under, Some(after), &load);
        table::markdown(&[table])
    }

    #[test]
    fn a_quick_503_is_no_failure_and_a_late_answer_is() {
        let well = phase(10, 10, 0, 20_000.0);
        let text = told(&phase(100, 10, 90, 40_000.0), &well);
        assert!(text.contains("| 90.0 % | 0.0 % | 40.0 |"), "{text}");
        assert_eq!(text.matches("| met |").count(), 2, "{text}");
        let text = told(&phase(100, 10, 90, 51_000.0), &well);
        assert!(text.contains("| 51.0 | missed |"), "{text}");
    }

    #[test]
    fn requests_that_are_lost_otherwise_miss_the_aim() {
        let text = told(&phase(100, 10, 80, 40_000.0), &phase(10, 9, 1, 20_000.0));
        assert!(text.contains("| 80.0 % | 10.0 % |"), "{text}");
        assert_eq!(text.matches("because requests failed").count(), 2, "{text}");
    }
}
