//! What `prove` said, as far as a patch is concerned.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The verdicts of each promise, by id, in the order of the document: a promise may stand in it
/// more than once.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Report(BTreeMap<String, Vec<String>>);

#[derive(Deserialize)]
struct Printed {
    promises: Vec<Promise>,
}

#[derive(Deserialize)]
struct Promise {
    id: String,
    verdict: String,
}

impl Report {
    /// Reads the JSON report.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let printed: Printed =
            serde_json::from_str(text).map_err(|cause| format!("no report came: {cause}"))?;
        if printed.promises.is_empty() {
            return Err("the report holds no promise".to_owned());
        }
        let mut verdicts = BTreeMap::<String, Vec<String>>::new();
        for promise in printed.promises {
            verdicts
                .entry(promise.id)
                .or_default()
                .push(promise.verdict);
        }
        Ok(Self(verdicts))
    }

    /// The promises of which some sentence is broken.
    pub(super) fn broken(&self) -> BTreeSet<String> {
        self.0
            .iter()
            .filter(|(_, verdicts)| verdicts.iter().any(|verdict| verdict == "broken"))
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// What is different from what a patch that breaks exactly `breaks` must lead to: those must
    /// have turned broken, and every other verdict must be what it was in `before`.
    pub(super) fn differences(&self, before: &Self, breaks: &BTreeSet<String>) -> Vec<String> {
        let now = self.broken();
        let mut said: Vec<String> = breaks
            .iter()
            .filter(|id| !now.contains(*id))
            .map(|id| match self.0.get(id) {
                Some(verdicts) => format!("{id} is {}, not broken", verdicts.join(" and ")),
                None => format!("{id} is not in the document"),
            })
            .collect();
        let ids: BTreeSet<&String> = self.0.keys().chain(before.0.keys()).collect();
        for id in ids.into_iter().filter(|id| !breaks.contains(*id)) {
            let words = |report: &Self| {
                let verdicts = report.0.get(id);
                verdicts.map_or_else(|| "absent".to_owned(), |verdicts| verdicts.join(" and "))
            };
            let (was, is) = (words(before), words(self));
            if was != is {
                said.push(format!("{id} turned from {was} to {is} as well"));
            }
        }
        said
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(verdicts: &[(&str, &str)]) -> Report {
        let promises: Vec<serde_json::Value> = verdicts
            .iter()
            .map(|(id, verdict)| serde_json::json!({"id": id, "verdict": verdict, "line": 3}))
            .collect();
        let text = serde_json::json!({"promises": promises, "summary": {"kept": 1}});
        Report::read(&text.to_string()).unwrap()
    }

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    const BEFORE: &[(&str, &str)] = &[("a", "kept"), ("a", "kept"), ("b", "kept"), ("c", "waived")];

    #[test]
    fn exactly_the_named_promises_pass() {
        let after = report(&[
            ("a", "kept"),
            ("a", "broken"),
            ("b", "broken"),
            ("c", "waived"),
        ]);
        assert_eq!(after.broken(), set(&["a", "b"]));
        let none: [String; 0] = [];
        assert_eq!(after.differences(&report(BEFORE), &set(&["a", "b"])), none);
        assert_eq!(report(BEFORE).differences(&report(BEFORE), &set(&[])), none);
    }

    #[test]
    fn one_that_holds_one_too_many_and_one_that_cannot_be_asked_are_told_apart() {
        let after = report(&[
            ("a", "kept"),
            ("a", "kept"),
            ("b", "broken"),
            ("c", "error"),
        ]);
        assert_eq!(
            after.differences(&report(BEFORE), &set(&["a", "d"])),
            [
                "a is kept and kept, not broken",
                "d is not in the document",
                "b turned from kept to broken as well",
                "c turned from waived to error as well",
            ]
        );
    }

    #[test]
    fn a_promise_that_is_gone_is_a_difference() {
        let after = report(&[("a", "kept"), ("a", "kept"), ("b", "kept")]);
        assert_eq!(
            after.differences(&report(BEFORE), &set(&[])),
            ["c turned from waived to absent as well"]
        );
    }

    #[test]
    fn no_report_and_an_empty_one_are_refused() {
        for text in ["", "thread panicked", r#"{"promises": []}"#] {
            assert!(Report::read(text).is_err(), "{text}");
        }
    }
}
