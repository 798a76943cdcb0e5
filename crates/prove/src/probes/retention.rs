//! Whether the ledger keeps its entries as long as is promised.
//!
//! On children, whose ledgers look back on entries that were dated back when they were made: nothing
//! waits for years, and no clock of real data is moved.

use std::time::Duration;

use control::{
    Asked, Probe, Sheet, Target,
    probe::{ChildStart, Inspection, LedgerPast, LedgerTail, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::settled::ledger_from_its_beginning;

/// Attacks `audit.retention`.
pub(super) struct Retention;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// The shortest age that a configuration may ask for.
const SHORTEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The entries of one age, in the order of [`Ages`].
const OLD: usize = 0;
const EACH: usize = 256;

/// How old the canaries of one proof are.
struct Ages {
    /// Older than anybody asks to keep.
    old: Duration,
    /// Not quite as old as is promised.
    young: Duration,
    /// Half as old as is promised.
    younger: Duration,
}

impl Ages {
    fn of(promised: Duration, keep: Option<Duration>) -> Self {
        let longest = promised.max(keep.unwrap_or(SHORTEST));
        Self {
            old: longest + 2 * DAY,
            young: promised.saturating_sub(DAY.min(promised / 10)),
            younger: promised / 2,
        }
    }

    /// A past whose removal was announced so long ago.
    fn announced(&self, ago: Duration) -> LedgerPast {
        LedgerPast {
            ages: vec![self.old, self.young, self.younger],
            announced: Some(ago),
            altered: false,
        }
    }
}

/// Long enough for a removal, and not.
const A_DAY_AGO: Duration = Duration::from_secs(25 * 60 * 60);
const AN_HOUR_AGO: Duration = Duration::from_secs(60 * 60);

impl Probe for Retention {
    fn promise(&self) -> &'static str {
        "audit.retention"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let promised = asked
            .value("age")
            .and_then(span)
            .ok_or_else(|| TargetError::new("read the promise", "its anchor names no age"))?;
        let configured = at.facts().configuration.pointer("/ledger/keep");
        let keep = configured
            .and_then(Value::as_str)
            .and_then(config::quantity::duration);
        let ages = Ages::of(promised, keep);
        match keep {
            Some(_) => keeps_for_a_time(at, &ages, sheet),
            None => keeps_for_ever(at, &ages, sheet),
        }
    }
}

/// A configuration that removes what is older than `keep`.
fn keeps_for_a_time(at: &dyn Target, ages: &Ages, sheet: &mut Sheet) -> Result<(), TargetError> {
    // It starts first, so that it had more time for its removal than the other took.
    let hasty = start(at, &ages.announced(AN_HOUR_AGO), &mut |_| {})?;
    let child = start(at, &ages.announced(A_DAY_AGO), &mut |_| {})?;
    let tail = ledger_from_its_beginning(child.as_ref(), |tail| tail.minimum > 0)?;
    let went = went(&tail);
    for (place, attempt) in [
        (1, "entries not quite as old as promised"),
        (2, "entries half as old as promised"),
    ] {
        sheet.pair(
            format!("{attempt} (on a child)"),
            is_there(&tail, place),
            went.clone(),
        );
    }
    sheet.pair(
        "a removal that the verifier does not know of (on a child)",
        whole(&child.inspect_ledger(None)?),
        went.clone(),
    );
    let told = tail.events.iter().any(|event| {
        let is = |name: &str, value: &Value| event.get(name) == Some(value);
        is("kind", &Value::from("ledger.retention")) && event.get("minimum").is_some()
    });
    let saw = if told { "told beforehand" } else { "not told" };
    sheet.pair(
        "a removal that no entry tells of (on a child)",
        Met::when(told, saw),
        went.clone(),
    );
    let tail = hasty.ledger_since(None)?;
    sheet.pair(
        "a removal announced an hour ago (on a child)",
        is_there(&tail, OLD),
        went,
    );
    Ok(())
}

/// A configuration that removes nothing, beside one that keeps for a week.
fn keeps_for_ever(at: &dyn Target, ages: &Ages, sheet: &mut Sheet) -> Result<(), TargetError> {
    let past = ages.announced(A_DAY_AGO);
    let child = start(at, &past, &mut |_| {})?;
    let other = start(at, &past, &mut |configuration| {
        let week = config::quantity::write_duration(SHORTEST);
        if let Some(root) = configuration.as_object_mut() {
            let ledger = root
                .entry("ledger")
                .or_insert_with(|| Value::Object(serde_json::Map::new()));
            if let Some(ledger) = ledger.as_object_mut() {
                ledger.insert("keep".to_owned(), Value::from(week));
            }
        }
    })?;
    let went = went(&ledger_from_its_beginning(other.as_ref(), |tail| {
        tail.minimum > 0
    })?);
    let tail = child.ledger_since(None)?;
    for (place, attempt) in [
        (OLD, "entries older than promised"),
        (1, "entries not quite as old as promised"),
        (2, "entries half as old as promised"),
    ] {
        sheet.pair(
            format!("{attempt} (on a child)"),
            is_there(&tail, place),
            went.clone(),
        );
    }
    Ok(())
}

fn start(
    at: &dyn Target,
    past: &LedgerPast,
    change: &mut dyn FnMut(&mut Value),
) -> Result<Box<dyn Target>, TargetError> {
    match at.child_with_past(past, change)? {
        ChildStart::Up(child) => Ok(child),
        ChildStart::Refused { exit, .. } => {
            let cause = format!("a child with a past ended with {exit}");
            Err(TargetError::new("start a child", cause))
        }
    }
}

/// Canaries of one age that are in the ledger.
fn count(tail: &LedgerTail, place: usize) -> usize {
    let of_age = |event: &&Value| {
        event.get("kind").and_then(Value::as_str) == Some("prove.past")
            && event.get("age").and_then(Value::as_u64) == Some(place as u64)
    };
    tail.events.iter().filter(of_age).count()
}

fn is_there(tail: &LedgerTail, place: usize) -> Met {
    let found = count(tail, place);
    Met::when(found == EACH, format!("{found} of {EACH} are there"))
}

/// Those that are older than anybody asks to keep were removed under a signed minimum index: so
/// removal works, and would have been seen.
fn went(tail: &LedgerTail) -> Met {
    let found = count(tail, OLD);
    let signed = tail.minimum >= EACH as u64 && tail.first >= EACH as u64;
    Met::when(
        found == 0 && signed,
        format!("older ones: {found} left, minimum index {}", tail.minimum),
    )
}

fn whole(inspection: &Inspection) -> Met {
    match inspection {
        Inspection::Whole(size) => Met::when(true, format!("whole, {size} entries")),
        Inspection::Altered(what) => Met::when(false, what.clone()),
    }
}

/// A span as an anchor writes it; of months and years the longest there are.
fn span(text: &str) -> Option<Duration> {
    let calendar = |unit: &str, days: u32| {
        let count: u32 = text.strip_suffix(unit)?.parse().ok()?;
        Some(DAY * count.checked_mul(days)?)
    };
    config::quantity::duration(text)
        .or_else(|| calendar("mo", 31))
        .or_else(|| calendar("y", 366))
}

#[cfg(test)]
mod tests;
