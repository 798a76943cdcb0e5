//! Tiles and entry bundles on disk (C2SP tlog-tiles).
//!
//! Owns their paths, their encodings and the reading of tree hashes from them. Refuses encodings
//! with surplus or missing bytes. Source: <https://c2sp.org/tlog-tiles>.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::{
    disk::Disk,
    tree::{Edge, Hash, Nodes, TILE_WIDTH, partial_width, root_over, tile_levels},
};

/// The longest entry: its length is written in 16 bits.
pub const ENTRY_LIMIT: usize = u16::MAX as usize;

/// The longest entry bundle in bytes.
pub const BUNDLE_LIMIT: u64 = (TILE_WIDTH * (2 + ENTRY_LIMIT)) as u64;

/// What a tile file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Content {
    /// Hashes at this tile level, 0 to 63.
    Hashes(u8),
    /// Entries.
    Entries,
}

/// One file below `tile/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileFile {
    /// What it holds.
    pub content: Content,
    /// Its index within its level.
    pub index: u64,
    /// How many hashes or entries: 256, or less in a partial one.
    pub width: usize,
}

impl TileFile {
    /// The tile of `content` at `index` in a tree of `size`; `None` beyond its edge.
    #[must_use]
    pub fn in_tree(content: Content, index: u64, size: u64) -> Option<Self> {
        let level = match content {
            Content::Hashes(level) => level,
            Content::Entries => 0,
        };
        let full = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        let width = match index.cmp(&full) {
            std::cmp::Ordering::Less => TILE_WIDTH,
            std::cmp::Ordering::Equal => partial_width(level, size),
            std::cmp::Ordering::Greater => 0,
        };
        (width > 0).then_some(Self {
            content,
            index,
            width,
        })
    }

    /// The incomplete tile of hashes at the right edge of `level` in a tree of `size`, if there is one.
    #[must_use]
    pub fn at_edge(level: u8, size: u64) -> Option<Self> {
        let index = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        Self::in_tree(Content::Hashes(level), index, size)
    }

    /// The full tile of which this may be a part.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self {
            width: TILE_WIDTH,
            ..self
        }
    }

    /// Reads a path below the ledger folder, such as `tile/0/x001/x234/067.p/8`. Only the one
    /// spelling that [`fmt::Display`] writes is accepted.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let rest = path.strip_prefix("tile/")?;
        let (kind, rest) = rest.split_once('/')?;
        let content = match kind {
            "entries" => Content::Entries,
            level => Content::Hashes(level.parse().ok().filter(|level| *level < 64)?),
        };
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, width.parse().ok().filter(|w| *w < TILE_WIDTH)?),
            None => (rest, TILE_WIDTH),
        };
        let mut index: u64 = 0;
        for part in number.split('/') {
            let digits: u64 = part.trim_start_matches('x').parse().ok()?;
            index = index.checked_mul(1000)?.checked_add(digits)?;
        }
        let tile = Self {
            content,
            index,
            width,
        };
        (width > 0 && tile.to_string() == path).then_some(tile)
    }
}

impl fmt::Display for TileFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.content {
            Content::Hashes(level) => write!(f, "tile/{level}/")?,
            Content::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        for group in groups.iter().skip(1).rev() {
            write!(f, "x{group:03}/")?;
        }
        write!(f, "{:03}", groups.first().copied().unwrap_or(0))?;
        if self.width < TILE_WIDTH {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

/// The bytes of a tile of hashes.
#[must_use]
pub fn encode_hashes(hashes: &[Hash]) -> Vec<u8> {
    hashes.concat()
}

/// The hashes of a tile; `None` unless there are exactly `width`.
#[must_use]
pub fn decode_hashes(bytes: &[u8], width: usize) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    (rest.is_empty() && hashes.len() == width).then(|| hashes.to_vec())
}

/// Appends an entry to a bundle, or says no to one that is too long.
#[must_use]
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> bool {
    let Ok(length) = u16::try_from(entry.len()) else {
        return false;
    };
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    true
}

/// The entries of a bundle in order; stops with `None` at the first that is cut short.
pub fn entries(bundle: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = Some(bundle);
    std::iter::from_fn(move || {
        let bytes = rest.filter(|bytes| !bytes.is_empty())?;
        let read = bytes.split_first_chunk::<2>().and_then(|(length, after)| {
            after.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        rest = read.map(|(_, after)| after);
        Some(read.map(|(entry, _)| entry))
    })
}

/// A tile could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TileError {
    /// It is not there.
    #[error("{0} is missing")]
    Missing(TileFile),
    /// It is not of the length its place asks for.
    #[error("{0} is not of the length its place asks for")]
    Malformed(TileFile),
    /// The disk refused.
    #[error("cannot read {0}: {1}")]
    Disk(TileFile, std::io::Error),
}

/// The bytes of `tile`, taken from the full tile where the partial one is gone already.
pub fn read_tile(disk: &dyn Disk, folder: &Path, tile: TileFile) -> Result<Vec<u8>, TileError> {
    let limit = match tile.content {
        Content::Hashes(_) => (TILE_WIDTH * 32) as u64,
        Content::Entries => BUNDLE_LIMIT,
    };
    let read = |wanted: TileFile| disk.read(&folder.join(wanted.to_string()), limit);
    let missing = |cause: &std::io::Error| cause.kind() == std::io::ErrorKind::NotFound;
    match read(tile) {
        Ok(bytes) => Ok(bytes),
        Err(cause) if missing(&cause) && tile.width < TILE_WIDTH => {
            let mut bytes = read(tile.whole()).map_err(|cause| {
                if missing(&cause) {
                    TileError::Missing(tile)
                } else {
                    TileError::Disk(tile, cause)
                }
            })?;
            let length = match tile.content {
                Content::Hashes(_) => Some(tile.width * 32),
                Content::Entries => length_of(&bytes, tile.width),
            };
            bytes.truncate(length.ok_or(TileError::Malformed(tile.whole()))?);
            Ok(bytes)
        }
        Err(cause) if missing(&cause) => Err(TileError::Missing(tile)),
        Err(cause) if cause.kind() == std::io::ErrorKind::FileTooLarge => {
            Err(TileError::Malformed(tile))
        }
        Err(cause) => Err(TileError::Disk(tile, cause)),
    }
}

/// Bytes that the first `count` entries of a bundle take.
pub(crate) fn length_of(bundle: &[u8], count: usize) -> Option<usize> {
    entries(bundle)
        .take(count)
        .try_fold((0, 0), |(length, seen), entry| {
            Some((length + 2 + entry?.len(), seen + 1))
        })
        .filter(|(_, seen)| *seen == count)
        .map(|(length, _)| length)
}

/// Tree hashes read from the tiles of a ledger folder.
pub struct TileNodes<'a> {
    disk: &'a dyn Disk,
    folder: PathBuf,
    size: u64,
    last: Option<(TileFile, Vec<Hash>)>,
}

impl<'a> TileNodes<'a> {
    /// The hashes of the tree of `size` entries in `folder`.
    #[must_use]
    pub fn new(disk: &'a dyn Disk, folder: &Path, size: u64) -> Self {
        Self {
            disk,
            folder: folder.to_owned(),
            size,
            last: None,
        }
    }

    /// The right edge of the tree, from its incomplete tiles, lowest level first.
    pub(crate) fn edge(&mut self) -> Result<Option<Edge>, TileError> {
        let mut levels = Vec::new();
        for level in (0_u8..).take(tile_levels(self.size)) {
            levels.push(match TileFile::at_edge(level, self.size) {
                Some(tile) => self.tile(level, tile.index)?.to_vec(),
                None => Vec::new(),
            });
        }
        Ok(Edge::from_levels(self.size, levels))
    }

    /// The hashes of one tile.
    pub fn tile(&mut self, level: u8, index: u64) -> Result<&[Hash], TileError> {
        let content = Content::Hashes(level);
        let beyond = TileFile {
            content,
            index,
            width: TILE_WIDTH,
        };
        let tile =
            TileFile::in_tree(content, index, self.size).ok_or(TileError::Missing(beyond))?;
        if self.last.as_ref().is_none_or(|(last, _)| *last != tile) {
            let bytes = read_tile(self.disk, &self.folder, tile)?;
            let hashes = decode_hashes(&bytes, tile.width).ok_or(TileError::Malformed(tile))?;
            self.last = Some((tile, hashes));
        }
        Ok(self.last.as_ref().map_or(&[], |(_, hashes)| hashes))
    }
}

impl Nodes for TileNodes<'_> {
    type Error = TileError;

    fn node(&mut self, height: u8, index: u64) -> Result<Hash, TileError> {
        let (level, within) = (height / 8, height % 8);
        let first = index << within;
        let tile = first / TILE_WIDTH as u64;
        let start = (first % TILE_WIDTH as u64) as usize;
        let hashes = self.tile(level, tile)?;
        let hashes = hashes
            .get(start..start + (1 << within))
            .ok_or(TileError::Missing(TileFile {
                content: Content::Hashes(level),
                index: tile,
                width: TILE_WIDTH,
            }))?;
        Ok(root_over(hashes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The example of c2sp.org/tlog-tiles: index 1234067 is `x001/x234/067`.
    #[test]
    fn the_path_of_the_specification_holds() {
        let tile = TileFile {
            content: Content::Hashes(0),
            index: 1_234_067,
            width: 256,
        };
        assert_eq!(tile.to_string(), "tile/0/x001/x234/067");
    }

    /// The example of c2sp.org/tlog-tiles: a tree of 70,000 and a tree of 256.
    #[test]
    fn the_tiles_of_a_tree_are_those_of_the_specification() {
        let width = |level, index, size| {
            TileFile::in_tree(Content::Hashes(level), index, size).map(|tile| tile.width)
        };
        assert_eq!(width(0, 272, 70_000), Some(256));
        assert_eq!(width(0, 273, 70_000), Some(112));
        assert_eq!(width(0, 274, 70_000), None);
        assert_eq!(width(1, 0, 70_000), Some(256));
        assert_eq!(width(1, 1, 70_000), Some(17));
        assert_eq!(width(2, 0, 70_000), Some(1));
        assert_eq!(width(3, 0, 70_000), None);
        assert_eq!(width(0, 0, 256), Some(256));
        assert_eq!(width(0, 1, 256), None);
        assert_eq!(width(1, 0, 256), Some(1));
    }

    #[test]
    fn other_spellings_of_a_path_are_refused() {
        assert!(TileFile::parse("tile/0/067.p/8").is_some());
        for path in [
            "tile/0/67",
            "tile/0/x067",
            "tile/00/067",
            "tile/64/067",
            "tile/0/x000/067",
            "tile/0/067.p/0",
            "tile/0/067.p/256",
            "tile/0/067.p/08",
            "tile/0/",
            "tile//067",
            "tile/0/067/",
            "tile/0/+67",
            "tile/entries",
            "checkpoint",
        ] {
            assert_eq!(TileFile::parse(path), None, "{path}");
        }
    }

    proptest! {
        #[test]
        fn a_path_reads_back(level in 0_u8..65, index: u64, width in 1_usize..=256) {
            let content = if level == 64 { Content::Entries } else { Content::Hashes(level) };
            let tile = TileFile { content, index, width };
            prop_assert_eq!(TileFile::parse(&tile.to_string()), Some(tile));
        }

        #[test]
        fn a_bundle_reads_back(list in prop::collection::vec(
            prop::collection::vec(any::<u8>(), 0..400), 0..20,
        ), cut: usize) {
            let mut bundle = Vec::new();
            for entry in &list {
                prop_assert!(push_entry(&mut bundle, entry));
            }
            let read: Option<Vec<Vec<u8>>> =
                entries(&bundle).map(|entry| entry.map(<[u8]>::to_vec)).collect();
            prop_assert_eq!(read.as_ref(), Some(&list));
            if !bundle.is_empty() {
                let cut = cut % bundle.len();
                let fewer: Vec<_> = entries(&bundle[..cut]).collect();
                let whole = fewer.iter().flatten().count();
                prop_assert!(whole < list.len());
            }
        }
    }

    #[test]
    fn an_entry_that_is_too_long_is_refused() {
        let mut bundle = Vec::new();
        assert!(push_entry(&mut bundle, &[0; ENTRY_LIMIT]));
        assert!(!push_entry(&mut bundle, &[0; ENTRY_LIMIT + 1]));
    }
}
