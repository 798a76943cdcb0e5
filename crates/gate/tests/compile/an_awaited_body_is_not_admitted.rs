//! A webhook forwarded before its signature was verified.

use gate::{
    Core,
    stages::{AwaitingBody, forward},
};
use wire::{BodyFraming, Request};

fn skip(core: &Core, awaiting: AwaitingBody, request: &Request<'_>) {
    let mut out = Vec::new();
    let _ = forward::write_head(core, awaiting, request, BodyFraming::None, &mut out);
}

fn main() {
    let _ = skip;
}
