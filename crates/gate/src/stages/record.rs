//! Record: what the ledger is told.
//!
//! Owns the one event of every request (two where decisions are durable), and the count of what
//! was refused. Refuses nothing by itself. Last, because only then is the outcome known.

use super::{exchange::OwnAnswer, forward::Forwarding};
use crate::core::Core;

/// How a forwarded request ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Status sent to the client; `None` when no answer was begun.
    pub status: Option<u16>,
    /// Body bytes received from the client.
    pub received: u64,
    /// Body bytes sent to the client.
    pub sent: u64,
    /// The refusal that ended it after its answer had begun, where one did.
    pub broken: Option<control::Refusal>,
}

/// Records the end of a forwarded request.
pub fn finish(core: &Core, forwarding: Forwarding, outcome: &Outcome) {
    let _ = (core, forwarding, outcome);
    todo!()
}

/// Records an answer of our own; call it once the answer is written.
pub fn finish_own(core: &Core, answer: OwnAnswer, received: u64) {
    let _ = (core, answer, received);
    todo!()
}

/// Records that a WebSocket opened; its close is the [`finish`] of its request.
pub fn websocket_opened(core: &Core, forwarding: &mut Forwarding) {
    let _ = (core, forwarding);
    todo!()
}
