//! The thread that brings durable entries under signed checkpoints.
//!
//! Owns the handing over from the writer and the rhythm: a second after the first entry, or at 256,
//! or when a flush asks; and never so often that tiles take the disk from the journal. Refuses to
//! hold more than a bounded backlog: then the writer waits, the rings fill and the gate answers 503.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use control::Clock;
use tokio::sync::oneshot;

use crate::{
    publish::Publisher,
    second_place::Letterbox,
    segment::Batch,
    service::{FlushError, Flushed},
    tree::TILE_WIDTH,
};

/// The longest time an entry waits for a checkpoint while the disk works.
const INTERVAL: Duration = Duration::from_secs(1);

/// The longest rest of the disk between two checkpoints. Without a bound, a slow disk would get
/// ever longer rests, ever more entries after each and ever older checkpoints.
const REST: Duration = Duration::from_secs(4);

/// How long tiles leave the disk to the journal, after they took `took` of its time: at most a
/// fifth of the time goes to tiles while they are quick. After a failure, a second passes.
fn pause(took: Duration, failed: bool) -> Duration {
    if failed {
        INTERVAL
    } else {
        (took * 4).min(REST)
    }
}

/// Where a flush is answered.
pub(crate) type FlushReply = oneshot::Sender<Result<Flushed, FlushError>>;

/// What the writer hands over.
#[derive(Default)]
struct Waiting {
    batches: Vec<Batch>,
    entries: usize,
    bytes: usize,
    active: u64,
    flushes: Vec<FlushReply>,
    closing: bool,
    unbounded: bool,
    signed: u64,
    behind: Option<String>,
}

/// The desk between writer and tiler.
pub(crate) struct Desk {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// Bytes of entries that may wait.
    backlog: usize,
}

impl Desk {
    /// Of a log of which `signed` entries are under a checkpoint: who looks before the tiler began
    /// finds them.
    pub(crate) fn new(backlog: usize, signed: u64) -> Self {
        let waiting = Waiting {
            signed,
            ..Waiting::default()
        };
        Self {
            waiting: Mutex::new(waiting),
            changed: Condvar::new(),
            backlog,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands over entries that are durable; waits while too many lie here already.
    pub(crate) fn hand_over(&self, batch: Batch, active: u64) {
        let mut waiting = self.lock();
        while waiting.bytes > self.backlog && !waiting.unbounded {
            waiting = self
                .changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        // The tiler sleeps without a deadline while there is nothing to do.
        let first = waiting.batches.is_empty();
        let before = waiting.entries;
        waiting.entries += batch.len();
        waiting.bytes += batch.bytes();
        waiting.active = active;
        waiting.batches.push(batch);
        let full = before < TILE_WIDTH && waiting.entries >= TILE_WIDTH;
        drop(waiting);
        if first || full {
            self.changed.notify_all();
        }
    }

    /// Asks for a checkpoint over everything handed over so far.
    pub(crate) fn flush(&self, reply: FlushReply) {
        self.lock().flushes.push(reply);
        self.changed.notify_all();
    }

    /// Lets no hand-over wait any more: the ledger is about to close.
    pub(crate) fn unblock(&self) {
        self.lock().unbounded = true;
        self.changed.notify_all();
    }

    /// Lets the tiler finish what lies here and end.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Entries under a durable checkpoint, and why more are not.
    pub(crate) fn state(&self) -> (u64, Option<String>) {
        let waiting = self.lock();
        (waiting.signed, waiting.behind.clone())
    }
}

/// The tiler's own side.
pub(crate) struct Tiler {
    pub(crate) desk: Arc<Desk>,
    pub(crate) publisher: Publisher,
    pub(crate) clock: Arc<dyn Clock>,
    /// Where checkpoints are left for the second place, if there is one.
    pub(crate) letterbox: Option<Arc<Letterbox>>,
    /// The checkpoint that was left there last.
    pub(crate) posted: Option<u64>,
}

/// What the tiler took from the desk.
struct Work {
    batches: Vec<Batch>,
    active: u64,
    flushes: Vec<FlushReply>,
    closing: bool,
}

impl Tiler {
    /// Works until the desk is closed and empty.
    pub(crate) fn run(mut self) {
        let mut earliest = Duration::ZERO;
        loop {
            // After a failure nothing more is taken until what was taken is signed: what the writer
            // hands over stays in its bounds.
            let stuck = self.publisher.signed() < self.publisher.size();
            let mut work = self.wait(earliest, stuck);
            for entry in work.batches.iter().flat_map(Batch::iter) {
                self.publisher.add(entry);
            }
            let began = self.clock.monotonic();
            let failed = self
                .publisher
                .publish()
                .err()
                .map(|cause| format!("tiles and checkpoint cannot be written: {cause}"));
            let late = failed.clone().or_else(|| self.follow(work.active).err());
            let ended = self.clock.monotonic();
            earliest = ended + pause(ended.saturating_sub(began), late.is_some());
            let mut waiting = self.desk.lock();
            waiting.signed = self.publisher.signed();
            waiting.behind = late;
            if stuck && failed.is_none() {
                // These ask for what still lies on the desk, too.
                waiting.flushes.append(&mut work.flushes);
            }
            let empty = waiting.batches.is_empty() && waiting.flushes.is_empty();
            // What cannot be signed now is in the journal, and will be at the next start.
            let done = work.closing && (empty || failed.is_some());
            let left = if done {
                std::mem::take(&mut waiting.flushes)
            } else {
                Vec::new()
            };
            drop(waiting);
            work.flushes.extend(left);
            for reply in work.flushes {
                let _ = reply.send(match &failed {
                    Some(cause) => Err(FlushError::Disk(cause.clone())),
                    None => Ok(Flushed {
                        size: self.publisher.signed(),
                        checkpoint: self.publisher.note().to_owned(),
                    }),
                });
            }
            if done {
                if let Some(letterbox) = &self.letterbox {
                    letterbox.close();
                }
                return;
            }
        }
    }

    /// Waits until there is something to sign and it is due; takes it, unless `stuck`.
    fn wait(&self, earliest: Duration, stuck: bool) -> Work {
        let mut waiting = self.desk.lock();
        let mut since = None;
        loop {
            let now = self.clock.monotonic();
            let owing = !waiting.batches.is_empty() || self.publisher.owes();
            if owing && since.is_none() {
                since = Some(now);
            }
            let due = since.map(|since| {
                let soon = if waiting.entries >= TILE_WIDTH {
                    since
                } else {
                    since + INTERVAL
                };
                soon.max(earliest)
            });
            let ready = due.is_some_and(|due| due <= now);
            if ready || waiting.closing || !waiting.flushes.is_empty() {
                let mut work = Work {
                    batches: Vec::new(),
                    active: waiting.active,
                    flushes: std::mem::take(&mut waiting.flushes),
                    closing: waiting.closing,
                };
                if !stuck {
                    work.batches = std::mem::take(&mut waiting.batches);
                    waiting.entries = 0;
                    waiting.bytes = 0;
                }
                drop(waiting);
                self.desk.changed.notify_all();
                return work;
            }
            waiting = match due {
                Some(due) => {
                    let changed = self
                        .desk
                        .changed
                        .wait_timeout(waiting, due.saturating_sub(now));
                    changed.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let changed = self.desk.changed.wait(waiting);
                    changed.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
    }

    /// What follows a checkpoint; late here, it holds up neither entries nor flushes.
    fn follow(&mut self, active: u64) -> Result<(), String> {
        let size = self.publisher.signed();
        if let Some(letterbox) = &self.letterbox
            && self.posted != Some(size)
        {
            letterbox.post(size, self.publisher.note());
            self.posted = Some(size);
        }
        self.publisher
            .tidy(active)
            .map_err(|cause| format!("covered files cannot be removed: {cause}"))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use control::{Timestamp, clock::FixedClock};

    use super::*;
    use crate::{crash_disk::CrashDisk, disk::Disk, note::SignerKey};

    fn publisher(disk: &CrashDisk) -> Publisher {
        disk.create_folder(Path::new("/d/journal")).unwrap();
        let signer = Arc::new(SignerKey::from_seed("log.example/a/1", [3; 32]).unwrap());
        Publisher::create(Arc::new(disk.clone()), Path::new("/d"), signer, None).unwrap()
    }

    #[test]
    fn nothing_more_is_taken_while_what_was_taken_cannot_be_signed() {
        let desk = Arc::new(Desk::new(1024, 0));
        let tiler = Tiler {
            letterbox: None,
            posted: None,
            desk: Arc::clone(&desk),
            publisher: publisher(&CrashDisk::new(Path::new("/d"))),
            clock: Arc::new(FixedClock::at(Timestamp::from_seconds(0))),
        };
        let mut batch = Batch::default();
        assert!(batch.push(b"{}"));
        desk.hand_over(batch.clone(), 0);
        for (stuck, taken) in [(true, 0), (true, 0), (false, 1)] {
            let (reply, _asked) = oneshot::channel();
            desk.flush(reply);
            let work = tiler.wait(Duration::MAX, stuck);
            assert_eq!((work.batches.len(), work.flushes.len()), (taken, 1));
            assert_eq!(desk.lock().bytes, (1 - taken) * batch.bytes());
        }
    }

    #[test]
    fn checkpoints_on_a_slow_disk_do_not_grow_ever_older() {
        const A_SECOND: u64 = 500;
        let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(0)));
        let disk = CrashDisk::new(Path::new("/d"));
        let mut publisher = publisher(&disk);
        disk.slow_down(Arc::clone(&clock), Duration::from_millis(20));
        clock.advance(INTERVAL);
        for round in 0..40 {
            let began = clock.monotonic();
            let oldest = Duration::from_millis(publisher.signed() * 1000 / A_SECOND);
            while publisher.size() < began.as_secs() * A_SECOND {
                publisher.add(b"{}");
            }
            publisher.publish().unwrap();
            publisher.tidy(0).unwrap();
            let ended = clock.monotonic();
            let age = ended.saturating_sub(oldest);
            assert!(age < Duration::from_secs(15), "{age:?} in round {round}");
            clock.advance(pause(ended.saturating_sub(began), false));
        }
        assert!(publisher.signed() > 20 * A_SECOND);
    }

    #[test]
    fn the_disk_rests_four_times_as_long_as_tiles_took_but_not_without_end() {
        let rests = |millis| pause(Duration::from_millis(millis), false).as_millis();
        assert_eq!([rests(0), rests(10), rests(1000)], [0, 40, 4000]);
        assert_eq!([rests(1001), rests(60_000)], [4000, 4000]);
        assert_eq!(pause(Duration::from_secs(60), true), INTERVAL);
    }
}
