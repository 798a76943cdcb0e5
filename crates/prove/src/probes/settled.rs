//! Waiting until the ledger has what just happened.
//!
//! Owns the one wait of the probes. A request is recorded once its answer has left, so the answer
//! may be read before the event is written. A probe that looks for an event asks again for a
//! bounded time; what is not there by then is missing.

use std::{thread::sleep, time::Duration};

use control::{
    Target,
    probe::{LedgerMark, LedgerTail, TargetError},
};

/// How often the ledger is asked, and how long in between: two seconds in all.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(50);

/// What the ledger gained since `mark`, once that `has` what is looked for, or after two seconds.
pub(super) fn ledger_that(
    at: &dyn Target,
    mark: &LedgerMark,
    has: impl Fn(&LedgerTail) -> bool,
) -> Result<LedgerTail, TargetError> {
    ask(at, Some(mark), TRIES, has)
}

/// The same of all that the ledger of a child holds, within twenty seconds: what the ledger does by
/// the clock takes some of them, and the machine may be busy.
pub(super) fn ledger_from_its_beginning(
    child: &dyn Target,
    has: impl Fn(&LedgerTail) -> bool,
) -> Result<LedgerTail, TargetError> {
    ask(child, None, 10 * TRIES, has)
}

fn ask(
    at: &dyn Target,
    mark: Option<&LedgerMark>,
    tries: u32,
    has: impl Fn(&LedgerTail) -> bool,
) -> Result<LedgerTail, TargetError> {
    for _ in 0..tries {
        let tail = at.ledger_since(mark)?;
        if has(&tail) {
            return Ok(tail);
        }
        sleep(PAUSE);
    }
    at.ledger_since(mark)
}

/// Whether some event speaks of the request `id`.
pub(super) fn speaks_of(tail: &LedgerTail, id: &str) -> bool {
    tail.events
        .iter()
        .any(|event| event.get("request").and_then(serde_json::Value::as_str) == Some(id))
}
