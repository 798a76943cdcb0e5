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
        let mut before = None;
        while !self.wires.ended() {
            let asleep = self.wires.is_asleep();
            thread::park_timeout(if asleep { SLEEP } else { self.pace.watch });
            self.drain();
            before = self.judge(before);
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

    /// Calls a disk failed that has not answered for too long. `before` is since when it had not at
    /// the last look: a clock that leaps while this machine stands still must not count for a disk.
    fn judge(&self, before: Option<Duration>) -> Option<Duration> {
        let since = self.wires.waiting()?;
        if before != Some(since) {
            return Some(since);
        }
        let waited = self.clock.monotonic().saturating_sub(since);
        if waited < self.pace.patience {
            return before;
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
        before
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use control::{Timestamp, clock::FixedClock, rng::CountingRng};

    use super::*;
    use crate::{
        crash_disk::CrashDisk,
        encode::{Encoder, Routes},
        pseudonyms::Pseudonyms,
        recorder::NotDurable,
    };

    #[test]
    fn a_clock_that_leaps_during_a_sync_fails_nobody_and_a_disk_that_stays_silent_does() {
        let disk = Arc::new(CrashDisk::new(Path::new("/d")));
        let rng = Arc::new(CountingRng::from_seed(1));
        let keys = Pseudonyms::load(disk, Path::new("/d/keys"), rng).unwrap();
        let encoder = Encoder::new(keys, Arc::new(Routes::default()));
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1)));
        let watch = Watch {
            wires: Arc::default(),
            intake: Arc::new(Mutex::new(Intake::new(encoder, 1024))),
            visible: Arc::default(),
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            pace: Pace::default(),
        };
        let wires = &watch.wires;
        assert_eq!(watch.judge(None), None);
        wires.begin_wait(clock.monotonic());
        clock.advance(Duration::from_secs(3600));
        let seen = watch.judge(None);
        assert_eq!(wires.standing(), Ok(()));
        // That sync ended, and another began: a new wait.
        wires.begin_wait(clock.monotonic());
        let seen = watch.judge(seen);
        assert_eq!((seen.is_some(), wires.standing()), (true, Ok(())));
        clock.advance(Pace::default().patience);
        assert_eq!(watch.judge(seen), seen);
        assert_eq!(wires.standing(), Err(NotDurable::Disk));
        wires.end_wait();
        assert_eq!(watch.judge(seen), None);
    }
}
