use std::collections::BTreeMap;

use control::Verdict;
use serde_json::json;

use super::*;
use crate::target::double::Double;

/// The canaries of the ages in `places`, and what tells of a removal.
fn events(places: &[usize]) -> Vec<Value> {
    let canary = |place: &usize| json!({"kind": "prove.past", "age": place});
    let told = json!({"kind": "ledger.retention", "minimum": 256});
    let canaries = places.iter().flat_map(|place| vec![canary(place); EACH]);
    canaries.chain([told]).collect()
}

fn child(minimum: u64, places: &[usize]) -> ChildStart {
    let mut child = Double::new();
    (child.minimum, child.events) = (minimum, events(places));
    ChildStart::Up(Box::new(child))
}

/// What the probe says of an instance that keeps for `keep`, whose children `start` so in turn.
fn judged(
    keep: Option<&str>,
    start: impl Fn(usize, &Value) -> ChildStart + 'static,
) -> (Sheet, Double) {
    let mut at = Double::new();
    if let Some(keep) = keep {
        at.facts.configuration["ledger"] = json!({"keep": keep});
    }
    let started = std::cell::Cell::new(0);
    at.start = Box::new(move |tree| start(started.replace(started.get() + 1), tree));
    let asked = Asked {
        promise: "audit.retention".to_owned(),
        values: BTreeMap::from([("age".to_owned(), "365d".to_owned())]),
        line: 1,
        sentence: String::new(),
    };
    let mut sheet = Sheet::new();
    Retention.run(&asked, &at, &mut sheet).unwrap();
    (sheet, at)
}

#[test]
fn a_ledger_that_keeps_what_it_should_and_removes_what_it_may_is_kept() {
    let (sheet, at) = judged(Some("400d"), |number, _| match number {
        0 => child(0, &[0, 1, 2]),
        _ => child(256, &[1, 2]),
    });
    assert_eq!(sheet.verdict(), Verdict::Kept, "{:?}", sheet.evidence());
    assert_eq!(sheet.attempts(), 5);
    let pasts = at.pasts.borrow();
    assert_eq!(pasts[0].ages, [DAY * 402, DAY * 364, DAY * 365 / 2]);
    assert_eq!(pasts[1].ages, pasts[0].ages);
    assert_eq!(pasts[0].announced, Some(AN_HOUR_AGO));
    assert_eq!(pasts[1].announced, Some(A_DAY_AGO));
}

#[test]
fn a_ledger_that_removes_younger_entries_is_broken() {
    let (sheet, _) = judged(Some("400d"), |number, _| match number {
        0 => child(0, &[0, 1, 2]),
        _ => child(512, &[2]),
    });
    assert_eq!(sheet.verdict(), Verdict::Broken);
}

#[test]
fn a_ledger_that_removes_on_the_day_of_the_announcement_is_broken() {
    let (sheet, _) = judged(Some("400d"), |_, _| child(256, &[1, 2]));
    assert_eq!(sheet.verdict(), Verdict::Broken);
}

#[test]
fn a_removal_that_nothing_tells_of_or_the_verifier_does_not_know_of_is_broken() {
    let with = |change: fn(&mut Double)| {
        let (sheet, _) = judged(Some("400d"), move |number, _| {
            if number == 0 {
                return child(0, &[0, 1, 2]);
            }
            let mut child = Double::new();
            (child.minimum, child.events) = (256, events(&[1, 2]));
            change(&mut child);
            ChildStart::Up(Box::new(child))
        });
        sheet.verdict()
    };
    assert_eq!(with(|_| {}), Verdict::Kept);
    assert_eq!(with(|child| drop(child.events.pop())), Verdict::Broken);
    let altered = |child: &mut Double| child.inspection = Inspection::Altered("a tile".to_owned());
    assert_eq!(with(altered), Verdict::Broken);
}

#[test]
fn a_ledger_without_an_end_keeps_everything_beside_one_that_keeps_for_a_week() {
    let start = |kept: &'static [usize]| {
        move |_, tree: &Value| match tree.pointer("/ledger/keep") {
            None => child(0, kept),
            Some(keep) => {
                assert_eq!(keep, "7d");
                child(512, &[2])
            }
        }
    };
    let (sheet, _) = judged(None, start(&[0, 1, 2]));
    assert_eq!(sheet.verdict(), Verdict::Kept, "{:?}", sheet.evidence());
    let (sheet, _) = judged(None, start(&[1, 2]));
    assert_eq!(sheet.verdict(), Verdict::Broken);
}

#[test]
fn months_and_years_are_taken_at_their_longest() {
    for (text, days) in [("30d", 30), ("2mo", 62), ("7y", 7 * 366)] {
        assert_eq!(span(text), Some(DAY * days), "{text}");
    }
    for text in ["", "y", "1.5y", "-1y", "99999999999y", "4000000000y"] {
        assert_eq!(span(text), None, "{text}");
    }
}
