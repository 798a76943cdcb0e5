//! What the engine does: the proof goes in, a request on its way comes out.

use gate::{
    Core,
    stages::{Admitted, Forwarding, forward},
};
use wire::{BodyFraming, Request};

fn send(core: &Core, admitted: Admitted, request: &Request<'_>) -> Option<Forwarding> {
    let mut out = Vec::new();
    forward::write_head(core, admitted, request, BodyFraming::None, &mut out).ok()
}

pub(crate) fn main() {
    let _ = send;
}
