//! Events on their way from the rings to the journal.
//!
//! Owns the encoder and the queue of encoded loads, each of which becomes one batch. The writer
//! fills it, and while that waits for its disk the [`crate::watch`] does: whoever holds the lock
//! around it is the only consumer of the rings. Refuses to hold more than a bounded queue: beyond
//! it events stay in their rings, the rings fill and recorders refuse. Touches no disk, except for
//! the key of a new month in [`Intake::prepare`].

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, atomic::Ordering},
};

use control::{Reason, Timestamp};
use tokio::sync::oneshot;

use crate::{
    encode::Encoder,
    event::{Event, Kind, Notice},
    fold::{Fold, Folded},
    journal::BATCH_LIMIT,
    lane::{Lane, Marks},
    recorder::NotDurable,
    segment::Batch,
};

/// The most events in one load, so that the first of them does not wait for too many others.
const EVENTS: usize = 8192;

/// Recorded for refusals that not even a ring could take.
const UNCOUNTED: Reason = Reason("ring-full");

/// Where a notice is answered.
pub(crate) type NoteReply = oneshot::Sender<Result<(), NotDurable>>;

/// One batch to be, with those who wait for it.
#[derive(Default)]
pub(crate) struct Load {
    pub(crate) batch: Batch,
    pub(crate) notes: Vec<NoteReply>,
    /// How many events of each lane are on disk once this is.
    pub(crate) reached: Vec<(Arc<Marks>, u64)>,
}

impl Load {
    pub(crate) fn has_room(&self) -> bool {
        self.batch.len() < EVENTS && self.batch.bytes() < BATCH_LIMIT / 2
    }

    fn reach(&mut self, marks: &Arc<Marks>, taken: u64) {
        let known = self
            .reached
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, marks));
        match known {
            Some((_, reached)) => *reached = taken,
            None => self.reached.push((Arc::clone(marks), taken)),
        }
    }
}

/// Loads in the order in which they will be written.
struct Queue {
    loads: VecDeque<Load>,
    /// Bytes of encoded entries in all of them together.
    limit: usize,
}

impl Queue {
    fn bytes(&self) -> usize {
        self.loads.iter().map(|load| load.batch.bytes()).sum()
    }

    /// The load that takes the next event, while there may be one.
    fn open(&mut self) -> Option<&mut Load> {
        if !self.loads.back().is_some_and(Load::has_room) {
            if self.bytes() >= self.limit {
                return None;
            }
            self.loads.push_back(Load::default());
        }
        self.loads.back_mut()
    }

    /// The last load whether it is full or not.
    fn last(&mut self) -> Option<&mut Load> {
        if self.loads.is_empty() {
            self.loads.push_back(Load::default());
        }
        self.loads.back_mut()
    }
}

/// Everything between the rings and the journal.
pub(crate) struct Intake {
    encoder: Encoder,
    lanes: Vec<Lane>,
    fold: Fold,
    folded: Folded,
    queue: Queue,
    /// Refusals that were only counted, since the start.
    counted: u64,
    /// The second in which refusals without room were last told.
    told: i64,
    /// Which lane is emptied first.
    turn: usize,
}

/// Takes at most `most` events of a lane; gives how many it took.
fn take_events(lane: &mut Lane, queue: &mut Queue, encoder: &mut Encoder, most: usize) -> usize {
    let mut taken = 0;
    while let Some(load) = queue.open() {
        let before = taken;
        while taken < most
            && load.has_room()
            && let Some(event) = lane.pop()
        {
            taken += 1;
            let _ = load.batch.push(encoder.event(&event, None));
        }
        if taken == before {
            break;
        }
        lane.taken += (taken - before) as u64;
        load.reach(&lane.marks, lane.taken);
    }
    taken
}

impl Intake {
    /// Takes at most about `limit` bytes of encoded entries ahead of the journal.
    pub(crate) fn new(encoder: Encoder, limit: usize) -> Self {
        Self {
            encoder,
            lanes: Vec::new(),
            fold: Fold::default(),
            folded: Folded::default(),
            queue: Queue {
                loads: VecDeque::new(),
                limit,
            },
            counted: 0,
            told: i64::MIN,
            turn: 0,
        }
    }

    /// Makes the key of pseudonyms for `now` durable, if it is not. Nothing may be taken before.
    pub(crate) fn prepare(&mut self, now: Timestamp) -> io::Result<()> {
        self.encoder.pseudonyms.prepare(now)
    }

    /// Whether events of `now` can be encoded without asking the disk for a key.
    pub(crate) fn is_prepared(&mut self, now: Timestamp) -> bool {
        self.encoder.pseudonyms.choose(now)
    }

    /// Spares a disk that has hardly any room, or no longer: refusals are then only counted.
    pub(crate) const fn spare(&mut self, short: bool) {
        self.fold.set_tight(short);
    }

    pub(crate) fn add_lanes(&mut self, lanes: Vec<Lane>) {
        self.lanes.extend(lanes);
    }

    /// Whether a notice may be added now.
    pub(crate) fn has_room(&mut self) -> bool {
        self.queue.open().is_some()
    }

    /// Adds a notice; its sender learns when it is on disk.
    pub(crate) fn note(&mut self, notice: &Notice, reply: NoteReply) {
        if let Some(load) = self.queue.last() {
            // No notice is empty or too long: the encoder cuts what it says.
            let _ = load.batch.push(self.encoder.notice(notice));
            load.notes.push(reply);
        }
    }

    /// Makes the next load ready, as full as it may be. Says whether events were left behind for
    /// want of room in it.
    pub(crate) fn next(&mut self, now: Timestamp, thorough: bool) -> bool {
        let full = self
            .queue
            .loads
            .front()
            .is_some_and(|load| !load.has_room());
        let more = full || self.drain(now, EVENTS);
        if thorough {
            self.finish_counts(now);
        }
        more
    }

    /// Takes events from the rings, at most `most`, for as long as the queue has room. Says whether
    /// it took so many.
    pub(crate) fn drain(&mut self, now: Timestamp, most: usize) -> bool {
        let mut left = most;
        // Another lane is the first each time: one that never ends must not keep out the others.
        self.turn = self.turn.wrapping_add(1);
        let first = self.turn.checked_rem(self.lanes.len()).unwrap_or(0);
        let (before, after) = self.lanes.split_at_mut(first);
        for lane in after.iter_mut().chain(before) {
            left -= take_events(lane, &mut self.queue, &mut self.encoder, left);
            while left > 0
                && let Some(load) = self.queue.open()
                && let Ok(event) = lane.refusals.pop()
            {
                left -= 1;
                if let Some(event) = self.fold.take(event, &mut self.folded) {
                    let _ = load.batch.push(self.encoder.event(&event, None));
                }
            }
        }
        self.fold.tick(now, &mut self.folded);
        if now.seconds() != self.told {
            self.tell_uncounted(now);
        }
        self.write_folded();
        left == 0
    }

    /// Ends the counting of the present second: every count becomes an event.
    fn finish_counts(&mut self, now: Timestamp) {
        self.fold.finish(&mut self.folded);
        self.tell_uncounted(now);
        self.write_folded();
    }

    fn tell_uncounted(&mut self, now: Timestamp) {
        self.told = now.seconds();
        for lane in &mut self.lanes {
            let uncounted = lane.marks.uncounted.load(Ordering::Relaxed);
            if uncounted > lane.told {
                let event = Event {
                    reason: Some(UNCOUNTED),
                    ..Event::new(now, Kind::REFUSALS)
                };
                self.folded.push((event, uncounted - lane.told));
                lane.told = uncounted;
            }
        }
    }

    fn write_folded(&mut self) {
        if self.folded.is_empty() {
            return;
        }
        // Counts are few, and written whether there is room or not: they are what bounds a flood.
        if let Some(load) = self.queue.last() {
            for (event, count) in self.folded.drain(..) {
                self.counted += count;
                let _ = load.batch.push(self.encoder.event(&event, Some(count)));
            }
        }
    }

    /// The oldest load, if it holds anything.
    pub(crate) fn take(&mut self) -> Option<Load> {
        self.queue
            .loads
            .pop_front()
            .filter(|load| !load.batch.is_empty())
    }

    /// Whether there is something to write already.
    pub(crate) fn is_queued(&self) -> bool {
        self.queue.loads.iter().any(|load| !load.batch.is_empty())
    }

    /// Whether nothing waits in any ring, queue or count.
    pub(crate) fn is_idle(&self) -> bool {
        !self.is_counting() && !self.is_queued() && self.lanes.iter().all(Lane::is_empty)
    }

    /// Whether counts wait for the end of their second.
    pub(crate) fn is_counting(&self) -> bool {
        !self.fold.is_empty() || self.lanes.iter().any(Lane::is_counting)
    }

    /// How many events of each lane will have been taken once what is there now has been.
    pub(crate) fn ends(&self) -> Vec<u64> {
        self.lanes
            .iter()
            .map(|lane| lane.taken + lane.len() as u64)
            .collect()
    }

    /// Whether any lane has been taken less far than `ends` says.
    pub(crate) fn is_behind(&self, ends: &[u64]) -> bool {
        self.lanes
            .iter()
            .zip(ends)
            .any(|(lane, end)| lane.taken < *end)
    }

    /// Forgets lanes whose recorder is gone and which are empty.
    pub(crate) fn retire_lanes(&mut self) {
        self.lanes
            .retain(|lane| !lane.events.is_abandoned() || !lane.is_empty() || lane.is_counting());
    }

    /// Those who wait for notices that are not written yet.
    pub(crate) fn take_notes(&mut self) -> Vec<NoteReply> {
        let loads = self.queue.loads.iter_mut();
        loads.flat_map(|load| load.notes.drain(..)).collect()
    }

    /// Refusals that were only counted, since the start.
    pub(crate) const fn counted(&self) -> u64 {
        self.counted
    }
}
