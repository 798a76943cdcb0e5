//! Whether the probes can fail.
//!
//! Owns `prove --self-test`: a child in good order on which every promise must hold, then the same
//! with one control taken away at a time. Exactly the promise of that control and its declared
//! dependants may fall. Never touches the running instance.

use control::Verdict;

use crate::{runner::Plan, target::Starter};

/// What became of one promise when its control was taken away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// Catalogue id.
    pub promise: String,
    /// How its control was taken away, in words.
    pub weakened: String,
    /// What its probe said on the weakened peer.
    pub verdict: Option<Verdict>,
    /// Promises that fell beside it, allowed or not.
    pub fell: Vec<String>,
    /// Why the trial does not count, if it does not.
    pub fault: Option<String>,
}

/// A whole self-test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// One per probed promise, in the document's order.
    pub trials: Vec<Trial>,
    /// Promises that did not hold on the good child, with what was said.
    pub baseline: Vec<(String, Verdict)>,
}

impl SelfTest {
    /// 0 when every trial did what it should on a baseline that held, else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let whole = self.baseline.is_empty() && !self.trials.is_empty();
        u8::from(!whole || self.trials.iter().any(|trial| trial.fault.is_some()))
    }
}

/// Tries every probed promise of the plan's document.
pub fn run(plan: &Plan<'_>, starter: &Starter) -> Result<SelfTest, control::probe::TargetError> {
    let _ = (plan, starter);
    Err(control::probe::TargetError::new(
        "run the self-test",
        "it is not built yet",
    ))
}
