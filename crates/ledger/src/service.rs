//! The running ledger.
//!
//! Owns opening (recovery included), the writer and tile threads, flushing and closing. Refuses to
//! open a log that is shorter than, or does not agree with, its last signed checkpoint.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use control::{Clock, Rng};

use crate::{
    event::{Notice, RouteIndex},
    lock::Lock,
    recorder::{NotDurable, Recorder},
};

/// What a ledger is opened with.
pub struct Options {
    /// The lock on the data folder; the ledger lies in `ledger` below it.
    pub lock: Arc<Lock>,
    /// `<public host>/<deployment>/<node>`; names the log when it is first made, and never after.
    pub origin: String,
    /// Where every checkpoint is appended as well.
    pub second_place: Option<PathBuf>,
    /// Events that a core may be ahead of the writer; rounded up to a power of two.
    pub ring: usize,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for keys made at first use.
    pub rng: Arc<dyn Rng>,
}

/// The ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is on disk is not what was signed.
    #[error("the ledger was altered: {0}")]
    Altered(String),
    /// The disk refused.
    #[error("{doing}: {cause}")]
    Disk {
        /// What was tried.
        doing: String,
        /// What the system said.
        cause: std::io::Error,
    },
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
pub struct Ledger {}

impl Ledger {
    /// Opens or makes the ledger, recovers what a crash left and starts its threads.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let _ = options;
        todo!()
    }

    /// A recorder of its own for one core or service.
    #[must_use]
    pub fn recorder(&self) -> Recorder {
        todo!()
    }

    /// The index under which events name the route `id`; the same text gives the same index for as
    /// long as this ledger runs, across reloads.
    pub fn route(&self, id: &str) -> Result<RouteIndex, TooManyRoutes> {
        let _ = id;
        todo!()
    }

    /// Records `notice` and returns once it is on disk.
    pub async fn note(&self, notice: Notice) -> Result<(), NotDurable> {
        let _ = notice;
        todo!()
    }

    /// [`Ledger::note`] for code without a runtime.
    pub fn note_blocking(&self, notice: Notice) -> Result<(), NotDurable> {
        let _ = notice;
        todo!()
    }

    /// Returns once every event recorded before the call is on disk, in tiles and under a signed
    /// checkpoint.
    pub async fn flush(&self) -> Result<Flushed, FlushError> {
        todo!()
    }

    /// [`Ledger::flush`] for code without a runtime.
    pub fn flush_blocking(&self) -> Result<Flushed, FlushError> {
        todo!()
    }

    /// How the ledger is.
    #[must_use]
    pub fn state(&self) -> State {
        todo!()
    }

    /// The log's name.
    #[must_use]
    pub fn origin(&self) -> &str {
        todo!()
    }

    /// The verifier key, in signed-note form.
    #[must_use]
    pub fn verifier_key(&self) -> &str {
        todo!()
    }

    /// The folder in which the log lies.
    #[must_use]
    pub fn folder(&self) -> &Path {
        todo!()
    }

    /// Flushes and stops. Recording afterwards is refused. Safe to call twice.
    pub fn close(&self) -> Result<Flushed, FlushError> {
        todo!()
    }
}
