//! From a document to a report.
//!
//! Owns the order of a proof and the rules by which a sheet, a waiver, an attestation and a
//! configuration become one verdict. A probe never chooses its own verdict, and a waiver never
//! covers a probe that could not run.

use std::collections::BTreeSet;

use control::{
    Asked, Catalogue, Class, Control, Evidence, Fit, Mend, Probe, Promise, Sheet, Target,
    Timestamp, Verdict,
    catalogue::{Kind, Takes},
    probe::TargetError,
};
use serde_json::Value;

use crate::{
    dates,
    document::{Document, Sentence},
    observed,
    outcome::{NotPromised, Outcome, Report},
    settings::{Waiver, waiver_of},
};

/// The promise that is probed before all others: while it falls, attacks on the gate say little.
pub const FIRST: &str = "app.only-behind-gate";

/// Everything a proof starts from.
#[derive(Clone, Copy)]
pub struct Plan<'a> {
    /// What is promised.
    pub document: &'a Document,
    /// The configuration as a tree.
    pub configuration: &'a Value,
    /// Promises somebody took over.
    pub waivers: &'a [Waiver],
    /// Every control of this build.
    pub controls: &'a [&'a dyn Control],
    /// Every promise of this build.
    pub catalogue: &'a Catalogue,
    /// Every probe of this build.
    pub probes: &'a [&'a dyn Probe],
    /// The most a probe may do to the deployment.
    pub allow: Class,
    /// The moment waivers and attestations are judged at.
    pub now: Timestamp,
}

/// Where verdicts are written down.
pub trait Book {
    /// Records one verdict durably.
    fn record(&self, outcome: &Outcome) -> Result<(), TargetError>;

    /// Takes back every canary that probes made and left.
    fn clean_up(&self) -> Result<(), TargetError>;

    /// The checkpoint that covers everything recorded.
    fn checkpoint(&self) -> Result<Option<String>, TargetError>;
}

/// Proves a document on `target`.
#[must_use]
pub fn run(plan: &Plan<'_>, target: &dyn Target, book: &dyn Book) -> Report {
    let sentences = &plan.document.sentences;
    let mut order: Vec<usize> = (0..sentences.len()).collect();
    order.sort_by_key(|index| {
        sentences
            .get(*index)
            .is_none_or(|sentence| sentence.asked.promise != FIRST)
    });
    let mut judged: Vec<(usize, Outcome)> = order
        .into_iter()
        .filter_map(|index| Some((index, judge(plan, sentences.get(index)?, target)?)))
        .collect();
    judged.sort_by_key(|(index, _)| *index);
    let outcomes: Vec<Outcome> = judged.into_iter().map(|(_, outcome)| outcome).collect();
    let left_behind = book.clean_up().err().map(|cause| cause.to_string());
    let recorded = outcomes
        .iter()
        .try_for_each(|outcome| book.record(outcome))
        .and_then(|()| book.checkpoint());
    let (checkpoint, unrecorded) = match recorded {
        Ok(checkpoint) => (checkpoint, None),
        Err(cause) => (None, Some(cause.to_string())),
    };
    Report {
        file: plan.document.file.clone(),
        at: plan.now,
        not_promised: not_promised(plan),
        expired: expired(plan, &outcomes),
        outcomes,
        checkpoint,
        unrecorded,
        left_behind,
    }
}

/// Attacks one promise and says what came out, waivers aside. `None` when no probe of this build
/// attacks it. A promise of several routes is attacked on each of them, on one sheet.
pub(crate) fn attack(plan: &Plan<'_>, asked: &Asked, target: &dyn Target) -> Option<Sheet> {
    let probe = plan
        .probes
        .iter()
        .find(|probe| probe.promise() == asked.promise)?;
    let mut sheet = Sheet::new();
    for one in one_by_one(plan, asked) {
        if let Err(cause) = probe.run(&one, target, &mut sheet) {
            sheet.error(cause.to_string());
        }
    }
    Some(sheet)
}

/// The same promise once for each path of its required list of paths.
fn one_by_one(plan: &Plan<'_>, asked: &Asked) -> Vec<Asked> {
    let listed = plan.catalogue.get(&asked.promise).and_then(|promise| {
        promise
            .parameters
            .iter()
            .find(|parameter| parameter.required && parameter.takes == Takes::Paths)
    });
    let name = listed.map(|parameter| parameter.name.as_str());
    let paths = name.map(|name| asked.list(name)).unwrap_or_default();
    let (Some(name), true) = (name, paths.len() > 1) else {
        return vec![asked.clone()];
    };
    paths
        .into_iter()
        .map(|path| {
            let mut one = asked.clone();
            one.values.insert(name.to_owned(), path.to_owned());
            one
        })
        .collect()
}

fn judge(plan: &Plan<'_>, sentence: &Sentence, target: &dyn Target) -> Option<Outcome> {
    let asked = &sentence.asked;
    let promise = plan.catalogue.get(&asked.promise)?;
    let mut outcome = Outcome {
        promise: promise.id.clone(),
        rows: promise.rows.clone(),
        line: asked.line,
        sentence: asked.sentence.clone(),
        proven: promise.sentence_for(asked),
        class: promise.class,
        verdict: Verdict::Unproven,
        evidence: Vec::new(),
        mends: Vec::new(),
        hint: None,
        waiver: None,
        attested: sentence.attested.clone(),
        shown_by: promise.shown_by.clone(),
        references: promise.references.clone(),
    };
    match promise.kind {
        Kind::Probed => probed(plan, promise, asked, target, &mut outcome),
        Kind::Constructed => constructed(plan, asked, &mut outcome),
        Kind::Planned => {
            outcome.hint = Some("no control of this version keeps it yet".to_owned());
        }
        Kind::Attested => attested(plan, sentence, &mut outcome),
    }
    if promise.kind != Kind::Attested {
        agree(sentence, &mut outcome);
    }
    waive(plan, &mut outcome);
    Some(outcome)
}

fn probed(
    plan: &Plan<'_>,
    promise: &Promise,
    asked: &Asked,
    target: &dyn Target,
    outcome: &mut Outcome,
) {
    outcome.mends = mends(plan, asked);
    if let Some(route) = observed::breaks(asked, target) {
        outcome.mends.insert(0, observed::mend(route));
        outcome.evidence.push(observed::shown(route, target));
        outcome.verdict = Verdict::Broken;
        outcome.hint = Some("its route is observed: enforce it, and prove again".to_owned());
        return;
    }
    if promise.class > plan.allow {
        let class = match promise.class {
            Class::Disruptive => "disruptive",
            Class::Writes | Class::Refused => "writes",
        };
        outcome.hint = Some(format!("its probe was not allowed; add `--allow {class}`"));
    } else if let Some(sheet) = attack(plan, asked, target) {
        outcome.verdict = sheet.verdict();
        outcome.evidence = sheet.evidence().to_vec();
        outcome.hint = hint(&sheet);
    } else {
        outcome.verdict = Verdict::Error;
        outcome.hint = Some("this build has no probe for it".to_owned());
    }
    if !outcome.mends.is_empty() {
        outcome.verdict = Verdict::Broken;
    }
}

/// What this build is shown to keep by its tests holds where the configuration asks for it.
fn constructed(plan: &Plan<'_>, asked: &Asked, outcome: &mut Outcome) {
    outcome.mends = mends(plan, asked);
    outcome.verdict = if outcome.mends.is_empty() {
        Verdict::Constructed
    } else {
        Verdict::Broken
    };
}

/// What every control that keeps the promise says of the configuration.
pub(crate) fn mends(plan: &Plan<'_>, asked: &Asked) -> Vec<Mend> {
    plan.controls
        .iter()
        .filter(|control| control.card().promises.contains(&asked.promise.as_str()))
        .filter_map(|control| match control.fit(plan.configuration, asked) {
            Fit::Fits => None,
            Fit::Falls(mend) => Some(mend),
        })
        .collect()
}

fn hint(sheet: &Sheet) -> Option<String> {
    match sheet.verdict() {
        Verdict::Broken => Some("an attack got through; what was tried says which".to_owned()),
        Verdict::Error => Some("nothing may be concluded until the probe runs whole".to_owned()),
        Verdict::Unproven => sheet.why_unproven().map(str::to_owned),
        _ => None,
    }
}

fn attested(plan: &Plan<'_>, sentence: &Sentence, outcome: &mut Outcome) {
    match &sentence.attested {
        Some(word) if word.until > plan.now => outcome.verdict = Verdict::Attested,
        Some(word) => {
            outcome.hint = Some(format!(
                "the attestation of {} ended on {}; renew it or take the sentence out",
                word.by,
                dates::last_day(word.until)
            ));
        }
        None => {}
    }
}

/// A sentence whose numbers are not its anchor's says something other than what is proven.
fn agree(sentence: &Sentence, outcome: &mut Outcome) {
    if sentence.disagreeing.is_empty() {
        return;
    }
    let said = sentence.disagreeing.join(", ");
    outcome.evidence.push(Evidence {
        attempt: "numbers of the sentence against its anchor".to_owned(),
        saw: format!("the sentence says {said}, the anchor does not"),
        twin: None,
        held: false,
    });
    outcome.verdict = Verdict::Broken;
    outcome.hint = Some("make the sentence and its anchor say the same".to_owned());
}

fn waive(plan: &Plan<'_>, outcome: &mut Outcome) {
    let Some(waiver) = waiver_of(plan.waivers, &outcome.promise) else {
        return;
    };
    if waiver.until <= plan.now {
        return;
    }
    outcome.waiver = Some(waiver.clone());
    match outcome.verdict {
        Verdict::Broken | Verdict::Unproven => outcome.verdict = Verdict::Waived,
        Verdict::Kept | Verdict::Constructed | Verdict::Attested => {
            outcome.hint = Some("its waiver is no longer needed".to_owned());
        }
        Verdict::Error | Verdict::Waived => {}
    }
}

fn expired(plan: &Plan<'_>, outcomes: &[Outcome]) -> Vec<Waiver> {
    let promises: BTreeSet<&str> = outcomes.iter().map(|o| o.promise.as_str()).collect();
    promises
        .into_iter()
        .filter_map(|promise| waiver_of(plan.waivers, promise))
        .filter(|waiver| waiver.until <= plan.now)
        .cloned()
        .collect()
}

fn not_promised(plan: &Plan<'_>) -> Vec<NotPromised> {
    let said: BTreeSet<&str> = plan
        .document
        .sentences
        .iter()
        .map(|s| s.asked.promise.as_str())
        .collect();
    plan.controls
        .iter()
        .map(|control| control.card())
        .filter(|card| !card.promises.is_empty())
        .filter(|card| card.promises.iter().all(|promise| !said.contains(promise)))
        .map(|card| NotPromised {
            control: card.id,
            title: card.title,
            promises: card.promises.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests;
