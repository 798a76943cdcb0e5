//! What was written and not yet synced, and what a crash may make of it.

use std::{collections::BTreeMap, path::PathBuf};

use super::Entry;

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

impl Change {
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

    /// The change as a crash may leave it: whole, lost, cut short, or zeros of the right length.
    pub(super) fn torn(&self, chance: &mut Chance) -> Option<Self> {
        match (self, chance.below(4)) {
            (_, 0) => None,
            (Self::Write(offset, bytes), 1) => {
                let keep = chance.below(bytes.len() as u64 + 1) as usize;
                Some(Self::Write(
                    *offset,
                    bytes.iter().copied().take(keep).collect(),
                ))
            }
            (Self::Write(offset, bytes), 2) => {
                let from = chance.below(bytes.len() as u64 + 1) as usize;
                let zeroed = bytes.iter().enumerate();
                let zeroed = zeroed.map(|(i, b)| if i < from { *b } else { 0 });
                Some(Self::Write(*offset, zeroed.collect()))
            }
            _ => Some(self.clone()),
        }
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
