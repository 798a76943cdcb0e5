//! How long entries are kept.
//!
//! Owns the removal of whole bundles whose every entry is older than the configured age, from the
//! beginning of the log on. Three things stand between a wrong clock and the log: nothing is removed
//! that was not announced, in the ledger and in the signed note, a day before; no announcement takes
//! more than a quarter of what is there; and each bundle's age is looked at again when its turn comes.
//! Whoever sets the clock right within that day has lost nothing.
//!
//! The order is: event durable, minimum index signed and durable, removal. A crash in between leaves
//! bundles below the minimum index, which the next start removes. Hash tiles above the lowest level
//! stay, so that every proof at or above the minimum index can still be made.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use control::Timestamp;

use crate::{
    alteration::{Alteration, LedgerError},
    disk::Disk,
    minimum::{Announced, Minimum},
    note::{NoteError, SignerKey},
    tile::{Content, TileFile, entries, read_tile},
    tree::TILE_WIDTH,
};

/// How long a removal is known before it happens.
pub(crate) const NOTICE: Duration = Duration::from_secs(24 * 60 * 60);

/// The shortest age that can be asked for: with less, a quarter a day would not keep up.
pub(crate) const SHORTEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// The share of the kept entries that one announcement takes at most.
const SHARE: u64 = 4;

/// Bundles removed in one round.
const CHUNK: u64 = 64;

const WIDTH: u64 = TILE_WIDTH as u64;

/// What retention wants to happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Nothing is old enough, or the day is not over.
    Nothing,
    /// Announce that entries below this index go.
    Announce(u64),
    /// Record that entries below this index go now.
    Remove(u64),
}

/// The retention of one log. Knows no clock: time is an argument.
pub(crate) struct Retention {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    pub(crate) signer: Arc<SignerKey>,
    pub(crate) keep: Duration,
    pub(crate) minimum: Minimum,
    /// When the announcement was made, if this process made it: a clock that is set forward does not
    /// shorten the day.
    pub(crate) announced: Option<Duration>,
    /// Files below the minimum index may be left.
    torn: bool,
}

impl Retention {
    /// The retention of the log in `folder`, of which `signed` entries are under a checkpoint; what a
    /// crash left below the minimum index is removed.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        signer: &Arc<SignerKey>,
        keep: Duration,
        signed: u64,
    ) -> Result<Self, LedgerError> {
        let key = signer.verifier();
        let minimum = Minimum::read(&**disk, folder, key.name(), Some(key))?;
        if minimum.index > signed {
            return Err(Alteration::BadMinimum(NoteError::Malformed).into());
        }
        let retention = Self {
            disk: Arc::clone(disk),
            folder: folder.to_owned(),
            signer: Arc::clone(signer),
            keep,
            minimum,
            announced: None,
            torn: false,
        };
        retention.repair().map_err(LedgerError::disk(folder))?;
        Ok(retention)
    }

    /// What is due at `now`, at the monotonic moment `moment`, in a log of `signed` entries.
    pub(crate) fn look(&mut self, now: Timestamp, moment: Duration, signed: u64) -> Wish {
        if self.torn && self.repair().is_ok() {
            self.torn = false;
        }
        match self.minimum.announced {
            // An announcement from the future was made under a wrong clock, and is void.
            Some(next) if next.at <= now => {
                let waited = self
                    .announced
                    .is_none_or(|at| moment.saturating_sub(at) >= NOTICE);
                if waited && now.since(next.at) >= NOTICE {
                    Wish::Remove(next.index.min(signed / WIDTH * WIDTH))
                } else {
                    Wish::Nothing
                }
            }
            _ => {
                let next = self.oldest_kept(now, signed);
                if next > self.minimum.index {
                    Wish::Announce(next)
                } else {
                    Wish::Nothing
                }
            }
        }
    }

    /// The index below which everything is too old, by the ends of bundles, and within the share.
    fn oldest_kept(&self, now: Timestamp, signed: u64) -> u64 {
        let begin = self.minimum.index / WIDTH;
        let bundles = (signed / WIDTH).saturating_sub(begin);
        if bundles == 0 {
            return self.minimum.index;
        }
        let most = begin + (bundles / SHARE).max(1);
        // Entries are in the order of their time, but for steps of the clock: removal looks at each.
        let (mut old, mut kept) = (begin, most);
        while old < kept {
            let middle = old + (kept - old) / 2;
            if self.is_old(middle, now) {
                old = middle + 1;
            } else {
                kept = middle;
            }
        }
        old * WIDTH
    }

    /// Whether every entry of a full bundle is older than is asked for. One that cannot be read or
    /// does not say its time is not.
    fn is_old(&self, bundle: u64, now: Timestamp) -> bool {
        let tile = TileFile {
            content: Content::Entries,
            index: bundle,
            width: TILE_WIDTH,
        };
        let Ok(bytes) = read_tile(&*self.disk, &self.folder, tile) else {
            return false;
        };
        entries(&bytes).all(|entry| {
            let time = entry.and_then(time_of);
            time.is_some_and(|time| time <= now && now.since(time) > self.keep)
        })
    }

    /// Signs that entries below `index` go a day from `now`.
    pub(crate) fn announce(
        &mut self,
        index: u64,
        now: Timestamp,
        moment: Duration,
    ) -> io::Result<()> {
        let announced = Some(Announced { index, at: now });
        let minimum = Minimum {
            announced,
            ..self.minimum.clone()
        };
        minimum.write(&*self.disk, &self.folder, &self.signer)?;
        (self.minimum, self.announced) = (minimum, Some(moment));
        Ok(())
    }

    /// Removes the next bundles below `target`. `true` if there is more to do.
    pub(crate) fn remove(&mut self, target: u64, now: Timestamp) -> io::Result<bool> {
        let begin = self.minimum.index / WIDTH;
        let last = (target / WIDTH).min(begin + CHUNK);
        let end = (begin..last)
            .find(|bundle| !self.is_old(*bundle, now))
            .unwrap_or(last);
        let more = end == last && end * WIDTH < target;
        let minimum = Minimum {
            index: end * WIDTH,
            since: if end > begin { now } else { self.minimum.since },
            announced: self.minimum.announced.filter(|_| more),
            origin: self.minimum.origin.clone(),
        };
        minimum.write(&*self.disk, &self.folder, &self.signer)?;
        self.minimum = minimum;
        if !more {
            self.announced = None;
        }
        self.torn = true;
        for index in begin..end {
            for content in [Content::Entries, Content::Hashes(0)] {
                remove_tile(&*self.disk, &self.folder, content, index)?;
            }
        }
        self.torn = false;
        Ok(more)
    }

    /// Removes what a crash left below the minimum index.
    pub(crate) fn repair(&self) -> io::Result<()> {
        if self.minimum.index == 0 {
            return Ok(());
        }
        for (content, level) in [(Content::Entries, "entries"), (Content::Hashes(0), "0")] {
            let place = format!("tile/{level}");
            self.repair_below(content, &place)?;
        }
        Ok(())
    }

    fn repair_below(&self, content: Content, place: &str) -> io::Result<()> {
        let names = match self.disk.list(&self.folder.join(place)) {
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(()),
            other => other?,
        };
        for name in names {
            let path = format!("{place}/{name}");
            if name.starts_with('x') {
                self.repair_below(content, &path)?;
            } else if let Some(tile) =
                TileFile::parse(path.strip_suffix(".p").unwrap_or(path.as_str()))
                && self.minimum.covers(tile.index)
            {
                remove_tile(&*self.disk, &self.folder, content, tile.index)?;
            }
        }
        Ok(())
    }
}

/// Removes a full tile and partial ones of it, whichever are there.
fn remove_tile(disk: &dyn Disk, folder: &Path, content: Content, index: u64) -> io::Result<()> {
    let tile = TileFile {
        content,
        index,
        width: TILE_WIDTH,
    };
    let gone = |result: io::Result<()>| match result {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    };
    gone(disk.remove(&folder.join(tile.to_string())))?;
    let partial = folder.join(format!("{tile}.p"));
    let Ok(names) = disk.list(&partial) else {
        return Ok(());
    };
    for name in names {
        gone(disk.remove(&partial.join(name)))?;
    }
    gone(disk.remove_folder(&partial))
}

/// When an entry was recorded: the second field of every entry of ours.
fn time_of(entry: &[u8]) -> Option<Timestamp> {
    let entry = std::str::from_utf8(entry).ok()?;
    let rest = entry.strip_prefix("{\"v\":1,\"time\":")?;
    let digits = rest.split_once([',', '}'])?.0;
    digits.parse().ok().map(Timestamp::from_millis)
}

#[cfg(test)]
mod tests;
