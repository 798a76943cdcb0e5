//! The pool under scripts nobody wrote.

use crate::pool::{Script, play};

/// Clients and an upstream that do what any bytes say: see [`crate::pool`].
pub fn pool(data: &[u8]) {
    let script = Script::read(data);
    let verdict = play(&script);
    assert!(
        verdict.faults.is_empty(),
        "{:#?}\n{script:?}",
        verdict.faults
    );
}
