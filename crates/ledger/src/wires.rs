//! What recorders and the writer's threads tell each other.
//!
//! Owns the standing of the ledger, in one byte that every core reads, and who is woken for what.
//! Everything here is a flag or a wake-up: no event and no answer passes through it.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering, fence},
    },
    thread::Thread,
    time::Duration,
};

use crate::{
    lane::{Lane, Marks},
    recorder::NotDurable,
};

/// It takes events.
const OPEN: u8 = 0;
/// The last batch could not be written, or the disk does not answer.
const FAILING: u8 = 1;
/// It takes no more, and finishes what it has.
const CLOSING: u8 = 2;
/// It is gone.
const ENDED: u8 = 3;

/// What recorders and the writer's threads share.
#[derive(Default)]
pub(crate) struct Wires {
    standing: AtomicU8,
    /// The disk is below its floor of free space.
    short: AtomicBool,
    /// Somebody waits for the disk: the next batch is due at once.
    urgent: AtomicBool,
    /// The writer sleeps until it is woken.
    asleep: AtomicBool,
    /// When the writer began to wait for the disk, in microseconds; 0 while it does not.
    waiting: AtomicU64,
    writer: OnceLock<Thread>,
    watch: OnceLock<Thread>,
    new_lanes: Mutex<Vec<Lane>>,
    has_new_lanes: AtomicBool,
    marks: Mutex<Vec<Weak<Marks>>>,
}

impl Wires {
    pub(crate) fn standing(&self) -> Result<(), NotDurable> {
        match self.standing.load(Ordering::Acquire) {
            OPEN => Ok(()),
            FAILING => Err(NotDurable::Disk),
            _ => Err(NotDurable::Closed),
        }
    }

    /// Whether something new may begin: [`Wires::standing`], and room on the disk.
    pub(crate) fn open(&self) -> Result<(), NotDurable> {
        self.standing()?;
        if self.is_short() {
            return Err(NotDurable::Space);
        }
        Ok(())
    }

    pub(crate) fn set_short(&self, short: bool) {
        self.short.store(short, Ordering::Release);
    }

    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Ordering::Acquire)
    }

    fn turn(&self, from: u8, to: u8) -> bool {
        self.standing
            .compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Nothing can be recorded until [`Wires::recover`]; everybody who waits learns it.
    pub(crate) fn fail(&self) {
        self.turn(OPEN, FAILING);
        self.notify_all();
    }

    /// The disk works again. `true` if it did not before.
    pub(crate) fn recover(&self) -> bool {
        self.turn(FAILING, OPEN)
    }

    /// Nothing more is taken; what is there will be finished.
    pub(crate) fn close(&self) {
        self.standing.fetch_max(CLOSING, Ordering::AcqRel);
        self.hurry();
        self.wake_watch();
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.standing.load(Ordering::Acquire) >= CLOSING
    }

    /// Nothing will ever be recorded again.
    pub(crate) fn end(&self) {
        self.standing.store(ENDED, Ordering::Release);
        self.notify_all();
        self.wake_watch();
    }

    pub(crate) fn ended(&self) -> bool {
        self.standing.load(Ordering::Acquire) == ENDED
    }

    /// Names the thread that writes.
    pub(crate) fn set_writer(&self, thread: Thread) {
        let _ = self.writer.set(thread);
    }

    /// Names the thread that empties the rings while the other waits for its disk.
    pub(crate) fn set_watch(&self, thread: Thread) {
        let _ = self.watch.set(thread);
    }

    /// Makes the next batch due at once.
    pub(crate) fn hurry(&self) {
        self.urgent.store(true, Ordering::Release);
        self.wake();
    }

    /// Asks for a ring to be emptied by whoever can.
    pub(crate) fn crowd(&self) {
        self.hurry();
        if self.waiting().is_some() {
            self.wake_watch();
        }
    }

    fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub(crate) fn wake_watch(&self) {
        if let Some(watch) = self.watch.get() {
            watch.unpark();
        }
    }

    pub(crate) fn take_urgent(&self) -> bool {
        self.urgent.swap(false, Ordering::AcqRel)
    }

    /// The writer begins to wait for the disk, at `now` of the monotonic clock.
    pub(crate) fn begin_wait(&self, now: Duration) {
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX).max(1);
        self.waiting.store(now, Ordering::Release);
    }

    pub(crate) fn end_wait(&self) {
        self.waiting.store(0, Ordering::Release);
    }

    /// Since when the writer waits for the disk, if it does.
    pub(crate) fn waiting(&self) -> Option<Duration> {
        match self.waiting.load(Ordering::Acquire) {
            0 => None,
            since => Some(Duration::from_micros(since)),
        }
    }

    /// Tells producers that the writer is about to sleep. After this, it must look at its rings
    /// once more: the fences on both sides make sure that an event pushed meanwhile is either seen
    /// by that look or followed by a wake.
    pub(crate) fn fall_asleep(&self) {
        self.asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    pub(crate) fn rise(&self) {
        self.asleep.store(false, Ordering::Release);
        self.wake_watch();
    }

    pub(crate) fn is_asleep(&self) -> bool {
        self.asleep.load(Ordering::Acquire)
    }

    /// Called after each push.
    pub(crate) fn pushed(&self) {
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) {
            self.wake();
        }
    }

    /// Makes a new recorder known.
    pub(crate) fn add_lane(&self, lane: Lane) {
        lock(&self.marks).push(Arc::downgrade(&lane.marks));
        lock(&self.new_lanes).push(lane);
        self.has_new_lanes.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn take_new_lanes(&self) -> Vec<Lane> {
        if !self.has_new_lanes.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        std::mem::take(&mut *lock(&self.new_lanes))
    }

    /// Wakes everybody who waits for an event of any lane.
    fn notify_all(&self) {
        lock(&self.marks).retain(|marks| match marks.upgrade() {
            Some(marks) => {
                marks.notify.notify_waiters();
                true
            }
            None => false,
        });
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
