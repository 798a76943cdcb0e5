//! The one thread that makes events durable.
//!
//! Owns the rhythm of batches: every 50 ms, or at once when somebody waits for the disk or a ring
//! is half full; asleep when nothing happens. Everything that arrived while one batch was on its
//! way to the disk is the next one. After a failed write nothing is taken any more until the same
//! batch is on disk; meanwhile recorders refuse. Trusts [`crate::journal`] that what it returned
//! from is durable.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::Ordering,
        mpsc::{Receiver, TryRecvError},
    },
    thread,
    time::Duration,
};

use control::{Clock, Reason};
use tokio::sync::oneshot;

use crate::{
    encode::Encoder,
    event::{Event, Kind, Notice},
    fold::{Fold, Folded},
    journal::{BATCH_LIMIT, Journal},
    recorder::{Lane, NotDurable, Standing, Wires},
    segment::Batch,
    service::FlushError,
    tiler::{Desk, FlushReply},
};

/// How often the writer looks at its rings.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The longest time a batched event waits for the disk while it works.
    pub interval: Duration,
    /// Empty intervals after which the writer sleeps until it is woken.
    pub quiet: u32,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            interval: Duration::from_millis(50),
            quiet: 20,
        }
    }
}

/// The longest sleep.
const SLEEP: Duration = Duration::from_secs(60);

/// How long after a failed write the next is tried.
const RETRY: Duration = Duration::from_millis(500);

/// The most events in one batch, so that the first of them does not wait for too many others.
const EVENTS: usize = 8192;

/// Recorded for refusals that not even a ring could take.
const UNCOUNTED: Reason = Reason("ring-full");

/// What is asked of the writer beside events.
pub(crate) enum Command {
    /// Make a notice durable.
    Note(Box<Notice>, oneshot::Sender<Result<(), NotDurable>>),
    /// Bring everything so far under a checkpoint.
    Flush(FlushReply),
    /// Finish everything and end.
    Close,
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
    pub(crate) encoder: Encoder,
    pub(crate) wires: Arc<Wires>,
    pub(crate) commands: Receiver<Command>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) visible: Arc<Visible>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) fold: Fold,
    pub(crate) pace: Pace,
    /// Told to close while the disk fails: nothing is written or acknowledged any more.
    pub(crate) given_up: bool,
}

/// One batch on its way, with those who wait for it.
#[derive(Default)]
struct Load {
    batch: Batch,
    notes: Vec<oneshot::Sender<Result<(), NotDurable>>>,
    folded: Folded,
}

impl Load {
    fn has_room(&self) -> bool {
        self.batch.len() < EVENTS && self.batch.bytes() < BATCH_LIMIT / 2
    }
}

/// Asked for during a round of the writer.
#[derive(Default)]
struct Asked {
    flushes: Vec<FlushReply>,
    closing: bool,
}

/// Ends recording for good when the writer ends, in whatever way.
struct Farewell(Arc<Wires>, Arc<Desk>);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.set_standing(Standing::Ended);
        self.1.close();
    }
}

impl Writer {
    /// Works until told to close.
    pub(crate) fn run(mut self) {
        let farewell = Farewell(Arc::clone(&self.wires), Arc::clone(&self.desk));
        self.wires.set_writer(thread::current());
        self.show(None, 0);
        let mut quiet = 0;
        let mut asked = Asked::default();
        while !asked.closing {
            if quiet > self.pace.quiet && self.fold.is_empty() {
                self.sleep();
            } else if !self.wires.take_urgent() {
                thread::park_timeout(self.pace.interval);
            }
            self.wires.take_urgent();
            let mut load = Load::default();
            self.commands(&mut load, &mut asked);
            let thorough = asked.closing || !asked.flushes.is_empty();
            let wrote = self.round(load, thorough);
            quiet = if wrote { 0 } else { quiet + 1 };
            for reply in asked.flushes.drain(..) {
                self.desk.flush(reply);
            }
            asked.closing |= self.given_up;
        }
        drop(farewell);
        for lane in &self.lanes {
            lane.marks.notify.notify_waiters();
        }
        while let Ok(command) = self.commands.try_recv() {
            refuse(command, NotDurable::Closed);
        }
    }

    /// Sleeps until something is pushed or asked for.
    fn sleep(&mut self) {
        self.wires.fall_asleep();
        self.lanes.extend(self.wires.take_new_lanes());
        let busy = self
            .lanes
            .iter()
            .any(|lane| !lane.events.is_empty() || !lane.refusals.is_empty());
        if !busy && !self.wires.take_urgent() {
            thread::park_timeout(SLEEP);
        }
        self.wires.rise();
    }

    fn commands(&mut self, load: &mut Load, asked: &mut Asked) {
        while load.has_room() {
            match self.commands.try_recv() {
                Ok(Command::Note(notice, reply)) => {
                    // The key for pseudonyms must stand before anything is encoded.
                    self.prepare();
                    let _ = load.batch.push(self.encoder.notice(&notice));
                    load.notes.push(reply);
                }
                Ok(Command::Flush(reply)) => asked.flushes.push(reply),
                Ok(Command::Close) => {
                    self.wires.set_standing(Standing::Closing);
                    asked.closing = true;
                }
                Err(TryRecvError::Empty) => return,
                Err(TryRecvError::Disconnected) => {
                    asked.closing = true;
                    return;
                }
            }
        }
    }

    /// Writes what is in the rings, all of it if `thorough`, else one batch. Says whether there was
    /// anything.
    fn round(&mut self, mut load: Load, thorough: bool) -> bool {
        self.lanes.extend(self.wires.take_new_lanes());
        let until: Vec<u64> = self
            .lanes
            .iter()
            .map(|lane| lane.taken + lane.events.slots() as u64)
            .collect();
        let mut wrote = false;
        loop {
            self.prepare();
            self.collect(&mut load, thorough);
            if load.batch.is_empty() {
                break;
            }
            wrote = true;
            let more = !load.has_room();
            self.commit(&mut load);
            let behind = self
                .lanes
                .iter()
                .zip(&until)
                .any(|(lane, until)| lane.taken < *until);
            if !(more || thorough && behind) {
                break;
            }
        }
        self.lanes.retain(|lane| {
            !(lane.events.is_abandoned() && lane.events.is_empty() && lane.refusals.is_empty())
        });
        wrote
    }

    /// Waits for the key of pseudonyms to be durable; nothing may be encoded without it.
    fn prepare(&mut self) {
        while let Err(cause) = self.encoder.pseudonyms.prepare(self.clock.now()) {
            self.fail(&format!(
                "the keys of pseudonyms cannot be written: {cause}"
            ));
            if self.give_up() {
                return;
            }
        }
        self.recovered();
    }

    /// Takes events from the rings and encodes them.
    fn collect(&mut self, load: &mut Load, thorough: bool) {
        let now = self.clock.now();
        for lane in &mut self.lanes {
            while load.has_room()
                && let Ok(event) = lane.events.pop()
            {
                lane.taken += 1;
                let _ = load.batch.push(self.encoder.event(&event, None));
            }
            while load.has_room()
                && let Ok(event) = lane.refusals.pop()
            {
                if let Some(event) = self.fold.take(event, &mut load.folded) {
                    let _ = load.batch.push(self.encoder.event(&event, None));
                }
            }
            let uncounted = lane.marks.uncounted.load(Ordering::Relaxed);
            if uncounted > lane.told {
                let event = Event {
                    reason: Some(UNCOUNTED),
                    ..Event::new(now, Kind::REFUSALS)
                };
                load.folded.push((event, uncounted - lane.told));
                lane.told = uncounted;
            }
        }
        self.fold.tick(now, &mut load.folded);
        if thorough {
            self.fold.finish(&mut load.folded);
        }
        let mut folded = 0;
        for (event, count) in load.folded.drain(..) {
            folded += count;
            let _ = load.batch.push(self.encoder.event(&event, Some(count)));
        }
        if folded > 0 {
            let mut state = lock(&self.visible.state);
            state.folded += folded;
        }
    }

    /// Makes the batch durable, however often that takes, and tells those who wait.
    fn commit(&mut self, load: &mut Load) {
        while self.given_up || self.write(load).is_err() {
            for note in load.notes.drain(..) {
                let _ = note.send(Err(NotDurable::Disk));
            }
            if self.give_up() {
                load.batch.clear();
                return;
            }
        }
        self.recovered();
        self.show(None, self.journal.next());
        for lane in &self.lanes {
            if lane.marks.durable.swap(lane.taken, Ordering::AcqRel) != lane.taken {
                lane.marks.notify.notify_waiters();
            }
        }
        for note in load.notes.drain(..) {
            let _ = note.send(Ok(()));
        }
        self.desk
            .hand_over(std::mem::take(&mut load.batch), self.journal.active());
    }

    fn write(&mut self, load: &Load) -> Result<(), ()> {
        self.journal.append(&load.batch).map_err(|cause| {
            self.fail(&format!("the journal cannot be written: {cause}"));
        })
    }

    fn recovered(&self) {
        if self.wires.standing() == Err(NotDurable::Disk) {
            self.wires.set_standing(Standing::Open);
            self.show(None, self.journal.next());
        }
    }

    /// Lets everybody know that nothing can be recorded now.
    fn fail(&mut self, cause: &str) {
        if self.wires.standing().is_ok() {
            self.wires.set_standing(Standing::Failing);
        }
        self.show(Some(cause), self.journal.next());
        for lane in &self.lanes {
            lane.marks.notify.notify_waiters();
        }
    }

    /// Waits before the next attempt, answering what is asked meanwhile. `true` if told to close:
    /// then what is not on disk is given up, and was never acknowledged.
    fn give_up(&mut self) -> bool {
        let until = self.clock.monotonic() + RETRY;
        loop {
            while let Ok(command) = self.commands.try_recv() {
                if matches!(command, Command::Close) {
                    self.wires.set_standing(Standing::Closing);
                }
                refuse(command, NotDurable::Disk);
            }
            self.given_up |= self.wires.standing() == Err(NotDurable::Closed);
            if self.given_up {
                return true;
            }
            let left = until.saturating_sub(self.clock.monotonic());
            if left.is_zero() {
                return false;
            }
            thread::park_timeout(left);
        }
    }

    fn show(&self, failing: Option<&str>, durable: u64) {
        let mut state = lock(&self.visible.state);
        state.failing = failing.map(str::to_owned);
        state.durable = durable.max(state.durable);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
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
        Command::Close => {}
    }
}
