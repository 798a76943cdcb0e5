//! One number for each caller, shared by all cores.
//!
//! Owns a table of fixed size in which a caller is known by 64 bits of a hash under a secret of this
//! process, so that nobody can choose to meet somebody else. Refuses to grow, and to forget: who comes
//! while every place it could have is taken shares one that is. What is charged is one exchange of one
//! number; a lock is taken only where a caller is seen for the first time.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use crate::pace::{Pace, Turn};

/// Places that one caller may have.
const WAYS: usize = 8;

/// Groups of such places.
const SETS: usize = 4096;

/// Callers that one table tells apart, at best.
pub const CALLERS: usize = WAYS * SETS;

/// The numbers of all callers of one limit: 544 KiB.
pub struct Table {
    sets: Box<[Set]>,
}

#[derive(Default)]
struct Set {
    who: [AtomicU64; WAYS],
    number: [AtomicI64; WAYS],
    /// Held while a caller gets its place, so that no caller ever has two.
    claim: Mutex<()>,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            sets: std::iter::repeat_with(Set::default).take(SETS).collect(),
        }
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Table(..)")
    }
}

/// Which number is a caller's.
#[derive(Clone, Copy, Debug)]
struct Place {
    set: usize,
    way: usize,
}

/// One of the requests that a caller has under way. Gives its place back when it is dropped.
#[derive(Debug)]
pub struct Held {
    table: Arc<Table>,
    place: Place,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(number) = self.table.number(self.place) {
            number.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

impl Table {
    /// Lets a caller pass at `now`, or says how long it must wait.
    pub fn charge(&self, who: u64, pace: &Pace, now: i64) -> Turn {
        // An old debt is a newcomer's: nobody gets rid of one by having others push it out.
        let place = self.place(who, true);
        let Some(number) = self.number(place) else {
            return Turn::Wait(1);
        };
        let mut due = number.load(Ordering::Acquire);
        loop {
            let turn = pace.turn(due, now);
            let Turn::Granted { due: after, .. } = turn else {
                return turn;
            };
            match number.compare_exchange_weak(due, after, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return turn,
                Err(other) => due = other,
            }
        }
    }

    /// Takes back what a caller was charged for one request that did not pass.
    pub fn refund(&self, who: u64, pace: &Pace) {
        if let Some(number) = self.find(who).and_then(|place| self.number(place)) {
            number.fetch_sub(pace.cost(), Ordering::AcqRel);
        }
    }

    /// What a caller would meet at `now`. Changes nothing.
    #[must_use]
    pub fn look(&self, who: u64, pace: &Pace, now: i64) -> Turn {
        let due = self
            .find(who)
            .and_then(|place| self.number(place))
            .map_or(0, |number| number.load(Ordering::Acquire));
        pace.turn(due, now)
    }

    /// Counts one more request of a caller, unless it has `most` under way.
    #[must_use]
    pub fn enter(self: &Arc<Self>, who: u64, most: u32) -> Option<Held> {
        let place = self.place(who, false);
        let more = |count: i64| (count < most.into()).then_some(count + 1);
        self.number(place)?
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more)
            .ok()?;
        Some(Held {
            table: Arc::clone(self),
            place,
        })
    }

    fn number(&self, place: Place) -> Option<&AtomicI64> {
        self.sets.get(place.set)?.number.get(place.way)
    }

    fn find(&self, who: u64) -> Option<Place> {
        let set = set_of(who);
        let way = self.sets.get(set)?.way(name(who))?;
        Some(Place { set, way })
    }

    /// The place of a caller, which gets one if it has none: the one with the smallest number. Where
    /// that number is not nothing, the caller takes the place over with it, or shares it.
    fn place(&self, who: u64, takes_over: bool) -> Place {
        if let Some(place) = self.find(who) {
            return place;
        }
        let set = set_of(who);
        let way = self
            .sets
            .get(set)
            .map_or(0, |places| places.claim(name(who), takes_over));
        Place { set, way }
    }
}

impl Set {
    fn way(&self, who: u64) -> Option<usize> {
        self.who
            .iter()
            .position(|known| known.load(Ordering::Acquire) == who)
    }

    fn claim(&self, who: u64, takes_over: bool) -> usize {
        let _claiming = self.claim.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(way) = self.way(who) {
            return way;
        }
        let numbers = self.number.iter().map(|it| it.load(Ordering::Acquire));
        let least = numbers.enumerate().min_by_key(|(_, number)| *number);
        let (way, number) = least.unwrap_or_default();
        if (takes_over || number == 0)
            && let Some(known) = self.who.get(way)
        {
            known.store(who, Ordering::Release);
        }
        way
    }
}

/// The high half of a hash chooses the set.
const fn set_of(who: u64) -> usize {
    ((who >> 32) % SETS as u64) as usize
}

/// Nobody is called 0, which is what an empty place says.
const fn name(who: u64) -> u64 {
    if who == 0 { 1 } else { who }
}

#[cfg(test)]
mod tests {
    use std::{thread, time::Duration};

    use super::*;

    const NOW: i64 = 1_800_000_000_000_000_000;

    fn pace(requests: u32) -> Pace {
        Pace::new(requests, Duration::from_secs(3600)).unwrap()
    }

    fn passes(table: &Table, who: u64, pace: &Pace, tries: usize) -> usize {
        (0..tries)
            .filter(|_| matches!(table.charge(who, pace, NOW), Turn::Granted { .. }))
            .count()
    }

    #[test]
    fn callers_have_a_pace_of_their_own() {
        let table = Table::default();
        assert_eq!(passes(&table, 7, &pace(5), 9), 5);
        assert_eq!(passes(&table, 8, &pace(5), 9), 5);
        // The same set, which the high half chooses.
        assert_eq!(passes(&table, 7 | 1 << 31, &pace(5), 9), 5);
        assert_eq!(passes(&table, 0, &pace(5), 9), 5);
        assert_eq!(passes(&table, 7, &pace(5), 1), 0);
    }

    #[test]
    fn a_look_costs_nothing() {
        let (table, pace) = (Table::default(), pace(1));
        for _ in 0..3 {
            assert!(matches!(table.look(7, &pace, NOW), Turn::Granted { .. }));
        }
        assert_eq!(passes(&table, 7, &pace, 1), 1);
        assert!(matches!(table.look(7, &pace, NOW), Turn::Wait(_)));
    }

    #[test]
    fn what_is_given_back_may_be_used_again_and_once() {
        let (table, pace) = (Table::default(), pace(2));
        assert_eq!(passes(&table, 7, &pace, 3), 2);
        table.refund(7, &pace);
        assert_eq!(passes(&table, 7, &pace, 3), 1);
        table.refund(8, &pace);
        assert_eq!(passes(&table, 8, &pace, 3), 2, "nothing was charged");
    }

    #[test]
    fn many_cores_together_let_exactly_the_limit_pass() {
        let (table, pace) = (Table::default(), pace(1000));
        for round in 1..=20 {
            let passed: usize = thread::scope(|scope| {
                let one = || scope.spawn(|| passes(&table, round << 32, &pace, 400));
                let all: Vec<_> = (0..4).map(|_| one()).collect();
                all.into_iter().map(|one| one.join().unwrap()).sum()
            });
            assert_eq!(passed, 1000, "round {round}");
        }
    }

    #[test]
    fn who_comes_to_a_full_table_pays_for_others_and_nobody_gets_away() {
        let (table, pace) = (Table::default(), pace(4));
        // More callers in one set than it has places, each at its limit.
        for who in 1..=64 {
            passes(&table, who, &pace, 8);
        }
        let again: usize = (1..=64).map(|who| passes(&table, who, &pace, 8)).sum();
        assert_eq!(again, 0);
        // An hour later everything is paid for.
        let later = NOW + 3_600_000_000_000;
        assert!(matches!(
            table.charge(65, &pace, later),
            Turn::Granted { .. }
        ));
    }

    #[test]
    fn so_many_at_once_and_another_when_one_has_ended() {
        let table = Arc::<Table>::default();
        let held: Vec<_> = (0..3).map_while(|_| table.enter(7, 3)).collect();
        assert_eq!(held.len(), 3);
        assert!(table.enter(7, 3).is_none());
        assert!(table.enter(8, 3).is_some(), "another caller");
        drop(held);
        assert!(table.enter(7, 3).is_some());
    }

    #[test]
    fn a_full_table_shares_places_and_every_end_gives_back_what_its_begin_took() {
        let table = Arc::<Table>::default();
        let all: Vec<_> = (1..=20).map(|who| table.enter(who, 2)).collect();
        // Eight places of two.
        assert_eq!(all.iter().flatten().count(), 16);
        drop(all);
        let left = table.sets.iter().flat_map(|set| &set.number);
        assert_eq!(
            left.map(|it| it.load(Ordering::Relaxed)).max(),
            Some(0),
            "nothing is under way"
        );
    }
}
