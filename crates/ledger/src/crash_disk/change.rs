//! What was written and not yet synced, and what a crash may make of it.

use std::{collections::BTreeMap, path::PathBuf};

use super::Entry;

/// Bytes that reach a disk together.
const SECTOR: usize = 512;

/// The bytes of a file and what of them is not yet synced.
#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) now: Vec<u8>,
    pub(super) durable: Vec<u8>,
    pub(super) pending: Vec<Change>,
    pub(super) synced: bool,
}

#[derive(Clone)]
pub(super) enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone)]
pub(super) enum NameChange {
    Link(PathBuf, Entry),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, Entry),
}

/// What is found of a write that was torn.
#[derive(Clone, Copy, Debug)]
pub struct Tear {
    /// How many of its first bytes are there.
    pub kept: usize,
    /// What stands where the others belong.
    pub rest: Torn,
}

/// What stands where the bytes of a torn write belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Torn {
    /// Nothing: the file ends there.
    Absent,
    /// Zeros: the length reached the disk before the bytes.
    Zeros,
    /// The other way round: the first bytes are zeros and the others are there.
    First,
}

impl Change {
    pub(super) fn torn_so(&self, tear: Tear) -> Self {
        let Self::Write(offset, bytes) = self else {
            return self.clone();
        };
        let numbered = bytes.iter().copied().enumerate();
        Self::Write(
            *offset,
            match tear.rest {
                Torn::Absent => bytes.iter().copied().take(tear.kept).collect(),
                Torn::Zeros => numbered
                    .map(|(i, b)| if i < tear.kept { b } else { 0 })
                    .collect(),
                Torn::First => numbered
                    .map(|(i, b)| if i < tear.kept { 0 } else { b })
                    .collect(),
            },
        )
    }

    pub(super) fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, written) => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                if let Some(place) = bytes.get_mut(*offset..end) {
                    place.copy_from_slice(written);
                }
            }
            Self::Truncate(length) => bytes.resize(*length, 0),
        }
    }

    /// The change as a crash may leave it: whole, lost, cut short, zeros of the right length, or
    /// with any of its sectors missing.
    pub(super) fn torn(&self, chance: &mut Chance) -> Option<Self> {
        let Self::Write(offset, bytes) = self else {
            return (chance.below(4) != 0).then(|| self.clone());
        };
        let rest = match chance.below(6) {
            0 => return None,
            1 => Torn::Absent,
            2 => Torn::Zeros,
            3 => Torn::First,
            4 => {
                let sectors = bytes.chunks(SECTOR).flat_map(|sector| {
                    let there = chance.below(2) == 1;
                    sector.iter().map(move |b| if there { *b } else { 0 })
                });
                return Some(Self::Write(*offset, sectors.collect()));
            }
            _ => return Some(self.clone()),
        };
        let kept = chance.below(bytes.len() as u64 + 1) as usize;
        Some(self.torn_so(Tear { kept, rest }))
    }
}

impl NameChange {
    pub(super) fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
        match self {
            Self::Link(path, entry) => {
                names.insert(path.clone(), *entry);
            }
            Self::Unlink(path) => {
                names.remove(path);
            }
            Self::Rename(from, to, entry) => {
                names.remove(from);
                names.insert(to.clone(), *entry);
            }
        }
    }
}

/// SplitMix64: a small generator of known sequences.
pub(super) struct Chance(pub(super) u64);

impl Chance {
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}
