//! Group `websocket`: messages through an open WebSocket and back.

use serde_json::json;

use super::{
    super::{Table, load::Load},
    Plan,
    rows::{self, Drive, Row},
    systems::{PROXIES, Server, Systems, USUAL},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "websocket";

/// Bytes of a message.
const MESSAGE: usize = 125;

const ABOUT: &str = "\
    An echo is a masked message to the origin and the same message back, so two messages through the \
    proxy. All three join the two connections and read nothing of what passes.";

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    let systems = Systems::start(plan, USUAL, &[])?;
    let mut rows = Vec::new();
    for (which, name) in PROXIES {
        rows.push(Row {
            name: name.to_owned(),
            which,
            drive: Drive::Load(Box::new(tell(plan, systems.get(which)?))),
            against: Some("nginx".to_owned()),
            aim: None,
        });
    }
    let samples = rows::rounds(plan, &systems, &rows)?;
    let mut table = rows::tabulate("WebSocket messages", "echo", &rows, &samples);
    table.note(format!(
        "{} WebSockets with messages of {MESSAGE} bytes, each sent when the one before is back; {} \
         rounds of {} s for each row, interleaved. {ABOUT}",
        plan.connections, plan.rounds, plan.seconds
    ));
    Ok(table)
}

fn tell(plan: &Plan<'_>, server: &Server) -> Load {
    Load {
        address: server.address,
        connections: plan.connections,
        phases: vec![(plan.seconds, None)],
        fresh: false,
        tls: None,
        talk: json!({"echo": {
            "path": "/read/ws",
            "headers": server.headers("/read"),
            "message": MESSAGE,
        }}),
    }
}
