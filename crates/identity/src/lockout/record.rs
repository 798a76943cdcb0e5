//! What a name has against it.
//!
//! Owns the arithmetic of failures and locks, and how a record is written down. No I/O, no clock.

use std::time::Duration;

use control::Timestamp;
use store::StoreError;

use super::Rules;

/// Longest count: beyond it the delay has long been the longest there is.
const MOST: u32 = 1_000_000;

/// Failures of one window, and the locks before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    failures: u32,
    locks: u32,
    /// When the window began.
    since: Timestamp,
    /// The end of the latest lock.
    until: Timestamp,
}

impl Record {
    pub(super) const fn new(now: Timestamp) -> Self {
        Self {
            failures: 0,
            locks: 0,
            since: now,
            until: Timestamp::from_millis(0),
        }
    }

    /// Counts an attempt at `now`: if it fails and locks, for how long; an error is how long to wait
    /// before one may be made.
    pub(super) fn begin(
        &mut self,
        rules: Rules,
        now: Timestamp,
    ) -> Result<Option<Duration>, Duration> {
        // Never longer than the longest lock, lest a clock that was set back keeps somebody out.
        let wait = self.until.since(now).min(rules.longest);
        if !wait.is_zero() {
            return Err(wait);
        }
        if now >= self.until.plus(rules.longest) {
            self.locks = 0;
        }
        if now >= self.since.plus(rules.window) || now < self.since {
            self.failures = 0;
            self.since = now;
        }
        self.failures = self.failures.saturating_add(1).min(MOST);
        if self.failures < rules.failures {
            return Ok(None);
        }
        let delay = delay(rules, self.locks);
        self.locks = self.locks.saturating_add(1).min(MOST);
        self.failures = 0;
        self.since = now;
        self.until = now.plus(delay);
        Ok(Some(delay))
    }

    /// Takes the latest attempt back, the lock it brought included.
    pub(super) fn take_back(&mut self, rules: Rules) {
        if self.failures > 0 {
            self.failures -= 1;
        } else if self.locks > 0 {
            self.locks -= 1;
            self.failures = rules.failures.saturating_sub(1);
            self.until = self.since;
        }
    }

    /// How long it is worth keeping.
    pub(super) fn life(&self, rules: Rules, now: Timestamp) -> Duration {
        let quiet = self.until.plus(rules.longest).since(now);
        quiet.max(self.since.plus(rules.window).since(now))
    }

    pub(super) fn bytes(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        let (counts, times) = bytes.split_at_mut(8);
        let (failures, locks) = counts.split_at_mut(4);
        failures.copy_from_slice(&self.failures.to_be_bytes());
        locks.copy_from_slice(&self.locks.to_be_bytes());
        let (since, until) = times.split_at_mut(8);
        since.copy_from_slice(&self.since.millis().to_be_bytes());
        until.copy_from_slice(&self.until.millis().to_be_bytes());
        bytes
    }

    /// Reads what [`Record::bytes`] gave; what does not read is an error, never a clean record.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, StoreError> {
        let read = || {
            let (failures, rest) = bytes.split_first_chunk()?;
            let (locks, rest) = rest.split_first_chunk()?;
            let (since, rest) = rest.split_first_chunk()?;
            let (until, rest) = rest.split_first_chunk()?;
            rest.is_empty().then_some(Self {
                failures: u32::from_be_bytes(*failures),
                locks: u32::from_be_bytes(*locks),
                since: Timestamp::from_millis(i64::from_be_bytes(*since)),
                until: Timestamp::from_millis(i64::from_be_bytes(*until)),
            })
        };
        read().ok_or_else(|| StoreError::Failed {
            cause: "a count of failed attempts does not read".to_owned(),
        })
    }
}

fn delay(rules: Rules, locks: u32) -> Duration {
    let factor = 1u32.checked_shl(locks).unwrap_or(u32::MAX);
    rules.first.saturating_mul(factor).min(rules.longest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    const RULES: Rules = Rules {
        failures: 3,
        window: seconds(100),
        first: seconds(50),
        longest: seconds(300),
    };

    #[test]
    fn the_last_failure_of_a_window_locks_and_the_delay_doubles() {
        let mut record = Record::new(at(1000));
        let mut now = 1000;
        for delay in [50, 100, 200, 300, 300] {
            assert_eq!(record.begin(RULES, at(now)), Ok(None));
            assert_eq!(record.begin(RULES, at(now)), Ok(None));
            assert_eq!(record.begin(RULES, at(now)), Ok(Some(seconds(delay))));
            assert_eq!(record.begin(RULES, at(now)), Err(seconds(delay)));
            now += i64::try_from(delay).unwrap();
            assert_eq!(record.begin(RULES, at(now - 1)), Err(seconds(1)));
        }
        // A long quiet behind the last lock, and it is a first one again.
        now += 300;
        for _ in 0..2 {
            assert_eq!(record.begin(RULES, at(now)), Ok(None));
        }
        assert_eq!(record.begin(RULES, at(now)), Ok(Some(seconds(50))));
    }

    #[test]
    fn failures_of_another_window_do_not_count() {
        let mut record = Record::new(at(0));
        for now in [0, 50, 100, 150, 200, 250] {
            assert_eq!(record.begin(RULES, at(now)), Ok(None), "{now}");
        }
        assert_eq!(record.begin(RULES, at(251)), Ok(Some(seconds(50))));
    }

    #[test]
    fn what_is_taken_back_leaves_what_was_there_before() {
        let mut record = Record::new(at(0));
        for _ in 0..10 {
            record.begin(RULES, at(0)).unwrap();
            record.take_back(RULES);
        }
        record.begin(RULES, at(0)).unwrap();
        record.begin(RULES, at(0)).unwrap();
        // The one that would have locked succeeds: the next failure locks all the same.
        assert_eq!(record.begin(RULES, at(0)), Ok(Some(seconds(50))));
        record.take_back(RULES);
        assert_eq!(record.begin(RULES, at(0)), Ok(Some(seconds(50))));
        Record::new(at(0)).take_back(RULES);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer_than_the_longest_lock() {
        let mut record = Record::new(at(1_000_000));
        for _ in 0..3 {
            record.begin(RULES, at(1_000_000)).unwrap();
        }
        assert_eq!(record.begin(RULES, at(0)), Err(seconds(300)));
        assert_eq!(record.begin(RULES, at(1_000_050)), Ok(None));
    }

    proptest! {
        #[test]
        fn a_record_reads_back_and_lives_as_long_as_it_matters(
            steps in proptest::collection::vec((0i64..400, any::<bool>()), 0..60),
        ) {
            let mut record = Record::new(at(0));
            let mut now = 0;
            for (step, good) in steps {
                now += step;
                let locked = record.begin(RULES, at(now)).is_err();
                if good && !locked {
                    record.take_back(RULES);
                }
                prop_assert_eq!(Record::read(&record.bytes()).unwrap(), record);
                // Once its life is over, it says no more than a new one.
                let mut later = record;
                let end = at(now).plus(record.life(RULES, at(now)));
                let mut fresh = Record::new(end);
                prop_assert_eq!(later.begin(RULES, end), fresh.begin(RULES, end));
            }
        }

        #[test]
        fn bytes_of_another_length_are_no_record(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(Record::read(&bytes).is_ok(), bytes.len() == 24);
        }
    }
}
