//! A disk that forgets, for tests.
//!
//! Owns an in-memory [`crate::disk::Disk`] that knows what was synced and what was not, file contents and
//! folder entries apart. It stops dead at any chosen call; [`CrashDisk::after_crash`] then is the
//! disk a machine would find after the power came back: everything not synced may be there, be
//! lost, be torn or be zeros, in any combination, chosen by a seed, and the write during which the
//! power went may be torn at any byte. It can also be full, read-only, slow or defective for any
//! stretch of calls, or lie about a sync, to show that a suite notices.

mod calls;
mod change;
mod fault;

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use control::clock::FixedClock;

use self::{
    change::{Chance, Content, NameChange},
    fault::Spell,
};
pub use self::{
    change::{Tear, Torn},
    fault::Fault,
};

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
pub struct CrashDisk(Arc<Mutex<Inner>>, Arc<Gate>);

/// Where syncs wait while they are held.
#[derive(Default)]
struct Gate {
    held: Mutex<bool>,
    changed: Condvar,
}

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
    spell: Option<Spell>,
    reads: u64,
    fail_read: Option<u64>,
    latency: Option<(Arc<FixedClock>, Duration)>,
    /// The write during which the power went: which file, and how many bytes.
    interrupted: Option<(u64, usize)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Folder,
    File(u64),
}

impl CrashDisk {
    /// An empty disk on which `root` is a durable folder.
    #[must_use]
    pub fn new(root: &Path) -> Self {
        let mut inner = Inner::default();
        inner.now.insert(root.to_owned(), Entry::Folder);
        inner.durable.insert(root.to_owned(), Entry::Folder);
        Self(Arc::new(Mutex::new(inner)), Arc::default())
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

    /// Every sync waits from now on, as on a disk that hangs, or goes on.
    pub fn hold_syncs(&self, hold: bool) {
        *self.1.held.lock().unwrap_or_else(PoisonError::into_inner) = hold;
        self.1.changed.notify_all();
    }

    fn wait_while_held(&self) {
        let mut held = self.1.held.lock().unwrap_or_else(PoisonError::into_inner);
        while *held {
            let woken = self.1.changed.wait(held);
            held = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Only `bytes` more can be written; `None` is without limit.
    pub fn set_free(&self, bytes: Option<u64>) {
        self.inner().free = bytes;
    }

    /// `count` changing calls from number `call` on meet `fault`.
    pub fn fail_at(&self, call: u64, count: u64, fault: Fault) {
        self.inner().spell = Some(Spell::new(call, count, fault));
    }

    /// Reading call number `read`, counted from 0, fails as a defective disk does.
    pub fn fail_read(&self, read: Option<u64>) {
        let mut inner = self.inner();
        inner.reads = 0;
        inner.fail_read = read;
    }

    /// Reading calls since [`CrashDisk::fail_read`].
    #[must_use]
    pub fn reads(&self) -> u64 {
        self.inner().reads
    }

    /// Every changing call takes `latency` of the time of `clock`.
    pub fn slow_down(&self, clock: Arc<FixedClock>, latency: Duration) {
        self.inner().latency = Some((clock, latency));
    }

    /// The bytes of a file as anyone could read them until now, whether the power went or not.
    #[must_use]
    pub fn visible(&self, path: &Path) -> Option<Vec<u8>> {
        let inner = self.inner();
        match inner.now.get(path)? {
            Entry::File(id) => inner.contents.get(id).map(|content| content.now.clone()),
            Entry::Folder => None,
        }
    }

    /// How many bytes the write had during which the power went; `None` if it went otherwise.
    #[must_use]
    pub fn interrupted_write(&self) -> Option<usize> {
        self.inner().interrupted.map(|(_, length)| length)
    }

    /// The disk as it may be found when the write during which the power went was torn so. Every
    /// other change that was not synced is there if `others`, else lost.
    #[must_use]
    pub fn after_tear(&self, tear: Tear, others: bool) -> Self {
        let torn = self.inner().interrupted.map(|(id, _)| id);
        self.found(u64::from(others), |id, last| {
            (last && Some(id) == torn).then_some(tear)
        })
    }

    /// The disk as it may be found after the power came back. Seed 0 loses everything that was not
    /// synced, seed 1 keeps it, every other seed chooses for each change on its own.
    #[must_use]
    pub fn after_crash(&self, seed: u64) -> Self {
        self.found(seed, |_, _| None)
    }

    fn found(&self, seed: u64, tear: impl Fn(u64, bool) -> Option<Tear>) -> Self {
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
            let last = content.pending.len().saturating_sub(1);
            for (place, change) in content.pending.iter().enumerate() {
                let survivor = match (tear(*id, place == last), seed) {
                    (Some(tear), _) => Some(change.torn_so(tear)),
                    (None, 0) => None,
                    (None, 1) => Some(change.clone()),
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
        Self(Arc::new(Mutex::new(found)), Arc::default())
    }
}

impl fmt::Debug for CrashDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CrashDisk(..)")
    }
}

#[cfg(test)]
mod tests;
