//! The calls of [`Disk`] on the disk that forgets.

use std::{
    io,
    path::{Path, PathBuf},
};

use control::Secret;

use super::{
    CrashDisk, Entry, Inner, Sync, SyncCall,
    change::{Change, Content, NameChange},
    fault::{Call, Fault},
};
use crate::disk::{Access, Disk, File, too_long};

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
    fn call(&mut self, call: Call) -> io::Result<bool> {
        match self.meet(call)? {
            (_, Some(fault)) => Err(fault.error()),
            (goes, None) => Ok(goes),
        }
    }

    /// Counts a changing call; says whether the power goes, and what fault it meets.
    fn meet(&mut self, call: Call) -> io::Result<(bool, Option<Fault>)> {
        if self.stopped {
            return Err(gone());
        }
        let number = self.calls;
        self.calls += 1;
        if let Some((clock, latency)) = &self.latency {
            clock.advance(*latency);
        }
        if let Some(kind) = self.fail {
            return Err(kind.into());
        }
        self.stopped = self.stop_at == Some(number);
        let fault = self.spell.and_then(|spell| spell.meets(number, call));
        Ok((self.stopped, fault))
    }

    /// Counts a reading call.
    fn readable(&mut self) -> io::Result<()> {
        if self.stopped {
            return Err(gone());
        }
        let read = self.reads;
        self.reads += 1;
        if self.fail_read == Some(read) {
            return Err(Fault::Defective.error());
        }
        Ok(())
    }

    fn content(&mut self, path: &Path) -> io::Result<&mut Content> {
        match self.now.get(path) {
            Some(Entry::File(id)) => self.contents.get_mut(id).ok_or_else(|| missing(path)),
            _ => Err(missing(path)),
        }
    }

    /// Carries out a change of names, unless the power went first.
    fn rename(&mut self, folder: PathBuf, change: NameChange) -> io::Result<()> {
        let call = match change {
            NameChange::Unlink(_) => Call::Less,
            _ => Call::Name,
        };
        let goes = self.call(call)?;
        change.apply(&mut self.now);
        self.pending.push((folder, change));
        if goes { Err(gone()) } else { Ok(()) }
    }

    /// Whether the call before met a defective disk.
    fn is_defective(&self) -> bool {
        let last = self.calls.saturating_sub(1);
        let fault = self.spell.and_then(|spell| spell.meets(last, Call::Sync));
        fault == Some(Fault::Defective) && !self.stopped
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
        let (goes, fault) = self.meet(Call::Sync)?;
        if goes {
            return Err(gone());
        }
        if let Some(fault) = fault {
            return Err(fault.error());
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
                let goes = inner.call(Call::Less)?;
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
        let mut inner = self.inner();
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
        let goes = inner.call(Call::Less)?;
        inner.change(id, Change::Truncate(length as usize));
        if goes { Err(gone()) } else { Ok(()) }
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.wait_while_held();
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

    fn read_secret(&self, path: &Path) -> io::Result<Secret> {
        self.read(path, u64::MAX).map(Secret::new)
    }

    fn read_end(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut bytes = self.read(path, u64::MAX)?;
        Ok(bytes.split_off(bytes.len().saturating_sub(limit as usize)))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut inner = self.inner();
        inner.readable()?;
        if inner.now.get(path) != Some(&Entry::Folder) {
            return Err(missing(path));
        }
        let names = inner.now.keys().filter(|p| p.parent() == Some(path));
        Ok(names
            .filter_map(|p| p.file_name()?.to_str().map(str::to_owned))
            .collect())
    }

    fn free(&self, _path: &Path) -> io::Result<u64> {
        let mut inner = self.inner();
        inner.readable()?;
        Ok(inner.free.unwrap_or(u64::MAX))
    }
}

struct CrashFile(CrashDisk, u64, PathBuf);

impl File for CrashFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.0.inner();
        let (goes, fault) = inner.meet(Call::Write)?;
        if fault == Some(Fault::ReadOnly) {
            return Err(Fault::ReadOnly.error());
        }
        let room = match fault {
            Some(_) => bytes.len() / 2,
            None => inner.free.unwrap_or(u64::MAX).min(bytes.len() as u64) as usize,
        };
        let end = inner.contents.get(&self.1).map_or(0, |c| c.now.len());
        let written = bytes.iter().copied().take(room).collect();
        inner.change(self.1, Change::Write(end, written));
        if let Some(free) = &mut inner.free {
            *free -= room as u64;
        }
        if goes {
            inner.interrupted = Some((self.1, room));
            return Err(gone());
        }
        match fault {
            Some(fault) => Err(fault.error()),
            None if room < bytes.len() => Err(Fault::Full.error()),
            None => Ok(()),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.wait_while_held();
        let mut inner = self.0.inner();
        let content = inner.contents.get(&self.1);
        let cuts = |change: &Change| matches!(change, Change::Truncate(_));
        let call = SyncCall {
            sync: Sync::File,
            path: &self.2,
            first: content.is_some_and(|c| !c.synced),
            cut: content.is_some_and(|c| c.pending.iter().any(cuts)),
        };
        let synced = inner.sync(call);
        let defective = synced.is_err() && inner.is_defective();
        let Some(content) = inner.contents.get_mut(&self.1) else {
            return synced.map(drop);
        };
        if defective {
            // The pages count as clean from now on, and are nowhere.
            content.pending.clear();
        }
        if synced? {
            content.synced = true;
            for change in std::mem::take(&mut content.pending) {
                change.apply(&mut content.durable);
            }
        }
        Ok(())
    }
}
