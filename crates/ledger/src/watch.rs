//! The thread that looks after the rings while the writer waits for its disk.
//!
//! Owns two duties. While a batch is on its way to the disk, rings that fill are emptied and
//! encoded, so that the next batch is ready when that one is done. And a disk that has not answered
//! for too long counts as failed: nothing may begin that would not be recorded in time. Asleep while
//! the writer is. Touches no disk, and therefore never waits for one.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use control::Clock;

use crate::{
    intake::Intake,
    wires::Wires,
    writer::{Pace, Visible},
};

/// Events that are taken before the writer may have its turn again.
const SLICE: usize = 512;

/// The longest sleep.
const SLEEP: Duration = Duration::from_secs(60);

pub(crate) struct Watch {
    pub(crate) wires: Arc<Wires>,
    pub(crate) intake: Arc<Mutex<Intake>>,
    pub(crate) visible: Arc<Visible>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: Pace,
}

impl Watch {
    /// Works until the writer has ended.
    pub(crate) fn run(self) {
        self.wires.set_watch(thread::current());
        while !self.wires.ended() {
            let asleep = self.wires.is_asleep();
            thread::park_timeout(if asleep { SLEEP } else { self.pace.watch });
            self.drain();
            self.judge();
        }
    }

    /// Empties the rings for as long as the writer waits and the queue has room.
    fn drain(&self) {
        while self.wires.waiting().is_some() {
            // One who holds it now is emptying the rings.
            let Ok(mut intake) = self.intake.try_lock() else {
                return;
            };
            let now = self.clock.now();
            // The key of a new month is for the writer, who may wait for the disk.
            if !intake.is_prepared(now) {
                return;
            }
            intake.add_lanes(self.wires.take_new_lanes());
            intake.spare(self.wires.is_short());
            if !intake.drain(now, SLICE) {
                return;
            }
        }
    }

    /// Calls a disk failed that has not answered for too long.
    fn judge(&self) {
        let Some(since) = self.wires.waiting() else {
            return;
        };
        let waited = self.clock.monotonic().saturating_sub(since);
        if waited < self.pace.patience {
            return;
        }
        let mut state = lock(&self.visible.state);
        // Under the lock under which the writer says that the disk works again.
        if self.wires.waiting() == Some(since) {
            state.failing = Some(format!(
                "the disk has not answered for {} s",
                waited.as_secs()
            ));
            self.wires.fail();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
