//! The one thread that makes events durable.
//!
//! Owns the rhythm of batches: every 50 ms, or at once when somebody waits for the disk or a ring
//! is half full; asleep when nothing happens. Everything that arrived while one batch was on its
//! way to the disk is the next one; the [`crate::watch`] gathers it meanwhile where it is much.
//! After a failed write nothing is acknowledged any more until the same batch is on disk; meanwhile
//! recorders refuse. Trusts [`crate::journal`] that what it returned from is durable.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, TryRecvError},
    },
    thread,
    time::Duration,
};

use control::Clock;

use crate::{
    event::Notice,
    intake::{Intake, Load, NoteReply},
    journal::Journal,
    recorder::NotDurable,
    service::FlushError,
    tiler::{Desk, FlushReply},
    wires::Wires,
};

/// How often the writer looks at its rings, how long it waits for the disk, and how much it holds.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The longest time a batched event waits for the disk while it works.
    pub interval: Duration,
    /// Empty intervals after which the writer sleeps until it is woken.
    pub quiet: u32,
    /// How often it is seen whether the disk answers.
    pub watch: Duration,
    /// After how long a disk that does not answer counts as failed.
    pub patience: Duration,
    /// How long flushing and closing wait for the disk.
    pub limit: Duration,
    /// Bytes of encoded entries that may wait for the journal.
    pub queue: usize,
    /// Bytes of entries on disk that may wait for their tiles.
    pub backlog: usize,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(50),
            quiet: 20,
            watch: Duration::from_secs(1),
            patience: Duration::from_secs(10),
            limit: Duration::from_secs(20),
            queue: 16 * 1024 * 1024,
            backlog: 64 * 1024 * 1024,
        }
    }
}

/// The longest sleep.
const SLEEP: Duration = Duration::from_secs(60);

/// How long after a failed write the next is tried.
const RETRY: Duration = Duration::from_millis(500);

/// What is asked of the writer beside events.
pub(crate) enum Command {
    /// Make a notice durable.
    Note(Box<Notice>, NoteReply),
    /// Bring everything so far under a checkpoint.
    Flush(FlushReply),
}

/// What others may know of the writer.
#[derive(Default)]
pub(crate) struct Visible {
    pub(crate) state: Mutex<VisibleState>,
}

#[derive(Clone, Default)]
pub(crate) struct VisibleState {
    pub(crate) durable: u64,
    pub(crate) failing: Option<String>,
    pub(crate) folded: u64,
}

/// The writer's own side.
pub(crate) struct Writer {
    pub(crate) journal: Journal,
    pub(crate) intake: Arc<Mutex<Intake>>,
    pub(crate) wires: Arc<Wires>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) visible: Arc<Visible>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) pace: Pace,
    /// Told to close while the disk fails: nothing is written or acknowledged any more.
    pub(crate) given_up: bool,
}

/// Ends recording for good when the writer ends, in whatever way.
struct Farewell(Arc<Wires>, Arc<Desk>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.end();
        self.1.close();
    }
}

impl Writer {
    /// Works until told to close.
    pub(crate) fn run(mut self) {
        let farewell = Farewell(Arc::clone(&self.wires), Arc::clone(&self.desk));
        self.wires.set_writer(thread::current());
        self.show(None);
        let mut quiet = 0;
        let mut flushes = Vec::new();
        loop {
            if quiet > self.pace.quiet && !self.intake().is_counting() {
                self.sleep();
            } else if !self.wires.take_urgent() {
                thread::park_timeout(self.pace.interval);
            }
            self.wires.take_urgent();
            // Looked at before the last round: what was recorded before it is in that round.
            let closing = self.wires.is_closing();
            self.hear(&mut flushes);
            let wrote = self.round(closing || !flushes.is_empty());
            quiet = if wrote { 0 } else { quiet + 1 };
            for reply in flushes.drain(..) {
                self.desk.flush(reply);
            }
            if closing || self.given_up {
                break;
            }
        }
        drop(farewell);
        self.dismiss(NotDurable::Closed);
        while let Ok(command) = self.commands.try_recv() {
            refuse(command, NotDurable::Closed);
        }
    }

    fn intake(&self) -> MutexGuard<'_, Intake> {
        lock(&self.intake)
    }

    /// Sleeps until something is pushed or asked for.
    fn sleep(&self) {
        self.wires.fall_asleep();
        let idle = {
            let mut intake = self.intake();
            intake.add_lanes(self.wires.take_new_lanes());
            intake.is_idle()
        };
        if idle && !self.wires.take_urgent() {
            thread::park_timeout(SLEEP);
        }
        self.wires.rise();
    }

    /// Takes what is asked, as far as there is room for notices.
    fn hear(&mut self, flushes: &mut Vec<FlushReply>) {
        while self.intake().has_room() {
            match self.commands.try_recv() {
                Ok(Command::Note(notice, reply)) => {
                    // The key for pseudonyms must stand before anything is encoded.
                    self.prepare();
                    self.intake().note(&notice, reply);
                }
                Ok(Command::Flush(reply)) => flushes.push(reply),
                Err(TryRecvError::Empty) => return,
                // Nobody is left who could close it in order.
                Err(TryRecvError::Disconnected) => return self.wires.close(),
            }
        }
    }

    /// Writes what is in the rings, all of it if `thorough`, else until one batch was not full. Says
    /// whether there was anything.
    fn round(&mut self, thorough: bool) -> bool {
        let ends = {
            let mut intake = self.intake();
            intake.add_lanes(self.wires.take_new_lanes());
            intake.ends()
        };
        let mut wrote = false;
        loop {
            self.prepare();
            let (load, more) = {
                let mut intake = self.intake();
                intake.spare(self.wires.is_short());
                let more = intake.next(self.clock.now(), thorough);
                (intake.take(), more || intake.is_queued())
            };
            let Some(load) = load else { break };
            wrote = true;
            self.commit(load);
            if !(more || thorough && self.intake().is_behind(&ends)) {
                break;
            }
        }
        self.intake().retire_lanes();
        wrote
    }

    /// Waits for the key of pseudonyms to be durable; nothing may be encoded without it.
    fn prepare(&mut self) {
        while !self.given_up {
            let now = self.clock.now();
            if self.intake().is_prepared(now) {
                break;
            }
            self.wires.begin_wait(self.clock.monotonic());
            let prepared = self.intake().prepare(now);
            self.wires.end_wait();
            let Err(cause) = prepared else { break };
            self.fail(&format!(
                "the keys of pseudonyms cannot be written: {cause}"
            ));
            self.pause();
        }
        self.recover();
    }

    /// Makes a load durable, however often that takes, and tells those who wait.
    fn commit(&mut self, mut load: Load) {
        while !self.given_up {
            self.wires.begin_wait(self.clock.monotonic());
            let written = self.journal.append(&load.batch);
            self.wires.end_wait();
            let Err(cause) = written else { break };
            for note in load.notes.drain(..) {
                let _ = note.send(Err(NotDurable::Disk));
            }
            self.fail(&format!("the journal cannot be written: {cause}"));
            self.pause();
        }
        if self.given_up {
            return;
        }
        self.recover();
        self.show(None);
        for (marks, reached) in &load.reached {
            marks.durable.store(*reached, Ordering::Release);
            marks.notify.notify_waiters();
        }
        for note in load.notes {
            let _ = note.send(Ok(()));
        }
        // The tiles may be so far behind that this waits as for a disk.
        self.wires.begin_wait(self.clock.monotonic());
        self.desk.hand_over(load.batch, self.journal.active());
        self.wires.end_wait();
    }

    /// Says that the disk works, if it was thought not to.
    fn recover(&self) {
        if self.wires.standing() == Err(NotDurable::Disk) && !self.given_up {
            let mut state = lock(&self.visible.state);
            if self.wires.recover() {
                state.failing = None;
            }
        }
    }

    /// Lets everybody know that nothing can be recorded now.
    fn fail(&self, cause: &str) {
        self.show(Some(cause));
        self.wires.fail();
        self.dismiss(NotDurable::Disk);
    }

    /// Answers those whose notices are not written yet.
    fn dismiss(&self, why: NotDurable) {
        let notes = self.intake().take_notes();
        for note in notes {
            let _ = note.send(Err(why));
        }
    }

    /// Waits before the next attempt, answering what is asked meanwhile. Told to close, it gives up
    /// what is not on disk, and was never acknowledged.
    fn pause(&mut self) {
        let until = self.clock.monotonic() + RETRY;
        loop {
            while let Ok(command) = self.commands.try_recv() {
                refuse(command, NotDurable::Disk);
            }
            self.given_up |= self.wires.is_closing();
            let left = until.saturating_sub(self.clock.monotonic());
            if self.given_up || left.is_zero() {
                return;
            }
            thread::park_timeout(left);
        }
    }

    fn show(&self, failing: Option<&str>) {
        let counted = self.intake().counted();
        let mut state = lock(&self.visible.state);
        state.failing = failing.map(str::to_owned);
        state.durable = self.journal.next().max(state.durable);
        state.folded = counted;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn refuse(command: Command, why: NotDurable) {
    match command {
        Command::Note(_, reply) => {
            let _ = reply.send(Err(why));
        }
        Command::Flush(reply) => {
            let _ = reply.send(Err(match why {
                NotDurable::Closed => FlushError::Closed,
                _ => FlushError::Disk(why.to_string()),
            }));
        }
    }
}
