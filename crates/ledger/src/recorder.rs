//! The side of the ledger that a gate core sees.
//!
//! Owns one bounded ring per core to the writer thread. Refuses an event when the ring is full or
//! the disk failed: the caller answers 503. Batched recording does not lock, allocate or call the
//! system. Trusts nothing.

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

/// One core's way to record. Can be moved to another thread, not shared between threads; share it
/// within a core by `Rc`.
#[derive(Debug)]
pub struct Recorder {
    not_sync: std::marker::PhantomData<std::cell::Cell<()>>,
}

impl Recorder {
    /// Records `event` within the batch interval (50 ms). An error means that it is not recorded
    /// and will not be.
    pub fn record(&self, event: Event) -> Result<(), NotDurable> {
        let _ = (event, self.not_sync);
        todo!()
    }

    /// Records `event` and returns once it is on disk. The future is dropped without harm: the
    /// event is recorded all the same.
    pub async fn record_durable(&self, event: Event) -> Result<(), NotDurable> {
        let _ = event;
        todo!()
    }

    /// Records the refusal of somebody who was not authenticated. Never fails and never costs
    /// others their place: floods are counted per second, control, reason and client.
    pub fn record_refusal(&self, event: Event) {
        let _ = event;
        todo!()
    }
}
