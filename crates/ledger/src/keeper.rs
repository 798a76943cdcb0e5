//! The thread that keeps what was recorded.
//!
//! Owns what has to happen by the clock, whether or not anything is recorded: once a second it looks
//! at the room on the disk, and once an hour whether entries are old enough to go. Refuses to wait for the writer: what it has to say is handed over, and
//! the answer is looked at a round later. Trusts the writer to record what it is handed.

use std::{
    io,
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc::SyncSender},
    time::Duration,
};

use control::Clock;
use tokio::sync::oneshot;

use crate::{
    disk::Disk,
    event::{Kind, Notice},
    minimum::Announced,
    recorder::NotDurable,
    retention::{Retention, Wish},
    space::{Floor, Room},
    tiler::Desk,
    wires::Wires,
    writer::Command,
};

/// How often the keeper looks.
const ROUND: Duration = Duration::from_secs(1);

/// How often retention looks.
const LOOK: Duration = Duration::from_secs(60 * 60);

/// How a ledger is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Keeping {
    /// Free bytes on the disk below which nothing new is taken; 0 never looks.
    pub floor: u64,
    /// How long entries are kept; for ever where absent.
    pub keep: Option<Duration>,
}

/// What others may know of the keeper.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) room: Room,
    /// Bytes free on the disk, when last looked at.
    pub(crate) free: Option<u64>,
    /// Entries below this index may be gone.
    pub(crate) minimum: u64,
    /// What is to be removed next.
    pub(crate) announced: Option<Announced>,
    /// Why the last step of retention failed, if it did.
    pub(crate) unkept: Option<io::ErrorKind>,
}

/// What the keeper shares with its ledger.
#[derive(Default)]
pub(crate) struct Office {
    closing: Mutex<bool>,
    changed: Condvar,
    kept: Mutex<Kept>,
}

impl Office {
    /// Ends the keeper after its present round.
    pub(crate) fn close(&self) {
        *lock(&self.closing) = true;
        self.changed.notify_all();
    }

    /// Waits for the next round. `true` if the ledger closes.
    fn wait(&self) -> bool {
        let closing = lock(&self.closing);
        let waited = self
            .changed
            .wait_timeout_while(closing, ROUND, |closing| !*closing);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(crate) fn kept(&self) -> Kept {
        *lock(&self.kept)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn figure(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Hands notices to the writer without waiting for it.
pub(crate) struct Voice {
    pub(crate) commands: SyncSender<Command>,
    pub(crate) wires: Arc<Wires>,
}

impl Voice {
    /// The answer comes when the notice is on disk; `None` if the writer has no room for it.
    fn say(&self, notice: Notice) -> Option<oneshot::Receiver<Result<(), NotDurable>>> {
        let (reply, receiver) = oneshot::channel();
        let command = Command::Note(Box::new(notice), reply);
        self.commands.try_send(command).ok()?;
        self.wires.hurry();
        Some(receiver)
    }
}

/// A notice of retention on its way to the disk, and what it is about.
pub(crate) struct Telling {
    wish: Wish,
    reply: oneshot::Receiver<Result<(), NotDurable>>,
}

/// The keeper's own side.
pub(crate) struct Keeper {
    pub(crate) office: Arc<Office>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) voice: Voice,
    pub(crate) floor: Floor,
    pub(crate) desk: Arc<Desk>,
    pub(crate) retention: Option<Retention>,
    pub(crate) telling: Option<Telling>,
    /// Bundles below this index are being removed.
    pub(crate) removing: Option<u64>,
    /// When retention looks again.
    pub(crate) next_look: Duration,
}

impl Keeper {
    /// Works until the ledger closes.
    pub(crate) fn run(mut self) {
        while !self.office.wait() {
            self.round();
        }
    }

    /// Everything that is due now. Also done once before anything is taken.
    pub(crate) fn round(&mut self) {
        self.look_at_room();
        let Some(mut retention) = self.retention.take() else {
            return;
        };
        let done = self.retain(&mut retention);
        let mut kept = lock(&self.office.kept);
        kept.minimum = retention.minimum.index;
        kept.announced = retention.minimum.announced;
        match done {
            Ok(false) => {}
            Ok(true) => kept.unkept = None,
            Err(cause) => kept.unkept = Some(cause.kind()),
        }
        drop(kept);
        self.retention = Some(retention);
    }

    /// The next step of retention: what it wishes is recorded first, and done once that is durable.
    /// `true` if something was done.
    fn retain(&mut self, retention: &mut Retention) -> io::Result<bool> {
        let (now, moment) = (self.clock.now(), self.clock.monotonic());
        if let Some(target) = self.removing.take() {
            if retention.remove(target, now)? {
                self.removing = Some(target);
            }
            return Ok(true);
        }
        if let Some(mut telling) = self.telling.take() {
            match telling.reply.try_recv() {
                Err(oneshot::error::TryRecvError::Empty) => self.telling = Some(telling),
                Ok(Ok(())) => match telling.wish {
                    Wish::Announce(index) => {
                        retention.announce(index, now, moment)?;
                        return Ok(true);
                    }
                    Wish::Remove(index) => self.removing = Some(index),
                    Wish::Nothing => {}
                },
                // Not recorded: the next look wishes it again.
                _ => {}
            }
            return Ok(false);
        }
        if moment < self.next_look {
            return Ok(false);
        }
        self.next_look = moment + LOOK;
        let (signed, _) = self.desk.state();
        let wish = retention.look(now, moment, signed);
        let (kind, index) = match wish {
            Wish::Nothing => return Ok(false),
            Wish::Announce(index) => (Kind::RETENTION_ANNOUNCED, index),
            Wish::Remove(index) => (Kind::RETENTION, index),
        };
        let notice = Notice::new(now, kind).count("minimum", figure(index));
        self.telling = self.voice.say(notice).map(|reply| Telling { wish, reply });
        Ok(false)
    }

    /// A disk that does not say how full it is keeps the last judgement: whether it works is for
    /// the writer to find out.
    fn look_at_room(&mut self) {
        if !self.floor.is_watched() {
            return;
        }
        let Ok(free) = self.disk.free(&self.folder) else {
            return;
        };
        let changed = self.floor.judge(free);
        let room = self.floor.room();
        {
            let mut kept = lock(&self.office.kept);
            (kept.room, kept.free) = (room, Some(free));
        }
        if !changed {
            return;
        }
        self.voice.wires.set_short(room == Room::Short);
        let kind = match room {
            Room::Ample => Kind::SPACE_AMPLE,
            Room::Low => Kind::SPACE_LOW,
            Room::Short => Kind::SPACE_SHORT,
        };
        let notice = Notice::new(self.clock.now(), kind)
            .count("free", figure(free))
            .count("floor", figure(self.floor.bytes()));
        // A writer that has no room for it has worse to tell.
        let _ = self.voice.say(notice);
    }
}
