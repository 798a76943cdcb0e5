//! Waiting until the ledger has what just happened.
//!
//! Owns the one wait of the probes. A request is recorded once its answer has left, so the answer
//! may be read before the event is written. A probe that looks for an event asks again for a
//! bounded time; what is not there by then is missing.

use std::{thread::sleep, time::Duration};

use control::{
    Target,
    probe::{LedgerCopy, TargetError},
};

/// How often the ledger is asked, and how long in between: two seconds in all.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// A copy of the ledger that `has` what is looked for, or the last one after two seconds.
pub(super) fn ledger_that(
    at: &dyn Target,
    has: impl Fn(&LedgerCopy) -> bool,
) -> Result<LedgerCopy, TargetError> {
    for _ in 0..TRIES {
        let copy = at.ledger()?;
        if has(&copy) {
            return Ok(copy);
        }
        sleep(PAUSE);
    }
    at.ledger()
}

/// Whether some event of the copy speaks of the request `id`.
pub(super) fn speaks_of(copy: &LedgerCopy, id: &str) -> bool {
    copy.events
        .iter()
        .any(|event| event.get("request").and_then(serde_json::Value::as_str) == Some(id))
}
