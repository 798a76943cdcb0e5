//! Response: what the client receives.
//!
//! Owns the head of every answer, the app's and ours: the app's fields less what belongs to one
//! connection, then the fields that tell a browser what not to do, then the request id. Refuses
//! weaker values of the app in their place.

use wire::{Answer, BodyFraming};

use super::{exchange::OwnAnswer, forward::Forwarding};
use crate::core::Core;

/// Hears the status of the app's final answer before a byte of it is relayed, and settles a
/// webhook delivery with it. Awaits only for webhook deliveries.
pub async fn answered(core: &Core, forwarding: &mut Forwarding, status: u16) {
    let _ = (core, forwarding, status);
    todo!()
}

/// Appends the head of the app's answer to `out`. `framing` is how its body will be sent to the
/// client, `keep_alive` whether the connection stays; interim answers are written as they are.
pub fn write_head(
    forwarding: &Forwarding,
    answer: &Answer<'_>,
    framing: BodyFraming,
    keep_alive: bool,
    out: &mut Vec<u8>,
) {
    let _ = (forwarding, answer, framing, keep_alive, out);
    todo!()
}

/// Appends an answer of our own to `out`, head and body.
pub fn write_own(answer: &OwnAnswer, keep_alive: bool, out: &mut Vec<u8>) {
    let _ = (answer, keep_alive, out);
    todo!()
}
