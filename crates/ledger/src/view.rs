//! A ledger folder as a reader finds it.
//!
//! Owns reading a folder that may be written to at the same time: the signed head and the journal
//! are read until they belong together. Refuses nothing that [`crate::verify`] would name: a view
//! shows what is there and checks no signature. Trusts nothing to be there.

use std::{
    io::{self, Write},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use seal::encode::{base64, hex};

use crate::{
    alteration::{Alteration, LedgerError},
    checkpoint::Checkpoint,
    disk::Disk,
    event::RequestId,
    journal,
    minimum::{Minimum, minimum_path},
    note::{NOTE_LIMIT, NoteError, VerifierKey},
    publish::{checkpoint_path, journal_folder, read_checkpoint},
    tile::{self, Content, TileFile, TileNodes, read_tile},
    tree::{TILE_WIDTH, inclusion},
};

/// How often a head that changes under the reader is read again.
const ATTEMPTS: usize = 100;

/// A ledger folder at one moment.
pub struct View<'a> {
    disk: &'a dyn Disk,
    folder: PathBuf,
    note: String,
    head: Checkpoint,
    segments: Vec<(u64, Vec<u8>)>,
}

/// An entry with its index.
pub type Numbered = (u64, Vec<u8>);

impl<'a> View<'a> {
    /// Reads the head and the journal of `folder`.
    pub fn open(disk: &'a dyn Disk, folder: &Path) -> Result<Self, LedgerError> {
        let mut note = read_checkpoint(disk, folder)?;
        let mut segments = Ok(Vec::new());
        for _ in 0..ATTEMPTS {
            segments = journal::read(disk, &journal_folder(folder));
            let again = read_checkpoint(disk, folder)?;
            // A segment may be removed while it is read, but then the head has changed.
            if again == note {
                break;
            }
            note = again;
        }
        let head = Checkpoint::open_unverified(&note).map_err(Alteration::BadCheckpoint)?;
        Ok(Self {
            disk,
            folder: folder.to_owned(),
            note,
            head,
            segments: segments?,
        })
    }

    /// The signed head; its signature is not checked.
    #[must_use]
    pub const fn head(&self) -> &Checkpoint {
        &self.head
    }

    /// The note of the signed head.
    #[must_use]
    pub fn note(&self) -> &str {
        &self.note
    }

    /// What the journal holds.
    pub fn journal(&self) -> Result<journal::Scan<'_>, Alteration> {
        journal::scan(&self.segments, self.head.size)
    }

    /// The minimum index as it is now, signed by `key` if there is one.
    pub(crate) fn minimum(&self, key: Option<&VerifierKey>) -> Result<Minimum, LedgerError> {
        let origin = &self.head.origin;
        let minimum = Minimum::read(self.disk, &self.folder, origin, key)?;
        if minimum.index > self.head.size && minimum.index > self.newest()? {
            return Err(Alteration::BadMinimum(NoteError::Malformed).into());
        }
        Ok(minimum)
    }

    /// Entries under the head as it is now.
    fn newest(&self) -> Result<u64, LedgerError> {
        let note = read_checkpoint(self.disk, &self.folder)?;
        let head = Checkpoint::open_unverified(&note).map_err(Alteration::BadCheckpoint)?;
        Ok(head.size)
    }

    /// The disk it is read from.
    pub(crate) const fn disk(&self) -> &'a dyn Disk {
        self.disk
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The tile of entries at `index` under the signed head, as stored.
    pub(crate) fn bundle(&self, index: u64) -> Result<(TileFile, Vec<u8>), LedgerError> {
        let beyond = TileFile {
            content: Content::Entries,
            index,
            width: TILE_WIDTH,
        };
        let tile = TileFile::in_tree(Content::Entries, index, self.head.size)
            .ok_or(Alteration::MissingTile(beyond))?;
        Ok((tile, read_tile(self.disk, &self.folder, tile)?))
    }

    /// Shows every entry from index `from` on that is not below the minimum index, signed and
    /// unsigned, until told to stop.
    pub fn each(
        &self,
        from: u64,
        mut show: impl FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), LedgerError> {
        let bundles = self.head.size.div_ceil(TILE_WIDTH as u64);
        let from = from.max(self.minimum(None)?.index);
        for bundle in from / TILE_WIDTH as u64..bundles {
            let (tile, bytes) = self.bundle(bundle)?;
            let first = bundle * TILE_WIDTH as u64;
            for (index, entry) in (first..).zip(tile::entries(&bytes)) {
                let entry = entry.ok_or(Alteration::MalformedTile(tile))?;
                if index >= from && show(index, entry).is_break() {
                    return Ok(());
                }
            }
        }
        let journal = self.journal()?;
        for (index, entry) in journal.entries() {
            if index >= self.head.size.max(from) && show(index, entry).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Entries in all, signed and unsigned.
    pub fn size(&self) -> Result<u64, Alteration> {
        let journal = self.journal()?;
        let unsigned = journal
            .entries()
            .filter(|(index, _)| *index >= self.head.size);
        Ok(self.head.size + unsigned.count() as u64)
    }

    /// The last `count` entries, oldest first.
    pub fn last(&self, count: u64) -> Result<Vec<Numbered>, LedgerError> {
        let mut found = Vec::new();
        self.each(self.size()?.saturating_sub(count), |index, entry| {
            found.push((index, entry.to_vec()));
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Every entry that speaks of `request`, oldest first.
    pub fn of_request(&self, request: RequestId) -> Result<Vec<Numbered>, LedgerError> {
        let needle = format!("\"request\":\"{}\"", hex(&request.0));
        let finder = memchr::memmem::Finder::new(&needle);
        let mut found = Vec::new();
        self.each(0, |index, entry| {
            if finder.find(entry).is_some() {
                found.push((index, entry.to_vec()));
            }
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    /// Writes every entry as it was stored, one JSON object per line, and says how many.
    pub fn export(&self, out: &mut dyn Write) -> Result<u64, LedgerError> {
        let mut written = Ok(0);
        self.each(0, |_, entry| {
            let line = out.write_all(entry).and_then(|()| out.write_all(b"\n"));
            match line {
                Ok(()) => {
                    written = written.as_ref().map_or(Ok(0), |count| Ok(count + 1));
                    ControlFlow::Continue(())
                }
                Err(cause) => {
                    written = Err(cause);
                    ControlFlow::Break(())
                }
            }
        })?;
        written.map_err(LedgerError::disk("the export"))
    }

    /// The proof that entry `index` is under the signed head, as a C2SP tlog-proof file; `None` if
    /// no head covers it yet, or it lies below the minimum index. Source: <https://c2sp.org/tlog-proof>.
    pub fn proof(&self, index: u64) -> Result<Option<String>, LedgerError> {
        if index >= self.head.size || index < self.minimum(None)?.index {
            return Ok(None);
        }
        let mut nodes = TileNodes::new(self.disk, &self.folder, self.head.size);
        let path = inclusion(&mut nodes, index, self.head.size)?;
        let mut text = format!("c2sp.org/tlog-proof@v1\nindex {index}\n");
        for hash in path {
            text.push_str(&base64(&hash));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.note);
        Ok(Some(text))
    }
}

/// Copies the ledger in `from` to the new folder `to` as one consistent whole, journal included.
pub fn copy(from: &Path, to: &Path) -> Result<(), LedgerError> {
    use crate::disk::{Access, RealDisk, write_synced};
    let view = View::open(&RealDisk, from)?;
    let write = |path: PathBuf, bytes: &[u8]| -> Result<(), LedgerError> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(LedgerError::disk(parent))?;
        }
        write_synced(&RealDisk, &path, Access::Shared, bytes).map_err(LedgerError::disk(path))
    };
    let minimum = view.minimum(None)?;
    for tile in tiles_of(view.head.size) {
        let lowest = matches!(tile.content, Content::Entries | Content::Hashes(0));
        if lowest && minimum.covers(tile.index) {
            continue;
        }
        let bytes = read_tile(&RealDisk, from, tile)?;
        write(to.join(tile.to_string()), &bytes)?;
    }
    for (first, bytes) in &view.segments {
        write(journal::segment_path(&journal_folder(to), *first), bytes)?;
    }
    if minimum.index > 0 {
        let path = minimum_path(from);
        let note = RealDisk.read(&path, NOTE_LIMIT);
        write(minimum_path(to), &note.map_err(LedgerError::disk(path))?)?;
    }
    write(checkpoint_path(to), view.note.as_bytes())
}

/// Every tile and bundle that a tree of `size` consists of.
fn tiles_of(size: u64) -> impl Iterator<Item = TileFile> {
    let of = move |content| (0..).map_while(move |index| TileFile::in_tree(content, index, size));
    (0..crate::tree::tile_levels(size) as u8)
        .flat_map(move |level| of(Content::Hashes(level)))
        .chain(of(Content::Entries))
}

/// Whether `folder` holds anything of a ledger.
pub(crate) fn is_ledger(disk: &dyn Disk, folder: &Path) -> io::Result<bool> {
    let names = disk.list(folder)?;
    Ok(["checkpoint", "tile", "journal"]
        .iter()
        .any(|name| names.iter().any(|found| found == name)))
}
