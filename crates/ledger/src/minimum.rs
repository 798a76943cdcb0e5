//! The minimum index: below it, entries may be gone.
//!
//! Owns the signed note in which a log says so: since when, and what it is about to remove next. Its
//! first line holds spaces, as no origin can, so that it can never be taken for a checkpoint. Refuses
//! an index inside a bundle: only whole bundles go. What pruning leaves of the tree is that of
//! <https://c2sp.org/tlog-tiles>; the note is ours, because the specification has none yet.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use control::Timestamp;

use crate::{
    alteration::{Alteration, LedgerError},
    disk::{Access, Disk, write_synced},
    note::{NOTE_LIMIT, Note, NoteError, SignerKey, VerifierKey},
    tree::TILE_WIDTH,
};

/// The first line.
const TITLE: &str = "vouchsafe ledger minimum v1";

/// What a log says of its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimum {
    /// The log's name.
    pub origin: String,
    /// Entries below may be gone.
    pub index: u64,
    /// When that was signed.
    pub since: Timestamp,
    /// What is to be removed next.
    pub announced: Option<Announced>,
}

/// A removal that was said beforehand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announced {
    /// The minimum index to come.
    pub index: u64,
    /// When it was said.
    pub at: Timestamp,
}

/// The note within a ledger folder.
#[must_use]
pub fn minimum_path(folder: &Path) -> PathBuf {
    folder.join("minimum")
}

impl Minimum {
    /// Of a log from which nothing was removed.
    #[must_use]
    pub const fn none(origin: String) -> Self {
        Self {
            origin,
            index: 0,
            since: Timestamp::from_millis(0),
            announced: None,
        }
    }

    /// Whether the bundle at `index` may be gone.
    #[must_use]
    pub const fn covers(&self, index: u64) -> bool {
        index < self.index / TILE_WIDTH as u64
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let pair = |line: &str, first: &str, second: &str| {
            let (index, at) = line.strip_prefix(first)?.split_once(second)?;
            let index: u64 = index.parse().ok()?;
            let whole = index.is_multiple_of(TILE_WIDTH as u64);
            Some((index, Timestamp::from_millis(at.parse().ok()?))).filter(|_| whole)
        };
        let (_, origin) = (lines.next()?, lines.next()?);
        let (index, since) = pair(lines.next()?, "minimum ", " since ")?;
        let announced = match lines.next() {
            Some(line) => {
                let (index, at) = pair(line, "announced ", " at ")?;
                Some(Announced { index, at })
            }
            None => None,
        };
        let read = Self {
            origin: origin.to_owned(),
            index,
            since,
            announced,
        };
        // Only one spelling is taken, the title's included.
        (read.to_string() == text).then_some(read)
    }

    /// Reads the note of `folder`, signed by `key` if there is one. A log without a note has removed
    /// nothing.
    pub fn read(
        disk: &dyn Disk,
        folder: &Path,
        origin: &str,
        key: Option<&VerifierKey>,
    ) -> Result<Self, LedgerError> {
        let path = minimum_path(folder);
        let bytes = match disk.read(&path, NOTE_LIMIT) {
            Ok(bytes) => bytes,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::none(origin.to_owned()));
            }
            Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
                return Err(Alteration::BadMinimum(NoteError::Malformed).into());
            }
            Err(cause) => return Err(LedgerError::Disk { path, cause }),
        };
        let read = || {
            let text = String::from_utf8(bytes).map_err(|_| NoteError::Malformed)?;
            let note = Note::parse(&text)?;
            let text = match key {
                Some(key) => note.verify(key)?,
                None => note.unverified_text(),
            };
            Self::parse(text)
                .filter(|read| read.origin == origin)
                .ok_or(NoteError::Malformed)
        };
        read().map_err(|fault| Alteration::BadMinimum(fault).into())
    }

    /// Signs the note and puts it in place of the old one; durable when this returns.
    pub(crate) fn write(
        &self,
        disk: &dyn Disk,
        folder: &Path,
        signer: &SignerKey,
    ) -> io::Result<()> {
        let note = signer.sign(&self.to_string());
        let draft = folder.join("minimum.new");
        write_synced(disk, &draft, Access::Shared, note.as_bytes())?;
        disk.rename(&draft, &minimum_path(folder))?;
        disk.sync_folder(folder)
    }
}

impl fmt::Display for Minimum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.millis();
        writeln!(f, "{TITLE}\n{}", self.origin)?;
        writeln!(f, "minimum {} since {since}", self.index)?;
        match self.announced {
            Some(next) => writeln!(f, "announced {} at {}", next.index, next.at.millis()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{checkpoint::Checkpoint, crash_disk::CrashDisk};

    fn sample() -> Minimum {
        Minimum {
            origin: "log.example/a/1".to_owned(),
            index: 512,
            since: Timestamp::from_millis(7),
            announced: Some(Announced {
                index: 768,
                at: Timestamp::from_millis(9),
            }),
        }
    }

    #[test]
    fn a_note_reads_back_and_is_never_a_checkpoint() {
        let later = Minimum {
            announced: None,
            ..sample()
        };
        for minimum in [sample(), later] {
            let text = minimum.to_string();
            assert_eq!(Minimum::parse(&text), Some(minimum));
            assert!(Checkpoint::parse(&text).is_err());
        }
        let head = Checkpoint {
            origin: "log.example/a/1".to_owned(),
            size: 512,
            root: [0; 32],
        };
        assert_eq!(Minimum::parse(&head.to_string()), None);
    }

    #[test]
    fn other_spellings_and_indices_inside_a_bundle_are_refused() {
        let text = sample().to_string();
        for (from, to) in [
            ("v1", "v2"),
            ("512", "513"),
            ("512", "0512"),
            ("768", "+768"),
            ("since 7", "since 07"),
            ("at 9\n", "at 9"),
            ("at 9\n", "at 9\nmore\n"),
        ] {
            assert_eq!(Minimum::parse(&text.replacen(from, to, 1)), None, "{to}");
        }
    }

    #[test]
    fn a_note_of_another_key_or_log_is_an_alteration_and_none_is_none() {
        let folder = Path::new("/ledger");
        let disk = CrashDisk::new(folder);
        let signer = SignerKey::from_seed("log.example/a/1", [3; 32]).unwrap();
        let read = |origin: &str, key: &SignerKey| {
            Minimum::read(&disk, folder, origin, Some(key.verifier()))
        };
        let none = read("log.example/a/1", &signer).unwrap();
        assert_eq!((none.index, none.covers(0)), (0, false));
        sample().write(&disk, folder, &signer).unwrap();
        let found = read("log.example/a/1", &signer).unwrap();
        assert_eq!(found, sample());
        assert!(found.covers(1) && !found.covers(2));
        let other = SignerKey::from_seed("log.example/a/1", [4; 32]).unwrap();
        assert!(read("log.example/a/1", &other).is_err());
        assert!(read("log.example/a/2", &signer).is_err());
    }
}
