//! What a running ledger says of itself.
//!
//! Owns the answers: how far it is, what it cannot do now, and why a flush did not complete.

use std::{io, time::Duration};

use crate::{minimum::Announced, space::Room};

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
    /// What the room on the disk allows.
    pub room: Room,
    /// Bytes free on the disk; absent where nobody looks.
    pub free: Option<u64>,
    /// Entries below this index may be gone.
    pub minimum: u64,
    /// What is to be removed next, and when that was announced.
    pub announced: Option<Announced>,
    /// Why old entries could not be removed, if so.
    pub unkept: Option<io::ErrorKind>,
}

/// A flush did not complete.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlushError {
    /// The disk failed.
    #[error("the ledger could not be flushed: {0}")]
    Disk(String),
    /// The disk did not answer in time.
    #[error("the ledger's disk has not answered for {} s", .0.as_secs())]
    Silent(Duration),
    /// The ledger was closed.
    #[error("the ledger is closed")]
    Closed,
}
