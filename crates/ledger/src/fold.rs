//! Refusals of the unauthenticated, in bounded numbers.
//!
//! Owns the rule by which a flood becomes counts: the first refusals of a second for one control,
//! reason and client are events of their own, so that each can be looked up by its request id; the
//! rest of that second are one event with a count. Memory is bounded whatever arrives.

use std::{collections::HashMap, net::IpAddr};

use control::{ControlId, Reason, Timestamp};

use crate::event::{Event, Kind, RouteIndex};

/// Refusals a second that one control, reason and client get as events of their own.
const EACH: u64 = 32;

/// Refusals a second that all together get as events of their own.
const TOGETHER: u64 = 512;

/// Different clients that are told apart within one second; more are counted without client.
const CLIENTS: usize = 4096;

/// Seconds that are counted together while the disk has hardly any room.
const TIGHT_SECONDS: i64 = 10;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    control: Option<ControlId>,
    reason: Option<Reason>,
    status: Option<u16>,
    route: Option<RouteIndex>,
    client: Option<IpAddr>,
}

/// The refusals of the present second.
#[derive(Default)]
pub(crate) struct Fold {
    second: i64,
    /// The disk has hardly any room: refusals are only counted, and without who was refused.
    tight: bool,
    whole: u64,
    places: HashMap<Key, usize>,
    counts: Vec<(Key, Count)>,
}

#[derive(Clone, Copy, Default)]
struct Count {
    whole: u64,
    folded: u64,
}

/// Events that stand for several refusals, with how many.
pub(crate) type Folded = Vec<(Event, u64)>;

impl Fold {
    /// Takes a refusal: `Some` if it is to be recorded as it is. What a new second completes is
    /// added to `folded`.
    pub(crate) fn take(&mut self, event: Event, folded: &mut Folded) -> Option<Event> {
        if self.is_past(event.time) {
            self.finish(folded);
            self.second = event.time.seconds();
        }
        let mut key = Key {
            control: event.control,
            reason: event.reason,
            status: event.status,
            route: event.route,
            client: event.client,
        };
        if self.tight || self.counts.len() >= CLIENTS && !self.places.contains_key(&key) {
            key.client = None;
            key.route = None;
        }
        let place = *self.places.entry(key).or_insert_with(|| {
            self.counts.push((key, Count::default()));
            self.counts.len() - 1
        });
        let (_, count) = self.counts.get_mut(place)?;
        if !self.tight && count.whole < EACH && self.whole < TOGETHER {
            count.whole += 1;
            self.whole += 1;
            Some(event)
        } else {
            count.folded += 1;
            None
        }
    }

    /// Ends the second if `now` is past it.
    pub(crate) fn tick(&mut self, now: Timestamp, folded: &mut Folded) {
        if self.is_past(now) {
            self.finish(folded);
        }
    }

    /// Whether `time` lies outside of what is counted together: one second, or several while the
    /// disk has hardly any room.
    const fn is_past(&self, time: Timestamp) -> bool {
        let seconds = time.seconds();
        seconds < self.second || seconds.saturating_sub(self.second) >= self.length()
    }

    const fn length(&self) -> i64 {
        if self.tight { TIGHT_SECONDS } else { 1 }
    }

    /// Spares the disk from now on, or no longer.
    pub(crate) const fn set_tight(&mut self, tight: bool) {
        self.tight = tight;
    }

    /// Whether nothing waits to be written.
    pub(crate) const fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Ends the second: every count becomes an event.
    pub(crate) fn finish(&mut self, folded: &mut Folded) {
        let at = Timestamp::from_seconds(self.second);
        for (key, count) in self.counts.drain(..) {
            if count.folded > 0 {
                let event = Event {
                    route: key.route,
                    control: key.control,
                    reason: key.reason,
                    status: key.status,
                    client: key.client,
                    ..Event::new(at, Kind::REFUSALS)
                };
                folded.push((event, count.folded));
            }
        }
        self.places.clear();
        self.whole = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(second: i64, client: u32) -> Event {
        Event {
            control: Some(ControlId("gate.path")),
            status: Some(400),
            client: Some(std::net::Ipv4Addr::from(client).into()),
            ..Event::new(Timestamp::from_millis(second * 1000 + 7), Kind::REQUEST)
        }
    }

    /// Feeds `count` refusals and gives how many stayed whole and how many were counted.
    fn feed(
        fold: &mut Fold,
        second: i64,
        client: impl Fn(u32) -> u32,
        count: u32,
    ) -> (u64, Folded) {
        let mut folded = Vec::new();
        let whole = (0..count).filter(|i| {
            fold.take(refusal(second, client(*i)), &mut folded)
                .is_some()
        });
        (whole.count() as u64, folded)
    }

    #[test]
    fn a_few_refusals_stay_whole() {
        let mut fold = Fold::default();
        let (whole, mut folded) = feed(&mut fold, 5, |_| 1, 20);
        fold.finish(&mut folded);
        assert_eq!((whole, folded.len()), (20, 0));
    }

    #[test]
    fn a_flood_is_counted_and_nothing_is_lost() {
        let mut fold = Fold::default();
        let (whole, folded) = feed(&mut fold, 5, |_| 1, 10_000);
        assert_eq!((whole, folded.len()), (EACH, 0));
        let (next, folded) = feed(&mut fold, 6, |_| 1, 1);
        assert_eq!(next, 1);
        let [(event, count)] = folded.as_slice() else {
            panic!("{folded:?}")
        };
        assert_eq!((event.kind, *count), (Kind::REFUSALS, 10_000 - EACH));
        assert_eq!(event.time, Timestamp::from_seconds(5));
    }

    #[test]
    fn on_a_disk_without_room_a_flood_is_one_entry_in_ten_seconds_and_nothing_is_lost() {
        let mut fold = Fold::default();
        fold.set_tight(true);
        let mut folded = Vec::new();
        for second in 100..130 {
            let (whole, more) = feed(&mut fold, second, |i| i, 1000);
            assert_eq!(whole, 0);
            folded.extend(more);
            fold.tick(Timestamp::from_seconds(second), &mut folded);
        }
        fold.finish(&mut folded);
        let counts: Vec<u64> = folded.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [10_000; 3]);
        fold.set_tight(false);
        assert_eq!(feed(&mut fold, 200, |_| 1, 1).0, 1);
    }

    #[test]
    fn a_flood_from_many_addresses_is_bounded_and_nothing_is_lost() {
        let mut fold = Fold::default();
        let (whole, mut folded) = feed(&mut fold, 5, |i| i, 50_000);
        assert_eq!(whole, TOGETHER);
        assert!(fold.counts.len() <= CLIENTS + 1);
        fold.tick(Timestamp::from_seconds(5), &mut folded);
        assert!(folded.is_empty());
        fold.tick(Timestamp::from_seconds(6), &mut folded);
        let counted: u64 = folded.iter().map(|(_, count)| count).sum();
        assert_eq!(whole + counted, 50_000);
        assert!(fold.is_empty());
    }
}
