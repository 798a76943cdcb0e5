//! `cargo xtask bench gate`: what passing through the gate costs, beside nginx and HAProxy.
//!
//! Owns the list of groups, each of which starts its own servers, and how long each is measured.
//! Refuses to measure a server whose answer is wrong.

mod added;
mod connections;
mod half;
mod http2;
pub(super) mod identity;
pub(super) mod limits;
mod overload;
mod people;
mod requests;
mod rows;
pub(super) mod systems;
mod tls;
mod upload;
mod websocket;

use super::{
    Setting, Table,
    packages::{self, HAPROXY, NGINX, WRK},
};
use crate::failure::Failure;

/// What is measured together.
struct Group {
    name: &'static str,
    run: fn(&Plan<'_>) -> Result<Table, Failure>,
}

/// Every group, in the order of the document.
const GROUPS: &[Group] = &[
    Group {
        name: requests::NAME,
        run: requests::run,
    },
    Group {
        name: upload::NAME,
        run: upload::run,
    },
    Group {
        name: websocket::NAME,
        run: websocket::run,
    },
    Group {
        name: tls::NAME,
        run: tls::run,
    },
    Group {
        name: http2::NAME,
        run: http2::run,
    },
    Group {
        name: connections::NAME,
        run: connections::run,
    },
    Group {
        name: half::NAME,
        run: half::run,
    },
    Group {
        name: overload::NAME,
        run: overload::run,
    },
];

/// The groups that `--only` may name.
pub(super) const NAMES: &[&str] = &[
    requests::NAME,
    upload::NAME,
    websocket::NAME,
    tls::NAME,
    http2::NAME,
    connections::NAME,
    half::NAME,
    overload::NAME,
];

/// How long and how often.
pub(super) struct Plan<'a> {
    setting: &'a Setting<'a>,
    rounds: usize,
    seconds: f64,
    connections: usize,
    /// Whether it is only seen that everything runs.
    smoke: bool,
}

impl Plan<'_> {
    fn of<'a>(setting: &'a Setting<'a>) -> Plan<'a> {
        let (rounds, seconds) = match (setting.smoke, setting.only) {
            (true, _) => (1, 0.3),
            // One group takes less than a minute.
            (_, Some(_)) => (1, 2.0),
            (_, None) => (4, 2.0),
        };
        let given = setting.number("--seconds", 0);
        Plan {
            setting,
            rounds: setting.number("--rounds", rounds),
            seconds: if given > 0 { given as f64 } else { seconds },
            connections: setting.number("--connections", 64),
            smoke: setting.smoke,
        }
    }
}

pub(super) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    packages::ensure(&[NGINX, HAPROXY, WRK])?;
    let plan = Plan::of(setting);
    let chosen = |group: &&Group| setting.only.is_none_or(|only| only == group.name);
    let mut tables = Vec::new();
    for group in GROUPS.iter().filter(chosen) {
        eprintln!("{}", group.name);
        tables.push((group.run)(&plan)?);
    }
    if plan.smoke {
        let rows: usize = tables.iter().map(Table::len).sum();
        println!("{rows} rows ran; what so short a run says of cost is not shown");
        return Ok(Vec::new());
    }
    if let Some(last) = tables.last_mut() {
        let all = [NGINX, HAPROXY, WRK].map(|p| packages::version(&p).unwrap_or_default());
        last.note(format!("Measured beside {}.", all.join(", ")));
    }
    Ok(tables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_group_can_be_chosen() {
        let names: Vec<&str> = GROUPS.iter().map(|group| group.name).collect();
        assert_eq!(names, NAMES);
    }
}
