use std::{cell::RefCell, collections::BTreeMap};

use control::{Card, ControlId, Weakening, sheet::Met};
use serde_json::json;

use super::*;
use crate::{document::Attested, target::double::Double};

/// A probe whose verdict is told by the configuration: `{"<promise>": "kept" | …}`.
struct Told(&'static str);

impl Probe for Told {
    fn promise(&self) -> &'static str {
        self.0
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        at.send(self.0.as_bytes())?;
        let held = || Met::when(true, "as promised");
        match at.facts().configuration.get(self.0).and_then(Value::as_str) {
            Some("kept") => sheet.pair("an attack", held(), held()),
            Some("broken") => sheet.pair("an attack", Met::when(false, "200"), held()),
            Some("error") => return Err(TargetError::new("try", "nothing answers")),
            _ => sheet.unproven("nothing to look at"),
        }
        Ok(())
    }
}

/// A control that asks for `{"strict": true}`.
struct Strict;

impl Control for Strict {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("wire.framing"),
            title: "Strict framing",
            summary: "Refuses what two parsers read differently.",
            promises: &["wire.framing"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, _: &Asked) -> Fit {
        if configuration.get("strict") == Some(&Value::Bool(false)) {
            return Fit::Falls(Mend {
                wrong: "framing is lenient".into(),
                write: "strict = true".into(),
            });
        }
        Fit::Fits
    }

    fn weaken(&self, _: &mut Value, _: &Asked) -> Weakening {
        Weakening::Sham("framing-lenient")
    }
}

#[derive(Default)]
struct Notes {
    verdicts: RefCell<Vec<(String, Verdict)>>,
    full: bool,
    sticky: bool,
}

impl Book for Notes {
    fn record(&self, outcome: &Outcome) -> Result<(), TargetError> {
        if self.full {
            return Err(TargetError::new("record a verdict", "the ledger is full"));
        }
        self.verdicts
            .borrow_mut()
            .push((outcome.promise.clone(), outcome.verdict));
        Ok(())
    }

    fn clean_up(&self) -> Result<(), TargetError> {
        if self.sticky {
            return Err(TargetError::new("revoke a canary key", "nobody answers"));
        }
        Ok(())
    }

    fn checkpoint(&self) -> Result<Option<String>, TargetError> {
        Ok(Some("origin\n7\nroot\n".to_owned()))
    }
}

fn sentence(promise: &str, line: usize) -> Sentence {
    Sentence {
        asked: Asked {
            promise: promise.to_owned(),
            values: BTreeMap::new(),
            line,
            sentence: format!("The sentence of {promise}."),
        },
        attested: None,
        disagreeing: Vec::new(),
    }
}

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

fn day(days: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + days * 86_400)
}

struct Setup {
    document: Document,
    configuration: Value,
    waivers: Vec<Waiver>,
    allow: Class,
    catalogue: Catalogue,
}

impl Setup {
    fn new(sentences: Vec<Sentence>, configuration: Value) -> Self {
        Self {
            document: Document {
                file: "SECURITY.md".into(),
                sentences,
            },
            configuration,
            waivers: Vec::new(),
            allow: Class::Refused,
            catalogue: Catalogue::built_in().unwrap(),
        }
    }

    fn waived(mut self, promise: &str, until: Timestamp) -> Self {
        self.waivers.push(Waiver {
            promise: promise.into(),
            owner: "M. Jansen".into(),
            reason: "moves in March".into(),
            until,
        });
        self
    }

    fn run_with(&self, book: &Notes) -> (Report, Vec<String>) {
        let mut target = Double::new();
        target.facts.configuration = self.configuration.clone();
        let plan = Plan {
            document: &self.document,
            configuration: &self.configuration,
            waivers: &self.waivers,
            controls: &[&Strict],
            catalogue: &self.catalogue,
            probes: &[
                &Told("wire.framing"),
                &Told("app.only-behind-gate"),
                &Told("key.scoped"),
                &Told("host.allow-list"),
            ],
            allow: self.allow,
            now: NOW,
        };
        let report = run(&plan, &target, book);
        (report, target.sent.take())
    }

    fn run(&self) -> Report {
        self.run_with(&Notes::default()).0
    }
}

fn one(setup: &Setup) -> Outcome {
    setup.run().outcomes.remove(0)
}

fn framing(told: &str) -> Setup {
    Setup::new(
        vec![sentence("wire.framing", 3)],
        json!({"wire.framing": told}),
    )
}

#[test]
fn the_app_is_probed_first_and_reported_in_its_place() {
    let sentences = vec![
        sentence("wire.framing", 1),
        sentence("host.allow-list", 2),
        sentence(FIRST, 3),
    ];
    let notes = Notes::default();
    let (report, sent) = Setup::new(sentences, json!({})).run_with(&notes);
    assert_eq!(sent, [FIRST, "wire.framing", "host.allow-list"]);
    let lines: Vec<usize> = report.outcomes.iter().map(|outcome| outcome.line).collect();
    assert_eq!(lines, [1, 2, 3]);
    assert_eq!(notes.verdicts.borrow().len(), 3);
    assert_eq!(report.checkpoint.as_deref(), Some("origin\n7\nroot\n"));
}

#[test]
fn a_verdict_is_what_the_sheet_says() {
    for (told, verdict, exit, strict) in [
        ("kept", Verdict::Kept, 0, 0),
        ("broken", Verdict::Broken, 1, 1),
        ("error", Verdict::Error, 2, 2),
        ("unproven", Verdict::Unproven, 0, 3),
    ] {
        let report = framing(told).run();
        assert_eq!(report.outcomes[0].verdict, verdict);
        assert_eq!(
            (report.exit_code(false), report.exit_code(true)),
            (exit, strict),
            "{told}"
        );
    }
}

#[test]
fn a_configuration_that_does_not_say_it_is_broken_with_its_mend_and_still_attacked() {
    let setup = Setup::new(
        vec![sentence("wire.framing", 3)],
        json!({"wire.framing": "kept", "strict": false}),
    );
    let outcome = one(&setup);
    assert_eq!(outcome.verdict, Verdict::Broken);
    assert_eq!(outcome.mends[0].write, "strict = true");
    assert_eq!(outcome.evidence.len(), 1);
}

#[test]
fn a_probe_that_was_not_allowed_proves_nothing() {
    let mut setup = Setup::new(
        vec![sentence("key.scoped", 3)],
        json!({"key.scoped": "kept"}),
    );
    let outcome = one(&setup);
    assert_eq!(outcome.verdict, Verdict::Unproven);
    assert_eq!(
        outcome.hint.as_deref(),
        Some("its probe was not allowed; add `--allow writes`")
    );
    setup.allow = Class::Writes;
    assert_eq!(one(&setup).verdict, Verdict::Kept);
}

#[test]
fn a_waiver_covers_what_is_broken_or_unproven_and_never_an_error() {
    for (told, verdict) in [
        ("broken", Verdict::Waived),
        ("unproven", Verdict::Waived),
        ("error", Verdict::Error),
        ("kept", Verdict::Kept),
    ] {
        let outcome = one(&framing(told).waived("wire.framing", day(1)));
        assert_eq!(outcome.verdict, verdict, "{told}");
    }
}

#[test]
fn an_expired_waiver_covers_nothing_and_ends_with_one() {
    let report = framing("kept").waived("wire.framing", NOW).run();
    assert_eq!(report.outcomes[0].verdict, Verdict::Kept);
    assert_eq!(report.exit_code(false), 1);
    let renewed = framing("unproven")
        .waived("wire.framing", NOW)
        .waived("wire.framing", day(1))
        .run();
    assert_eq!((renewed.exit_code(true), renewed.expired.len()), (0, 0));
    let elsewhere = framing("kept").waived("host.allow-list", NOW).run();
    assert_eq!(elsewhere.exit_code(false), 0, "nobody promises that");
}

#[test]
fn numbers_that_disagree_break_the_promise_whatever_the_probe_saw() {
    let mut setup = framing("kept");
    setup.document.sentences[0].disagreeing = vec!["60 days".into()];
    let outcome = one(&setup);
    assert_eq!(outcome.verdict, Verdict::Broken);
    assert!(
        outcome
            .evidence
            .iter()
            .any(|e| e.saw.contains("60 days") && !e.held)
    );
}

#[test]
fn kinds_that_are_not_probed_have_verdicts_of_their_own() {
    let attested = |until| Sentence {
        attested: Some(Attested {
            by: "M. Jansen".into(),
            until,
        }),
        ..sentence("training", 1)
    };
    let verdict = |sentence| one(&Setup::new(vec![sentence], json!({}))).verdict;
    assert_eq!(verdict(attested(day(1))), Verdict::Attested);
    assert_eq!(verdict(attested(NOW)), Verdict::Unproven);
    assert_eq!(verdict(sentence("retention.max", 1)), Verdict::Unproven);
    let constructed = one(&Setup::new(vec![sentence("key.random", 1)], json!({})));
    assert_eq!(constructed.verdict, Verdict::Constructed);
    assert!(constructed.shown_by.is_some());
}

#[test]
fn a_control_nobody_mentions_is_not_promised() {
    assert!(framing("kept").run().not_promised.is_empty());
    let report = Setup::new(vec![sentence("host.allow-list", 1)], json!({})).run();
    assert_eq!(report.not_promised[0].control, ControlId("wire.framing"));
}

#[test]
fn a_probed_promise_without_a_probe_is_an_error() {
    let outcome = one(&Setup::new(vec![sentence("headers.frame", 1)], json!({})));
    assert_eq!(outcome.verdict, Verdict::Error);
}

#[test]
fn verdicts_that_cannot_be_recorded_end_with_two() {
    let notes = Notes {
        full: true,
        ..Notes::default()
    };
    let (report, _) = framing("kept").run_with(&notes);
    assert_eq!(report.exit_code(false), 2);
    assert!(report.unrecorded.unwrap().contains("the ledger is full"));
}

#[test]
fn canaries_that_stay_end_with_two() {
    let notes = Notes {
        sticky: true,
        ..Notes::default()
    };
    let (report, _) = framing("kept").run_with(&notes);
    assert_eq!(report.exit_code(false), 2);
    assert!(report.left_behind.unwrap().contains("nobody answers"));
}

#[test]
fn a_promise_of_several_routes_is_attacked_on_each() {
    struct Routes;
    impl Probe for Routes {
        fn promise(&self) -> &'static str {
            "auth.enforced"
        }
        fn run(&self, asked: &Asked, _: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
            let route = asked.value("route").unwrap_or_default();
            let held = || Met::when(true, "401");
            sheet.pair(route, Met::when(route != "/b", "401"), held());
            Ok(())
        }
    }
    let mut both = sentence("auth.enforced", 1);
    both.asked.values.insert("route".into(), "/a, /b".into());
    let setup = Setup::new(vec![both.clone()], json!({}));
    let plan = Plan {
        document: &setup.document,
        configuration: &setup.configuration,
        waivers: &[],
        controls: &[],
        catalogue: &setup.catalogue,
        probes: &[&Routes],
        allow: Class::Refused,
        now: NOW,
    };
    let sheet = attack(&plan, &both.asked, &Double::new()).unwrap();
    assert_eq!((sheet.attempts(), sheet.verdict()), (2, Verdict::Broken));
}
