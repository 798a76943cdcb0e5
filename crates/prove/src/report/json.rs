//! The report for programs.
//!
//! Owns the shape outside tests rely on: `promises` with `id`, `rows`, `line`, `sentence`, `verdict`,
//! `evidence` and `references`, and `summary` with one count per verdict. Keys are only ever added.

use serde_json::{Map, Value, json};

use crate::{
    dates,
    outcome::{Outcome, Report},
};

/// The report as one JSON object.
#[must_use]
pub fn json(report: &Report) -> Value {
    let summary = report.summary();
    json!({
        "promises": report.outcomes.iter().map(outcome).collect::<Vec<_>>(),
        "summary": {
            "line": summary.line(),
            "promises": summary.promises,
            "kept": summary.kept,
            "broken": summary.broken,
            "error": summary.error,
            "waived": summary.waived,
            "unproven": summary.unproven,
            "constructed": summary.constructed,
            "attested": summary.attested,
            "not_promised": report.not_promised.len(),
            "expired_waivers": report.expired.len(),
        },
        "not_promised": report.not_promised.iter().map(|control| json!({
            "control": control.control.0,
            "title": control.title,
            "promises": control.promises,
        })).collect::<Vec<_>>(),
        "expired_waivers": report.expired.iter().map(|waiver| json!({
            "promise": waiver.promise,
            "owner": waiver.owner,
            "until": dates::last_day(waiver.until),
        })).collect::<Vec<_>>(),
        "document": report.file,
        "at": report.at.to_string(),
        "checkpoint": report.checkpoint,
        "unrecorded": report.unrecorded,
        "left_behind": report.left_behind,
    })
}

fn outcome(outcome: &Outcome) -> Value {
    let mut fields = Map::new();
    fields.insert("id".to_owned(), json!(outcome.promise));
    fields.insert("rows".to_owned(), json!(outcome.rows));
    fields.insert("line".to_owned(), json!(outcome.line));
    fields.insert("sentence".to_owned(), json!(outcome.sentence));
    fields.insert("proven".to_owned(), json!(outcome.proven));
    fields.insert("verdict".to_owned(), json!(outcome.verdict));
    fields.insert("class".to_owned(), json!(outcome.class));
    fields.insert("evidence".to_owned(), json!(outcome.evidence));
    fields.insert("references".to_owned(), json!(outcome.references));
    if !outcome.mends.is_empty() {
        let mends: Vec<Value> = outcome
            .mends
            .iter()
            .map(|mend| json!({"wrong": mend.wrong, "write": mend.write}))
            .collect();
        fields.insert("mend".to_owned(), Value::from(mends));
    }
    if let Some(hint) = &outcome.hint {
        fields.insert("hint".to_owned(), json!(hint));
    }
    if let Some(waiver) = &outcome.waiver {
        fields.insert(
            "waiver".to_owned(),
            json!({
                "owner": waiver.owner,
                "reason": waiver.reason,
                "until": dates::last_day(waiver.until),
            }),
        );
    }
    if let Some(attested) = &outcome.attested {
        fields.insert(
            "attested".to_owned(),
            json!({"by": attested.by, "until": dates::last_day(attested.until)}),
        );
    }
    if let Some(shown_by) = &outcome.shown_by {
        fields.insert("shown_by".to_owned(), json!(shown_by));
    }
    Value::Object(fields)
}
