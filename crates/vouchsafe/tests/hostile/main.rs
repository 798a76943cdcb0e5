//! Hostile operation: the real binary on a machine that does not behave.
//!
//! Owns what an operator meets on a bad day: signals at the wrong moment, reloads without end, two
//! instances on one folder, clocks that are set, names that no longer resolve, disks that are full.
//! Everything is watched from outside, as in `end_to_end`. Where a test needs root, for a mount or a
//! network namespace of its own, it says loudly that it could not run. Every wait has an end.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod clock;
mod drains;
mod environment;
mod hangs;
mod hooks;
mod instances;
mod ledgers;
mod names;
mod reloads;
mod shim;
mod signals;
mod space;
#[path = "../support/mod.rs"]
#[expect(
    dead_code,
    unused_imports,
    reason = "two programs share it, and each uses a part"
)]
mod support;
mod upgrade;

/// Whether we are root, which `what` takes; says loudly that the test could not run if not.
fn needs_root(what: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("NOT RUN: {what} takes root; run the suite as root, as CI does");
    }
    root
}
