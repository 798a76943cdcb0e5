//! One bundle, judged on its own.
//!
//! Owns what can be said of 256 entries without knowing what lies before them: that they read, what
//! they hash to, whether the tile of their hashes is theirs, and whether what was kept from earlier
//! heads is a beginning of them. Needs nothing of the other bundles, so that several are judged at once.

use std::{io, path::Path};

use crate::{
    disk::Disk,
    tile::{self, Content, TileError, TileFile, decode_hashes, read_tile},
    tree::{Hash, TILE_WIDTH, leaf_hash_with, root_over},
};

/// What all bundles are compared with.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) folder: &'a Path,
    /// Entries under the head.
    pub(super) size: u64,
    /// Entries of the journal from the index before them on.
    pub(super) journal: (u64, &'a [&'a [u8]]),
}

/// What a bundle said.
pub(super) struct Judged {
    /// The hashes of its entries.
    pub(super) leaves: Vec<Hash>,
    /// The root over them, where there are 256.
    pub(super) root: Option<Hash>,
    /// The first entry that is not the one of the journal.
    pub(super) differs: Option<u64>,
    /// The first kept tile that is not a beginning of what it should be.
    pub(super) kept: Option<TileFile>,
    /// The first stored hash that is not that of its entry, where a whole tile of them is stored.
    pub(super) wrong: Result<Option<(TileFile, usize)>, TileError>,
}

impl Around<'_> {
    /// Judges the bundle at `index`.
    pub(super) fn judge(&self, index: u64, scratch: &mut Vec<u8>) -> Result<Judged, TileError> {
        let tile = TileFile::in_tree(Content::Entries, index, self.size);
        let tile = tile.ok_or(TileError::Missing(TileFile {
            content: Content::Entries,
            index,
            width: TILE_WIDTH,
        }))?;
        let bytes = read_tile(self.disk, self.folder, tile)?;
        // A bundle with an entry too many or too few is named as such: its entries would be taken
        // for those of their neighbours.
        if tile::length_of(&bytes, tile.width) != Some(bytes.len()) {
            return Err(TileError::Malformed(tile));
        }
        let mut judged = Judged {
            leaves: Vec::with_capacity(tile.width),
            root: None,
            differs: None,
            kept: None,
            wrong: Ok(None),
        };
        for (at, entry) in (index * TILE_WIDTH as u64..).zip(tile::entries(&bytes).flatten()) {
            judged.leaves.push(leaf_hash_with(scratch, entry));
            if self.differs(at, entry) {
                judged.differs.get_or_insert(at);
            }
        }
        judged.kept = self.kept(tile, |width| {
            tile::length_of(&bytes, width).and_then(|end| bytes.get(..end))
        });
        if judged.leaves.len() == TILE_WIDTH {
            judged.root = Some(root_over(&judged.leaves));
            judged.wrong = self.compare(0, index, &judged.leaves).map(|compared| {
                judged.kept = judged.kept.or(compared.kept);
                compared.wrong
            });
        }
        Ok(judged)
    }

    fn differs(&self, index: u64, entry: &[u8]) -> bool {
        let (first, entries) = self.journal;
        let written = index
            .checked_sub(first)
            .and_then(|at| entries.get(usize::try_from(at).ok()?));
        written.is_some_and(|written| *written != entry)
    }

    /// Compares a stored tile with the hashes rebuilt from the entries.
    pub(super) fn compare(
        &self,
        level: u8,
        index: u64,
        hashes: &[Hash],
    ) -> Result<Compared, TileError> {
        let tile = TileFile {
            content: Content::Hashes(level),
            index,
            width: hashes.len(),
        };
        let bytes = read_tile(self.disk, self.folder, tile)?;
        let stored = decode_hashes(&bytes, tile.width).ok_or(TileError::Malformed(tile))?;
        let differs = stored.iter().zip(hashes).position(|(a, b)| a != b);
        let kept = match differs {
            None => self.kept(tile, |width| bytes.get(..width * 32)),
            Some(_) => None,
        };
        Ok(Compared {
            wrong: differs.map(|position| (tile, position)),
            kept,
        })
    }

    /// The first narrower copy of `tile`, kept from an earlier head, that is not its beginning.
    fn kept<'b>(
        &self,
        tile: TileFile,
        begin: impl Fn(usize) -> Option<&'b [u8]>,
    ) -> Option<TileFile> {
        let place = self.folder.join(format!("{}.p", tile.whole()));
        let names = self.disk.list(&place).ok()?;
        let widths = names.iter().filter_map(|name| name.parse().ok());
        let mut kept = widths.map(|width| TileFile { width, ..tile });
        kept.find(|kept| {
            let path = self.folder.join(kept.to_string());
            kept.width < tile.width
                && match self.disk.read(&path, tile::BUNDLE_LIMIT) {
                    Ok(bytes) => begin(kept.width) != Some(bytes.as_slice()),
                    // Removed meanwhile, because the tile is full now.
                    Err(cause) => cause.kind() != io::ErrorKind::NotFound,
                }
        })
    }
}

/// What a stored tile of hashes said.
pub(super) struct Compared {
    pub(super) wrong: Option<(TileFile, usize)>,
    pub(super) kept: Option<TileFile>,
}
