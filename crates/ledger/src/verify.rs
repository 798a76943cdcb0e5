//! Whether a ledger folder is what was recorded.
//!
//! Owns the verification of the signed tree (signature, every entry, every tile, root), of a
//! checkpoint seen earlier, and of the unsigned journal behind it. Names the first entry or tile
//! that is not right. Refuses to call a log whole without saying what could not be checked. Trusts
//! only the key and the checkpoint that the asker brings.

mod bundle;
mod walk;

use std::{num::NonZeroUsize, path::Path};

use control::Timestamp;

use self::{bundle::Around, walk::Walk};
use crate::{
    alteration::{Alteration, LedgerError},
    checkpoint::Checkpoint,
    disk::Disk,
    note::{NoteError, VerifierKey},
    seen::{Seen, SeenFault},
    tree::Edge,
    view::{View, is_ledger},
};

/// What the asker brings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    /// The log's verifier key.
    pub key: Option<&'a VerifierKey>,
    /// Checkpoints of this log that were seen earlier, as signed notes one after the other.
    pub seen: Option<&'a str>,
}

/// A ledger that is whole, as far as was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The signed head.
    pub head: Checkpoint,
    /// Entries behind it that are durable but not signed yet.
    pub unsigned: u64,
    /// Whether the journal ends in an entry that a crash left unfinished, or that is being written.
    pub unfinished: bool,
    /// Whether the head's signature was checked.
    pub signature_checked: bool,
    /// Size of the largest seen checkpoint that this log extends.
    pub seen: Option<u64>,
    /// Entries below this index may be gone; 0 where everything is there.
    pub minimum: u64,
    /// When the minimum index was signed, if one was.
    pub since: Option<Timestamp>,
    /// Whether a seen checkpoint lies below the minimum index and could not be compared.
    pub seen_is_gone: bool,
    /// Whether some of what was given as seen is cut short or of another log.
    pub seen_left_out: bool,
}

impl Whole {
    /// What this result cannot exclude, one full sentence each.
    #[must_use]
    pub fn cannot_exclude(&self) -> Vec<&'static str> {
        let mut open = Vec::new();
        if !self.signature_checked {
            open.push(
                "Without --key the signature was not checked: whoever can write here could have \
                 replaced the whole log by another.",
            );
        }
        if self.seen_is_gone {
            open.push(
                "A checkpoint of --seen is older than the minimum index: its entries are gone, \
                 and it could not be compared.",
            );
        }
        if self.seen_left_out {
            open.push(
                "Some of what --seen holds is cut short or of another log, and was left out.",
            );
        }
        if self.seen.is_none() && !self.seen_is_gone {
            open.push(
                "Without --seen an older state of this log, put back from a copy, cannot be told \
                 from the present one.",
            );
        }
        if self.unsigned > 0 || self.unfinished {
            open.push(
                "Entries behind the signed head are protected against accidents only, until the \
                 next checkpoint covers them.",
            );
        }
        open
    }
}

/// A ledger is not whole, or the question could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It is altered, or the disk refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// There is no ledger in the folder.
    #[error("there is no ledger in {0}")]
    NoLedger(String),
    /// The checkpoint brought for comparison is not one of this log.
    #[error("the checkpoint given to compare with cannot be used: {0}")]
    Seen(NoteError),
}

impl From<Alteration> for VerifyError {
    fn from(alteration: Alteration) -> Self {
        Self::Ledger(alteration.into())
    }
}

impl VerifyError {
    /// What is altered, if that is the answer.
    #[must_use]
    pub const fn alteration(&self) -> Option<&Alteration> {
        match self {
            Self::Ledger(LedgerError::Altered(alteration)) => Some(alteration),
            _ => None,
        }
    }
}

/// How a verification goes about it. What it finds is the same however many threads there are.
#[derive(Clone, Copy)]
pub struct Effort<'a> {
    /// Threads that judge entries; the memory is about 300 KiB for each.
    pub threads: NonZeroUsize,
    /// Told now and then how many entries are verified, and of how many.
    pub progress: &'a dyn Fn(u64, u64),
}

impl Default for Effort<'_> {
    /// On this thread alone, in silence: beside a running gate.
    fn default() -> Self {
        Self {
            threads: NonZeroUsize::MIN,
            progress: &|_, _| {},
        }
    }
}

/// Verifies the ledger in `folder`. It may be written to at the same time.
pub fn verify(disk: &dyn Disk, folder: &Path, given: Given<'_>) -> Result<Whole, VerifyError> {
    verify_with(disk, folder, given, &Effort::default())
}

/// [`verify`] with as much effort as is asked for.
pub fn verify_with(
    disk: &dyn Disk,
    folder: &Path,
    given: Given<'_>,
    effort: &Effort<'_>,
) -> Result<Whole, VerifyError> {
    if !is_ledger(disk, folder).map_err(LedgerError::disk(folder))? {
        return Err(VerifyError::NoLedger(folder.display().to_string()));
    }
    let view = View::open(disk, folder)?;
    let head = match given.key {
        Some(key) => Checkpoint::open(view.note(), key).map_err(Alteration::BadCheckpoint)?,
        None => view.head().clone(),
    };
    let minimum = view.minimum(given.key)?;
    let seen = given.seen.map(|text| Seen::read(text, given.key, &head));
    let seen = seen.transpose().map_err(|fault| match fault {
        SeenFault::Unusable(fault) => VerifyError::Seen(fault),
        SeenFault::Altered(alteration) => alteration.into(),
    })?;
    // Alterations of the tree are named before those of the journal, which covers less.
    let journal = view.journal();
    let listed: Vec<(u64, &[u8])> = journal
        .as_ref()
        .map(|scan| scan.entries().collect())
        .unwrap_or_default();
    let first = listed.first().map_or(head.size, |(index, _)| *index);
    let entries: Vec<&[u8]> = listed.iter().map(|(_, entry)| *entry).collect();
    let mut walk = Walk {
        view: &view,
        head: &head,
        around: Around {
            disk,
            folder,
            size: head.size,
            journal: (first, &entries),
        },
        key: given.key,
        minimum,
        seen,
        edge: Edge::new(),
        wrong: None,
        kept: None,
        differs: None,
    };
    walk.tree(effort)?;
    let torn = match &journal {
        Ok(scan) => scan.torn,
        Err(alteration) => return Err(alteration.clone().into()),
    };
    if let Some(index) = walk.differs {
        return Err(Alteration::JournalDiffers { index }.into());
    }
    let reached = first.saturating_add(entries.len() as u64);
    let seen = walk.seen.unwrap_or_default();
    Ok(Whole {
        minimum: walk.minimum.index,
        since: (walk.minimum.index > 0).then_some(walk.minimum.since),
        seen_is_gone: seen.is_gone(),
        seen_left_out: seen.left_out(),
        unsigned: reached.saturating_sub(head.size),
        unfinished: torn.is_some(),
        signature_checked: given.key.is_some(),
        seen: seen.largest(),
        head,
    })
}

#[cfg(test)]
mod tests;
