//! Checkpoints that were seen earlier.
//!
//! Owns reading them, one or a whole second place of them, and comparing each with the tree when it
//! has that size. Refuses one that is of another log or longer than this one. A place also holds what
//! was cut short, and other logs may write to it too: what is not of this log is left out, and said.

use std::{collections::BTreeMap, ops::Range};

use crate::{
    alteration::Alteration,
    checkpoint::{Checkpoint, notes},
    note::{NoteError, VerifierKey},
    tree::{Edge, Hash},
};

/// What was seen, and what became of the comparison.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    heads: BTreeMap<u64, Hash>,
    compared: usize,
    forked: Option<u64>,
    left_out: bool,
}

/// Why what was seen cannot be used or does not fit.
pub(crate) enum SeenFault {
    /// None of it is a checkpoint of this log.
    Unusable(NoteError),
    /// It says that the log was altered.
    Altered(Alteration),
}

impl Seen {
    /// Reads the checkpoints in `text` that `key` signed, or all of them without a key.
    pub(crate) fn read(
        text: &str,
        key: Option<&VerifierKey>,
        head: &Checkpoint,
    ) -> Result<Self, SeenFault> {
        let mut seen = Self::default();
        let mut unusable = NoteError::Malformed;
        let mut end = 0;
        for note in notes(text) {
            end += note.len();
            let read = match key {
                Some(key) => Checkpoint::open(note, key),
                None => Checkpoint::open_unverified(note),
            };
            match read {
                Ok(read) => seen.take(read, head).map_err(SeenFault::Altered)?,
                Err(fault) => {
                    unusable = fault;
                    seen.left_out = true;
                }
            }
        }
        if seen.heads.is_empty() {
            return Err(SeenFault::Unusable(unusable));
        }
        seen.left_out |= end < text.trim_start_matches('\n').len();
        Ok(seen)
    }

    fn take(&mut self, seen: Checkpoint, head: &Checkpoint) -> Result<(), Alteration> {
        if seen.origin != head.origin {
            return Err(Alteration::OtherLog(seen.origin));
        }
        if seen.size > head.size {
            let (size, seen) = (head.size, seen.size);
            return Err(Alteration::Older { size, seen });
        }
        let known = self.heads.entry(seen.size).or_insert(seen.root);
        if *known != seen.root {
            return Err(Alteration::Forked { seen: seen.size });
        }
        Ok(())
    }

    /// Compares the tree as it has grown so far.
    pub(crate) fn check(&mut self, edge: &Edge) {
        if let Some(root) = self.heads.get(&edge.size()) {
            self.compared += 1;
            if edge.root() != *root && self.forked.is_none() {
                self.forked = Some(edge.size());
            }
        }
    }

    /// Whether any is to be compared at a size in `sizes`.
    pub(crate) fn is_within(&self, sizes: Range<u64>) -> bool {
        self.heads.range(sizes).next().is_some()
    }

    /// The first size at which the tree was another.
    pub(crate) const fn forked(&self) -> Option<u64> {
        self.forked
    }

    /// The largest tree that was compared.
    pub(crate) fn largest(&self) -> Option<u64> {
        let last = self.heads.last_key_value().map(|(size, _)| *size);
        last.filter(|_| self.compared > 0)
    }

    /// Whether some lie below the minimum index, where nothing can be rebuilt.
    pub(crate) fn is_gone(&self) -> bool {
        self.compared < self.heads.len()
    }

    /// Whether some were cut short or are of another log.
    pub(crate) const fn left_out(&self) -> bool {
        self.left_out
    }
}
