//! The running ledger.
//!
//! Owns opening (recovery included), the writer and tile threads, flushing and closing. Refuses to
//! open a log that is shorter than, or does not agree with, its last signed checkpoint.

use std::{
    fmt,
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{SyncSender, TrySendError, sync_channel},
    },
    task::{Context, Poll, Wake, Waker},
    thread::{self, JoinHandle},
};

use control::{Clock, Rng};
use tokio::sync::oneshot;

use crate::{
    disk::{Disk, RealDisk},
    encode::{Encoder, Routes},
    event::{Notice, RouteIndex},
    fold::Fold,
    home::{self, OpenError},
    lock::Lock,
    note::SignerKey,
    pseudonyms::{self, Pseudonyms},
    recorder::{NotDurable, Recorder, Wires},
    tiler::{Desk, Tiler},
    writer::{Command, Pace, Visible, Writer},
};

/// The usual [`Options::ring`]: more than a second of full load of one core. The writer cannot take
/// from its rings while it waits for its disk, and a ring that is full refuses requests.
pub const RING: usize = 64 * 1024;

/// Notices and flushes that may wait for the writer.
const COMMANDS: usize = 1024;

/// What a ledger is opened with.
pub struct Options {
    /// The lock on the data folder; the ledger lies in `ledger` below it.
    pub lock: Arc<Lock>,
    /// `<public host>/<deployment>/<node>`; names the log when it is first made, and never after.
    pub origin: String,
    /// Where every checkpoint is appended as well.
    pub second_place: Option<PathBuf>,
    /// Events that a core may be ahead of the writer; rounded up to a power of two. See [`RING`].
    pub ring: usize,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for keys made at first use.
    pub rng: Arc<dyn Rng>,
}

/// What a flush left on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flushed {
    /// Entries under the checkpoint.
    pub size: u64,
    /// The signed checkpoint, a C2SP signed note.
    pub checkpoint: String,
}

/// How the ledger is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Entries on disk.
    pub durable: u64,
    /// Entries under a signed checkpoint.
    pub signed: u64,
    /// Why nothing can be recorded now, if so.
    pub failing: Option<String>,
    /// Why tiles, checkpoint or second place are behind, if so.
    pub behind: Option<String>,
    /// Refusals that were only counted, since the start.
    pub folded: u64,
}

/// A flush did not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlushError {
    /// The disk failed.
    #[error("the ledger could not be flushed: {0}")]
    Disk(String),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}

/// More than 65,535 different routes were ever named to one running ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ledger knows 65,535 routes and takes no more until the next start")]
pub struct TooManyRoutes;

/// The running ledger of this node. Share it by `Arc`.
pub struct Ledger {
    signer: Arc<SignerKey>,
    verifier_key: String,
    folder: PathBuf,
    ring: usize,
    routes: Arc<Routes>,
    wires: Arc<Wires>,
    desk: Arc<Desk>,
    visible: Arc<Visible>,
    commands: SyncSender<Command>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    /// Held for as long as the ledger can write.
    _lock: Option<Arc<Lock>>,
}

impl Ledger {
    /// Opens or makes the ledger, recovers what a crash left and starts its threads.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk), options, Pace::default())
    }

    /// [`Ledger::open`] on another disk or at another pace, for tests and measurements.
    #[doc(hidden)]
    pub fn open_on(disk: Arc<dyn Disk>, options: Options, pace: Pace) -> Result<Self, OpenError> {
        let data = options.lock.folder().to_owned();
        let mut ledger = Self::start(disk, &data, &options, pace)?;
        ledger._lock = Some(options.lock);
        Ok(ledger)
    }

    fn start(
        disk: Arc<dyn Disk>,
        data: &Path,
        options: &Options,
        pace: Pace,
    ) -> Result<Self, OpenError> {
        let place = options.second_place.clone();
        let (log, signer) = home::open(&disk, data, &options.origin, place, &*options.rng)?;
        let pseudonyms = Pseudonyms::load(
            Arc::clone(&disk),
            &data.join(pseudonyms::FILE),
            Arc::clone(&options.rng),
        )?;
        let (commands, received) = sync_channel(COMMANDS);
        let (wires, desk) = (Arc::new(Wires::default()), Arc::new(Desk::default()));
        let (routes, visible) = (Arc::new(Routes::default()), Arc::new(Visible::default()));
        let tiler = Tiler {
            desk: Arc::clone(&desk),
            publisher: log.publisher,
            clock: Arc::clone(&options.clock),
        };
        let writer = Writer {
            journal: log.journal,
            encoder: Encoder::new(pseudonyms, Arc::clone(&routes)),
            wires: Arc::clone(&wires),
            commands: received,
            desk: Arc::clone(&desk),
            visible: Arc::clone(&visible),
            clock: Arc::clone(&options.clock),
            lanes: Vec::new(),
            fold: Fold::default(),
            pace,
            given_up: false,
        };
        let spawn = |name: &str, work: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
            thread.map_err(|cause| OpenError::System(format!("cannot start a thread: {cause}")))
        };
        let threads = vec![
            spawn("ledger-writer", Box::new(|| writer.run()))?,
            spawn("ledger-tiles", Box::new(|| tiler.run()))?,
        ];
        Ok(Self {
            verifier_key: signer.verifier().to_string(),
            signer,
            folder: home::ledger_folder(data),
            ring: options.ring,
            routes,
            wires,
            desk,
            visible,
            commands,
            threads: Mutex::new(threads),
            _lock: None,
        })
    }

    /// A recorder of its own for one core or service.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        Recorder::new(&self.wires, self.ring)
    }

    /// The index under which events name the route `id`; the same text gives the same index for as
    /// long as this ledger runs, across reloads.
    pub fn route(&self, id: &str) -> Result<RouteIndex, TooManyRoutes> {
        self.routes.index(id).ok_or(TooManyRoutes)
    }

    /// Records `notice` and returns once it is on disk.
    pub async fn note(&self, notice: Notice) -> Result<(), NotDurable> {
        let reply = self.ask_note(notice)?;
        reply.await.unwrap_or(Err(NotDurable::Closed))
    }

    /// [`Ledger::note`] for code without a runtime.
    pub fn note_blocking(&self, notice: Notice) -> Result<(), NotDurable> {
        let reply = self.ask_note(notice)?;
        wait(reply).unwrap_or(Err(NotDurable::Closed))
    }

    fn ask_note(
        &self,
        notice: Notice,
    ) -> Result<oneshot::Receiver<Result<(), NotDurable>>, NotDurable> {
        self.wires.standing()?;
        let (reply, receiver) = oneshot::channel();
        self.send(Command::Note(Box::new(notice), reply))?;
        Ok(receiver)
    }

    fn send(&self, command: Command) -> Result<(), NotDurable> {
        self.commands
            .try_send(command)
            .map_err(|error| match error {
                TrySendError::Full(_) => NotDurable::Full,
                TrySendError::Disconnected(_) => NotDurable::Closed,
            })?;
        self.wires.hurry();
        Ok(())
    }

    /// Returns once every event recorded before the call is on disk, in tiles and under a signed
    /// checkpoint.
    pub async fn flush(&self) -> Result<Flushed, FlushError> {
        let reply = self.ask_flush()?;
        reply.await.unwrap_or(Err(FlushError::Closed))
    }

    /// [`Ledger::flush`] for code without a runtime.
    pub fn flush_blocking(&self) -> Result<Flushed, FlushError> {
        let reply = self.ask_flush()?;
        wait(reply).unwrap_or(Err(FlushError::Closed))
    }

    fn ask_flush(&self) -> Result<oneshot::Receiver<Result<Flushed, FlushError>>, FlushError> {
        let (reply, receiver) = oneshot::channel();
        self.send(Command::Flush(reply))
            .map_err(|error| match error {
                NotDurable::Closed => FlushError::Closed,
                other => FlushError::Disk(other.to_string()),
            })?;
        Ok(receiver)
    }

    /// How the ledger is.
    #[must_use]
    pub fn state(&self) -> State {
        let writer = self
            .visible
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let (signed, behind) = self.desk.state();
        State {
            durable: writer.durable.max(signed),
            signed,
            failing: writer.failing,
            behind,
            folded: writer.folded,
        }
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.signer.verifier().name()
    }

    /// The verifier key, in signed-note form.
    #[must_use]
    pub fn verifier_key(&self) -> &str {
        &self.verifier_key
    }

    /// The folder in which the log lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Flushes and stops. Recorders refuse from then on; end the cores first, else what they
    /// record meanwhile may be refused or lost. Safe to call twice.
    pub fn close(&self) -> Result<Flushed, FlushError> {
        self.desk.unblock();
        let last = self.flush_blocking();
        self.stop();
        last
    }

    fn stop(&self) {
        self.desk.unblock();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if threads.is_empty() {
            return;
        }
        // A full queue is being worked off: the writer looks at the standing as well.
        let mut command = Command::Close;
        while let Err(TrySendError::Full(back)) = self.commands.try_send(command) {
            command = back;
            thread::yield_now();
        }
        self.wires.hurry();
        for thread in threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Waits for a reply on this thread, be it one of a runtime or not: tokio's own way of blocking
/// panics on a runtime's thread, and a ledger may be closed on one.
fn wait<T>(reply: oneshot::Receiver<T>) -> Option<T> {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut reply = pin!(reply);
    loop {
        match reply.as_mut().poll(&mut context) {
            Poll::Ready(reply) => return reply.ok(),
            Poll::Pending => thread::park(),
        }
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({})", self.origin())
    }
}
