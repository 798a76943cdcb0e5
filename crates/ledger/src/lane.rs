//! What lies between one recorder and those who empty it.
//!
//! Owns one bounded ring for events, one for refusals, and the room behind the first in which the
//! events of requests that had begun before it was full find their place: a request that was let in
//! can always be recorded. Trusts the lock around [`Lane`] that one thread at a time empties it.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rtrb::Consumer;
use tokio::sync::Notify;

use crate::{event::Event, recorder::NotDurable};

/// How many times a ring's events find room behind it when it is full.
pub(crate) const SPILL: usize = 8;

/// What one recorder and the writer share.
#[derive(Default)]
pub(crate) struct Marks {
    /// Events of this lane that are on disk.
    pub(crate) durable: AtomicU64,
    /// Wakes those who wait for it.
    pub(crate) notify: Notify,
    /// Refusals for which the ring had no room, ever.
    pub(crate) uncounted: AtomicU64,
    /// Events behind a full ring. While there are any, the recorder pushes here alone, so that
    /// order is kept.
    spill: Mutex<VecDeque<Event>>,
    has_spill: AtomicBool,
    /// How many find room there.
    room: usize,
}

impl Marks {
    pub(crate) fn new(room: usize) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Event>> {
        self.spill.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an event behind a full ring, unless there is no room either.
    pub(crate) fn spill(&self, event: Event) -> Result<(), NotDurable> {
        let mut spill = self.lock();
        if spill.len() >= self.room {
            return Err(NotDurable::Full);
        }
        spill.push_back(event);
        self.has_spill.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether events lie behind the ring.
    pub(crate) fn is_spilled(&self) -> bool {
        self.has_spill.load(Ordering::Acquire)
    }
}

/// The emptying end of one recorder.
pub(crate) struct Lane {
    pub(crate) events: Consumer<Event>,
    pub(crate) refusals: Consumer<Event>,
    pub(crate) marks: Arc<Marks>,
    /// Events taken.
    pub(crate) taken: u64,
    /// Uncounted refusals that were recorded as such.
    pub(crate) told: u64,
    /// Taken from behind the ring at once, and older than everything in it.
    spilled: VecDeque<Event>,
}

impl Lane {
    pub(crate) const fn new(
        events: Consumer<Event>,
        refusals: Consumer<Event>,
        marks: Arc<Marks>,
    ) -> Self {
        Self {
            events,
            refusals,
            marks,
            taken: 0,
            told: 0,
            spilled: VecDeque::new(),
        }
    }

    /// The oldest event that was not taken yet.
    pub(crate) fn pop(&mut self) -> Option<Event> {
        if let Some(event) = self.spilled.pop_front() {
            if self.spilled.is_empty() {
                // The memory was for a bad moment.
                self.spilled = VecDeque::new();
            }
            return Some(event);
        }
        if let Ok(event) = self.events.pop() {
            return Some(event);
        }
        if !self.marks.is_spilled() {
            return None;
        }
        let marks = Arc::clone(&self.marks);
        let mut spill = marks.lock();
        // The ring may have been filled since it was looked at. Now nothing is added to it: who
        // has spilled waits for this lock.
        if let Ok(event) = self.events.pop() {
            return Some(event);
        }
        std::mem::swap(&mut *spill, &mut self.spilled);
        marks.has_spill.store(false, Ordering::Release);
        drop(spill);
        self.spilled.pop_front()
    }

    /// Events that can be taken now.
    pub(crate) fn len(&self) -> usize {
        let behind = if self.marks.is_spilled() {
            self.marks.lock().len()
        } else {
            0
        };
        self.spilled.len() + self.events.slots() + behind
    }

    /// Whether refusals without room were not told yet.
    pub(crate) fn is_counting(&self) -> bool {
        self.marks.uncounted.load(Ordering::Relaxed) > self.told
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spilled.is_empty()
            && self.events.is_empty()
            && self.refusals.is_empty()
            && !self.marks.is_spilled()
    }
}
