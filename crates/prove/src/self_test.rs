//! Whether the probes can fail.
//!
//! Owns `prove --self-test`: a child in good order on which every promise must hold, then the same
//! with one control taken away at a time, by its setting or by a sham with the fault it names.
//! Exactly the promise of that control and its declared dependants may fall. Never touches the
//! running instance: it holds nothing but a configuration and the program that starts children.

use std::collections::{BTreeMap, BTreeSet};

use control::{
    Asked, Fit, Target, Verdict, Weakening,
    catalogue::Kind,
    probe::{ChildStart, TargetError},
};
use serde_json::Value;

use crate::{
    document::Sentence,
    runner::{self, Plan},
    target::{Flaw, Sense, Sham, Starter},
};

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

/// What the good child showed of one sentence.
struct Baseline {
    verdict: Verdict,
    used: BTreeSet<Sense>,
}

/// Starts a child under a configuration.
type Start<'a> = &'a dyn Fn(&Value) -> Result<ChildStart, TargetError>;

/// Tries every probed promise of the plan's document.
pub fn run(plan: &Plan<'_>, starter: &Starter) -> Result<SelfTest, TargetError> {
    run_with(plan, &|configuration| {
        starter.start(configuration, &mut |_| {})
    })
}

fn run_with(plan: &Plan<'_>, start: Start<'_>) -> Result<SelfTest, TargetError> {
    let sentences: Vec<&Sentence> = plan
        .document
        .sentences
        .iter()
        .filter(|sentence| {
            let promise = plan.catalogue.get(&sentence.asked.promise);
            promise.is_some_and(|promise| promise.kind == Kind::Probed)
        })
        .collect();
    let good = match start(plan.configuration)? {
        ChildStart::Up(child) => child,
        ChildStart::Refused { exit, stderr } => {
            let said = stderr.lines().next().unwrap_or_default();
            let cause = format!("a child in good order ended with {exit}: {said}");
            return Err(TargetError::new("start a child", cause));
        }
    };
    let mut test = SelfTest::default();
    let baseline = hold(plan, &sentences, good.as_ref(), &mut test)?;
    for (index, sentence) in sentences.iter().enumerate() {
        let controls = plan.controls.iter().filter(|control| {
            control
                .card()
                .promises
                .contains(&sentence.asked.promise.as_str())
        });
        let mut tried = false;
        for control in controls {
            tried = true;
            let mut weak = plan.configuration.clone();
            let weakening = control.weaken(&mut weak, &sentence.asked);
            let noticed = matches!(control.fit(&weak, &sentence.asked), Fit::Falls(_));
            let trying = Trying {
                plan,
                sentences: &sentences,
                index,
                baseline: &baseline,
            };
            test.trials.push(match weakening {
                Weakening::Sham(name) => trying.sham(name, good.as_ref())?,
                Weakening::Configured(how) => trying.configured(how, &weak, noticed, start)?,
            });
        }
        if !tried {
            test.trials
                .push(Trial::of(&sentence.asked, "nothing", "no control keeps it"));
        }
    }
    Ok(test)
}

/// Probes everything on the good child.
fn hold(
    plan: &Plan<'_>,
    sentences: &[&Sentence],
    good: &dyn Target,
    test: &mut SelfTest,
) -> Result<BTreeMap<usize, Baseline>, TargetError> {
    let sham = Sham::new(good, None)?;
    let mut baseline = BTreeMap::new();
    for (index, sentence) in sentences.iter().enumerate() {
        let Some(sheet) = runner::attack(plan, &sentence.asked, &sham) else {
            continue;
        };
        let verdict = sheet.verdict();
        if verdict != Verdict::Kept {
            let mut saw: Vec<String> = sheet
                .evidence()
                .iter()
                .filter(|evidence| !evidence.held)
                .map(|evidence| format!("{}: {}", evidence.attempt, evidence.saw))
                .collect();
            saw.extend(sheet.why_unproven().map(str::to_owned));
            let asked = &sentence.asked;
            test.unheld.push(Unheld {
                promise: asked.promise.clone(),
                line: asked.line,
                verdict,
                saw,
            });
        }
        baseline.insert(
            index,
            Baseline {
                verdict,
                used: sham.used(),
            },
        );
    }
    Ok(baseline)
}

impl Trial {
    fn of(asked: &Asked, weakened: impl Into<String>, fault: impl Into<String>) -> Self {
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

/// One control taken away.
struct Trying<'a> {
    plan: &'a Plan<'a>,
    sentences: &'a [&'a Sentence],
    index: usize,
    baseline: &'a BTreeMap<usize, Baseline>,
}

impl Trying<'_> {
    fn asked(&self) -> Option<&Asked> {
        self.sentences
            .get(self.index)
            .map(|sentence| &sentence.asked)
    }

    fn fault(&self, weakened: impl Into<String>, fault: impl Into<String>) -> Trial {
        let nothing = Asked {
            promise: String::new(),
            values: BTreeMap::new(),
            line: 0,
            sentence: String::new(),
        };
        Trial::of(self.asked().unwrap_or(&nothing), weakened, fault)
    }

    fn sham(&self, name: &str, good: &dyn Target) -> Result<Trial, TargetError> {
        let weakened = format!("a peer with the fault `{name}`");
        let flaw = match Flaw::parse(name) {
            Ok(flaw) => flaw,
            Err(cause) => return Ok(self.fault(weakened, cause.to_string())),
        };
        let sham = Sham::new(good, Some(flaw))?;
        // A probe that used nothing the flaw alters would do exactly what it did before.
        let meets = |baseline: &Baseline| baseline.used.contains(&flaw.touches());
        Ok(self.judge(weakened, &sham, meets, |verdict, before| verdict != before))
    }

    fn configured(
        &self,
        how: String,
        weak: &Value,
        noticed: bool,
        start: Start<'_>,
    ) -> Result<Trial, TargetError> {
        let child = match start(weak)? {
            ChildStart::Up(child) => child,
            ChildStart::Refused { exit, .. } => {
                return Ok(self.fault(how, format!("the weakened child ended with {exit}")));
            }
        };
        let sham = Sham::new(child.as_ref(), None)?;
        // A setting may take from other probes what they need to run at all: a route that asks for
        // no key cannot show what a key opens. That is an error, which proves nothing and hides
        // nothing; only falling counts.
        let mut trial = self.judge(
            how,
            &sham,
            |_| true,
            |verdict, _| verdict == Verdict::Broken,
        );
        if !noticed && trial.fault.is_none() {
            trial.fault = Some("reading the configuration does not notice".to_owned());
        }
        Ok(trial)
    }

    /// Probes the sentence in question, then all others that may notice.
    fn judge(
        &self,
        weakened: String,
        peer: &Sham<'_>,
        meets: impl Fn(&Baseline) -> bool,
        fell: impl Fn(Verdict, Verdict) -> bool,
    ) -> Trial {
        let Some(asked) = self.asked() else {
            return self.fault(weakened, "there is no such sentence");
        };
        let verdict = runner::attack(self.plan, asked, peer).map(|sheet| sheet.verdict());
        let dependants: &[String] = self
            .plan
            .catalogue
            .get(&asked.promise)
            .map_or(&[], |promise| promise.dependants.as_slice());
        let mut beside = Vec::new();
        let mut wrongly = Vec::new();
        for (index, sentence) in self.sentences.iter().enumerate() {
            let other = &sentence.asked;
            let Some(before) = self.baseline.get(&index).filter(|before| meets(before)) else {
                continue;
            };
            if index == self.index {
                continue;
            }
            let after = runner::attack(self.plan, other, peer).map(|sheet| sheet.verdict());
            if after.is_some_and(|after| fell(after, before.verdict)) {
                let name = format!("{} (line {})", other.promise, other.line);
                let allowed = other.promise == asked.promise || dependants.contains(&other.promise);
                if !allowed {
                    wrongly.push(name.clone());
                }
                beside.push(name);
            }
        }
        let fault = if verdict != Some(Verdict::Broken) {
            let word = verdict.map_or("nothing", Verdict::word);
            Some(format!("its probe says {word} where it must say broken"))
        } else if wrongly.is_empty() {
            None
        } else {
            Some(format!(
                "it made others fall that do not depend on it: {}",
                wrongly.join(", ")
            ))
        };
        Trial {
            promise: asked.promise.clone(),
            line: asked.line,
            weakened,
            verdict,
            beside,
            fault,
        }
    }
}

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;
