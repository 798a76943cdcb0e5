//! A disk that forgets, for tests.
//!
//! Owns an in-memory [`Disk`] that knows what was synced and what was not, file contents and
//! folder entries apart. It stops dead at any chosen call; [`CrashDisk::after_crash`] then is the
//! disk a machine would find after the power came back: everything not synced may be there, be
//! lost, be torn or be zeros, in any combination, chosen by a seed. It can also be full, read-only
//! or lie about a sync, to show that a suite notices.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::disk::{Access, Disk, File, too_long};

/// Which of the two kinds of sync a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// Of a file's bytes.
    File,
    /// Of a folder's names.
    Folder,
}

/// A sync as [`Skip`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct SyncCall<'a> {
    /// Of which kind.
    pub sync: Sync,
    /// Of what.
    pub path: &'a Path,
    /// Whether nothing of the file was ever synced.
    pub first: bool,
    /// Whether the file was cut since it was last synced.
    pub cut: bool,
}

/// Decides whether a sync is silently left out.
pub type Skip = Arc<dyn Fn(&SyncCall<'_>) -> bool + Send + std::marker::Sync>;

/// The disk that forgets. Clones are the same disk.
#[derive(Clone)]
pub struct CrashDisk(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    contents: BTreeMap<u64, Content>,
    now: BTreeMap<PathBuf, Entry>,
    durable: BTreeMap<PathBuf, Entry>,
    pending: Vec<(PathBuf, NameChange)>,
    next_content: u64,
    calls: u64,
    stop_at: Option<u64>,
    stopped: bool,
    skip: Option<Skip>,
    fail: Option<io::ErrorKind>,
    fail_syncs: bool,
    free: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    File(u64),
}

/// The bytes of a file and what of them is not yet synced.
#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
    synced: bool,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Clone)]
enum NameChange {
    Link(PathBuf, Entry),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf, Entry),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
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
    fn torn(&self, chance: &mut Chance) -> Option<Self> {
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
    fn apply(&self, names: &mut BTreeMap<PathBuf, Entry>) {
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
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

impl CrashDisk {
    /// An empty disk on which `root` is a durable folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let mut inner = Inner::default();
        inner.now.insert(root.to_owned(), Entry::Folder);
        inner.durable.insert(root.to_owned(), Entry::Folder);
        Self(Arc::new(Mutex::new(inner)))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changing calls made so far: each is a boundary at which the power can go.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.inner().calls
    }

    /// The power goes during call number `call`, counted from 0.
    pub fn stop_at(&self, call: u64) {
        self.inner().stop_at = Some(call);
    }

    /// Whether the power went.
    #[must_use]
    pub fn stopped(&self) -> bool {
        self.inner().stopped
    }

    /// Syncs for which `skip` says true are left out and reported as done.
    pub fn skip(&self, skip: Skip) {
        self.inner().skip = Some(skip);
    }

    /// Every changing call fails with `kind` from now on, or none does.
    pub fn fail(&self, kind: Option<io::ErrorKind>) {
        self.inner().fail = kind;
    }

    /// Every sync fails from now on, or none does.
    pub fn fail_syncs(&self, fail: bool) {
        self.inner().fail_syncs = fail;
    }

    /// Only `bytes` more can be written; `None` is without limit.
    pub fn set_free(&self, bytes: Option<u64>) {
        self.inner().free = bytes;
    }

    /// The disk as it may be found after the power came back. Seed 0 loses everything that was not
    /// synced, seed 1 keeps it, every other seed chooses for each change on its own.
    #[must_use]
    pub fn after_crash(&self, seed: u64) -> Self {
        let inner = self.inner();
        let mut chance = Chance(seed);
        let mut found = Inner {
            durable: inner.durable.clone(),
            next_content: inner.next_content,
            skip: inner.skip.clone(),
            ..Inner::default()
        };
        for (id, content) in &inner.contents {
            let mut bytes = content.durable.clone();
            for change in &content.pending {
                let survivor = match seed {
                    0 => None,
                    1 => Some(change.clone()),
                    _ => change.torn(&mut chance),
                };
                if let Some(change) = survivor {
                    change.apply(&mut bytes);
                }
            }
            let content = Content {
                now: bytes.clone(),
                durable: bytes,
                pending: Vec::new(),
                synced: content.synced,
            };
            found.contents.insert(*id, content);
        }
        for (_, change) in &inner.pending {
            if seed == 1 || (seed > 1 && chance.below(2) == 1) {
                change.apply(&mut found.durable);
            }
        }
        // What lies in a folder that was lost is lost with it; parents sort before children.
        let names: Vec<PathBuf> = found.durable.keys().cloned().collect();
        let root = names.first().cloned().unwrap_or_default();
        for path in names {
            let kept = path == root
                || path
                    .parent()
                    .is_some_and(|p| found.durable.get(p) == Some(&Entry::Folder));
            if !kept {
                found.durable.remove(&path);
            }
        }
        found.now.clone_from(&found.durable);
        Self(Arc::new(Mutex::new(found)))
    }
}

impl fmt::Debug for CrashDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrashDisk(..)")
    }
}

fn gone() -> io::Error {
    io::Error::other("the power is gone")
}

fn missing(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, path.display().to_string())
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}

impl Inner {
    /// Counts a changing call. `Ok(true)` means that the power goes while it is carried out.
    fn call(&mut self) -> io::Result<bool> {
        if self.stopped {
            return Err(gone());
        }
        let call = self.calls;
        self.calls += 1;
        if let Some(kind) = self.fail {
            return Err(kind.into());
        }
        self.stopped = self.stop_at == Some(call);
        Ok(self.stopped)
    }

    fn readable(&self) -> io::Result<()> {
        if self.stopped { Err(gone()) } else { Ok(()) }
    }

    fn content(&mut self, path: &Path) -> io::Result<&mut Content> {
        match self.now.get(path) {
            Some(Entry::File(id)) => self.contents.get_mut(id).ok_or_else(|| missing(path)),
            _ => Err(missing(path)),
        }
    }

    /// Carries out a change of names, unless the power went first.
    fn rename(&mut self, folder: PathBuf, change: NameChange) -> io::Result<()> {
        let goes = self.call()?;
        change.apply(&mut self.now);
        self.pending.push((folder, change));
        if goes { Err(gone()) } else { Ok(()) }
    }

    fn change(&mut self, id: u64, change: Change) {
        if let Some(content) = self.contents.get_mut(&id) {
            change.apply(&mut content.now);
            content.pending.push(change);
        }
    }

    /// Counts a sync. `Ok(false)` means that it must be left out.
    fn sync(&mut self, call: SyncCall<'_>) -> io::Result<bool> {
        // A sync during which the power goes may or may not have happened: here it has not.
        if self.call()? {
            return Err(gone());
        }
        if self.fail_syncs {
            return Err(io::Error::other("input/output error"));
        }
        Ok(!self.skip.as_ref().is_some_and(|skip| skip(&call)))
    }
}

impl Disk for CrashDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        match inner.now.get(path) {
            Some(Entry::Folder) => return inner.readable(),
            Some(Entry::File(_)) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => {}
        }
        let folder = folder_of(path);
        if inner.now.get(&folder) != Some(&Entry::Folder) {
            return Err(missing(&folder));
        }
        inner.rename(folder, NameChange::Link(path.to_owned(), Entry::Folder))
    }

    fn create(&self, path: &Path, _access: Access) -> io::Result<Box<dyn File>> {
        let mut inner = self.inner();
        let folder = folder_of(path);
        if inner.now.get(&folder) != Some(&Entry::Folder) {
            return Err(missing(&folder));
        }
        let id = match inner.now.get(path) {
            Some(Entry::Folder) => return Err(io::ErrorKind::IsADirectory.into()),
            Some(Entry::File(id)) => {
                let id = *id;
                let goes = inner.call()?;
                inner.change(id, Change::Truncate(0));
                if goes {
                    return Err(gone());
                }
                id
            }
            None => {
                let id = inner.next_content;
                inner.next_content += 1;
                inner.contents.insert(id, Content::default());
                inner.rename(folder, NameChange::Link(path.to_owned(), Entry::File(id)))?;
                id
            }
        };
        Ok(Box::new(CrashFile(self.clone(), id, path.to_owned())))
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn File>> {
        let inner = self.inner();
        inner.readable()?;
        match inner.now.get(path) {
            Some(Entry::File(id)) => Ok(Box::new(CrashFile(self.clone(), *id, path.to_owned()))),
            _ => Err(missing(path)),
        }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        let entry = inner.now.get(from).copied().ok_or_else(|| missing(from))?;
        let change = NameChange::Rename(from.to_owned(), to.to_owned(), entry);
        inner.rename(folder_of(to), change)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        inner.content(path)?;
        inner.rename(folder_of(path), NameChange::Unlink(path.to_owned()))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.now.keys().any(|p| p.parent() == Some(path)) {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        inner.rename(folder_of(path), NameChange::Unlink(path.to_owned()))
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        let mut inner = self.inner();
        let Some(Entry::File(id)) = inner.now.get(path).copied() else {
            return Err(missing(path));
        };
        let goes = inner.call()?;
        inner.change(id, Change::Truncate(length as usize));
        if goes { Err(gone()) } else { Ok(()) }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.inner();
        if inner.now.get(path) != Some(&Entry::Folder) {
            return Err(missing(path));
        }
        let call = SyncCall {
            sync: Sync::Folder,
            path,
            first: false,
            cut: false,
        };
        if inner.sync(call)? {
            let pending = std::mem::take(&mut inner.pending);
            for (folder, change) in pending {
                if folder == path {
                    change.apply(&mut inner.durable);
                } else {
                    inner.pending.push((folder, change));
                }
            }
        }
        Ok(())
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut inner = self.inner();
        inner.readable()?;
        let content = inner.content(path)?;
        if content.now.len() as u64 > limit {
            return Err(too_long(path, limit));
        }
        Ok(content.now.clone())
    }

    fn read_end(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = self.read(path, u64::MAX)?;
        Ok(bytes.split_off(bytes.len().saturating_sub(limit as usize)))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let inner = self.inner();
        inner.readable()?;
        if inner.now.get(path) != Some(&Entry::Folder) {
            return Err(missing(path));
        }
        let names = inner.now.keys().filter(|p| p.parent() == Some(path));
        Ok(names
            .filter_map(|p| p.file_name()?.to_str().map(str::to_owned))
            .collect())
    }
}

struct CrashFile(CrashDisk, u64, PathBuf);

impl File for CrashFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.0.inner();
        let goes = inner.call()?;
        let room = inner.free.unwrap_or(u64::MAX).min(bytes.len() as u64) as usize;
        let end = inner.contents.get(&self.1).map_or(0, |c| c.now.len());
        let written = bytes.iter().copied().take(room).collect();
        inner.change(self.1, Change::Write(end, written));
        if let Some(free) = &mut inner.free {
            *free -= room as u64;
        }
        match (goes, room < bytes.len()) {
            (true, _) => Err(gone()),
            (_, true) => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut inner = self.0.inner();
        let content = inner.contents.get(&self.1);
        let cuts = |change: &Change| matches!(change, Change::Truncate(_));
        let call = SyncCall {
            sync: Sync::File,
            path: &self.2,
            first: content.is_some_and(|c| !c.synced),
            cut: content.is_some_and(|c| c.pending.iter().any(cuts)),
        };
        if inner.sync(call)?
            && let Some(content) = inner.contents.get_mut(&self.1)
        {
            content.synced = true;
            for change in std::mem::take(&mut content.pending) {
                change.apply(&mut content.durable);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::write_synced;

    fn disk() -> CrashDisk {
        CrashDisk::new(Path::new("/d"))
    }

    #[test]
    fn a_synced_file_in_an_unsynced_folder_may_be_lost() {
        let disk = disk();
        write_synced(&disk, Path::new("/d/a"), Access::Shared, b"x").unwrap();
        assert!(disk.after_crash(0).read(Path::new("/d/a"), 9).is_err());
        disk.sync_folder(Path::new("/d")).unwrap();
        let found = disk.after_crash(0).read(Path::new("/d/a"), 9).unwrap();
        assert_eq!(found, b"x");
    }

    #[test]
    fn an_unsynced_file_in_a_synced_folder_may_be_empty_or_torn() {
        let disk = disk();
        let mut file = disk.create(Path::new("/d/a"), Access::Shared).unwrap();
        file.write(b"abcdef").unwrap();
        disk.sync_folder(Path::new("/d")).unwrap();
        let found = |seed| disk.after_crash(seed).read(Path::new("/d/a"), 9).unwrap();
        assert_eq!(found(0), b"");
        assert_eq!(found(1), b"abcdef");
        let all: std::collections::BTreeSet<Vec<u8>> = (2..60).map(found).collect();
        assert!(all.contains(&b"abc"[..]), "{all:?}");
        assert!(all.contains(&b"abc\0\0\0"[..]), "{all:?}");
    }

    #[test]
    fn a_rename_is_whole_or_not_at_all() {
        let disk = disk();
        write_synced(&disk, Path::new("/d/a"), Access::Shared, b"old").unwrap();
        write_synced(&disk, Path::new("/d/b"), Access::Shared, b"new").unwrap();
        disk.sync_folder(Path::new("/d")).unwrap();
        disk.rename(Path::new("/d/b"), Path::new("/d/a")).unwrap();
        for seed in 0..20 {
            let found = disk.after_crash(seed);
            let a = found.read(Path::new("/d/a"), 9).unwrap();
            let b = found.read(Path::new("/d/b"), 9).ok();
            assert!(matches!(
                (a.as_slice(), b.as_deref()),
                (b"old", Some(b"new")) | (b"new", None)
            ));
        }
    }

    #[test]
    fn the_power_goes_at_the_chosen_call_and_stays_gone() {
        let disk = disk();
        disk.stop_at(1);
        let mut file = disk.create(Path::new("/d/a"), Access::Shared).unwrap();
        assert!(file.write(b"x").is_err());
        assert!(disk.stopped());
        assert!(file.sync().is_err());
        assert!(disk.read(Path::new("/d/a"), 9).is_err());
    }

    #[test]
    fn a_skipped_sync_reports_success_and_keeps_nothing() {
        let disk = disk();
        disk.skip(Arc::new(|call| call.sync == Sync::File));
        write_synced(&disk, Path::new("/d/a"), Access::Shared, b"x").unwrap();
        disk.sync_folder(Path::new("/d")).unwrap();
        let found = disk.after_crash(0).read(Path::new("/d/a"), 9).unwrap();
        assert_eq!(found, b"");
    }

    #[test]
    fn a_full_disk_takes_a_part_and_fails() {
        let disk = disk();
        disk.set_free(Some(2));
        let mut file = disk.create(Path::new("/d/a"), Access::Shared).unwrap();
        let error = file.write(b"abc").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        assert_eq!(disk.read(Path::new("/d/a"), 9).unwrap(), b"ab");
    }
}
