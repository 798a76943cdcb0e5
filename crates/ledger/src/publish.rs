//! From durable entries to tiles and a signed checkpoint.
//!
//! Owns the tree of one log and the order in which it reaches the disk: tiles and bundles with
//! their folders, then the checkpoint by rename with its folder, then the copy in the second place,
//! and only then the removal of what it covers. Refuses to sign anything that is not durable below
//! it. Trusts its caller to hand over entries that the journal made durable, in order.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    alteration::{Alteration, LedgerError},
    checkpoint::Checkpoint,
    disk::{Access, Disk, WholeFile, make_folders, write_synced},
    journal,
    note::{NOTE_LIMIT, NoteError, SignerKey},
    second_place::SecondPlace,
    tile::{self, Content, TileFile, TileNodes, encode_hashes, push_entry, read_tile},
    tree::{Edge, TILE_WIDTH, leaf_hash, tile_levels},
};

/// The tree of one log and its signed head.
pub struct Publisher {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    signer: Arc<SignerKey>,
    second_place: Option<SecondPlace>,
    edge: Edge,
    /// Entries of the incomplete bundle.
    bundle: Vec<u8>,
    /// Full tiles that are not on disk yet. Once they are they are never written again: from then
    /// on a checkpoint may cover them, and a crash could tear them.
    full: Vec<(TileFile, Vec<u8>)>,
    /// Full tiles on disk whose partial ones were not looked for yet.
    filled: Vec<TileFile>,
    /// Partial tiles of the present edge that are on disk.
    partial: BTreeSet<TileFile>,
    /// Folders that are known to be durable.
    folders: BTreeSet<PathBuf>,
    signed: u64,
    note: String,
}

/// The journal's folder within a ledger folder.
#[must_use]
pub fn journal_folder(folder: &Path) -> PathBuf {
    folder.join("journal")
}

/// The signed head within a ledger folder.
#[must_use]
pub fn checkpoint_path(folder: &Path) -> PathBuf {
    folder.join("checkpoint")
}

/// The text of the checkpoint in `folder`.
pub fn read_checkpoint(disk: &dyn Disk, folder: &Path) -> Result<String, LedgerError> {
    let path = checkpoint_path(folder);
    match disk.read(&path, NOTE_LIMIT) {
        Ok(bytes) => Ok(String::from_utf8(bytes)
            .map_err(|_| Alteration::BadCheckpoint(NoteError::Malformed))?),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            Err(Alteration::NoCheckpoint.into())
        }
        Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
            Err(Alteration::BadCheckpoint(NoteError::Malformed).into())
        }
        Err(cause) => Err(LedgerError::Disk { path, cause }),
    }
}

impl Publisher {
    /// A log without entries, whose first checkpoint is durable when this returns.
    pub fn create(
        disk: Arc<dyn Disk>,
        folder: &Path,
        signer: Arc<SignerKey>,
        second_place: Option<PathBuf>,
    ) -> Result<Self, LedgerError> {
        let mut publisher = Self::empty(disk, folder, signer, second_place);
        publisher.check_second_place()?;
        publisher.sign().map_err(LedgerError::disk(folder))?;
        // A second place that cannot be written now is owed its copy.
        let _ = publisher.copy_to_second_place();
        Ok(publisher)
    }

    fn empty(
        disk: Arc<dyn Disk>,
        folder: &Path,
        signer: Arc<SignerKey>,
        second_place: Option<PathBuf>,
    ) -> Self {
        let second_place = second_place
            .map(|path| SecondPlace::new(Arc::clone(&disk), path, folder, Arc::clone(&signer)));
        Self {
            disk,
            folder: folder.to_owned(),
            signer,
            second_place,
            edge: Edge::new(),
            bundle: Vec::new(),
            full: Vec::new(),
            filled: Vec::new(),
            partial: BTreeSet::new(),
            folders: BTreeSet::new(),
            signed: 0,
            note: String::new(),
        }
    }

    /// Opens the log at its signed head. The right edge, the head's signature and the second place
    /// are checked; the whole log is for [`crate::verify`].
    pub fn open(
        disk: Arc<dyn Disk>,
        folder: &Path,
        signer: Arc<SignerKey>,
        second_place: Option<PathBuf>,
    ) -> Result<Self, LedgerError> {
        let note = read_checkpoint(&*disk, folder)?;
        let head = Checkpoint::open(&note, signer.verifier()).map_err(Alteration::BadCheckpoint)?;
        // What lies under the head is never written again, not even with the same bytes: a crash
        // could tear it.
        let mut partial: BTreeSet<TileFile> = (0_u8..)
            .take(tile_levels(head.size))
            .filter_map(|level| TileFile::at_edge(level, head.size))
            .collect();
        let edge = TileNodes::new(&*disk, folder, head.size)
            .edge()?
            .filter(|edge| edge.root() == head.root)
            .ok_or(Alteration::Root { size: head.size })?;
        let index = head.size / TILE_WIDTH as u64;
        let bundle = match TileFile::in_tree(Content::Entries, index, head.size) {
            Some(tile) => {
                partial.insert(tile);
                read_bundle(&*disk, folder, tile, &edge)?
            }
            None => Vec::new(),
        };
        let mut publisher = Self {
            edge,
            bundle,
            partial,
            signed: head.size,
            note,
            ..Self::empty(disk, folder, signer, second_place)
        };
        publisher.check_second_place()?;
        Ok(publisher)
    }

    /// Adds an entry that is durable in the journal.
    pub fn add(&mut self, entry: &[u8]) {
        // The journal takes no entry that a bundle could not.
        let _ = push_entry(&mut self.bundle, entry);
        let (full, bundle) = (&mut self.full, &mut self.bundle);
        self.edge.push(leaf_hash(entry), |done| {
            if done.level == 0 {
                let tile = TileFile {
                    content: Content::Entries,
                    index: done.index,
                    width: TILE_WIDTH,
                };
                full.push((tile, std::mem::take(bundle)));
            }
            let tile = TileFile {
                content: Content::Hashes(done.level),
                index: done.index,
                width: TILE_WIDTH,
            };
            full.push((tile, encode_hashes(&done.hashes)));
        });
    }

    /// Entries in the tree, signed or not.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.edge.size()
    }

    /// Entries under the durable checkpoint.
    #[must_use]
    pub const fn signed(&self) -> u64 {
        self.signed
    }

    /// The durable checkpoint.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// Brings every entry added so far under a durable checkpoint. After an error, the old
    /// checkpoint holds and the call may be repeated.
    pub fn publish(&mut self) -> io::Result<()> {
        if self.size() == self.signed {
            return Ok(());
        }
        self.write_tiles()?;
        self.sign()
    }

    fn write_tiles(&mut self) -> io::Result<()> {
        let mut edge = Vec::new();
        let mut partial = |content, level, bytes: &dyn Fn() -> Vec<u8>| {
            let index = self
                .size()
                .checked_shr(8 * (u32::from(level) + 1))
                .unwrap_or(0);
            if let Some(tile) = TileFile::in_tree(content, index, self.size())
                && tile.width < TILE_WIDTH
                && !self.partial.contains(&tile)
            {
                edge.push((tile, bytes()));
            }
        };
        for level in (0_u8..).take(tile_levels(self.size())) {
            partial(Content::Hashes(level), level, &|| {
                encode_hashes(self.edge.partial(level))
            });
        }
        partial(Content::Entries, 0, &|| self.bundle.clone());
        let mut touched = BTreeSet::new();
        let mut paths = Vec::new();
        for (tile, bytes) in self.full.iter().chain(&edge) {
            let path = self.folder.join(tile.to_string());
            if let Some(parent) = path.parent() {
                make_folders(
                    &*self.disk,
                    parent,
                    &self.folder,
                    &self.folders,
                    &mut touched,
                )?;
                touched.insert(parent.to_owned());
            }
            paths.push((path, bytes));
        }
        let files: Vec<WholeFile<'_>> = paths
            .iter()
            .map(|(path, bytes)| WholeFile { path, bytes })
            .collect();
        self.disk.write_files(&files)?;
        for folder in &touched {
            self.disk.sync_folder(folder)?;
        }
        self.folders.append(&mut touched);
        self.partial.extend(edge.iter().map(|(tile, _)| *tile));
        self.filled
            .extend(self.full.drain(..).map(|(tile, _)| tile));
        Ok(())
    }

    /// Signs the tree as it is and replaces the checkpoint.
    fn sign(&mut self) -> io::Result<()> {
        let head = Checkpoint {
            origin: self.signer.verifier().name().to_owned(),
            size: self.size(),
            root: self.edge.root(),
        };
        let note = self.signer.sign(&head.to_string());
        let path = checkpoint_path(&self.folder);
        let draft = self.folder.join("checkpoint.new");
        write_synced(&*self.disk, &draft, Access::Shared, note.as_bytes())?;
        self.disk.rename(&draft, &path)?;
        self.disk.sync_folder(&self.folder)?;
        self.signed = head.size;
        self.note = note;
        Ok(())
    }

    /// Whether there are entries without a checkpoint, or a checkpoint without its copy.
    #[must_use]
    pub fn owes(&self) -> bool {
        self.signed < self.size() || self.owes_copy()
    }

    fn owes_copy(&self) -> bool {
        self.second_place
            .as_ref()
            .is_some_and(|place| place.lacks(self.signed))
    }

    /// Appends the durable checkpoint to the second place, if there is one and it is not there.
    pub fn copy_to_second_place(&mut self) -> io::Result<()> {
        match &mut self.second_place {
            Some(place) => place.append(&self.note, self.signed),
            None => Ok(()),
        }
    }

    /// Removes what the durable checkpoint made superfluous: partial tiles that are full now, and
    /// journal segments before the one that begins with `active`. What stays after a crash does no
    /// harm.
    pub fn tidy(&mut self, active: u64) -> io::Result<()> {
        for tile in std::mem::take(&mut self.filled) {
            let folder = self.folder.join(format!("{tile}.p"));
            if let Ok(names) = self.disk.list(&folder) {
                for name in names {
                    self.disk.remove(&folder.join(name))?;
                }
                self.disk.remove_folder(&folder)?;
                self.folders.remove(&folder);
            }
        }
        let size = self.size();
        self.partial
            .retain(|tile| TileFile::in_tree(tile.content, tile.index, size) == Some(*tile));
        journal::remove_covered(
            &*self.disk,
            &journal_folder(&self.folder),
            self.signed,
            active,
        )
    }

    /// The second place, for whoever copies there from now on.
    pub(crate) const fn take_second_place(&mut self) -> Option<SecondPlace> {
        self.second_place.take()
    }

    /// Compares the log with the second place. One that cannot be read now is compared before the
    /// next copy: whoever can make it unreadable could also remove it.
    fn check_second_place(&mut self) -> Result<(), LedgerError> {
        let Some(place) = &mut self.second_place else {
            return Ok(());
        };
        match place.check(self.signed) {
            Err(LedgerError::Disk { path, .. }) if path == place.path() => Ok(()),
            other => other,
        }
    }
}

/// The incomplete bundle, each entry checked against its leaf hash.
fn read_bundle(
    disk: &dyn Disk,
    folder: &Path,
    tile: TileFile,
    edge: &Edge,
) -> Result<Vec<u8>, LedgerError> {
    let bundle = read_tile(disk, folder, tile)?;
    let mut leaves = edge.partial(0).iter();
    for (entry, index) in tile::entries(&bundle).zip(tile.index * TILE_WIDTH as u64..) {
        let entry = entry.ok_or(Alteration::MalformedTile(tile))?;
        let leaf = leaves.next().ok_or(Alteration::MalformedTile(tile))?;
        if leaf_hash(entry) != *leaf {
            return Err(Alteration::Entry { index, tile }.into());
        }
    }
    match leaves.next() {
        Some(_) => Err(Alteration::MalformedTile(tile).into()),
        None => Ok(bundle),
    }
}
