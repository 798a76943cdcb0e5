//! What a log gained since a mark.
//!
//! Owns the reading of the entries between two signed checkpoints, at a price that depends on how
//! many they are and not on how old the log is: the right edge at the mark, the bundles behind it, and
//! nothing else. Refuses entries that do not lead from the root signed at the mark to the root signed
//! now: what is shown extends what was there, without a gap. Trusts only the key it is given.

use std::path::Path;

use crate::{
    alteration::{Alteration, LedgerError},
    checkpoint::Checkpoint,
    disk::Disk,
    minimum::Minimum,
    note::VerifierKey,
    tile::{self, Content, TileError, TileFile, TileNodes, read_tile},
    tree::{Edge, TILE_WIDTH, leaf_hash_with},
};

const WIDTH: u64 = TILE_WIDTH as u64;

/// A moment of a log: a head that its key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark(Checkpoint);

impl Mark {
    /// The moment of `note`, if `key` signed it.
    pub fn open(note: &str, key: &VerifierKey) -> Result<Self, Alteration> {
        Checkpoint::open(note, key)
            .map(Self)
            .map_err(Alteration::BadCheckpoint)
    }

    /// Before the first entry of the log that `key` signs.
    #[must_use]
    pub fn beginning(key: &VerifierKey) -> Self {
        Self(Checkpoint {
            origin: key.name().to_owned(),
            size: 0,
            root: crate::tree::empty_root(),
        })
    }

    /// Entries at that moment.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.0.size
    }
}

/// The entries between two marks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The index of the first: that of the mark, or the minimum index where that is higher.
    pub first: u64,
    /// The entries in order, as stored.
    pub entries: Vec<Vec<u8>>,
    /// The signed minimum index: entries below it may be gone.
    pub minimum: u64,
}

/// The entries behind a mark could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// They are not what was recorded, or the disk refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// They have more bytes than was asked for.
    #[error("more than {0} bytes were recorded meanwhile")]
    TooLong(u64),
}

impl From<Alteration> for TailError {
    fn from(alteration: Alteration) -> Self {
        Self::Ledger(alteration.into())
    }
}

impl From<TileError> for TailError {
    fn from(fault: TileError) -> Self {
        Self::Ledger(fault.into())
    }
}

/// The entries of the log in `folder` between `mark` and the later `head`, which read together have
/// at most `limit` bytes. The folder may be written to at the same time.
pub fn since(
    disk: &dyn Disk,
    folder: &Path,
    key: &VerifierKey,
    (mark, head): (&Mark, &Mark),
    limit: u64,
) -> Result<Tail, TailError> {
    if head.0.size < mark.0.size {
        let (size, seen) = (head.0.size, mark.0.size);
        return Err(Alteration::Older { size, seen }.into());
    }
    let edge = TileNodes::new(disk, folder, mark.0.size).edge()?;
    let edge = edge
        .filter(|edge| edge.root() == mark.0.root)
        .ok_or(Alteration::Forked { seen: mark.0.size })?;
    let mut reading = Reading {
        disk,
        folder,
        key,
        head: &head.0,
        minimum: Minimum::read(disk, folder, key.name(), Some(key))?,
        edge,
        tail: Tail {
            first: mark.0.size,
            entries: Vec::new(),
            minimum: 0,
        },
        left: limit,
    };
    while reading.edge.size() < head.0.size {
        if !reading.bundle()? {
            return Err(TailError::TooLong(limit));
        }
    }
    if reading.edge.root() != head.0.root {
        return Err(Alteration::Root { size: head.0.size }.into());
    }
    reading.tail.minimum = reading.minimum.index;
    Ok(reading.tail)
}

/// One pass from a mark to a head.
struct Reading<'a> {
    disk: &'a dyn Disk,
    folder: &'a Path,
    key: &'a VerifierKey,
    head: &'a Checkpoint,
    minimum: Minimum,
    edge: Edge,
    tail: Tail,
    left: u64,
}

impl Reading<'_> {
    /// Takes what is still to be read of the next bundle. `false` if it has too many bytes.
    fn bundle(&mut self) -> Result<bool, TailError> {
        let index = self.edge.size() / WIDTH;
        if self.may_be_gone(index) {
            self.gone(index)?;
            return Ok(true);
        }
        let beyond = TileFile {
            content: Content::Entries,
            index,
            width: TILE_WIDTH,
        };
        let tile = TileFile::in_tree(Content::Entries, index, self.head.size)
            .ok_or(Alteration::MissingTile(beyond))?;
        match read_tile(self.disk, self.folder, tile) {
            Ok(bytes) => self.present(tile, &bytes),
            Err(TileError::Missing(tile)) => {
                // It may have been removed since the minimum index was read.
                self.minimum =
                    Minimum::read(self.disk, self.folder, self.key.name(), Some(self.key))?;
                if !self.may_be_gone(index) {
                    return Err(Alteration::MissingTile(tile).into());
                }
                self.gone(index)?;
                Ok(true)
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Whether the next bundle is one below the minimum index, and none of it was shown.
    fn may_be_gone(&self, index: u64) -> bool {
        self.minimum.covers(index)
            && self.edge.size().is_multiple_of(WIDTH)
            && self.tail.entries.is_empty()
    }

    /// Takes a bundle that may be gone by the root over it, which the level above holds.
    fn gone(&mut self, index: u64) -> Result<(), TailError> {
        let mut level = TileNodes::new(self.disk, self.folder, self.head.size);
        let root = crate::tree::Nodes::node(&mut level, 8, index)?;
        self.edge.push_bundle(root, |_| {});
        self.tail.first = self.edge.size();
        Ok(())
    }

    fn present(&mut self, tile: TileFile, bytes: &[u8]) -> Result<bool, TailError> {
        let Some(left) = self.left.checked_sub(bytes.len() as u64) else {
            return Ok(false);
        };
        self.left = left;
        if tile::length_of(bytes, tile.width) != Some(bytes.len()) {
            return Err(Alteration::MalformedTile(tile).into());
        }
        let begun = (self.edge.size() % WIDTH) as usize;
        let mut scratch = Vec::new();
        for entry in tile::entries(bytes).flatten().skip(begun) {
            self.edge.push(leaf_hash_with(&mut scratch, entry), |_| {});
            self.tail.entries.push(entry.to_vec());
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
