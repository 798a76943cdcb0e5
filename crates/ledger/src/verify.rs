//! Whether a ledger folder is what was recorded.
//!
//! Owns the verification of the signed tree (signature, every entry, every tile, root), of a
//! checkpoint seen earlier, and of the unsigned journal behind it. Names the first entry or tile
//! that is not right. Refuses to call a log whole without saying what could not be checked. Trusts
//! only the key and the checkpoint that the asker brings.

use std::path::Path;

use control::Timestamp;

use crate::{
    alteration::{Alteration, LedgerError},
    checkpoint::Checkpoint,
    disk::Disk,
    minimum::Minimum,
    note::{NoteError, VerifierKey},
    seen::{Seen, SeenFault},
    tile::{self, Content, TileError, TileFile, TileNodes, decode_hashes, read_tile},
    tree::{Edge, Hash, Nodes as _, TILE_WIDTH, leaf_hash_with, tile_levels},
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

/// Verifies the ledger in `folder`. It may be written to at the same time.
pub fn verify(disk: &dyn Disk, folder: &Path, given: Given<'_>) -> Result<Whole, VerifyError> {
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
        edge: Edge::new(),
        wrong: None,
        kept: None,
        key: given.key,
        minimum,
        seen,
        journal: &entries,
        journal_first: first,
        differs: None,
        scratch: Vec::new(),
    };
    walk.tree()?;
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

/// One pass over all entries under the head, which rebuilds every tile and the root.
struct Walk<'a> {
    view: &'a View<'a>,
    head: &'a Checkpoint,
    edge: Edge,
    /// The first stored hash that is not the rebuilt one.
    wrong: Option<(TileFile, usize)>,
    /// The first tile kept from an earlier head that is not a beginning of the present one.
    kept: Option<TileFile>,
    key: Option<&'a VerifierKey>,
    minimum: Minimum,
    seen: Option<Seen>,
    journal: &'a [&'a [u8]],
    journal_first: u64,
    differs: Option<u64>,
    scratch: Vec<u8>,
}

impl Walk<'_> {
    fn tree(&mut self) -> Result<(), VerifyError> {
        self.check_seen();
        for bundle in 0..self.head.size.div_ceil(TILE_WIDTH as u64) {
            self.bundle(bundle)?;
        }
        for level in 0..tile_levels(self.head.size) as u8 {
            let hashes = self.edge.partial(level).to_vec();
            if !hashes.is_empty() {
                let index = self.head.size.checked_shr(8 * (u32::from(level) + 1));
                self.compare_tile(level, index.unwrap_or(0), &hashes)?;
            }
        }
        // When the rebuilt root is the signed one, every entry is right and a hash that differs is
        // wrong itself; when it is not, the first hash that differs points at what changed.
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
        let mut completed = Vec::new();
        self.edge.push_bundle(root, |full| completed.push(full));
        self.check_seen();
        for full in completed {
            self.compare_tile(full.level, full.index, &full.hashes)?;
        }
        Ok(())
    }

    fn bundle(&mut self, index: u64) -> Result<(), VerifyError> {
        if self.minimum.covers(index) {
            return self.gone(index);
        }
        match self.present(index) {
            Err(fault) if is_missing(&fault) && self.may_be_gone(index)? => self.gone(index),
            other => other,
        }
    }

    fn present(&mut self, index: u64) -> Result<(), VerifyError> {
        let (tile, bytes) = self.view.bundle(index)?;
        // A bundle with an entry too many or too few is named as such: its entries would be taken
        // for those of their neighbours.
        if tile::length_of(&bytes, tile.width) != Some(bytes.len()) {
            return Err(Alteration::MalformedTile(tile).into());
        }
        let mut completed = Vec::new();
        for (at, entry) in (index * TILE_WIDTH as u64..).zip(tile::entries(&bytes).flatten()) {
            let leaf = leaf_hash_with(&mut self.scratch, entry);
            self.edge.push(leaf, |full| completed.push(full));
            self.check_seen();
            self.check_journal(at, entry);
        }
        self.check_kept(tile, |width| {
            tile::length_of(&bytes, width).and_then(|end| bytes.get(..end))
        });
        for full in completed {
            self.compare_tile(full.level, full.index, &full.hashes)?;
        }
        Ok(())
    }

    fn check_seen(&mut self) {
        if let Some(seen) = &mut self.seen {
            seen.check(&self.edge);
        }
    }

    fn check_journal(&mut self, index: u64, entry: &[u8]) {
        if let Some(at) = index.checked_sub(self.journal_first)
            && let Some(written) = self.journal.get(at as usize)
            && *written != entry
        {
            self.differs.get_or_insert(index);
        }
    }

    /// Compares a stored tile with the hashes rebuilt from the entries.
    fn compare_tile(&mut self, level: u8, index: u64, hashes: &[Hash]) -> Result<(), VerifyError> {
        let tile = TileFile {
            content: Content::Hashes(level),
            index,
            width: hashes.len(),
        };
        let bytes = match read_tile(self.view.disk(), self.view.folder(), tile) {
            // Removed while its entries were read.
            Err(TileError::Missing(_)) if level == 0 && self.may_be_gone(index)? => return Ok(()),
            other => other.map_err(LedgerError::from)?,
        };
        let stored = decode_hashes(&bytes, tile.width).ok_or(Alteration::MalformedTile(tile))?;
        let differs = stored.iter().zip(hashes).position(|(a, b)| a != b);
        if let (None, Some(position)) = (self.wrong, differs) {
            self.wrong = Some((tile, position));
        }
        if differs.is_none() {
            self.check_kept(tile, |width| bytes.get(..width * 32));
        }
        Ok(())
    }

    /// Compares narrower copies of `tile`, kept from earlier heads, with its beginning.
    fn check_kept<'b>(&mut self, tile: TileFile, begin: impl Fn(usize) -> Option<&'b [u8]>) {
        let place = self.view.folder().join(format!("{}.p", tile.whole()));
        let Ok(names) = self.view.disk().list(&place) else {
            return;
        };
        for width in names.iter().filter_map(|name| name.parse().ok()) {
            let kept = TileFile { width, ..tile };
            let path = self.view.folder().join(kept.to_string());
            let right = width >= tile.width
                || match self.view.disk().read(&path, tile::BUNDLE_LIMIT) {
                    Ok(bytes) => begin(width) == Some(bytes.as_slice()),
                    // Removed meanwhile, because the tile is full now.
                    Err(cause) => cause.kind() == std::io::ErrorKind::NotFound,
                };
            if !right {
                self.kept.get_or_insert(kept);
            }
        }
    }
}

fn is_missing(fault: &VerifyError) -> bool {
    matches!(fault.alteration(), Some(Alteration::MissingTile(_)))
}

/// What a stored hash that differs from the rebuilt one says.
fn blame(tile: TileFile, position: usize, entries_hold: bool) -> Alteration {
    let level = match tile.content {
        Content::Hashes(level) => level,
        Content::Entries => 0,
    };
    let at = tile.index * TILE_WIDTH as u64 + position as u64;
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
        index: entry / TILE_WIDTH as u64,
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
