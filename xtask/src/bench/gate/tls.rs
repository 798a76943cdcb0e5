//! Group `tls`: handshakes in full and resumed, and requests over a kept TLS connection.
//!
//! All three servers show the same ECDSA certificate and agree on TLS 1.3 with X25519, because the
//! generator offers nothing else.

use serde_json::json;

use super::{
    super::{
        Table,
        load::{self, Load},
    },
    Plan,
    rows::{self, Drive, Row},
    systems::{ANSWER, PROXIES, Server, Systems, USUAL},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "tls";

const ABOUT: &str = "\
    A handshake is a new TCP connection, TLS 1.3 with X25519 and a certificate on P-256, one small \
    request, its answer and the goodbye. Resumed ones use the ticket of the connection before, with a \
    fresh key exchange. Servers have TLS as they come, with tickets; upstream connections are plain.";

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
    let samples = rows::rounds(plan, &systems, &rows)?;
    let mut table = rows::tabulate("TLS", "request", &rows, &samples);
    table.note(format!(
        "{AT_ONCE} connections that shake hands at a time, {} that are kept; {} rounds of {} s for \
         each row, interleaved. {ABOUT}",
        plan.connections, plan.rounds, plan.seconds
    ));
    Ok(table)
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
