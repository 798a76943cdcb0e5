//! The arithmetic of one limit.
//!
//! Owns the generic cell rate algorithm over one number: the moment at which a caller would have paid
//! for everything it was let do. Refuses paces without bounds. Moments are nanoseconds since 1970, so
//! that two processes with one clock agree.

use std::time::Duration;

/// Most requests of one limit.
pub const MOST: u32 = 1_000_000;

/// Longest time over which a limit counts.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// So many within so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    requests: u32,
    per: Duration,
    /// Nanoseconds that one request costs.
    every: i64,
    /// Nanoseconds that all of them cost together.
    window: i64,
}

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It may. The moment to remember, and nanoseconds that the caller is ahead of its pace.
    Granted {
        /// When everything is paid for.
        due: i64,
        /// Nanoseconds until then.
        ahead: i64,
    },
    /// It may not, for so many nanoseconds.
    Wait(i64),
}

impl Pace {
    /// `requests` within `per`: 1 to [`MOST`], of a second to [`LONGEST`].
    #[must_use]
    pub fn new(requests: u32, per: Duration) -> Option<Self> {
        let fits =
            (1..=MOST).contains(&requests) && (Duration::from_secs(1)..=LONGEST).contains(&per);
        if !fits {
            return None;
        }
        // Rounded up: the limit is never exceeded by what is lost in a division.
        let every = i64::try_from(per.as_nanos().div_ceil(requests.into())).ok()?;
        Some(Self {
            requests,
            per,
            every,
            window: every.checked_mul(requests.into())?,
        })
    }

    /// How many may pass at once.
    #[must_use]
    pub const fn requests(&self) -> u32 {
        self.requests
    }

    /// Over how long.
    #[must_use]
    pub const fn per(&self) -> Duration {
        self.per
    }

    /// The time that one request costs.
    #[must_use]
    pub fn every(&self) -> Duration {
        Duration::from_nanos(self.every.unsigned_abs())
    }

    /// The same in nanoseconds.
    pub(crate) const fn cost(&self) -> i64 {
        self.every
    }

    /// What a request at `now` meets whose caller would have paid by `due`.
    #[must_use]
    pub fn turn(&self, due: i64, now: i64) -> Turn {
        // Never further ahead than a full window, lest a clock that was set back waits that out.
        let from = due.clamp(now, now.saturating_add(self.window));
        let ahead = from.saturating_sub(now).saturating_add(self.every);
        if ahead > self.window {
            Turn::Wait(ahead - self.window)
        } else {
            Turn::Granted {
                due: now.saturating_add(ahead),
                ahead,
            }
        }
    }

    /// How many more may pass at once by a caller that is so many nanoseconds ahead.
    #[must_use]
    pub fn left(&self, ahead: i64) -> u32 {
        let left = self.window.saturating_sub(ahead).max(0) / self.every;
        u32::try_from(left).unwrap_or(u32::MAX)
    }
}

/// Whole seconds of a wait, rounded up, and at least one.
#[must_use]
pub fn seconds(nanoseconds: i64) -> u32 {
    let seconds = nanoseconds.max(1).unsigned_abs().div_ceil(1_000_000_000);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: i64 = 1_000_000_000;
    const START: i64 = 1_800_000_000 * SECOND;

    fn pace(requests: u32, seconds: u64) -> Pace {
        Pace::new(requests, Duration::from_secs(seconds)).unwrap()
    }

    /// How many of these moments are let pass.
    fn passed(pace: Pace, moments: impl IntoIterator<Item = i64>) -> Vec<bool> {
        let mut due = 0;
        moments
            .into_iter()
            .map(|now| match pace.turn(due, now) {
                Turn::Granted { due: next, .. } => {
                    due = next;
                    true
                }
                Turn::Wait(_) => false,
            })
            .collect()
    }

    #[test]
    fn exactly_as_many_pass_at_once_and_one_more_when_its_time_has_come() {
        let pace = pace(120, 60);
        let burst = passed(pace, std::iter::repeat_n(START, 121));
        assert_eq!(burst.iter().filter(|passed| **passed).count(), 120);
        assert!(!burst[120]);

        let mut due = START + 60 * SECOND;
        assert_eq!(pace.turn(due, START), Turn::Wait(SECOND / 2));
        assert_eq!(pace.turn(due, START + SECOND / 2 - 1), Turn::Wait(1));
        match pace.turn(due, START + SECOND / 2) {
            Turn::Granted { due: next, .. } => due = next,
            Turn::Wait(_) => panic!("its time has come"),
        }
        assert_eq!(pace.turn(due, START + SECOND / 2), Turn::Wait(SECOND / 2));
    }

    #[test]
    fn the_edge_of_a_minute_is_no_place_to_get_twice_as_many() {
        // A window that begins anew would let 60 pass at 59.9 and 60 more at 60.1.
        let edge = START + 60 * SECOND;
        let moments = std::iter::repeat_n(edge - SECOND / 10, 60)
            .chain(std::iter::repeat_n(edge + SECOND / 10, 60));
        let passed = passed(pace(60, 60), moments);
        assert_eq!(passed.iter().filter(|passed| **passed).count(), 60);
    }

    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_out_for_longer_than_the_limit() {
        let pace = pace(10, 10);
        let far = START + 1_000_000 * SECOND;
        assert_eq!(pace.turn(far, START), Turn::Wait(SECOND));
    }

    #[test]
    fn what_is_left_goes_down_by_one_with_each() {
        let pace = pace(3, 3);
        let mut due = 0;
        let mut left = Vec::new();
        while let Turn::Granted { due: next, ahead } = pace.turn(due, START) {
            due = next;
            left.push(pace.left(ahead));
        }
        assert_eq!(left, [2, 1, 0]);
    }

    #[test]
    fn paces_have_bounds() {
        let second = Duration::from_secs(1);
        assert_eq!(Pace::new(0, second), None);
        assert_eq!(Pace::new(MOST + 1, second), None);
        assert_eq!(Pace::new(1, Duration::from_millis(999)), None);
        assert_eq!(Pace::new(1, LONGEST + second), None);
        assert!(Pace::new(MOST, LONGEST).is_some());
    }

    #[test]
    fn a_wait_is_told_in_whole_seconds_and_never_as_none() {
        assert_eq!([0, 1, SECOND, SECOND + 1].map(seconds), [1, 1, 1, 2]);
    }

    proptest! {
        /// Over any stretch of time, no more than the limit and what came back meanwhile.
        #[test]
        fn no_stretch_of_time_sees_more_than_the_limit_and_what_came_back(
            requests in 1_u32..50,
            seconds in 1_u64..120,
            steps in prop::collection::vec(0_i64..3 * SECOND, 1..200),
        ) {
            let pace = pace(requests, seconds);
            let mut at = START;
            let moments: Vec<i64> = steps.iter().map(|step| { at += step; at }).collect();
            let passed = passed(pace, moments.iter().copied());
            let passed: Vec<i64> = moments.iter().zip(&passed).filter(|(_, passed)| **passed)
                .map(|(at, _)| *at).collect();
            for (from, first) in passed.iter().enumerate() {
                for (to, last) in passed.iter().enumerate().skip(from) {
                    let back = (last - first) / pace.every;
                    let most = i64::from(requests) + back;
                    prop_assert!((to - from + 1) as i64 <= most);
                }
            }
        }
    }
}
