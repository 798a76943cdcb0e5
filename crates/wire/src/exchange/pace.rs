//! How fast a request body must come.
//!
//! Owns the moment at which a body is too slow. Refuses to let bytes that came quickly pay for a
//! later stall, and to blame a client while it is not the one awaited. Trusts the clock it is shown.

use std::time::Duration;

use tokio::time::Instant;

/// How fast a body must come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyTimes {
    /// Slowest rate in bytes a second, over each `grace`.
    pub rate: u64,
    /// How long a body may stand still.
    pub grace: Duration,
    /// How long it may take in all.
    pub total: Duration,
}

/// The slowest a request body may come.
///
/// What counts is the rate now: bytes that came quickly earn no right to stall later. Each stretch
/// of at most `grace` must bring `rate` times `grace` bytes, and the next begins when it has.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    times: BodyTimes,
    /// When the body began and when the present stretch did; both moved on by waits that are not
    /// the client's fault.
    from: Option<(Instant, Instant)>,
    /// Bytes that had come when the present stretch began.
    before: u64,
    stalled_since: Option<Instant>,
}

impl Pace {
    /// As fast as `times` say.
    #[must_use]
    pub const fn new(times: BodyTimes) -> Self {
        Self {
            times,
            from: None,
            before: 0,
            stalled_since: None,
        }
    }

    /// The client is not awaited: its time stands still until the next [`Pace::ends`].
    pub fn stall(&mut self, now: Instant) {
        self.stalled_since.get_or_insert(now);
    }

    /// The moment at which a body of which `moved` bytes have come, and no more, is too slow. The
    /// first call starts its time.
    pub fn ends(&mut self, now: Instant, moved: u64) -> Instant {
        let (began, stretch) = self.from.get_or_insert((now, now));
        if let Some(since) = self.stalled_since.take() {
            let stalled = now.duration_since(since);
            *began += stalled;
            *stretch += stalled;
        }
        let grace = u64::try_from(self.times.grace.as_millis()).unwrap_or(u64::MAX);
        let owed = self.times.rate.saturating_mul(grace) / 1000;
        if moved.saturating_sub(self.before) >= owed.max(1) {
            self.before = moved;
            *stretch = now;
        }
        (*stretch + self.times.grace).min(*began + self.times.total)
    }
}
