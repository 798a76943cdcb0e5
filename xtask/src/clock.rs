//! The time a person waits.

use std::time::Instant;

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "a person waits for this: real time is what is measured"
)]
pub(crate) fn clock() -> Instant {
    Instant::now()
}
