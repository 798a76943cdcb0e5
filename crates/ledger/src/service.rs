//! The running ledger.
//!
//! Owns opening (recovery included), the threads, flushing and closing. Refuses to open a log that
//! is shorter than, or does not agree with, its last signed checkpoint, and to wait without end for
//! a disk that does not answer.

mod state;
mod wait;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread,
    time::Duration,
};

use control::{Clock, Rng};
use tokio::sync::oneshot;

pub use self::state::{FlushError, Flushed, State};
use self::wait::Waited;
use crate::{
    disk::{Disk, RealDisk},
    encode::{Encoder, Routes},
    event::{Notice, RouteIndex},
    home::{self, OpenError},
    intake::Intake,
    keeper::{Keeper, Keeping, Office, Voice},
    lock::Lock,
    note::SignerKey,
    pseudonyms::{self, Pseudonyms, PseudonymsError},
    recorder::{NotDurable, Recorder},
    retention::Retention,
    second_place::{Copier, Letterbox},
    space::Floor,
    tiler::{Desk, Tiler},
    watch::Watch,
    wires::Wires,
    writer::{Command, Pace, Visible, Writer},
};

/// The usual [`Options::ring`]: more than a tenth of a second of full load of one core, which is how
/// late whoever empties it may come. A ring that is full refuses requests.
pub const RING: usize = 8 * 1024;

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
    /// How it is kept.
    pub keeping: Keeping,
    /// Events that a core may be ahead of the writer, rounded up to a power of two; eight times as
    /// many may be under way on it. See [`RING`].
    pub ring: usize,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for keys made at first use.
    pub rng: Arc<dyn Rng>,
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
    office: Arc<Office>,
    letterbox: Option<Arc<Letterbox>>,
    visible: Arc<Visible>,
    commands: SyncSender<Command>,
    clock: Arc<dyn Clock>,
    limit: Duration,
    /// Disconnected once every thread has ended; until then the lock on the folder is held.
    threads: Mutex<mpsc::Receiver<()>>,
}

/// What a thread holds for as long as it can write: the lock, and the sign that it lives.
type Leash = (Arc<Lock>, mpsc::Sender<()>);

impl Ledger {
    /// Opens or makes the ledger, recovers what a crash left and starts its threads.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        Self::open_on(Arc::new(RealDisk), options, Pace::default())
    }

    /// [`Ledger::open`] on another disk or at another pace, for tests and measurements.
    #[doc(hidden)]
    pub fn open_on(disk: Arc<dyn Disk>, options: Options, pace: Pace) -> Result<Self, OpenError> {
        let data = options.lock.folder();
        let place = options.second_place.clone();
        let (mut log, signer) = home::open(&disk, data, &options.origin, place, &*options.rng)?;
        let keys = data.join(pseudonyms::FILE);
        let mut pseudonyms = Pseudonyms::load(Arc::clone(&disk), &keys, Arc::clone(&options.rng))?;
        // Before the first event, so that only the turn of a month makes one wait for a key.
        let prepared = pseudonyms.prepare(options.clock.now());
        prepared.map_err(|cause| PseudonymsError::File { path: keys, cause })?;
        let (commands, received) = sync_channel(COMMANDS);
        let signed = log.publisher.signed();
        let (wires, desk) = (
            Arc::new(Wires::default()),
            Arc::new(Desk::new(pace.backlog, signed)),
        );
        let (routes, visible) = (Arc::new(Routes::default()), Arc::new(Visible::default()));
        let copier = log.publisher.take_second_place().map(|place| Copier {
            letterbox: Arc::default(),
            place,
        });
        let letterbox = copier.as_ref().map(|copier| Arc::clone(&copier.letterbox));
        if let Some(letterbox) = &letterbox {
            letterbox.post(signed, log.publisher.note());
        }
        let tiler = Tiler {
            letterbox: letterbox.clone(),
            posted: Some(signed),
            desk: Arc::clone(&desk),
            publisher: log.publisher,
            clock: Arc::clone(&options.clock),
        };
        let encoder = Encoder::new(pseudonyms, Arc::clone(&routes));
        let intake = Arc::new(Mutex::new(Intake::new(encoder, pace.queue)));
        let watch = Watch {
            wires: Arc::clone(&wires),
            intake: Arc::clone(&intake),
            visible: Arc::clone(&visible),
            clock: Arc::clone(&options.clock),
            pace,
        };
        let writer = Writer {
            journal: log.journal,
            intake,
            wires: Arc::clone(&wires),
            commands: received,
            desk: Arc::clone(&desk),
            visible: Arc::clone(&visible),
            clock: Arc::clone(&options.clock),
            pace,
            given_up: false,
        };
        let office = Arc::new(Office::default());
        let folder = home::ledger_folder(data);
        let retention = options
            .keeping
            .keep
            .map(|keep| Retention::open(&disk, &folder, &signer, keep, signed));
        let retention = retention.transpose()?;
        let mut keeper = Keeper {
            office: Arc::clone(&office),
            folder,
            clock: Arc::clone(&options.clock),
            voice: Voice {
                commands: commands.clone(),
                wires: Arc::clone(&wires),
            },
            floor: Floor::new(options.keeping.floor),
            desk: Arc::clone(&desk),
            retention,
            telling: None,
            removing: None,
            next_look: Duration::ZERO,
            disk,
        };
        // Nothing is taken before the first look.
        keeper.round();
        let (alive, threads) = mpsc::channel();
        let leash = || (Arc::clone(&options.lock), alive.clone());
        spawn("ledger-writer", leash(), || writer.run())?;
        spawn("ledger-watch", leash(), || watch.run())?;
        spawn("ledger-tiles", leash(), || tiler.run())?;
        if let Some(copier) = copier {
            spawn("ledger-copies", leash(), || copier.run())?;
        }
        spawn("ledger-keeper", leash(), || keeper.run())?;
        Ok(Self {
            verifier_key: signer.verifier().to_string(),
            signer,
            folder: home::ledger_folder(data),
            ring: options.ring,
            routes,
            wires,
            desk,
            office,
            letterbox,
            visible,
            commands,
            clock: Arc::clone(&options.clock),
            limit: pace.limit,
            threads: Mutex::new(threads),
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

    /// [`Ledger::note`] for code without a runtime; on a disk that does not answer it ends with
    /// [`NotDurable::Disk`], and the notice may still come to be recorded.
    pub fn note_blocking(&self, notice: Notice) -> Result<(), NotDurable> {
        let reply = self.ask_note(notice)?;
        match self.wait(reply) {
            Waited::Told(reply) => reply,
            Waited::Dropped => Err(NotDurable::Closed),
            Waited::TooLong => Err(NotDurable::Disk),
        }
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

    /// [`Ledger::flush`] for code without a runtime; it does not wait without end for a disk that
    /// does not answer.
    pub fn flush_blocking(&self) -> Result<Flushed, FlushError> {
        let reply = self.ask_flush()?;
        match self.wait(reply) {
            Waited::Told(reply) => reply,
            Waited::Dropped => Err(FlushError::Closed),
            Waited::TooLong => Err(FlushError::Silent(self.limit)),
        }
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
        let kept = self.office.kept();
        State {
            durable: writer.durable.max(signed),
            signed,
            failing: writer.failing,
            behind: behind.or_else(|| self.letterbox.as_ref()?.behind()),
            folded: writer.folded,
            room: kept.room,
            free: kept.free,
            minimum: kept.minimum,
            announced: kept.announced,
            unkept: kept.unkept,
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
    /// record meanwhile may be refused or lost. Safe to call twice. Where the disk does not answer,
    /// this gives up after a while: what was acknowledged is on disk, and the folder stays locked
    /// until the system has let go of the threads.
    pub fn close(&self) -> Result<Flushed, FlushError> {
        self.desk.unblock();
        let last = self.flush_blocking();
        if self.stop() {
            last
        } else {
            last.and(Err(FlushError::Silent(self.limit)))
        }
    }

    /// Ends the threads; `false` if they do not end in time.
    fn stop(&self) -> bool {
        self.desk.unblock();
        self.office.close();
        self.wires.close();
        let threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        threads.recv_timeout(self.limit) == Err(RecvTimeoutError::Disconnected)
    }
}

fn spawn(name: &str, leash: Leash, work: impl FnOnce() + Send + 'static) -> Result<(), OpenError> {
    let held = move || {
        work();
        drop(leash);
    };
    let thread = thread::Builder::new().name(name.to_owned()).spawn(held);
    thread
        .map(drop)
        .map_err(|cause| OpenError::System(format!("cannot start a thread: {cause}")))
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
