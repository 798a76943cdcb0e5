//! Whether anybody is told of a lock.
//!
//! A lock is made with accounts of the proof alone and says so, which lets a receiver file it without
//! waking anybody. On the instance the ledger says that its own receiver took the alert; what an alert
//! says, and that it is signed, is read on a child, whose receiver is the proof's own.

use control::{
    Asked, Probe, Sheet, SystemClock, Target,
    probe::{ChildStart, LedgerMark, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{
    accounts::{Person, person, request_id, sign_in, text, wrong},
    settled::ledger_that,
};
use crate::target::sink::Sink;

const DOING: &str = "lock an account";

/// How often the ledger is asked for two seconds.
const LOOKS: usize = 5;

/// What locks an account where nothing is set.
const ATTEMPTS: u64 = 5;

/// Attacks `account.alerted`.
pub(super) struct Alerted;

/// An account that was locked, and another that was not.
struct Lock {
    mark: LedgerMark,
    /// The request that locked it.
    request: String,
    locked: Person,
    other: Person,
}

impl Lock {
    fn make(at: &dyn Target) -> Result<Self, TargetError> {
        let set = at.facts().configuration.pointer("/accounts/attempts");
        let attempts = set.and_then(Value::as_u64).unwrap_or(ATTEMPTS).min(100);
        let (locked, other) = (person(at)?, person(at)?);
        let mark = at.ledger_mark()?;
        let mut last = None;
        for _ in 0..attempts {
            last = Some(sign_in(at, locked.name(), &wrong(at)?)?);
        }
        let request = last.as_ref().and_then(request_id).map(str::to_owned);
        Ok(Self {
            mark,
            request: request.ok_or_else(|| TargetError::new(DOING, "no answer has an id"))?,
            locked,
            other,
        })
    }

    /// Whether the ledger says in time that the receiver took the alert.
    fn is_told(&self, at: &dyn Target) -> Result<bool, TargetError> {
        let speaks = |event: &Value| text(event, "request") == Some(&self.request);
        let is = |kind: &str, event: &Value| speaks(event) && text(event, "kind") == Some(kind);
        let ends = |event: &Value| is("alert.sent", event) || is("alert.failed", event);
        let mut tail = ledger_that(at, &self.mark, |tail| tail.events.iter().any(ends))?;
        for _ in 1..LOOKS {
            if tail.events.iter().any(ends) {
                break;
            }
            tail = ledger_that(at, &self.mark, |tail| tail.events.iter().any(ends))?;
        }
        let sent = tail.events.iter().any(|event| is("alert.sent", event));
        Ok(sent)
    }

    fn put_away(&self, at: &dyn Target) -> Result<(), TargetError> {
        at.remove_account(self.locked.name())?;
        at.remove_account(self.other.name())
    }
}

impl Probe for Alerted {
    fn promise(&self) -> &'static str {
        "account.alerted"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let lock = Lock::make(at)?;
        let told = lock.is_told(at)?;
        sheet.pair(
            "a lock that nobody is told of",
            Met::when(told, if told { "told" } else { "nobody was told" }),
            lock.other.comes_in(at)?,
        );
        lock.put_away(at)?;
        // Where nobody is told there is nothing to read.
        if told { on_child(at, sheet) } else { Ok(()) }
    }
}

/// The same where every alert can be read.
fn on_child(at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
    let sink = Sink::start(at.rng())?;
    let child = match at.child(&mut |tree| sink.take_place(tree))? {
        ChildStart::Up(child) => child,
        ChildStart::Refused { exit, .. } => {
            let cause = format!("the child ended with {exit}");
            return Err(TargetError::new(DOING, cause));
        }
    };
    let child = child.as_ref();
    let lock = Lock::make(child)?;
    // Whoever goes on is not told of again.
    sign_in(child, lock.locked.name(), &wrong(child)?)?;
    // What has come by then has come: one alert is sent after the other.
    lock.is_told(child)?;
    let come = sink.genuine(&SystemClock::new());
    sheet.pair(
        "a lock that is not told of once, signed (on a child)",
        once(&come, &lock.request),
        lock.other.comes_in(child)?,
    );
    Ok(())
}

/// Whether one alert has come, and it is of the lock that `request` brought about.
fn once(come: &[Value], request: &str) -> Met {
    let [alert] = come else {
        return Met::when(false, format!("{} signed alerts", come.len()));
    };
    let data = |name: &str| {
        alert
            .pointer(&format!("/data/{name}"))
            .and_then(Value::as_str)
    };
    let of_lock = text(alert, "type") == Some("account.lock") && data("what") == Some("account");
    if of_lock && data("request") == Some(request) {
        Met::when(true, "one signed alert")
    } else {
        Met::when(false, "an alert of something else")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_alert_of_the_very_lock_is_enough_and_nothing_else_is() {
        let alert = |kind: &str, what: &str, request: &str| json!({"type": kind, "data": {"what": what, "request": request}});
        let good = alert("account.lock", "account", "r1");
        let kept = Met::when(true, "one signed alert");
        assert_eq!(once(std::slice::from_ref(&good), "r1"), kept);
        for come in [
            vec![],
            vec![good.clone(), good.clone()],
            vec![alert("account.lock", "account", "r2")],
            vec![alert("account.lock", "address", "r1")],
            vec![alert("auth.slow", "account", "r1")],
        ] {
            assert_ne!(once(&come, "r1"), kept, "{come:?}");
        }
    }
}
