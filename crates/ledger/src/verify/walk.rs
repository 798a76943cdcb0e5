//! One pass over all entries under the head, which rebuilds every tile and the root.
//!
//! Owns the order: bundles are judged several at once, and taken one after the other, so that what is
//! named does not depend on how many threads there are.

use std::{io, num::NonZeroUsize, ops::Range};

use super::{
    Effort, VerifyError,
    bundle::{Around, Judged},
};
use crate::{
    alteration::{Alteration, LedgerError},
    checkpoint::Checkpoint,
    minimum::Minimum,
    note::VerifierKey,
    seen::Seen,
    tile::{Content, TileError, TileFile, TileNodes},
    tree::{Edge, FullTile, Hash, Nodes as _, TILE_WIDTH, tile_levels},
    view::View,
};

const WIDTH: u64 = TILE_WIDTH as u64;

/// Bundles that a thread judges before they are taken.
const SHARE: u64 = 32;

/// The pass, and what it found so far.
pub(super) struct Walk<'a> {
    pub(super) view: &'a View<'a>,
    pub(super) head: &'a Checkpoint,
    pub(super) around: Around<'a>,
    pub(super) key: Option<&'a VerifierKey>,
    pub(super) minimum: Minimum,
    pub(super) seen: Option<Seen>,
    pub(super) edge: Edge,
    /// The first stored hash that is not the rebuilt one.
    pub(super) wrong: Option<(TileFile, usize)>,
    /// The first tile kept from an earlier head that is not a beginning of the present one.
    pub(super) kept: Option<TileFile>,
    /// The first entry that is not the one of the journal.
    pub(super) differs: Option<u64>,
}

/// A bundle that was judged; `None` where it may be gone.
type Found = Option<Result<Judged, TileError>>;

impl Walk<'_> {
    pub(super) fn tree(&mut self, effort: &Effort<'_>) -> Result<(), VerifyError> {
        self.check_seen();
        let bundles = self.head.size.div_ceil(WIDTH);
        let share = SHARE * effort.threads.get() as u64;
        let mut next = 0;
        while next < bundles {
            let round = next..bundles.min(next.saturating_add(share));
            next = round.end;
            for (found, index) in self
                .judge(round.clone(), effort.threads)
                .into_iter()
                .zip(round)
            {
                self.take(index, found)?;
            }
            (effort.progress)(self.edge.size(), self.head.size);
        }
        for level in 0..tile_levels(self.head.size) as u8 {
            let hashes = self.edge.partial(level).to_vec();
            if !hashes.is_empty() {
                let index = self.head.size.checked_shr(8 * (u32::from(level) + 1));
                self.compare(level, index.unwrap_or(0), &hashes)?;
            }
        }
        self.conclude()
    }

    /// When the rebuilt root is the signed one, every entry is right and a hash that differs is wrong
    /// itself; when it is not, the first hash that differs points at what changed.
    fn conclude(&self) -> Result<(), VerifyError> {
        let entries_hold = self.edge.root() == self.head.root;
        match self.wrong {
            Some((tile, position)) => Err(blame(tile, position, entries_hold).into()),
            None if !entries_hold => Err(Alteration::Root {
                size: self.head.size,
            }
            .into()),
            None => match self.seen.as_ref().and_then(Seen::forked) {
                Some(seen) => Err(Alteration::Forked { seen }.into()),
                None => match self.kept {
                    Some(tile) => Err(Alteration::Kept(tile).into()),
                    None => Ok(()),
                },
            },
        }
    }

    /// Judges the bundles of a round, each thread its share.
    fn judge(&self, round: Range<u64>, threads: NonZeroUsize) -> Vec<Found> {
        let (around, minimum) = (self.around, &self.minimum);
        let one = move |share: Range<u64>| -> Vec<Found> {
            let mut scratch = Vec::new();
            let judge = |index| {
                let there = !minimum.covers(index);
                there.then(|| around.judge(index, &mut scratch))
            };
            share.map(judge).collect()
        };
        let count = round.end - round.start;
        let share = count.div_ceil(threads.get() as u64).max(1);
        let mut shares = (0..count.div_ceil(share)).map(|place| {
            let begin = round.start + place * share;
            begin..round.end.min(begin + share)
        });
        let first = shares.next().unwrap_or(0..0);
        std::thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|share| (share.start, scope.spawn(move || one(share))))
                .collect();
            let mut found = one(first);
            for (index, other) in others {
                let other = other.join();
                found.extend(other.unwrap_or_else(|_| vec![Some(Err(fallen(index)))]));
            }
            found
        })
    }

    fn take(&mut self, index: u64, found: Found) -> Result<(), VerifyError> {
        match found {
            None => self.gone(index),
            Some(Err(TileError::Missing(_))) if self.may_be_gone(index)? => self.gone(index),
            Some(Err(fault)) => Err(LedgerError::from(fault).into()),
            Some(Ok(judged)) => self.present(index, judged),
        }
    }

    /// Whether the bundle at `index` may be gone, by the note as it is now: entries may be removed
    /// while others are verified.
    fn may_be_gone(&mut self, index: u64) -> Result<bool, VerifyError> {
        if !self.minimum.covers(index) {
            self.minimum = self.view.minimum(self.key)?;
        }
        Ok(self.minimum.covers(index))
    }

    /// Takes a bundle that may be gone by the root over it, which the level above holds.
    fn gone(&mut self, index: u64) -> Result<(), VerifyError> {
        let mut nodes = TileNodes::new(self.view.disk(), self.view.folder(), self.head.size);
        let root = nodes.node(8, index).map_err(LedgerError::from)?;
        let completed = self.push_bundle(root);
        self.compare_all(completed)
    }

    fn present(&mut self, index: u64, judged: Judged) -> Result<(), VerifyError> {
        self.differs = self.differs.or(judged.differs);
        self.kept = self.kept.or(judged.kept);
        let first = index * WIDTH;
        let looked_into = self.seen.as_ref().is_some_and(|seen| {
            // A head that ends within the bundle needs its entries one by one.
            seen.is_within(first + 1..first + WIDTH)
        });
        let completed = match judged.root {
            Some(root) if !looked_into => self.push_bundle(root),
            _ => self.push_leaves(&judged.leaves),
        };
        match judged.wrong {
            Ok(wrong) => self.wrong = self.wrong.or(wrong),
            // Removed while its entries were read.
            Err(TileError::Missing(_)) if self.may_be_gone(index)? => {}
            Err(fault) => return Err(LedgerError::from(fault).into()),
        }
        self.compare_all(completed)
    }

    fn push_bundle(&mut self, root: Hash) -> Vec<FullTile> {
        let mut completed = Vec::new();
        self.edge.push_bundle(root, |full| completed.push(full));
        self.check_seen();
        completed
    }

    /// Gives the tiles above the lowest level that the leaves complete.
    fn push_leaves(&mut self, leaves: &[Hash]) -> Vec<FullTile> {
        let mut completed = Vec::new();
        for leaf in leaves {
            self.edge.push(*leaf, |full| completed.push(full));
            self.check_seen();
        }
        // That of the lowest was compared where the bundle was judged.
        completed.retain(|full| full.level > 0);
        completed
    }

    fn check_seen(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.check(&self.edge);
        }
    }

    fn compare_all(&mut self, completed: Vec<FullTile>) -> Result<(), VerifyError> {
        completed
            .into_iter()
            .try_for_each(|full| self.compare(full.level, full.index, &full.hashes))
    }

    /// Compares a stored tile with the hashes rebuilt from what lies below it.
    fn compare(&mut self, level: u8, index: u64, hashes: &[Hash]) -> Result<(), VerifyError> {
        let compared = match self.around.compare(level, index, hashes) {
            Err(TileError::Missing(_)) if level == 0 && self.may_be_gone(index)? => return Ok(()),
            other => other.map_err(LedgerError::from)?,
        };
        self.wrong = self.wrong.or(compared.wrong);
        self.kept = self.kept.or(compared.kept);
        Ok(())
    }
}

/// What a thread that fell over leaves of its share.
fn fallen(index: u64) -> TileError {
    let tile = TileFile {
        content: Content::Entries,
        index,
        width: TILE_WIDTH,
    };
    TileError::Disk(tile, io::Error::other("a verifying thread fell over"))
}

/// What a stored hash that differs from the rebuilt one says.
fn blame(tile: TileFile, position: usize, entries_hold: bool) -> Alteration {
    let level = match tile.content {
        Content::Hashes(level) => level,
        Content::Entries => 0,
    };
    let at = tile.index * WIDTH + position as u64;
    let entry = at.checked_shl(8 * u32::from(level)).unwrap_or(u64::MAX);
    if entries_hold {
        return Alteration::TileHash {
            tile,
            position,
            entry,
        };
    }
    let bundle = TileFile {
        content: Content::Entries,
        index: entry / WIDTH,
        width: if level == 0 { tile.width } else { TILE_WIDTH },
    };
    if level == 0 {
        Alteration::Entry {
            index: entry,
            tile: bundle,
        }
    } else {
        Alteration::Bundle(bundle)
    }
}
