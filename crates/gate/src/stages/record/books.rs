//! What the events of one core are recorded with.
//!
//! Owns the core's recorder and the count of events that the requests under way may still end in.
//! Every one of them has a share in it, so that wherever it is dropped its end is recorded and what it
//! held is given back. Refuses to let more begin than the ledger has room for.

use std::{cell::Cell, fmt, sync::Arc};

use control::Clock;
use ledger::{Event, NotDurable, Recorder};

use crate::{
    metrics::{Counters, Metric},
    room::Room,
};

/// Most events one request ends in: acceptance of its key, decision, opening and end.
const EVENTS: u64 = 4;

/// One core's recorder and what belongs to it.
pub(crate) struct Books {
    pub(super) recorder: Recorder,
    pub(super) counters: Arc<Counters>,
    pub(super) clock: Arc<dyn Clock>,
    pub(in crate::stages) room: Arc<Room>,
    /// Events the requests under way may still end in.
    reserved: Cell<u64>,
    /// Whether the panic that is unwinding has been recorded as the end of its request.
    told: Cell<bool>,
}

impl Books {
    pub(crate) fn new(
        recorder: Recorder,
        counters: Arc<Counters>,
        clock: Arc<dyn Clock>,
        room: Arc<Room>,
    ) -> Self {
        Self {
            recorder,
            counters,
            clock,
            room,
            reserved: Cell::new(0),
            told: Cell::new(false),
        }
    }

    /// Takes a place in the ledger's ring for every event of one request.
    pub(super) fn reserve(&self) -> Result<(), NotDurable> {
        let wanted = self.reserved.get().saturating_add(EVENTS);
        self.counted(self.recorder.ready(wanted))?;
        self.reserved.set(wanted);
        Ok(())
    }

    /// Gives those places back once the request is over, however it ended.
    pub(in crate::stages) fn give_back(&self) {
        self.reserved
            .set(self.reserved.get().saturating_sub(EVENTS));
    }

    /// Whether there is a place that nobody has reserved.
    pub(super) fn has_room(&self) -> bool {
        let wanted = self.reserved.get().saturating_add(1);
        self.recorder.ready(wanted).is_ok()
    }

    /// Records a decision, which is then to be waited for.
    pub(super) fn decided(&self, event: Event) -> Result<(), NotDurable> {
        self.counted(self.recorder.record(event))
    }

    /// Records `event` in the place that was reserved for it.
    pub(super) fn put(&self, event: Event) {
        let _ = self.counted(self.recorder.record(event));
    }

    fn counted(&self, recorded: Result<(), NotDurable>) -> Result<(), NotDurable> {
        recorded.inspect_err(|_| self.counters.add(Metric::LedgerRefusals, 1))
    }

    /// Counts what a request that has ended took.
    pub(super) fn count(&self, spent: u64, received: u64, sent: u64) {
        self.counters.add(Metric::BytesReceived, received);
        self.counters.add(Metric::BytesSent, sent);
        self.counters.add(Metric::MicrosecondsServing, spent);
    }

    /// Notes that the panic that is unwinding has been recorded.
    pub(super) fn tell_defect(&self) {
        self.told.set(true);
    }

    /// Whether it has been, which is asked once, by the connection it ends.
    pub(crate) fn told_defect(&self) -> bool {
        self.told.replace(false)
    }
}

impl fmt::Debug for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Books(..)")
    }
}
