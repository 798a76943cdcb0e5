//! Group `tls`: handshakes in full and resumed, and requests over a kept TLS connection.
//!
//! All three servers show the same ECDSA certificate and agree on TLS 1.3 with X25519, because the
//! generator offers nothing else.

use serde_json::json;

use super::{
    super::{
        Table,
        load::{self, Load},
        table::{Aim, Verdict},
    },
    Plan,
    rows::{self, Drive, Row},
    systems::{ANSWER, PROXIES, Server, Systems, USUAL, Which},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "tls";

const ABOUT: &str = "\
    A handshake is a new TCP connection, TLS 1.3 with X25519 and a certificate on P-256, one small \
    request, its answer and the goodbye. Resumed ones use the ticket of the connection before, with a \
    fresh key exchange. Servers have TLS as they come, with tickets; upstream connections are plain.";

/// At most this many times the cost of nginx with a key, a log and three headers.
const AIM: f64 = 1.3;

/// Per cent of handshakes with a ticket that must resume.
const RESUMED: f64 = 90.0;

/// Connections that shake hands at a time.
const AT_ONCE: usize = 16;

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    let systems = Systems::start(plan, USUAL, &[])?;
    let mut rows = Vec::new();
    for (kind, fresh, resume) in [
        ("full handshake", true, false),
        ("resumed handshake", true, true),
        ("TLS, kept connection", false, false),
    ] {
        for (which, name) in PROXIES {
            let load = Box::new(tell(plan, systems.get(which)?, &systems, fresh, resume));
            rows.push(Row {
                name: format!("{name}, {kind}"),
                which,
                drive: if fresh {
                    Drive::Handshakes(load, resume)
                } else {
                    Drive::Load(load)
                },
                against: Some(format!("nginx, {kind}")),
                aim: None,
            });
        }
    }
    for (which, name) in PROXIES {
        // Keys are what HAProxy is not set up for.
        if which == Which::Haproxy {
            continue;
        }
        let server = systems.get(which)?;
        let mut load = tell(plan, server, &systems, false, false);
        load.talk = load::get("/api", &server.headers("/api"), ANSWER.len());
        rows.push(Row {
            name: format!("{name}, TLS, key, log, headers"),
            which,
            drive: Drive::Load(Box::new(load)),
            against: Some("nginx, TLS, key, log, headers".to_owned()),
            aim: (which == Which::Batched).then_some(AIM),
        });
    }
    let samples = rows::rounds(plan, &systems, &rows)?;
    let mut table = rows::tabulate("TLS", "request", &rows, &samples);
    table.aim(resumption(plan, &systems)?);
    table.note(format!(
        "{AT_ONCE} connections that shake hands at a time, {} that are kept; {} rounds of {} s for \
         each row, interleaved. {ABOUT}",
        plan.connections, plan.rounds, plan.seconds
    ));
    Ok(table)
}

/// How many of our handshakes resume a session, where every client has a ticket but for its first.
fn resumption(plan: &Plan<'_>, systems: &Systems) -> Result<Aim, Failure> {
    let server = systems.get(Which::Batched)?;
    let phases = load::run(plan.setting, &tell(plan, server, systems, true, true))?;
    let (resumed, full) = phases.iter().fold((0, 0), |(resumed, full), phase| {
        (resumed + phase.resumed, full + phase.full)
    });
    let all = resumed + full.saturating_sub(AT_ONCE as u64);
    let share = 100.0 * resumed as f64 / all.max(1) as f64;
    Ok(Aim {
        what: "handshakes of Vouchsafe that resume a session, of those with a ticket".to_owned(),
        bound: format!("> {RESUMED:.0} %"),
        measured: format!("{share:.1} %"),
        verdict: Verdict::of(share > RESUMED, 0),
    })
}

fn tell(plan: &Plan<'_>, server: &Server, systems: &Systems, fresh: bool, resume: bool) -> Load {
    Load {
        address: server.secure.unwrap_or(server.address),
        connections: if fresh { AT_ONCE } else { plan.connections },
        phases: vec![(plan.seconds, None)],
        fresh,
        tls: Some(json!({
            "name": "bench.example",
            "certificate": systems.certificate(),
            "resume": resume,
        })),
        talk: load::get("/", &server.headers("/"), ANSWER.len()),
    }
}
