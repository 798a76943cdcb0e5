//! What can be wrong with a ledger on disk.
//!
//! Owns one variant for every way in which a log can differ from what was signed or acknowledged,
//! so that a report names the entry, tile or segment. Used when opening and when verifying.

use std::{io, path::PathBuf};

use crate::{
    note::NoteError,
    tile::{TileError, TileFile},
};

/// The ledger on disk is not what was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Alteration {
    /// The signed head is gone.
    #[error("the checkpoint is missing")]
    NoCheckpoint,
    /// The signed head is not a checkpoint signed by this log's key.
    #[error("the checkpoint does not hold: {0}")]
    BadCheckpoint(NoteError),
    /// The note of the minimum index is not one signed by this log's key.
    #[error("the minimum index does not hold: {0}")]
    BadMinimum(NoteError),
    /// A tile or bundle under the checkpoint is gone.
    #[error("{0} is missing")]
    MissingTile(TileFile),
    /// A tile or bundle is not of the length its place asks for.
    #[error("{0} has been cut or extended")]
    MalformedTile(TileFile),
    /// An entry does not hash to what was signed.
    #[error("entry {index} in {tile} is not the entry that was recorded")]
    Entry {
        /// The entry.
        index: u64,
        /// The bundle in which it lies.
        tile: TileFile,
    },
    /// A bundle and its leaf hashes fit together, but not with what was signed above them.
    #[error("the entries of {0} are not those that were recorded")]
    Bundle(TileFile),
    /// A stored hash is not that of what lies below it.
    #[error("hash {position} of {tile} (entries from {entry}) is not the one that was signed")]
    TileHash {
        /// The tile of hashes.
        tile: TileFile,
        /// Position of the hash in it.
        position: usize,
        /// First entry below the hash.
        entry: u64,
    },
    /// A tile kept from an earlier head is not the beginning of the present one.
    #[error("{0}, kept from an earlier checkpoint, is not what was written then")]
    Kept(TileFile),
    /// Everything below fits together, but not with the signed root.
    #[error("the tree of {size} entries does not have the signed root")]
    Root {
        /// Size of the tree.
        size: u64,
    },
    /// The journal holds no segment.
    #[error("the journal is missing")]
    NoJournal,
    /// The head of a journal segment is damaged.
    #[error("journal segment {0} is damaged at its head")]
    SegmentHead(u64),
    /// A journal segment is longer than any that is written.
    #[error("journal segment {0} is longer than any that is written")]
    SegmentLength(u64),
    /// Entries are missing between two segments or batches, or stand twice.
    #[error("the journal goes on with entry {found} where entry {expected} belongs")]
    Sequence {
        /// The entry that belongs there.
        expected: u64,
        /// The entry that stands there.
        found: u64,
    },
    /// An entry is damaged that had been durable.
    #[error("entry {index} in the journal is damaged, and no crash can have done that")]
    Journal {
        /// The entry.
        index: u64,
    },
    /// The journal ends before the signed head.
    #[error("the journal ends at {end} entries, but {signed} are signed")]
    Short {
        /// Entries the journal reaches.
        end: u64,
        /// Entries under the checkpoint.
        signed: u64,
    },
    /// An entry in the journal is not the one under the checkpoint.
    #[error("entry {index} in the journal is not the entry that was signed")]
    JournalDiffers {
        /// The entry.
        index: u64,
    },
    /// A later head was seen elsewhere: the log was cut back.
    #[error(
        "the log has {size} signed entries, but a checkpoint of {seen} was seen: it was cut back"
    )]
    Older {
        /// Entries under the checkpoint found.
        size: u64,
        /// Entries under the checkpoint seen.
        seen: u64,
    },
    /// Another head of the same size was seen elsewhere: history was rewritten.
    #[error(
        "the first {seen} entries are not those of the checkpoint that was seen: the log was forked"
    )]
    Forked {
        /// Entries under the checkpoint seen.
        seen: u64,
    },
    /// A checkpoint that was seen is of another log.
    #[error("the checkpoint that was seen is of the log {0}, not of this one")]
    OtherLog(String),
}

/// A ledger folder could not be judged or used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// It is not what was recorded.
    #[error(transparent)]
    Altered(#[from] Alteration),
    /// The disk refused.
    #[error("{}: {cause}", .path.display())]
    Disk {
        /// What was used.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl LedgerError {
    /// The disk refused `path`.
    pub(crate) fn disk(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Disk {
            path: path.into(),
            cause,
        }
    }
}

impl From<TileError> for LedgerError {
    fn from(error: TileError) -> Self {
        match error {
            TileError::Missing(tile) => Alteration::MissingTile(tile).into(),
            TileError::Malformed(tile) => Alteration::MalformedTile(tile).into(),
            TileError::Disk(tile, cause) => Self::Disk {
                path: tile.to_string().into(),
                cause,
            },
        }
    }
}
