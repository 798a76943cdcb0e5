//! What a self-test found.
//!
//! Owns the verdict over all trials: one that did not do what it should is a failure, and so is a
//! promise that does not hold where all must.

use control::{Asked, Verdict};

/// What became of one promise when its control was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Catalogue id.
    pub promise: String,
    /// Line of its anchor.
    pub line: usize,
    /// How its control was taken away, in words.
    pub weakened: String,
    /// What its probe said on the weakened peer; `None` when it could not be tried.
    pub verdict: Option<Verdict>,
    /// Other promises that fell beside it, as `id (line)`.
    pub beside: Vec<String>,
    /// Why the trial does not count, if it does not.
    pub fault: Option<String>,
}

/// A promise that does not hold on the good child, where all must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unheld {
    /// Catalogue id.
    pub promise: String,
    /// Line of its anchor.
    pub line: usize,
    /// What its probe said.
    pub verdict: Verdict,
    /// What it saw that did not hold.
    pub saw: Vec<String>,
}

/// A whole self-test.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelfTest {
    /// One per probed sentence and control, in the document's order.
    pub trials: Vec<Trial>,
    /// Promises that did not hold on the good child.
    pub unheld: Vec<Unheld>,
}

impl SelfTest {
    /// 0 when every trial did what it should on a child on which all promises held, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let whole = self.unheld.is_empty() && !self.trials.is_empty();
        u8::from(!whole || self.trials.iter().any(|trial| trial.fault.is_some()))
    }

    /// The plain first line of its report.
    #[must_use]
    pub fn line(&self) -> String {
        let good = self
            .trials
            .iter()
            .filter(|trial| trial.fault.is_none())
            .count();
        let all = self.trials.len();
        match self.unheld.len() {
            0 => format!("{good} of {all} faults were found by exactly the right probes"),
            unheld => format!(
                "{good} of {all} faults were found by exactly the right probes; {unheld} promises do not hold on a child in good order"
            ),
        }
    }
}

impl Trial {
    pub(super) fn of(asked: &Asked, weakened: impl Into<String>, fault: impl Into<String>) -> Self {
        Self {
            promise: asked.promise.clone(),
            line: asked.line,
            weakened: weakened.into(),
            verdict: None,
            beside: Vec::new(),
            fault: Some(fault.into()),
        }
    }
}
