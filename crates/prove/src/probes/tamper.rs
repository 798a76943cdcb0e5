//! Whether the ledger says what it says so that it cannot be unsaid.

mod alter;

use std::time::Duration;

use control::{
    Asked, Probe, Sheet, Target,
    probe::{ChildStart, Inspection, LedgerPast, TargetError},
    sheet::Met,
};

use self::alter::ALTERATIONS;
use super::{
    audit::request_id,
    draft::{Draft, canary},
    settled::{ledger_that, speaks_of},
};

/// How old what is altered is.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// Attacks `audit.tamper-evident`.
pub(super) struct TamperEvident;

impl Probe for TamperEvident {
    fn promise(&self) -> &'static str {
        "audit.tamper-evident"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        // A few more entries, so that there is something to reorder in a young ledger.
        for _ in 0..3 {
            Draft::new(at, "GET", &format!("/{}", canary(at)?)).send(at)?;
        }
        let copy = at.ledger_copy()?;
        let judge = || at.verify(&copy.folder, &copy.key, None);
        let before = judge()?;
        let mut found = Vec::new();
        for (attempt, alter) in ALTERATIONS {
            let failed = |fault| TargetError::new("alter a copy", fault);
            match alter(&copy.folder).map_err(failed)? {
                Some(undo) => {
                    found.push((attempt, named(&judge()?)));
                    undo.undo().map_err(failed)?;
                }
                None => sheet.note(*attempt, "nothing to alter so in this ledger"),
            }
        }
        let whole = |inspection: &Inspection| matches!(inspection, Inspection::Whole(_));
        let untouched = Met::when(
            whole(&before) && whole(&judge()?),
            "the copy is whole before and after",
        );
        for (attempt, met) in found {
            sheet.pair(*attempt, met, untouched.clone());
        }
        let mark = at.ledger_mark()?;
        let last = Draft::new(at, "GET", &format!("/{}", canary(at)?)).send(at)?;
        let id = request_id(&last).unwrap_or_default();
        let later = ledger_that(at, &mark, |tail| speaks_of(tail, &id))?;
        let twin = at.inspect_ledger(Some(&copy.checkpoint))?;
        let older = at.verify(&copy.folder, &copy.key, Some(&later.end.checkpoint))?;
        sheet.pair(
            "an older ledger than one already seen",
            named(&older),
            Met::when(
                whole(&twin) && later.end.size > mark.size,
                "the newer ledger extends the older",
            ),
        );
        after_a_start(at, sheet)?;
        let place = if copy.second_place {
            "checkpoints also go to a second place"
        } else {
            "checkpoints go to no second place: the host's owner could replace the whole ledger"
        };
        sheet.note("who could still rewrite everything", place);
        Ok(())
    }
}

/// What was altered while nothing ran is found by whoever starts next, without being asked.
fn after_a_start(at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
    let inspected = |altered| {
        let past = LedgerPast {
            ages: vec![OLD, OLD],
            announced: None,
            altered,
        };
        match at.child_with_past(&past, &mut |_| {})? {
            ChildStart::Up(child) => child.inspected(),
            ChildStart::Refused { exit, .. } => {
                let cause = format!("a child with a past ended with {exit}");
                Err(TargetError::new("start a child", cause))
            }
        }
    };
    let untouched = inspected(false)?;
    sheet.pair(
        "an old entry altered while nothing ran (on a child)",
        named(&inspected(true)?),
        Met::when(
            matches!(untouched, Inspection::Whole(_)),
            "an untouched past is whole",
        ),
    );
    Ok(())
}

fn named(inspection: &Inspection) -> Met {
    match inspection {
        Inspection::Whole(size) => Met::when(false, format!("called whole, {size} entries")),
        Inspection::Altered(what) => Met::when(true, format!("altered: {what}")),
    }
}
