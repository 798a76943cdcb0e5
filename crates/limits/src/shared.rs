//! Limits of several processes: one question to the server that they share.
//!
//! Owns when the server is asked and what holds while it cannot be. Refuses to multiply a limit by the
//! number of processes as long as the server answers, and to stand still when it does not: then each
//! process keeps the limit for itself, which it has counted all the while, and says so. Trusts the
//! clocks of the processes to agree to within a fraction of a limit's time.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use control::Timestamp;
use store::shared::{Name, Rate as Turned, Shared, Turns};

use crate::{
    pace::seconds,
    rate::{Over, Rates},
    standing::Standing,
    who::Who,
};

/// How long an answer is waited for, on top of which nothing may take longer for want of it.
pub const PATIENCE: Duration = Duration::from_millis(250);

/// How long the server is left alone after it did not answer.
pub const PAUSE: Duration = Duration::from_secs(1);

/// What there is to ask of one request: limits by their place, each with its caller.
pub type Asked = Vec<(u16, Who)>;

/// Where limits are shared.
#[derive(Debug)]
pub struct Server {
    shared: Shared,
    /// Milliseconds of the monotonic clock until which it is left alone; 0 while it answers.
    away_until: AtomicU64,
}

/// What became of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// All may pass. How the caller stands with the nearest.
    Granted(Option<Standing>),
    /// One is over its limit.
    Over(Over),
    /// The server did not answer. `first` says that it did until now.
    Away {
        /// Whether this is news.
        first: bool,
    },
}

impl Server {
    /// Limits shared over `shared`; none where that is memory of this process, whose limits need no
    /// server.
    #[must_use]
    pub fn new(shared: Shared) -> Option<Self> {
        shared.is_shared().then(|| Self::over(shared))
    }

    const fn over(shared: Shared) -> Self {
        Self {
            shared,
            away_until: AtomicU64::new(0),
        }
    }

    /// Whether limits hold for each process alone just now.
    #[must_use]
    pub fn is_away(&self) -> bool {
        self.away_until.load(Ordering::Acquire) != 0
    }

    /// Counts a request at `now` for all that is asked, in one round trip. `monotonic` is the same
    /// moment on the monotonic clock.
    pub async fn ask(
        &self,
        rates: &Rates,
        asked: &[(u16, Who)],
        now: Timestamp,
        monotonic: Duration,
    ) -> Answered {
        let until = self.away_until.load(Ordering::Acquire);
        if until > millis(monotonic) {
            return Answered::Away { first: false };
        }
        let known: Vec<_> = asked
            .iter()
            .filter_map(|(place, who)| {
                let rate = rates.get(*place)?;
                let pace = rate.pace()?;
                let name = Name::of_digest("rate", &who.digest(&rate.name));
                let turned = Turned::new(pace.requests(), pace.every())?;
                Some((*place, (name, turned)))
            })
            .collect();
        let places: Vec<u16> = known.iter().map(|(place, _)| *place).collect();
        let turns: Vec<_> = known.into_iter().map(|(_, turn)| turn).collect();
        let answer = self.shared.turns(&turns, now);
        match answer.await {
            Ok(turns) => {
                self.away_until.store(0, Ordering::Release);
                read(rates, &places, &turns)
            }
            Err(_) => self.gone(monotonic),
        }
    }

    /// Notes that the server did not answer.
    pub fn gone(&self, monotonic: Duration) -> Answered {
        let until = millis(monotonic.saturating_add(PAUSE)).max(1);
        let before = self.away_until.swap(until, Ordering::AcqRel);
        Answered::Away { first: before == 0 }
    }
}

fn read(rates: &Rates, places: &[u16], turns: &Turns) -> Answered {
    match turns {
        Turns::Wait(which, wait) => {
            let place = places.get(*which).copied().unwrap_or_default();
            let wait = i64::try_from(wait.as_nanos()).unwrap_or(i64::MAX);
            Answered::Over(Over::Pace(place, seconds(wait)))
        }
        Turns::Granted(ahead) => {
            let mut nearest = None;
            for (place, ahead) in places.iter().zip(ahead) {
                let Some(pace) = rates.get(*place).and_then(|rate| rate.pace()) else {
                    continue;
                };
                let ahead = i64::try_from(ahead.as_nanos()).unwrap_or(i64::MAX);
                nearest = Some(Standing::new(*place, pace, ahead).nearer(nearest));
            }
            Answered::Granted(nearest)
        }
    }
}

fn millis(at: Duration) -> u64 {
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use control::clock::FixedClock;

    use super::*;
    use crate::{By, Counts, Measure, Pace, Rate};

    fn rates() -> Rates {
        let rate = |name: &str, requests| {
            let pace = Pace::new(requests, Duration::from_secs(60)).unwrap();
            Rate::new(name, By::Caller, Measure::Pace(pace, Counts::All))
        };
        Rates::new(vec![rate("wide", 5), rate("narrow", 2)])
    }

    fn asked() -> Asked {
        vec![(0, Who::Principal([7; 16])), (1, Who::Principal([7; 16]))]
    }

    #[tokio::test]
    async fn limits_count_together_for_all_who_share_them() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let shared = Shared::in_process(Arc::new(FixedClock::at(now)));
        let (one, other) = (Server::over(shared.clone()), Server::over(shared));
        let mut left = Vec::new();
        let mut over = None;
        for server in [&one, &other, &one, &other] {
            match server.ask(&rates(), &asked(), now, Duration::ZERO).await {
                Answered::Granted(standing) => left.push(standing.map(|it| (it.rate, it.left))),
                answer => over = Some(answer),
            }
        }
        assert_eq!(left, [Some((1, 1)), Some((1, 0))]);
        assert_eq!(over, Some(Answered::Over(Over::Pace(1, 30))));
    }

    #[tokio::test]
    async fn a_server_that_is_away_is_told_once_and_asked_again_after_a_pause() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let server = Server::over(Shared::in_process(Arc::new(FixedClock::at(now))));
        let at = Duration::from_secs(9);
        assert_eq!(server.gone(at), Answered::Away { first: true });
        let soon = server.ask(&rates(), &asked(), now, at).await;
        assert_eq!(soon, Answered::Away { first: false });
        assert!(server.is_away());
        let later = server.ask(&rates(), &asked(), now, at + PAUSE).await;
        assert!(matches!(later, Answered::Granted(_)));
        assert!(!server.is_away());
    }

    #[test]
    fn memory_of_one_process_is_no_server() {
        let now = Timestamp::from_seconds(1_800_000_000);
        let shared = Shared::in_process(Arc::new(FixedClock::at(now)));
        assert!(Server::new(shared).is_none());
    }
}
