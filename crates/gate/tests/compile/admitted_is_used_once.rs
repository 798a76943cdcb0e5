//! A proof used again after its request went upstream.

use gate::{
    Core,
    stages::{Admitted, forward},
};
use wire::{BodyFraming, Request};

fn again(core: &Core, admitted: Admitted, request: &Request<'_>) {
    let mut out = Vec::new();
    let _ = forward::write_head(core, admitted, request, BodyFraming::None, &mut out);
    let _ = forward::write_head(core, admitted, request, BodyFraming::None, &mut out);
}

fn main() {
    let _ = again;
}
