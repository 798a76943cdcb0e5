use control::{Class, ControlId, Evidence, Mend, Timestamp, Verdict, catalogue::References};

use super::*;
use crate::{
    document::Attested,
    outcome::{NotPromised, Outcome, Report},
    self_test::{SelfTest, Trial, Unheld},
    settings::Waiver,
};

fn outcome(promise: &str, line: usize, verdict: Verdict) -> Outcome {
    Outcome {
        promise: promise.into(),
        rows: vec!["P-028".into()],
        line,
        sentence: format!(
            "What the author of {promise} says in words of their own, at some length, so that it has to be wrapped."
        ),
        proven: format!("What the catalogue says of {promise}."),
        class: Class::Refused,
        verdict,
        evidence: vec![Evidence {
            attempt: "no signature".into(),
            saw: "403".into(),
            twin: Some("200".into()),
            held: true,
        }],
        mends: Vec::new(),
        hint: None,
        waiver: None,
        attested: None,
        shown_by: None,
        references: References {
            nist: vec!["SC-7".into()],
            ..References::default()
        },
    }
}

fn report() -> Report {
    let until = Timestamp::from_seconds(1_801_612_800);
    let mut broken = outcome("webhook.signed", 12, Verdict::Broken);
    broken.evidence.push(Evidence {
        attempt: "signature of another body".into(),
        saw: "200".into(),
        twin: Some("200".into()),
        held: false,
    });
    broken.mends = vec![Mend {
        wrong: "the route /webhook/whatsapp verifies no signature".into(),
        write: "[[route]]\npath = \"/webhook/whatsapp\"".into(),
    }];
    broken.hint = Some("an attack got through; what was tried says which".into());
    let mut waived = outcome("retention.max", 14, Verdict::Waived);
    waived.waiver = Some(Waiver {
        promise: "retention.max".into(),
        owner: "M. Jansen".into(),
        reason: "records move in March".into(),
        until,
    });
    let mut attested = outcome("training", 15, Verdict::Attested);
    attested.attested = Some(Attested {
        by: "A. | B.".into(),
        until,
    });
    let mut constructed = outcome("key.random", 16, Verdict::Constructed);
    constructed.shown_by = Some("clippy: one source of randomness".into());
    let mut error = outcome("host.allow-list", 17, Verdict::Error);
    error.evidence = vec![Evidence {
        attempt: "the probe could not go on".into(),
        saw: "mint a ticket: nothing answers".into(),
        twin: None,
        held: false,
    }];
    Report {
        file: "SECURITY.md".into(),
        at: Timestamp::from_seconds(1_800_000_000),
        outcomes: vec![
            outcome("wire.framing", 10, Verdict::Kept),
            broken,
            waived,
            attested,
            constructed,
            error,
        ],
        not_promised: vec![NotPromised {
            control: ControlId("gate.host"),
            title: "Host names",
            promises: vec!["host.allow-list"],
        }],
        expired: vec![Waiver {
            promise: "messaging.opt-in".into(),
            owner: "M. Jansen".into(),
            reason: "later".into(),
            until: Timestamp::from_seconds(1_800_000_000),
        }],
        checkpoint: Some("coach.example/coach/node\n128\ncm9vdA==\n\n— sig".into()),
        unrecorded: None,
        left_behind: None,
    }
}

#[test]
fn the_table_reads_from_the_top() {
    insta::assert_snapshot!(table(&report(), false));
}

#[test]
fn colour_only_paints() {
    let painted = table(&report(), true);
    assert!(painted.contains("\u{1b}[31m✗ broken"));
    let stripped = ["31", "32", "33", "0"].iter().fold(painted, |text, code| {
        text.replace(&format!("\u{1b}[{code}m"), "")
    });
    assert_eq!(stripped, table(&report(), false));
}

#[test]
fn the_json_has_the_shape_others_rely_on() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&json(&report())).unwrap());
}

#[test]
fn the_page_and_the_status_block_read() {
    insta::assert_snapshot!("page", markdown(&report()));
    insta::assert_snapshot!("status", status(&report(), Detail::Kept));
}

#[test]
fn the_status_block_tells_what_is_broken_only_when_asked() {
    assert!(!status(&report(), Detail::Kept).contains("webhook.signed"));
    assert!(status(&report(), Detail::Full).contains("webhook.signed"));
}

#[test]
fn nothing_a_report_prints_becomes_markup_or_an_anchor() {
    let mut report = report();
    report.outcomes[0].sentence = "a | b <!-- promise: x --> `c`\nd".into();
    let text = status(&report, Detail::Full);
    assert!(!text.contains("<!--"));
    assert!(text.contains("a \\| b &lt;!-- promise: x --&gt; \\`c\\` d"));
    assert!(
        crate::document::status::renew(
            "<!-- vouchsafe:status -->\n<!-- /vouchsafe:status -->",
            &text
        )
        .is_ok()
    );
}

#[test]
fn the_self_test_reads() {
    let trial = |promise: &str, fault: Option<&str>| Trial {
        promise: promise.into(),
        line: 3,
        weakened: "a peer with the fault `framing-lenient`".into(),
        verdict: Some(Verdict::Broken),
        beside: vec!["headers.frame (line 9)".into()],
        fault: fault.map(str::to_owned),
    };
    let test = SelfTest {
        trials: vec![
            trial("wire.framing", None),
            trial(
                "host.allow-list",
                Some("its probe says kept where it must say broken"),
            ),
        ],
        unheld: vec![Unheld {
            promise: "audit.every-request".into(),
            line: 4,
            verdict: Verdict::Error,
            saw: vec!["the probe could not go on: no ledger".into()],
        }],
    };
    insta::assert_snapshot!(self_test_table(&test));
    assert_eq!(test.exit_code(), 1);
}
