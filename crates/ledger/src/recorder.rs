//! The side of the ledger that a gate core sees.
//!
//! Owns one bounded ring per core to the writer thread. Refuses to let anything begin while the
//! ring is full or the disk fails: the caller answers 503. Batched recording does not lock, allocate
//! or call the system, except to wake a writer that had gone to sleep or fallen half a ring behind,
//! and where the ring is full: then the ends of what had begun go behind it (`lane`).
//! Trusts its caller to reserve, with [`Recorder::ready`], for what it lets begin.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::{Arc, atomic::Ordering},
};

use rtrb::{Producer, RingBuffer};

use crate::{
    event::Event,
    lane::{Lane, Marks, SPILL},
    wires::Wires,
};

/// The ledger cannot take an event now; the request it belongs to must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDurable {
    /// The ring to the writer is full: the disk is slower than the traffic.
    #[error("the ledger's ring is full")]
    Full,
    /// The disk failed; nothing is recorded until it works again.
    #[error("the ledger cannot write to its disk")]
    Disk,
    /// The disk is nearly full: what is under way is still recorded, nothing new is taken.
    #[error("the disk of the ledger is nearly full")]
    Space,
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// One core's way to record. Can be moved to another thread, not shared between threads; share it
/// within a core by `Rc`.
pub struct Recorder {
    events: RefCell<Producer<Event>>,
    refusals: RefCell<Producer<Event>>,
    pushed: Cell<u64>,
    /// How many events may have been pushed before the ring can be full, as last looked up.
    room_until: Cell<u64>,
    /// Events were put behind the ring, and may lie there still.
    spilled: Cell<bool>,
    half: usize,
    /// Events that may be under way together.
    most: u64,
    marks: Arc<Marks>,
    wires: Arc<Wires>,
}

impl Recorder {
    pub(crate) fn new(wires: &Arc<Wires>, ring: usize) -> Self {
        let ring = ring.clamp(64, 1 << 20).next_power_of_two();
        let (events, events_end) = RingBuffer::new(ring);
        // A flood of refusals is counted anyway: its ring is smaller.
        let (refusals, refusals_end) = RingBuffer::new((ring / 4).max(64));
        let marks = Arc::new(Marks::new(ring * SPILL));
        wires.add_lane(Lane::new(events_end, refusals_end, Arc::clone(&marks)));
        Self {
            events: RefCell::new(events),
            refusals: RefCell::new(refusals),
            pushed: Cell::new(0),
            room_until: Cell::new(0),
            spilled: Cell::new(false),
            half: ring / 2,
            most: (ring * SPILL) as u64,
            marks,
            wires: Arc::clone(wires),
        }
    }

    /// Whether something may begin that ends in events of this core, `events` in all with those of
    /// everything under way: only while the ring has room and not too much is under way. Asked
    /// before a request begins, so that its end can be recorded whatever comes; looks at the
    /// writer's side only when what it saw there last is used up.
    pub fn ready(&self, events: u64) -> Result<(), NotDurable> {
        self.wires.open()?;
        if events > self.most {
            return Err(NotDurable::Full);
        }
        if self.pushed.get() < self.room_until.get() {
            return Ok(());
        }
        let free = self.events.borrow().slots() as u64;
        if free == 0 || self.is_spilled() {
            self.wires.crowd();
            return Err(NotDurable::Full);
        }
        self.room_until.set(self.pushed.get().saturating_add(free));
        Ok(())
    }

    fn is_spilled(&self) -> bool {
        if self.spilled.get() && !self.marks.is_spilled() {
            self.spilled.set(false);
        }
        self.spilled.get()
    }

    /// Records `event` within the batch interval (50 ms). An error means that it is not recorded
    /// and will not be.
    pub fn record(&self, event: Event) -> Result<(), NotDurable> {
        self.wires.standing()?;
        let mut events = self.events.borrow_mut();
        let refused = if self.is_spilled() {
            Some(event)
        } else {
            let pushed = events.push(event);
            pushed.err().map(|rtrb::PushError::Full(event)| event)
        };
        let pushed = self.pushed.get() + 1;
        if let Some(event) = refused {
            self.spilled.set(true);
            self.room_until.set(0);
            self.marks.spill(event)?;
            self.pushed.set(pushed);
            self.wires.crowd();
            return Ok(());
        }
        self.pushed.set(pushed);
        // How full the ring is costs a look at the writer's side: now and then is enough.
        if pushed.is_multiple_of(32) && events.slots() < self.half {
            self.wires.crowd();
        } else {
            self.wires.pushed();
        }
        Ok(())
    }

    /// Records `event` and returns once it is on disk: [`Recorder::record`], then
    /// [`Recorder::settled`].
    pub async fn record_durable(&self, event: Event) -> Result<(), NotDurable> {
        self.record(event)?;
        self.settled().await
    }

    /// Returns once everything this core has recorded so far is on disk. The future may be dropped at
    /// any time, as a deadline does: what was recorded stays so. After [`NotDurable::Disk`] it may
    /// still come to be on disk, when that works again. On a disk that does not answer this takes as
    /// long as the ledger waits before it calls that a failure.
    pub async fn settled(&self) -> Result<(), NotDurable> {
        let awaited = self.pushed.get();
        self.wires.hurry();
        loop {
            // Made before the look at the mark: a batch that ends in between is not missed.
            let notified = self.marks.notify.notified();
            if self.marks.durable.load(Ordering::Acquire) >= awaited {
                return Ok(());
            }
            match self.wires.standing() {
                Err(NotDurable::Disk) => return Err(NotDurable::Disk),
                Err(NotDurable::Closed) if self.wires.ended() => return Err(NotDurable::Closed),
                _ => notified.await,
            }
        }
    }

    /// Records the refusal of somebody who was not authenticated. Never fails and never costs
    /// others their place: floods are counted per second, control, reason and client.
    pub fn record_refusal(&self, event: Event) {
        if self.refusals.borrow_mut().push(event).is_err() {
            self.marks.uncounted.fetch_add(1, Ordering::Relaxed);
        }
        self.wires.pushed();
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder(..)")
    }
}

#[cfg(test)]
mod tests {
    use control::Timestamp;

    use super::*;
    use crate::event::Kind;

    fn event(number: u64) -> Event {
        Event {
            micros: Some(number),
            ..Event::new(Timestamp::default(), Kind::REQUEST)
        }
    }

    #[test]
    fn nothing_begins_while_the_ring_is_full_and_what_had_begun_is_still_recorded_in_order() {
        let wires = Arc::new(Wires::default());
        let recorder = Recorder::new(&wires, 64);
        let mut lane = wires.take_new_lanes().remove(0);
        for number in 0..64 {
            assert_eq!(recorder.ready(1), Ok(()));
            assert_eq!(recorder.record(event(number)), Ok(()));
        }
        assert_eq!(recorder.ready(1), Err(NotDurable::Full));
        for number in 64..100 {
            assert_eq!(recorder.record(event(number)), Ok(()));
            assert_eq!(lane.len() as u64, number + 1);
        }
        // Room in the ring is none while events lie behind it: they would be overtaken.
        assert_eq!(lane.pop().unwrap().micros, Some(0));
        assert_eq!(recorder.ready(1), Err(NotDurable::Full));
        assert_eq!(recorder.record(event(100)), Ok(()));
        for number in 1..=70 {
            assert_eq!(lane.pop().unwrap().micros, Some(number));
        }
        assert_eq!(recorder.ready(1), Ok(()));
        assert_eq!(recorder.record(event(101)), Ok(()));
        for number in 71..=101 {
            assert_eq!(lane.pop().unwrap().micros, Some(number));
        }
        assert!(lane.pop().is_none() && lane.is_empty());
    }

    #[test]
    fn room_is_promised_only_for_as_many_as_find_it_on_a_full_ring() {
        let wires = Arc::new(Wires::default());
        let recorder = Recorder::new(&wires, 64);
        let most = 64 * SPILL as u64;
        assert_eq!(recorder.ready(most), Ok(()));
        assert_eq!(recorder.ready(most + 1), Err(NotDurable::Full));
        for number in 0..64 + most {
            assert_eq!(recorder.record(event(number)), Ok(()));
        }
        assert_eq!(recorder.record(event(0)), Err(NotDurable::Full));
        let mut lane = wires.take_new_lanes().remove(0);
        for number in 0..64 + most {
            assert_eq!(lane.pop().unwrap().micros, Some(number));
        }
        assert_eq!(recorder.record(event(0)), Ok(()));
    }

    #[test]
    fn events_that_are_taken_while_others_are_pushed_keep_their_order() {
        let wires = Arc::new(Wires::default());
        let recorder = Recorder::new(&wires, 64);
        let mut lane = wires.take_new_lanes().remove(0);
        const MANY: u64 = 200_000;
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut expected = 0;
                while expected < MANY {
                    if let Some(event) = lane.pop() {
                        assert_eq!(event.micros, Some(expected));
                        expected += 1;
                    } else {
                        std::thread::yield_now();
                    }
                }
            });
            for number in 0..MANY {
                while recorder.record(event(number)).is_err() {
                    std::thread::yield_now();
                }
            }
        });
    }

    #[test]
    fn nothing_is_promised_while_the_disk_fails() {
        let wires = Arc::new(Wires::default());
        let recorder = Recorder::new(&wires, 64);
        wires.fail();
        assert_eq!(recorder.ready(1), Err(NotDurable::Disk));
        assert_eq!(recorder.record(event(0)), Err(NotDurable::Disk));
        assert!(wires.recover());
        assert_eq!(recorder.ready(1), Ok(()));
    }

    #[test]
    fn a_closed_ledger_never_opens_again() {
        let wires = Arc::new(Wires::default());
        let recorder = Recorder::new(&wires, 64);
        wires.fail();
        wires.close();
        assert!(!wires.recover());
        assert_eq!(recorder.ready(1), Err(NotDurable::Closed));
        wires.end();
        wires.close();
        assert!(wires.ended());
    }
}
