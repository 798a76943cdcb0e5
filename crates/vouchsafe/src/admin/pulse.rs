//! When the store last answered.
//!
//! Owns the one thing that can be known of a disk that hangs: how long ago it said anything. The store
//! is asked once a second; whatever keeps that from coming to its end, be it the disk, the store's
//! thread or the runtime that asks, is a silence. What other nodes revoked may lie elsewhere, so how that
//! look went is kept apart: nobody should search a disk for the fault of a server.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long a silence lasts before it is one that should be told.
const TELLING: Duration = Duration::from_secs(10);

/// The store's last answer.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Last>);

#[derive(Debug)]
struct Last {
    /// By the monotonic clock.
    at: Duration,
    faults: Faults,
}

/// What the last look complained of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// Why the store could not do what it was asked.
    pub(crate) store: Option<String>,
    /// Why it is not known what other nodes revoked.
    pub(crate) revocations: Option<String>,
}

impl Pulse {
    /// A store that answered at `now`.
    pub(crate) fn new(now: Duration) -> Self {
        let faults = Faults::default();
        Self(Mutex::new(Last { at: now, faults }))
    }

    /// The store answered at `now`, with faults or well.
    pub(crate) fn beat(&self, now: Duration, faults: Faults) {
        *self.last() = Last { at: now, faults };
    }

    /// For how long it has said nothing, where that is long.
    pub(super) fn silent(&self, now: Duration) -> Option<Duration> {
        let silent = now.saturating_sub(self.last().at);
        (silent >= TELLING).then_some(silent)
    }

    /// What its last answer complained of.
    pub(super) fn faults(&self) -> Faults {
        self.last().faults.clone()
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_silence_is_told_until_the_next_answer() {
        let at = Duration::from_secs;
        let pulse = Pulse::new(at(5));
        assert_eq!(pulse.silent(at(14)), None);
        assert_eq!(pulse.silent(at(15)), Some(at(10)));
        assert_eq!(pulse.silent(at(300)), Some(at(295)));
        pulse.beat(at(301), Faults::default());
        assert_eq!(pulse.silent(at(302)), None);
    }

    #[test]
    fn a_fault_is_told_until_an_answer_without_one() {
        let at = Duration::from_secs;
        let pulse = Pulse::new(at(0));
        assert_eq!(pulse.faults(), Faults::default());
        let full = Faults {
            store: Some("the disk is full".to_owned()),
            revocations: None,
        };
        pulse.beat(at(1), full.clone());
        assert_eq!(pulse.faults(), full);
        pulse.beat(at(2), Faults::default());
        assert_eq!(pulse.faults(), Faults::default());
    }
}
