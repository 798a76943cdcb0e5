//! A route opened in code, without a configuration that says why.

use gate::site::route::{Guard, OpenReason};

fn open() -> Guard {
    Guard::Open(OpenReason("because".into()))
}

fn main() {
    let _ = open;
}
