//! The ledger's files in a data folder.
//!
//! Owns where everything lies and the order in which a log is first made: its signing key gets its
//! final name only once the empty log and its first checkpoint are durable. So a key without a log
//! means that the log was removed, and a log without a key that the key was; a crash explains
//! neither. Refuses both.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use control::{Rng, rng};

use crate::{
    alteration::{Alteration, LedgerError},
    disk::{Access, Disk, write_synced},
    journal,
    log::Log,
    note::{NoteError, SignerKey},
    publish::{journal_folder, read_checkpoint},
    view::is_ledger,
};

/// The ledger's folder in a data folder.
#[must_use]
pub fn ledger_folder(data: &Path) -> PathBuf {
    data.join("ledger")
}

/// The signing key's file in a data folder.
#[must_use]
pub fn key_path(data: &Path) -> PathBuf {
    data.join("ledger.key")
}

/// The ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is altered, or the disk refused.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The log is there, its signing key is not.
    #[error("the ledger has entries, but its signing key {} is missing", .0.display())]
    NoKey(PathBuf),
    /// The signing key cannot be read.
    #[error("the signing key {}: {cause}", .path.display())]
    Key {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        cause: String,
    },
    /// The origin cannot name a log.
    #[error("{0:?} cannot name a ledger: {1}")]
    Origin(String, NoteError),
    /// The keys of pseudonyms cannot be used.
    #[error(transparent)]
    Pseudonyms(#[from] crate::pseudonyms::PseudonymsError),
    /// A thread could not be started, or there was no randomness.
    #[error("{0}")]
    System(String),
}

impl OpenError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Ledger(LedgerError::Altered(_)) => "ledger.altered",
            Self::Ledger(LedgerError::Disk { .. }) => "ledger.disk",
            Self::NoKey(_) => "ledger.no-key",
            Self::Key { .. } => "ledger.key-unusable",
            Self::Origin(..) => "ledger.origin",
            Self::Pseudonyms(_) => "ledger.pseudonyms",
            Self::System(_) => "ledger.system",
        }
    }

    /// What to do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Ledger(LedgerError::Altered(_)) => {
                "keep the data folder as it is for whoever investigates, run vouchsafe ledger \
                 verify on it, and restore the ledger from a backup or begin with a new data folder"
            }
            Self::Ledger(LedgerError::Disk { .. }) => {
                "check that the disk is neither full nor read-only and that this user owns the \
                 data folder"
            }
            Self::NoKey(_) => {
                "restore the key from a backup; without it this ledger can be read and verified \
                 but not continued, so otherwise move the ledger folder away"
            }
            Self::Key { .. } => "restore the key from a backup, readable by this user alone",
            Self::Origin(..) => {
                "public host, deployment name and node name must be free of spaces and plus signs"
            }
            Self::Pseudonyms(_) => {
                "restore the file from a backup; moving it away loses only the way back from old \
                 pseudonyms to who they stand for"
            }
            Self::System(_) => "look at the limits of this user and at the system's log",
        }
    }
}

/// The log in `data`, made if there is none, and its key.
pub(crate) fn open(
    disk: &Arc<dyn Disk>,
    data: &Path,
    origin: &str,
    second_place: Option<PathBuf>,
    rng: &dyn Rng,
) -> Result<(Log, Arc<SignerKey>), OpenError> {
    let folder = ledger_folder(data);
    match read_signer(&**disk, data)? {
        Some(signer) => {
            let signer = Arc::new(signer);
            let log = Log::open(disk, &folder, Arc::clone(&signer), second_place)?;
            Ok((log, signer))
        }
        None => make(disk, data, origin, second_place, rng),
    }
}

/// The signing key in `data`, if there is one.
pub fn read_signer(disk: &dyn Disk, data: &Path) -> Result<Option<SignerKey>, OpenError> {
    let path = key_path(data);
    let fault = |cause: String| OpenError::Key {
        path: path.clone(),
        cause,
    };
    match disk.read_secret(&path) {
        Ok(secret) => std::str::from_utf8(secret.expose())
            .map_err(|_| NoteError::SignerKey)
            .and_then(SignerKey::parse)
            .map(Some)
            .map_err(|error| fault(error.to_string())),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(fault(cause.to_string())),
    }
}

fn make(
    disk: &Arc<dyn Disk>,
    data: &Path,
    origin: &str,
    second_place: Option<PathBuf>,
    rng: &dyn Rng,
) -> Result<(Log, Arc<SignerKey>), OpenError> {
    let folder = ledger_folder(data);
    if holds_entries(&**disk, &folder)? {
        return Err(OpenError::NoKey(key_path(data)));
    }
    let seed = rng::array::<32>(rng).map_err(|error| OpenError::System(error.to_string()))?;
    let named = |error| OpenError::Origin(origin.to_owned(), error);
    let text = SignerKey::text(origin, &seed).map_err(named)?;
    let signer = Arc::new(SignerKey::parse(&text).map_err(named)?);
    let draft = data.join("ledger.key.new");
    write_synced(&**disk, &draft, Access::Secret, text.as_bytes())
        .map_err(LedgerError::disk(&draft))?;
    let log = Log::create(disk, &folder, Arc::clone(&signer), second_place)?;
    // First the names of the ledger and the draft, then the key under its own.
    disk.sync_folder(data)
        .and_then(|()| disk.rename(&draft, &key_path(data)))
        .and_then(|()| disk.sync_folder(data))
        .map_err(LedgerError::disk(data))?;
    Ok((log, signer))
}

/// Whether `folder` holds more than the remains of a log that was never finished.
fn holds_entries(disk: &dyn Disk, folder: &Path) -> Result<bool, LedgerError> {
    match is_ledger(disk, folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => {
            if !other.map_err(LedgerError::disk(folder))? {
                return Ok(false);
            }
        }
    }
    let signed = match read_checkpoint(disk, folder) {
        Ok(note) => {
            crate::checkpoint::Checkpoint::open_unverified(&note).map_or(true, |head| head.size > 0)
        }
        Err(LedgerError::Altered(Alteration::NoCheckpoint)) => false,
        Err(error) => return Err(error),
    };
    let journaled = match journal::read(disk, &journal_folder(folder)) {
        Ok(segments) => segments
            .iter()
            .any(|(_, bytes)| bytes.len() > crate::segment::SEGMENT_HEAD),
        Err(LedgerError::Altered(Alteration::NoJournal)) => false,
        Err(error) => return Err(error),
    };
    Ok(signed || journaled)
}

#[cfg(test)]
mod tests {
    use control::rng::CountingRng;

    use super::*;
    use crate::{crash_disk::CrashDisk, segment::Batch};

    const DATA: &str = "/data";

    fn try_open(disk: &CrashDisk, origin: &str) -> Result<(Log, Arc<SignerKey>), OpenError> {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let rng = CountingRng::from_seed(disk.calls());
        open(&shared, Path::new(DATA), origin, None, &rng)
    }

    fn one(text: &str) -> Batch {
        let mut batch = Batch::default();
        assert!(batch.push(text.as_bytes()));
        batch
    }

    #[test]
    fn a_log_can_be_made_after_a_crash_at_any_call_of_its_making() {
        let disk = CrashDisk::new(Path::new(DATA));
        try_open(&disk, "log.example/a/1").unwrap();
        for call in 0..disk.calls() {
            for seed in 0..8 {
                let disk = CrashDisk::new(Path::new(DATA));
                disk.stop_at(call);
                assert!(try_open(&disk, "log.example/a/1").is_err());
                let found = disk.after_crash(seed);
                let (mut log, key) = try_open(&found, "log.example/a/1").unwrap();
                log.append(&one("x")).unwrap();
                let found = found.after_crash(0);
                let (log, again) = try_open(&found, "log.example/a/1").unwrap();
                assert_eq!(log.publisher.signed(), 1);
                assert_eq!(key.verifier(), again.verifier());
            }
        }
    }

    #[test]
    fn a_log_keeps_the_name_it_was_made_with() {
        let disk = CrashDisk::new(Path::new(DATA));
        try_open(&disk, "old.example/a/1").unwrap();
        let (_, key) = try_open(&disk, "new.example/a/1").unwrap();
        assert_eq!(key.verifier().name(), "old.example/a/1");
    }

    #[test]
    fn a_log_without_its_key_and_a_key_without_its_log_are_refused() {
        let disk = CrashDisk::new(Path::new(DATA));
        let (mut log, _) = try_open(&disk, "log.example/a/1").unwrap();
        log.append(&one("x")).unwrap();
        let key = disk.read(&key_path(Path::new(DATA)), 999).unwrap();
        disk.remove(&key_path(Path::new(DATA))).unwrap();
        let error = try_open(&disk, "log.example/a/1").unwrap_err();
        assert_eq!(error.code(), "ledger.no-key");

        let disk = CrashDisk::new(Path::new(DATA));
        write_synced(&disk, &key_path(Path::new(DATA)), Access::Secret, &key).unwrap();
        disk.create_folder(&ledger_folder(Path::new(DATA))).unwrap();
        let error = try_open(&disk, "log.example/a/1").unwrap_err();
        assert_eq!(error.code(), "ledger.altered");
    }

    #[test]
    fn an_origin_that_cannot_name_a_log_is_refused() {
        let disk = CrashDisk::new(Path::new(DATA));
        let error = try_open(&disk, "log example").unwrap_err();
        assert_eq!(error.code(), "ledger.origin");
        assert!(try_open(&disk, "log.example").is_ok());
    }
}
