//! What waits to be told.
//!
//! Owns the queue between those who raise alerts and the one who sends them. Refuses to grow: beyond
//! [`MOST`] an alert is dropped and counted. What is about the same account or address as one that
//! waits is merged with it, and an address that several cores slow down within a minute is told of
//! once. Holds its lock for as long as it takes to look through a short list; raising never waits for
//! anything else.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use control::Timestamp;
use tokio::sync::Notify;

use super::{Alert, What};

/// Most alerts that wait.
pub const MOST: usize = 64;

/// Most slowed addresses that are remembered.
const REMEMBERED: usize = 256;

/// For how long they are.
const SLOWED: Duration = Duration::from_secs(60);

/// How alerts have fared since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Told.
    pub sent: u64,
    /// Given up.
    pub failed: u64,
    /// Dropped because too many waited.
    pub dropped: u64,
    /// On their way or waiting.
    pub waiting: u64,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Alert>,
    /// Addresses that were told of lately, oldest first.
    slowed: VecDeque<(std::net::IpAddr, Timestamp)>,
    counts: Counts,
    /// Of the dropped, how many nobody has written down yet.
    unwritten: u64,
    closed: bool,
}

/// The alerts that wait.
#[derive(Default)]
pub struct Queue {
    state: Mutex<State>,
    raised: Notify,
}

impl Queue {
    /// Hands an alert over. Never waits for it to be sent.
    pub fn raise(&self, alert: Alert) {
        let mut state = self.state();
        if state.closed || state.was_told_of(&alert) {
            return;
        }
        let like = state.waiting.iter_mut().find(|other| other.is_like(&alert));
        if let Some(other) = like {
            other.count = other.count.saturating_add(alert.count);
            return;
        }
        if state.waiting.len() >= MOST {
            state.counts.dropped += 1;
            state.unwritten += 1;
            return;
        }
        state.waiting.push_back(alert);
        state.counts.waiting += 1;
        drop(state);
        self.raised.notify_one();
    }

    /// The next alert, once there is one. For one sender alone.
    pub async fn next(&self) -> Alert {
        loop {
            if let Some(alert) = self.state().waiting.pop_front() {
                return alert;
            }
            self.raised.notified().await;
        }
    }

    /// Notes what became of an alert that [`Queue::next`] gave.
    pub fn done(&self, sent: bool) {
        let counts = &mut self.state().counts;
        counts.waiting = counts.waiting.saturating_sub(1);
        if sent {
            counts.sent += 1;
        } else {
            counts.failed += 1;
        }
    }

    /// How many were dropped since this was last asked.
    pub fn dropped(&self) -> u64 {
        std::mem::take(&mut self.state().unwritten)
    }

    /// Takes no more, and says how many are left that nobody will be told of.
    pub fn close(&self) -> u64 {
        let mut state = self.state();
        state.closed = true;
        state.counts.waiting + std::mem::take(&mut state.unwritten)
    }

    /// How alerts have fared.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is one step: a panic elsewhere leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether another core has told of this address within the minute; notes it if not.
    fn was_told_of(&mut self, alert: &Alert) -> bool {
        let (What::GuessesSlowed, Some(address)) = (alert.what, alert.address) else {
            return false;
        };
        let at = alert.at;
        let is_of_now = |told: &Timestamp| *told <= at && at.since(*told) < SLOWED;
        self.slowed.retain(|(_, told)| is_of_now(told));
        if self.slowed.iter().any(|(told, _)| *told == address) {
            return true;
        }
        if self.slowed.len() >= REMEMBERED {
            self.slowed.pop_front();
        }
        self.slowed.push_back((address, at));
        false
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Queue({:?})", self.counts())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(what: What, principal: Option<&str>, address: u8) -> Alert {
        Alert {
            what,
            at: Timestamp::from_seconds(1000),
            principal: principal.map(str::to_owned),
            request: [address; 16],
            seconds: 1,
            address: (address > 0).then(|| [192, 0, 2, address].into()),
            proof: false,
            count: 1,
        }
    }

    fn take(queue: &Queue) -> Option<Alert> {
        queue.state().waiting.pop_front()
    }

    #[test]
    fn what_is_about_the_same_is_merged_while_it_waits_and_nothing_else_is() {
        let queue = Queue::default();
        queue.raise(alert(What::AccountLocked, Some("p_a"), 0));
        queue.raise(alert(What::AccountLocked, Some("p_a"), 0));
        queue.raise(alert(What::AccountLocked, Some("p_b"), 0));
        // Of names that nobody has, no two are known to be one.
        queue.raise(alert(What::AccountLocked, None, 0));
        queue.raise(alert(What::AccountLocked, None, 0));
        queue.raise(alert(What::AddressLocked, None, 1));
        queue.raise(alert(What::AddressLocked, None, 2));
        let counts: Vec<u32> = std::iter::from_fn(|| take(&queue))
            .map(|alert| alert.count)
            .collect();
        assert_eq!(counts, [2, 1, 1, 1, 1, 1]);
        // One that has left the queue is told of, and the next lock is another alert.
        queue.raise(alert(What::AccountLocked, Some("p_a"), 0));
        assert_eq!(take(&queue).unwrap().count, 1);
    }

    #[test]
    fn an_address_that_several_cores_slow_is_told_of_once_a_minute() {
        let queue = Queue::default();
        let slowed = |seconds, address| Alert {
            at: Timestamp::from_seconds(seconds),
            ..alert(What::GuessesSlowed, None, address)
        };
        for (seconds, address, told) in [
            (1000, 1, true),
            (1001, 1, false),
            (1001, 2, true),
            (1059, 1, false),
            (1060, 1, true),
        ] {
            queue.raise(slowed(seconds, address));
            assert_eq!(take(&queue).is_some(), told, "{seconds} {address}");
        }
        for address in 0..=u32::try_from(REMEMBERED).unwrap() {
            queue.raise(Alert {
                address: Some(std::net::Ipv4Addr::from_bits(address).into()),
                ..slowed(2000, 1)
            });
        }
        assert!(queue.state().slowed.len() <= REMEMBERED);
    }

    #[test]
    fn what_there_is_no_room_for_is_dropped_and_counted() {
        let queue = Queue::default();
        for _ in 0..MOST + 3 {
            queue.raise(alert(What::AccountLocked, None, 0));
        }
        let (most, counts) = (u64::try_from(MOST).unwrap(), queue.counts());
        assert_eq!((counts.waiting, counts.dropped), (most, 3));
        assert_eq!((queue.dropped(), queue.dropped()), (3, 0));
        take(&queue).unwrap();
        queue.done(true);
        take(&queue).unwrap();
        queue.done(false);
        let counts = queue.counts();
        assert_eq!((counts.sent, counts.failed), (1, 1));
        assert_eq!(counts.waiting, most - 2);
        assert_eq!(queue.close(), most - 2);
        queue.raise(alert(What::AccountLocked, None, 0));
        assert_eq!(queue.counts().waiting, most - 2, "it is closed");
    }

    #[tokio::test]
    async fn the_sender_wakes_when_something_is_raised() {
        let queue = std::sync::Arc::new(Queue::default());
        let other = std::sync::Arc::clone(&queue);
        let next = tokio::spawn(async move { other.next().await });
        queue.raise(alert(What::AddressLocked, None, 1));
        assert_eq!(next.await.unwrap().what, What::AddressLocked);
    }
}
