//! What is made of a wall clock that somebody sets.
//!
//! Owns two views of it. [`SteadyClock`] never runs backwards, so that nothing that has ended opens
//! again: a step back is made good by going at half speed until the wall clock has caught up.
//! [`Doubter`] does not believe a step forward until it has stood for a day, so that nothing is
//! forgotten for good because of a moment that was wrong. Both trust the monotonic clock, which
//! nobody can set.

use std::{
    collections::VecDeque,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use crate::{Clock, Timestamp};

/// How much later a reading must be to be remembered, in milliseconds: at most this much is ever
/// said twice, and cores do not fight over the place where it stands.
const REMEMBERED_EVERY: i64 = 1000;

/// How long a step forward must have stood to be believed.
const BELIEVED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How far apart the readings of a [`Doubter`] are that it keeps.
const KEPT_EVERY: Duration = Duration::from_secs(60);

/// A clock whose wall side never runs backwards by a second or more.
pub struct SteadyClock {
    inner: Arc<dyn Clock>,
    /// The latest moment that is remembered, in milliseconds; what stands in `anchor` as well.
    floor: AtomicI64,
    anchor: Mutex<Anchor>,
}

#[derive(Clone, Copy)]
struct Anchor {
    wall: i64,
    monotonic: Duration,
}

impl SteadyClock {
    /// A steady view of `inner`.
    #[must_use]
    pub fn new(inner: Arc<dyn Clock>) -> Self {
        let anchor = Anchor {
            wall: inner.now().millis(),
            monotonic: inner.monotonic(),
        };
        Self {
            inner,
            floor: AtomicI64::new(anchor.wall),
            anchor: Mutex::new(anchor),
        }
    }

    /// How far it goes ahead of the wall clock, because that was set back.
    #[must_use]
    pub fn ahead(&self) -> Duration {
        self.now().since(self.inner.now())
    }

    fn anchor(&self) -> MutexGuard<'_, Anchor> {
        // Two numbers that are written together: a panic elsewhere leaves them whole.
        self.anchor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, anchor: &mut Anchor, wall: i64, monotonic: Duration) {
        if wall > anchor.wall {
            *anchor = Anchor { wall, monotonic };
            self.floor.store(wall, Ordering::Relaxed);
        }
    }

    /// The moment where the wall clock lies before one that was remembered.
    #[cold]
    fn caught_up(&self, wall: i64) -> i64 {
        let mut anchor = self.anchor();
        let monotonic = self.inner.monotonic();
        let passed = monotonic.saturating_sub(anchor.monotonic).as_millis() / 2;
        let slow = anchor
            .wall
            .saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        let at = slow.max(wall);
        self.remember(&mut anchor, at, monotonic);
        at
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let wall = self.inner.now().millis();
        let floor = self.floor.load(Ordering::Relaxed);
        if wall < floor {
            return Timestamp::from_millis(self.caught_up(wall));
        }
        if wall.saturating_sub(floor) >= REMEMBERED_EVERY {
            let monotonic = self.inner.monotonic();
            self.remember(&mut self.anchor(), wall, monotonic);
        }
        Timestamp::from_millis(wall)
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }
}

impl fmt::Debug for SteadyClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SteadyClock({})", self.now())
    }
}

/// Says which moments have certainly come. Ask it regularly: what it never saw it cannot doubt.
#[derive(Debug, Default)]
pub struct Doubter {
    /// When a reading was taken by the monotonic clock, and how far the wall clock was from that;
    /// each further than the one before it.
    readings: VecDeque<(Duration, i64)>,
}

impl Doubter {
    /// The latest moment that has come by every reading of the last day.
    pub fn certain(&mut self, clock: &dyn Clock) -> Timestamp {
        let (wall, monotonic) = (clock.now().millis(), clock.monotonic());
        let elapsed = i64::try_from(monotonic.as_millis()).unwrap_or(i64::MAX);
        let offset = wall.saturating_sub(elapsed);
        while self
            .readings
            .front()
            .is_some_and(|(at, _)| monotonic.saturating_sub(*at) > BELIEVED_AFTER)
        {
            self.readings.pop_front();
        }
        // The least of all readings counts, so an earlier one that says more never will.
        let before = self.readings.len();
        while self
            .readings
            .back()
            .is_some_and(|(_, more)| *more >= offset)
        {
            self.readings.pop_back();
        }
        let replaces = self.readings.len() < before;
        let last = self.readings.back().map(|(at, _)| *at);
        if replaces || last.is_none_or(|last| monotonic.saturating_sub(last) >= KEPT_EVERY) {
            self.readings.push_back((monotonic, offset));
        }
        let least = self.readings.front().map_or(offset, |(_, least)| *least);
        Timestamp::from_millis(least.min(offset).saturating_add(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose wall clock can be set.
    #[derive(Default)]
    struct Machine {
        offset: AtomicI64,
        elapsed: AtomicI64,
    }

    impl Machine {
        fn pass(&self, seconds: i64) {
            self.elapsed.fetch_add(seconds * 1000, Ordering::SeqCst);
        }

        fn set(&self, seconds: i64) {
            self.offset.fetch_add(seconds * 1000, Ordering::SeqCst);
        }
    }

    impl Clock for Machine {
        fn now(&self) -> Timestamp {
            let elapsed = self.elapsed.load(Ordering::SeqCst);
            Timestamp::from_millis(elapsed + self.offset.load(Ordering::SeqCst))
        }

        fn monotonic(&self) -> Duration {
            let elapsed = self.elapsed.load(Ordering::SeqCst);
            Duration::from_millis(u64::try_from(elapsed).unwrap())
        }
    }

    const HOUR: i64 = 60 * 60;

    fn machine() -> (Arc<Machine>, SteadyClock) {
        let machine = Arc::new(Machine::default());
        machine.set(1_800_000_000);
        let inner: Arc<dyn Clock> = Arc::<Machine>::clone(&machine);
        (machine, SteadyClock::new(inner))
    }

    #[test]
    fn a_clock_that_nobody_sets_is_passed_on() {
        let (machine, steady) = machine();
        for seconds in [0, 1, 5, HOUR] {
            machine.pass(seconds);
            assert_eq!(steady.now(), machine.now());
            assert_eq!(steady.ahead(), Duration::ZERO);
        }
    }

    #[test]
    fn a_step_back_never_shows_and_is_made_good() {
        let (machine, steady) = machine();
        machine.pass(10);
        let mut last = steady.now();
        machine.set(-HOUR);
        for _ in 0..3 * HOUR {
            machine.pass(1);
            let now = steady.now();
            assert!(now >= last, "{now} behind {last}");
            last = now;
        }
        assert_eq!(steady.now(), machine.now());
        assert_eq!(steady.ahead(), Duration::ZERO);
    }

    #[test]
    fn a_step_back_is_told() {
        let (machine, steady) = machine();
        machine.pass(10);
        steady.now();
        machine.set(-HOUR);
        assert_eq!(steady.ahead(), Duration::from_secs(3600));
        machine.pass(HOUR / 2);
        assert_eq!(steady.ahead(), Duration::from_secs(2700));
    }

    #[test]
    fn a_step_forward_is_believed_at_once_and_its_return_is_a_step_back() {
        let (machine, steady) = machine();
        machine.set(10 * HOUR);
        let forward = steady.now();
        assert_eq!(forward, machine.now());
        machine.set(-10 * HOUR);
        assert!(steady.now() >= forward);
    }

    #[test]
    fn a_moment_is_certain_while_nobody_sets_the_clock() {
        let (machine, _) = machine();
        let mut doubter = Doubter::default();
        for _ in 0..3000 {
            machine.pass(60);
            assert_eq!(doubter.certain(&*machine), machine.now());
        }
        assert!(doubter.readings.len() <= 2, "readings are few");
    }

    #[test]
    fn a_step_forward_is_certain_once_it_has_stood_for_a_day() {
        let (machine, _) = machine();
        let mut doubter = Doubter::default();
        doubter.certain(&*machine);
        machine.set(HOUR);
        for minutes in 1..=24 * 60 {
            machine.pass(60);
            let doubted = machine.now().since(doubter.certain(&*machine));
            assert_eq!(doubted.as_secs(), 3600, "after {minutes} minutes");
        }
        machine.pass(120);
        assert_eq!(doubter.certain(&*machine), machine.now());
    }

    #[test]
    fn a_step_back_is_certain_at_once() {
        let (machine, _) = machine();
        let mut doubter = Doubter::default();
        doubter.certain(&*machine);
        machine.set(-HOUR);
        machine.pass(1);
        assert_eq!(doubter.certain(&*machine), machine.now());
    }
}
