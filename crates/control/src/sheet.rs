//! The record of one probe.
//!
//! Owns the rules by which attempts become a verdict: an attack that got through is `broken`; a
//! twin that failed, a dependency that was down or a probe that tried nothing is `error`; only a
//! sheet on which every attack failed and every twin succeeded is `kept`. A probe writes what it
//! saw and never chooses its own verdict.

use serde::{Deserialize, Serialize};

use crate::{probe::Reply, verdict::Verdict};

/// One thing a probe saw: status, names, digests, counts, time. Never a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What was tried: `signature of another body`.
    pub attempt: String,
    /// What the attack met: `403`, `closed`, `0 hits in 14 files`.
    pub saw: String,
    /// What its twin met: `200 by echo`; absent only for notes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub twin: Option<String>,
    /// Whether this entry speaks for the promise.
    pub held: bool,
}

/// What one side of a pair met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    outcome: Outcome,
    saw: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    AsPromised,
    Otherwise,
    Inconclusive,
}

impl Met {
    /// Met what the promise says, or not.
    #[must_use]
    pub fn when(as_promised: bool, saw: impl Into<String>) -> Self {
        let outcome = if as_promised {
            Outcome::AsPromised
        } else {
            Outcome::Otherwise
        };
        Self {
            outcome,
            saw: saw.into(),
        }
    }

    /// Nothing can be concluded from what was met.
    #[must_use]
    pub fn inconclusive(saw: impl Into<String>) -> Self {
        Self {
            outcome: Outcome::Inconclusive,
            saw: saw.into(),
        }
    }

    /// An answer with one of these statuses was promised. A 503 that was not promised says that
    /// something is down, which is neither.
    #[must_use]
    pub fn status(reply: &Reply, promised: &[u16]) -> Self {
        match reply {
            Reply::Answer(answer) if promised.contains(&answer.status) => {
                Self::when(true, answer.status.to_string())
            }
            Reply::Answer(answer) if answer.status == 503 => Self::inconclusive("503"),
            Reply::Answer(answer) => Self::when(false, answer.status.to_string()),
            Reply::Closed => Self::inconclusive("connection closed without an answer"),
            Reply::TimedOut => Self::inconclusive("no answer in time"),
        }
    }

    /// One of these statuses, or the connection closed without an answer, was promised.
    #[must_use]
    pub fn status_or_closed(reply: &Reply, promised: &[u16]) -> Self {
        match reply {
            Reply::Closed => Self::when(true, "closed"),
            other => Self::status(other, promised),
        }
    }
}

/// The record of one probe.
#[derive(Clone, Debug, Default)]
pub struct Sheet {
    evidence: Vec<Evidence>,
    attempts: usize,
    broken: bool,
    error: bool,
    unproven: Option<String>,
}

impl Sheet {
    /// An empty sheet, whose verdict is `error`: a probe that tries nothing proves nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Records an attack and its twin, which differ in one property.
    pub fn pair(&mut self, attempt: impl Into<String>, attack: Met, twin: Met) {
        self.attempts += 1;
        let twin_held = twin.outcome == Outcome::AsPromised;
        match (attack.outcome, twin_held) {
            (_, false) | (Outcome::Inconclusive, _) => self.error = true,
            (Outcome::Otherwise, true) => self.broken = true,
            (Outcome::AsPromised, true) => {}
        }
        self.evidence.push(Evidence {
            attempt: attempt.into(),
            saw: attack.saw,
            twin: Some(twin.saw),
            held: twin_held && attack.outcome == Outcome::AsPromised,
        });
    }

    /// Adds a fact that neither attacks nor proves: `3 of 14 files are the ledger's`.
    pub fn note(&mut self, what: impl Into<String>, saw: impl Into<String>) {
        self.evidence.push(Evidence {
            attempt: what.into(),
            saw: saw.into(),
            twin: None,
            held: true,
        });
    }

    /// Says why the promise cannot be shown here.
    pub fn unproven(&mut self, why: impl Into<String>) {
        self.unproven.get_or_insert(why.into());
    }

    /// Says that the probe could not run.
    pub fn error(&mut self, why: impl Into<String>) {
        self.error = true;
        self.evidence.push(Evidence {
            attempt: "the probe could not go on".to_owned(),
            saw: why.into(),
            twin: None,
            held: false,
        });
    }

    /// What the sheet says. Broken outweighs everything: one attack that got through is enough.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.broken {
            Verdict::Broken
        } else if self.error {
            Verdict::Error
        } else if self.unproven.is_some() {
            Verdict::Unproven
        } else if self.attempts == 0 {
            Verdict::Error
        } else {
            Verdict::Kept
        }
    }

    /// Why nothing was shown, when the verdict is `unproven`.
    #[must_use]
    pub fn why_unproven(&self) -> Option<&str> {
        self.unproven.as_deref()
    }

    /// How many attacks were made.
    #[must_use]
    pub const fn attempts(&self) -> usize {
        self.attempts
    }

    /// What was seen, in order.
    #[must_use]
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held() -> Met {
        Met::when(true, "as promised")
    }

    fn failed() -> Met {
        Met::when(false, "otherwise")
    }

    #[test]
    fn an_empty_sheet_is_an_error() {
        assert_eq!(Sheet::new().verdict(), Verdict::Error);
    }

    #[test]
    fn notes_prove_nothing() {
        let mut sheet = Sheet::new();
        sheet.note("files", "14");
        assert_eq!(sheet.verdict(), Verdict::Error);
    }

    #[test]
    fn attacks_that_fail_beside_twins_that_succeed_are_kept() {
        let mut sheet = Sheet::new();
        sheet.pair("no signature", held(), held());
        assert_eq!(sheet.verdict(), Verdict::Kept);
    }

    #[test]
    fn an_attack_that_gets_through_is_broken_whatever_else_held() {
        let mut sheet = Sheet::new();
        sheet.pair("no signature", held(), held());
        sheet.pair("wrong signature", failed(), held());
        sheet.error("and something else failed");
        assert_eq!(sheet.verdict(), Verdict::Broken);
    }

    #[test]
    fn a_failed_twin_is_an_error_not_a_proof() {
        let mut sheet = Sheet::new();
        sheet.pair("no signature", held(), failed());
        assert_eq!(sheet.verdict(), Verdict::Error);
        let mut sheet = Sheet::new();
        sheet.pair("no signature", failed(), failed());
        assert_eq!(sheet.verdict(), Verdict::Error);
    }

    #[test]
    fn a_503_is_never_a_refusal() {
        let reply = Reply::Answer(crate::probe::Answer {
            status: 503,
            ..Default::default()
        });
        let mut sheet = Sheet::new();
        sheet.pair("no signature", Met::status(&reply, &[403]), held());
        assert_eq!(sheet.verdict(), Verdict::Error);
    }
}
