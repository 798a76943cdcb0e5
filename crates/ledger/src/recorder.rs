//! The side of the ledger that a gate core sees.
//!
//! Owns one bounded ring per core to the writer thread. Refuses an event when the ring is full or
//! the disk failed: the caller answers 503. Batched recording does not lock, allocate or call the
//! system, except to wake a writer that had gone to sleep or fallen half a ring behind. Trusts
//! nothing.

use std::{
    cell::{Cell, RefCell},
    fmt,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence},
    },
    thread::Thread,
};

use rtrb::{Consumer, Producer, RingBuffer};
use tokio::sync::Notify;

use crate::event::Event;

/// The ledger cannot take an event now; the request it belongs to must not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDurable {
    /// The ring to the writer is full: the disk is slower than the traffic.
    #[error("the ledger's ring is full")]
    Full,
    /// The disk failed; nothing is recorded until it works again.
    #[error("the ledger cannot write to its disk")]
    Disk,
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// How the writer stands to the rest, in one byte that every core reads.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Standing {
    /// It takes events.
    Open = 0,
    /// The last batch could not be written.
    Failing = 1,
    /// It takes no more, and finishes what it has.
    Closing = 2,
    /// It is gone.
    Ended = 3,
}

/// What recorders and the writer share.
#[derive(Default)]
pub(crate) struct Wires {
    standing: AtomicU8,
    /// Somebody waits for the disk: the next batch is due at once.
    urgent: AtomicBool,
    /// The writer sleeps until it is woken.
    asleep: AtomicBool,
    writer: OnceLock<Thread>,
    new_lanes: Mutex<Vec<Lane>>,
    has_new_lanes: AtomicBool,
}

impl Wires {
    pub(crate) fn standing(&self) -> Result<(), NotDurable> {
        match self.standing.load(Ordering::Acquire) {
            0 => Ok(()),
            1 => Err(NotDurable::Disk),
            _ => Err(NotDurable::Closed),
        }
    }

    pub(crate) fn ended(&self) -> bool {
        self.standing.load(Ordering::Acquire) == Standing::Ended as u8
    }

    pub(crate) fn set_standing(&self, standing: Standing) {
        self.standing.store(standing as u8, Ordering::Release);
    }

    /// Names the thread that [`Wires::wake`] wakes.
    pub(crate) fn set_writer(&self, thread: Thread) {
        let _ = self.writer.set(thread);
    }

    /// Makes the next batch due at once.
    pub(crate) fn hurry(&self) {
        self.urgent.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub(crate) fn take_urgent(&self) -> bool {
        self.urgent.swap(false, Ordering::AcqRel)
    }

    /// Tells producers that the writer is about to sleep. After this, it must look at its rings
    /// once more: the fences on both sides make sure that an event pushed meanwhile is either seen
    /// by that look or followed by a wake.
    pub(crate) fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    pub(crate) fn rise(&self) {
        self.asleep.store(false, Ordering::Relaxed);
    }

    /// Called after each push.
    fn pushed(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    pub(crate) fn take_new_lanes(&self) -> Vec<Lane> {
        if !self.has_new_lanes.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        let mut lanes = self
            .new_lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *lanes)
    }
}

/// What one recorder and the writer share.
#[derive(Default)]
pub(crate) struct Marks {
    /// Events of this lane that are on disk.
    pub(crate) durable: AtomicU64,
    /// Wakes those who wait for it.
    pub(crate) notify: Notify,
    /// Refusals for which the ring had no room, ever.
    pub(crate) uncounted: AtomicU64,
}

/// The writer's end of one recorder.
pub(crate) struct Lane {
    pub(crate) events: Consumer<Event>,
    pub(crate) refusals: Consumer<Event>,
    pub(crate) marks: Arc<Marks>,
    /// Events taken from the ring.
    pub(crate) taken: u64,
    /// Uncounted refusals that were recorded as such.
    pub(crate) told: u64,
}

/// One core's way to record. Can be moved to another thread, not shared between threads; share it
/// within a core by `Rc`.
pub struct Recorder {
    events: RefCell<Producer<Event>>,
    refusals: RefCell<Producer<Event>>,
    pushed: Cell<u64>,
    /// How many events may have been pushed before the ring can be full, as last looked up.
    room_until: Cell<u64>,
    half: usize,
    marks: Arc<Marks>,
    wires: Arc<Wires>,
}

impl Recorder {
    pub(crate) fn new(wires: &Arc<Wires>, ring: usize) -> Self {
        let ring = ring.clamp(64, 1 << 20).next_power_of_two();
        let (events, events_end) = RingBuffer::new(ring);
        // A flood of refusals is counted anyway: its ring is smaller.
        let (refusals, refusals_end) = RingBuffer::new((ring / 4).max(64));
        let marks = Arc::new(Marks::default());
        let lane = Lane {
            events: events_end,
            refusals: refusals_end,
            marks: Arc::clone(&marks),
            taken: 0,
            told: 0,
        };
        wires
            .new_lanes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(lane);
        wires.has_new_lanes.store(true, Ordering::Release);
        wires.wake();
        Self {
            events: RefCell::new(events),
            refusals: RefCell::new(refusals),
            pushed: Cell::new(0),
            room_until: Cell::new(0),
            half: ring / 2,
            marks,
            wires: Arc::clone(wires),
        }
    }

    /// Whether the ledger would take `events` more events of this core now. Asked before a request
    /// begins, so that its end can be recorded; looks at the writer's side only when what it saw
    /// there last is used up.
    pub fn ready(&self, events: u64) -> Result<(), NotDurable> {
        self.wires.standing()?;
        let wanted = self.pushed.get().saturating_add(events);
        if wanted <= self.room_until.get() {
            return Ok(());
        }
        let free = self.events.borrow().slots() as u64;
        self.room_until.set(self.pushed.get().saturating_add(free));
        if wanted <= self.room_until.get() {
            Ok(())
        } else {
            self.wires.hurry();
            Err(NotDurable::Full)
        }
    }

    /// Records `event` within the batch interval (50 ms). An error means that it is not recorded
    /// and will not be.
    pub fn record(&self, event: Event) -> Result<(), NotDurable> {
        self.wires.standing()?;
        let mut events = self.events.borrow_mut();
        events.push(event).map_err(|_| NotDurable::Full)?;
        let pushed = self.pushed.get() + 1;
        self.pushed.set(pushed);
        // How full the ring is costs a look at the writer's side: now and then is enough.
        if pushed.is_multiple_of(32) && events.slots() < self.half {
            self.wires.hurry();
        } else {
            self.wires.pushed();
        }
        Ok(())
    }

    /// Records `event` and returns once it is on disk. The future may be dropped: the event is
    /// recorded all the same. After [`NotDurable::Disk`] it may still come to be recorded, when
    /// the disk works again.
    pub async fn record_durable(&self, event: Event) -> Result<(), NotDurable> {
        self.record(event)?;
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

    #[test]
    fn room_is_promised_only_where_every_event_fits() {
        let wires = Arc::new(Wires::default());
        let recorder = Recorder::new(&wires, 64);
        let event = Event::new(Timestamp::default(), Kind::REQUEST);
        assert_eq!(recorder.ready(64), Ok(()));
        assert_eq!(recorder.ready(65), Err(NotDurable::Full));
        for pushed in 0..64 {
            assert_eq!(recorder.ready(64 - pushed), Ok(()));
            assert_eq!(recorder.ready(65 - pushed), Err(NotDurable::Full));
            assert_eq!(recorder.record(event), Ok(()));
        }
        assert_eq!(recorder.ready(1), Err(NotDurable::Full));
        let mut lanes = wires.take_new_lanes();
        assert!(lanes[0].events.pop().is_ok());
        assert_eq!(recorder.ready(1), Ok(()));
        assert_eq!(recorder.ready(2), Err(NotDurable::Full));
    }

    #[test]
    fn nothing_is_promised_while_the_disk_fails() {
        let wires = Arc::new(Wires::default());
        let recorder = Recorder::new(&wires, 64);
        wires.set_standing(Standing::Failing);
        assert_eq!(recorder.ready(1), Err(NotDurable::Disk));
        wires.set_standing(Standing::Open);
        assert_eq!(recorder.ready(1), Ok(()));
    }
}
