//! Whether the probes can fail.
//!
//! Owns `prove --self-test`: a child in good order on which every promise must hold, then the same
//! with one control taken away at a time, by its setting or by a sham with the fault it names.
//! Exactly the promise of that control and its declared dependants may fall. Never touches the
//! running instance: it holds nothing but a configuration and the program that starts children.

mod found;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread::available_parallelism,
};

use control::{
    Asked, Control, Fit, Target, Verdict, Weakening,
    catalogue::Kind,
    probe::{ChildStart, TargetError},
};
use serde_json::Value;

pub use self::found::{SelfTest, Trial, Unheld};
use crate::{
    document::Sentence,
    runner::{self, Plan},
    target::{FURTHER, Flaw, Sense, Sham, Starter},
};

/// What the good child showed of one sentence.
struct Baseline {
    verdict: Verdict,
    used: BTreeSet<Sense>,
}

/// Starts a child under a configuration.
type Start<'a> = &'a (dyn Fn(&Value) -> Result<ChildStart, TargetError> + Sync);

/// Tries every probed promise of the plan's document.
pub fn run(plan: &Plan<'_>, starter: &Starter) -> Result<SelfTest, TargetError> {
    run_with(plan, &|configuration| {
        starter.start(configuration, None, &mut |_| {})
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
    let mut test = SelfTest::default();
    let baseline = hold(
        plan,
        &sentences,
        good_child(plan, start)?.as_ref(),
        &mut test,
    )?;
    let trying = Trying {
        plan,
        sentences: &sentences,
        baseline: &baseline,
        start,
    };
    test.trials = trying.all()?;
    Ok(test)
}

fn good_child(plan: &Plan<'_>, start: Start<'_>) -> Result<Box<dyn Target>, TargetError> {
    match start(plan.configuration)? {
        ChildStart::Up(child) => Ok(child),
        ChildStart::Refused { exit, stderr } => {
            let said = stderr.lines().next().unwrap_or_default();
            let cause = format!("a child in good order ended with {exit}: {said}");
            Err(TargetError::new("start a child", cause))
        }
    }
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

/// What every trial starts from.
struct Trying<'a> {
    plan: &'a Plan<'a>,
    sentences: &'a [&'a Sentence],
    baseline: &'a BTreeMap<usize, Baseline>,
    start: Start<'a>,
}

/// What is taken away in a trial.
#[derive(Clone, Copy)]
enum Taken<'a> {
    /// A control, in the way it names.
    Control(&'a dyn Control),
    /// What a good peer does, by a fault that no control names.
    Flaw(Flaw),
    /// Nothing: no control keeps the sentence.
    Nothing,
}

/// One sentence, and what is taken away.
type Task<'a> = (usize, &'a Asked, Taken<'a>);

impl Trying<'_> {
    /// Every control of every sentence taken away, in the document's order. Trials mostly wait for
    /// processes and disks, so several run at once, each worker on a good child of its own.
    fn all(&self) -> Result<Vec<Trial>, TargetError> {
        let tasks = self.tasks();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(BTreeMap::new());
        let workers = available_parallelism()
            .map_or(2, |cores| cores.get() * 2)
            .clamp(2, 8);
        std::thread::scope(|scope| {
            for _ in 0..workers.min(tasks.len()) {
                scope.spawn(|| {
                    let mut good = None;
                    loop {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(task) = tasks.get(at) else {
                            return;
                        };
                        let trial = self.one(task, &mut good);
                        let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                        done.insert(at, trial);
                    }
                });
            }
        });
        let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.into_values().collect()
    }

    fn tasks(&self) -> Vec<Task<'_>> {
        let mut tasks: Vec<Task<'_>> = Vec::new();
        for (index, sentence) in self.sentences.iter().enumerate() {
            let asked = &sentence.asked;
            let before = tasks.len();
            let keeps =
                |control: &&&dyn Control| control.card().promises.contains(&asked.promise.as_str());
            let controls = self.plan.controls.iter().filter(keeps);
            tasks.extend(controls.map(|control| (index, asked, Taken::Control(*control))));
            if tasks.len() == before {
                tasks.push((index, asked, Taken::Nothing));
            }
            let further = FURTHER.iter().filter(|(id, _)| *id == asked.promise);
            tasks.extend(further.map(|(_, flaw)| (index, asked, Taken::Flaw(*flaw))));
        }
        tasks
    }

    fn one(
        &self,
        (index, asked, taken): &Task<'_>,
        good: &mut Option<Box<dyn Target>>,
    ) -> Result<Trial, TargetError> {
        let control = match taken {
            Taken::Control(control) => control,
            Taken::Flaw(flaw) => return self.on_good(*index, asked, flaw.name(), good),
            Taken::Nothing => return Ok(Trial::of(asked, "nothing", "no control keeps it")),
        };
        let mut weak = self.plan.configuration.clone();
        match control.weaken(&mut weak, asked) {
            Weakening::Sham(name) => self.on_good(*index, asked, name, good),
            Weakening::Configured(how) => {
                let noticed = matches!(control.fit(&weak, asked), Fit::Falls(_));
                self.configured(*index, asked, how, &weak, noticed)
            }
        }
    }

    /// A trial by a sham in front of this worker's good child, which is started when first needed.
    fn on_good(
        &self,
        index: usize,
        asked: &Asked,
        name: &str,
        good: &mut Option<Box<dyn Target>>,
    ) -> Result<Trial, TargetError> {
        let child = match good.take() {
            Some(child) => child,
            None => good_child(self.plan, self.start)?,
        };
        let trial = self.sham(index, asked, name, child.as_ref());
        *good = Some(child);
        trial
    }

    fn sham(
        &self,
        index: usize,
        asked: &Asked,
        name: &str,
        good: &dyn Target,
    ) -> Result<Trial, TargetError> {
        let weakened = format!("a peer with the fault `{name}`");
        let flaw = match Flaw::parse(name) {
            Ok(flaw) => flaw,
            Err(cause) => return Ok(Trial::of(asked, weakened, cause.to_string())),
        };
        let sham = Sham::new(good, Some(flaw))?;
        // A probe that used nothing the flaw alters would do exactly what it did before.
        let meets = |baseline: &Baseline| baseline.used.contains(&flaw.touches());
        let fell = |verdict, before| verdict != before;
        Ok(self.judge(index, asked, weakened, &sham, meets, fell))
    }

    fn configured(
        &self,
        index: usize,
        asked: &Asked,
        how: String,
        weak: &Value,
        noticed: bool,
    ) -> Result<Trial, TargetError> {
        let child = match (self.start)(weak)? {
            ChildStart::Up(child) => child,
            ChildStart::Refused { exit, .. } => {
                let fault = format!("the weakened child ended with {exit}");
                return Ok(Trial::of(asked, how, fault));
            }
        };
        let sham = Sham::new(child.as_ref(), None)?;
        // A setting may take from other probes what they need to run at all: a route that asks for
        // no key cannot show what a key opens. That is an error, which proves nothing and hides
        // nothing; only falling counts.
        let fell = |verdict, _| verdict == Verdict::Broken;
        let mut trial = self.judge(index, asked, how, &sham, |_| true, fell);
        if !noticed && trial.fault.is_none() {
            trial.fault = Some("reading the configuration does not notice".to_owned());
        }
        Ok(trial)
    }

    /// Probes the sentence in question, then all others that may notice.
    fn judge(
        &self,
        index: usize,
        asked: &Asked,
        weakened: String,
        peer: &Sham<'_>,
        meets: impl Fn(&Baseline) -> bool,
        fell: impl Fn(Verdict, Verdict) -> bool,
    ) -> Trial {
        let verdict = runner::attack(self.plan, asked, peer).map(|sheet| sheet.verdict());
        let promise = self.plan.catalogue.get(&asked.promise);
        let dependants = promise.map_or(&[][..], |promise| promise.dependants.as_slice());
        let (mut beside, mut wrongly) = (Vec::new(), Vec::new());
        for (other_index, sentence) in self.sentences.iter().enumerate() {
            let other = &sentence.asked;
            let before = self
                .baseline
                .get(&other_index)
                .filter(|before| meets(before));
            let Some(before) = before.filter(|_| other_index != index) else {
                continue;
            };
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
            let wrongly = wrongly.join(", ");
            Some(format!(
                "it made others fall that do not depend on it: {wrongly}"
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
