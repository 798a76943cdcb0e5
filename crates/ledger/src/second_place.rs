//! Where checkpoints are kept a second time.
//!
//! Owns the file to which each signed checkpoint is appended, best on another host; what is found
//! there when the log is opened; and the thread that copies. Refuses to append to a place that knows
//! more of the log than the log itself, and to hold up anything: a place that is full, gone or does
//! not answer is told in the state and tried again. A copy that was cut short spoils no later one.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    alteration::{Alteration, LedgerError},
    checkpoint::{Checkpoint, notes},
    disk::{Access, Disk, write_synced},
    minimum::Minimum,
    note::{NOTE_LIMIT, SignerKey},
    tile::TileNodes,
    tree::{TILE_WIDTH, root_of},
};

/// How long after a failed copy the next is tried.
const RETRY: Duration = Duration::from_secs(2);

/// A file longer than this is thinned: about 100,000 checkpoints.
const LONG: u64 = 24 * 1024 * 1024;

/// A file longer than this is left alone.
const TOO_LONG: u64 = 16 * LONG;

/// How many of the newest checkpoints thinning keeps, and which of the older ones.
const NEWEST: usize = 40_000;
const EVERY: usize = 60;

/// How many copies lie between two looks at the length of the file.
const LOOK: u32 = 1024;

/// The second place of one log.
pub struct SecondPlace {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    folder: PathBuf,
    signer: Arc<SignerKey>,
    /// Whether what lies there was compared with the log.
    checked: bool,
    /// Whether the file is known to end with a whole note.
    ends_whole: bool,
    copies: u32,
    /// Entries under the last checkpoint there; `None` if there is none of ours.
    copied: Option<u64>,
    long: u64,
}

impl SecondPlace {
    /// The place at `path` of the log in `folder`; nothing is read yet.
    #[must_use]
    pub fn new(disk: Arc<dyn Disk>, path: PathBuf, folder: &Path, signer: Arc<SignerKey>) -> Self {
        Self {
            disk,
            path,
            folder: folder.to_owned(),
            signer,
            checked: false,
            ends_whole: false,
            copies: 0,
            copied: None,
            long: LONG,
        }
    }

    /// Another length at which the file is thinned, for tests.
    #[doc(hidden)]
    pub const fn set_long(&mut self, bytes: u64) {
        self.long = bytes;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the checkpoint of `size` entries is not there.
    #[must_use]
    pub fn lacks(&self, size: u64) -> bool {
        self.copied != Some(size)
    }

    /// Compares a log of `signed` entries with the last checkpoint there.
    pub fn check(&mut self, signed: u64) -> Result<(), LedgerError> {
        let end = match self.disk.read_end(&self.path, NOTE_LIMIT) {
            // What is not there now may be there when its disk is: nothing is settled yet.
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other.map_err(LedgerError::disk(self.path.clone()))?,
        };
        let text = String::from_utf8_lossy(&end);
        // Notes of other logs and torn ones are not ours to judge.
        let last = notes(&text)
            .filter_map(|note| Checkpoint::open(note, self.signer.verifier()).ok())
            .last();
        if let Some(seen) = last {
            self.compare(&seen, signed)?;
            self.copied = Some(seen.size);
        }
        self.checked = true;
        Ok(())
    }

    fn compare(&self, seen: &Checkpoint, signed: u64) -> Result<(), LedgerError> {
        if seen.size > signed {
            let (size, seen) = (signed, seen.size);
            return Err(Alteration::Older { size, seen }.into());
        }
        let key = self.signer.verifier();
        let minimum = Minimum::read(&*self.disk, &self.folder, key.name(), Some(key))?;
        if seen.size < minimum.index && !seen.size.is_multiple_of(TILE_WIDTH as u64) {
            // What it covered is gone; the next copy can be compared again.
            return Ok(());
        }
        let mut nodes = TileNodes::new(&*self.disk, &self.folder, signed);
        if root_of(&mut nodes, seen.size)? != seen.root {
            return Err(Alteration::Forked { seen: seen.size }.into());
        }
        Ok(())
    }

    /// Appends `note`, the checkpoint of `size` entries, unless it is there.
    pub fn append(&mut self, note: &str, size: u64) -> io::Result<()> {
        if !self.checked {
            // It could not be read, or was not there, when the log was opened.
            self.check(size).map_err(io::Error::other)?;
        }
        if !self.lacks(size) {
            return Ok(());
        }
        let mut file = match self.disk.append(&self.path) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let file = self.disk.create(&self.path, Access::Shared)?;
                if let Some(parent) = self.path.parent() {
                    self.disk.sync_folder(parent)?;
                }
                (self.checked, self.ends_whole) = (true, true);
                file
            }
            other => other?,
        };
        let whole = std::mem::replace(&mut self.ends_whole, false) || self.ends_with_a_note()?;
        if whole {
            file.write(note.as_bytes())?;
        } else {
            file.write(format!("\n\n{note}").as_bytes())?;
        }
        file.sync()?;
        self.ends_whole = true;
        self.copied = Some(size);
        self.copies = self.copies.wrapping_add(1);
        if self.copies % LOOK == 1 {
            // A place that lets nobody rewrite it is left to grow.
            let _ = self.thin();
        }
        Ok(())
    }

    /// Whether nothing at the end was cut short.
    fn ends_with_a_note(&self) -> io::Result<bool> {
        let end = self.disk.read_end(&self.path, NOTE_LIMIT)?;
        let text = String::from_utf8_lossy(&end);
        let last = text.strip_suffix('\n').map(|text| text.rsplit('\n').next());
        Ok(text.is_empty() || last.flatten().is_some_and(|line| line.starts_with('—')))
    }

    /// Keeps the newest checkpoints of a long file and every sixtieth of the older ones. A file with
    /// anything else in it is not ours alone, and stays.
    fn thin(&self) -> io::Result<()> {
        match self.disk.read(&self.path, self.long) {
            Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {}
            other => return other.map(drop),
        }
        let bytes = self.disk.read(&self.path, TOO_LONG)?;
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<&str> = notes(&text).collect();
        let ours = |note: &&str| Checkpoint::open(note, self.signer.verifier()).is_ok();
        if !all.iter().all(ours) {
            return Ok(());
        }
        let older = all.len().saturating_sub(NEWEST.min(all.len() / 2));
        let kept: String = all
            .iter()
            .enumerate()
            .filter(|(place, _)| *place >= older || place % EVERY == 0)
            .map(|(_, note)| *note)
            .collect();
        let draft = self.path.with_added_extension("new");
        write_synced(&*self.disk, &draft, Access::Shared, kept.as_bytes())?;
        self.disk.rename(&draft, &self.path)?;
        match self.path.parent() {
            Some(parent) => self.disk.sync_folder(parent),
            None => Ok(()),
        }
    }
}

/// What waits to be copied.
#[derive(Default)]
struct Mail {
    newest: Option<(u64, String)>,
    closing: bool,
    behind: Option<String>,
}

/// Between the tiler and the thread that copies; only the newest checkpoint waits here.
#[derive(Default)]
pub(crate) struct Letterbox {
    mail: Mutex<Mail>,
    changed: Condvar,
}

impl Letterbox {
    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Leaves a checkpoint to be copied.
    pub(crate) fn post(&self, size: u64, note: &str) {
        self.lock().newest = Some((size, note.to_owned()));
        self.changed.notify_all();
    }

    /// Ends the copying after one more attempt.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.changed.notify_all();
    }

    /// Why the newest checkpoint is not in the second place, if so.
    pub(crate) fn behind(&self) -> Option<String> {
        self.lock().behind.clone()
    }
}

/// The thread that copies.
pub(crate) struct Copier {
    pub(crate) letterbox: Arc<Letterbox>,
    pub(crate) place: SecondPlace,
}

impl Copier {
    /// Works until the letterbox is closed and empty.
    pub(crate) fn run(mut self) {
        let mut failed = false;
        loop {
            let (newest, closing) = self.wait(failed);
            failed = false;
            if let Some((size, note)) = newest {
                let copied = self.place.append(&note, size);
                let behind = copied
                    .err()
                    .map(|cause| format!("the second place cannot be written: {cause}"));
                failed = behind.is_some();
                let mut mail = self.letterbox.lock();
                mail.behind = behind;
                if failed && mail.newest.is_none() {
                    mail.newest = Some((size, note));
                }
            }
            if closing {
                return;
            }
        }
    }

    /// Waits for a checkpoint; after a failure also for a while.
    fn wait(&self, failed: bool) -> (Option<(u64, String)>, bool) {
        let mut mail = self.letterbox.lock();
        if failed {
            let waited = self
                .letterbox
                .changed
                .wait_timeout_while(mail, RETRY, |mail| !mail.closing);
            mail = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        while mail.newest.is_none() && !mail.closing {
            let changed = self.letterbox.changed.wait(mail);
            mail = changed.unwrap_or_else(PoisonError::into_inner);
        }
        (mail.newest.take(), mail.closing)
    }
}

#[cfg(test)]
mod tests;
