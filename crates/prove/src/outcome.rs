//! What a proof says, as data.
//!
//! Owns the report every rendering reads, and the rule by which it becomes an exit code.

use control::{Class, ControlId, Evidence, Mend, Timestamp, Verdict, catalogue::References};

use crate::{document::Attested, settings::Waiver};

/// What a proof says of one promise.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Catalogue id.
    pub promise: String,
    /// Rows of the promise table.
    pub rows: Vec<String>,
    /// Line of the anchor.
    pub line: usize,
    /// The author's sentence.
    pub sentence: String,
    /// The catalogue's sentence with the anchor's values: what was actually proven.
    pub proven: String,
    /// What its probe may do.
    pub class: Class,
    /// What came out.
    pub verdict: Verdict,
    /// What was seen.
    pub evidence: Vec<Evidence>,
    /// Lines of configuration that would mend it; only on what is broken or waived.
    pub mends: Vec<Mend>,
    /// Why nothing more can be said, and what to do; one sentence.
    pub hint: Option<String>,
    /// Who took it over, where somebody did.
    pub waiver: Option<Waiver>,
    /// Who answers for it, where a person does.
    pub attested: Option<Attested>,
    /// The test or lint that shows it, where one does.
    pub shown_by: Option<String>,
    /// Ids in the frameworks.
    pub references: References,
}

/// A control that no sentence of the document mentions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotPromised {
    /// Its name.
    pub control: ControlId,
    /// A few words.
    pub title: &'static str,
    /// What could be promised of it.
    pub promises: Vec<&'static str>,
}

/// A whole proof.
#[derive(Clone, Debug)]
pub struct Report {
    /// The document, as the caller named it.
    pub file: String,
    /// When it was made.
    pub at: Timestamp,
    /// One outcome per anchor, in the document's order.
    pub outcomes: Vec<Outcome>,
    /// Controls nobody promised anything of.
    pub not_promised: Vec<NotPromised>,
    /// Waivers that ended.
    pub expired: Vec<Waiver>,
    /// The ledger's checkpoint after the proof.
    pub checkpoint: Option<String>,
    /// Why verdicts are not in the ledger, if they are not.
    pub unrecorded: Option<String>,
    /// Why canaries of this proof are still there, if they are.
    pub left_behind: Option<String>,
}

/// How many of each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// All promises of the document.
    pub promises: usize,
    /// Attacked, and held.
    pub kept: usize,
    /// An attack got through, or the configuration does not say it.
    pub broken: usize,
    /// The probe could not run.
    pub error: usize,
    /// Taken over by an owner.
    pub waived: usize,
    /// Nothing was shown.
    pub unproven: usize,
    /// Shown by a test or lint of this build.
    pub constructed: usize,
    /// A person answers for it.
    pub attested: usize,
}

impl Report {
    /// How many of each.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let count = |verdict| {
            self.outcomes
                .iter()
                .filter(|o| o.verdict == verdict)
                .count()
        };
        Summary {
            promises: self.outcomes.len(),
            kept: count(Verdict::Kept),
            broken: count(Verdict::Broken),
            error: count(Verdict::Error),
            waived: count(Verdict::Waived),
            unproven: count(Verdict::Unproven),
            constructed: count(Verdict::Constructed),
            attested: count(Verdict::Attested),
        }
    }

    /// 1 when something is broken or a waiver ended, else 2 when a probe could not run, verdicts
    /// could not be recorded or canaries stayed behind, else 3 under `strict` when something is unproven, else 0.
    #[must_use]
    pub fn exit_code(&self, strict: bool) -> u8 {
        let summary = self.summary();
        if summary.broken > 0 || !self.expired.is_empty() {
            1
        } else if summary.error > 0 || self.unrecorded.is_some() || self.left_behind.is_some() {
            2
        } else if strict && summary.unproven > 0 {
            3
        } else {
            0
        }
    }
}

impl Summary {
    /// The counts that are not nothing, with their words, worst first behind `kept`.
    #[must_use]
    pub fn counts(&self) -> Vec<(usize, Verdict)> {
        [
            (self.broken, Verdict::Broken),
            (self.error, Verdict::Error),
            (self.waived, Verdict::Waived),
            (self.unproven, Verdict::Unproven),
            (self.constructed, Verdict::Constructed),
            (self.attested, Verdict::Attested),
        ]
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .collect()
    }

    /// The plain first line of every report: `kept 21 of 34 promises, 9 waived, 4 unproven`.
    #[must_use]
    pub fn line(&self) -> String {
        let promises = if self.promises == 1 {
            "promise"
        } else {
            "promises"
        };
        let first = format!("kept {} of {} {promises}", self.kept, self.promises);
        self.counts()
            .into_iter()
            .fold(first, |line, (count, verdict)| {
                format!("{line}, {count} {}", verdict.word())
            })
    }
}
