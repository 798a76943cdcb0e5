//! The journal: where an entry becomes durable.
//!
//! Owns the segments below `journal/`, named by their first entry, and recovery. One batch is one
//! write and one sync; nothing is acknowledged before that sync returned. Refuses to repair what
//! was durable: only the unsigned, unacknowledged end of the last segment is ever cut. After a
//! failed write or sync the segment is cut back to what was durable and never written again; the
//! batch goes to a new one, because a system that failed a sync may forget what it should have
//! written and report success the next time.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    alteration::{Alteration, LedgerError},
    disk::{Access, Disk, File},
    segment::{self, Batch, SEGMENT_HEAD, Segment, SegmentError, Torn},
};

/// A segment that reached this many bytes is followed by another.
pub const SEGMENT_LIMIT: u64 = 16 * 1024 * 1024;

/// The most entry bytes that are written as one batch.
pub const BATCH_LIMIT: usize = 4 * 1024 * 1024;

/// The longest segment that can come about: one batch may pass the limit.
const READ_LIMIT: u64 = SEGMENT_LIMIT + 8 * BATCH_LIMIT as u64;

/// The journal, open for appending.
pub struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// `None` after a failure, until a new segment stands.
    file: Option<Box<dyn File>>,
    first: u64,
    next: u64,
    length: u64,
    buffer: Vec<u8>,
    segment_limit: u64,
}

/// The journal and what it holds beyond the signed head.
pub struct Recovered {
    /// The journal, open for appending.
    pub journal: Journal,
    /// The entries that no checkpoint covers yet.
    pub tail: Batch,
}

/// The path of the segment whose first entry is `first`.
#[must_use]
pub fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:020}"))
}

impl Journal {
    /// Starts a journal whose first entry will be `first`.
    pub fn create(disk: Arc<dyn Disk>, folder: &Path, first: u64) -> io::Result<Self> {
        let mut journal = Self {
            disk,
            folder: folder.to_owned(),
            file: None,
            first,
            next: first,
            length: 0,
            buffer: Vec::new(),
            segment_limit: SEGMENT_LIMIT,
        };
        journal.start_segment()?;
        Ok(journal)
    }

    /// Opens the journal of a log of which `signed` entries are under a checkpoint, and cuts off
    /// what a crash left unfinished.
    pub fn recover(
        disk: Arc<dyn Disk>,
        folder: &Path,
        signed: u64,
    ) -> Result<Recovered, LedgerError> {
        let segments = read(&*disk, folder)?;
        let scan = scan(&segments, signed)?;
        let mut tail = Batch::default();
        let mut unfinished = Batch::default();
        for (index, entry) in scan.entries() {
            if index >= scan.whole_end {
                let _ = unfinished.push(entry);
            } else if index >= signed {
                let _ = tail.push(entry);
            }
        }
        let mut journal = Self {
            disk,
            folder: folder.to_owned(),
            file: None,
            first: scan.last_first,
            next: scan.whole_end,
            length: scan.last_length,
            buffer: Vec::new(),
            segment_limit: SEGMENT_LIMIT,
        };
        if scan.clean {
            let path = segment_path(folder, journal.first);
            let file = journal.disk.append(&path);
            journal.file = Some(file.map_err(LedgerError::disk(path))?);
        } else {
            journal.restart().map_err(LedgerError::disk(folder))?;
        }
        if !unfinished.is_empty() {
            journal
                .append(&unfinished)
                .map_err(LedgerError::disk(folder))?;
            for entry in unfinished.iter() {
                let _ = tail.push(entry);
            }
        }
        Ok(Recovered { journal, tail })
    }

    /// The index that the next entry gets.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The first entry of the segment that is written to; earlier segments never change again.
    #[must_use]
    pub const fn active(&self) -> u64 {
        self.first
    }

    /// Another size at which a segment is followed by the next, for tests.
    #[doc(hidden)]
    pub const fn set_segment_limit(&mut self, bytes: u64) {
        self.segment_limit = bytes;
    }

    /// Writes `batch` and returns once it is durable. After an error none of it counts, and the
    /// same batch may be appended again.
    pub fn append(&mut self, batch: &Batch) -> io::Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.file.is_none() {
            self.restart()?;
        }
        if self.length >= self.segment_limit {
            self.start_segment()?;
        }
        self.buffer.clear();
        segment::encode(batch, self.next, &mut self.buffer);
        let mut file = self.file.take().ok_or(io::ErrorKind::NotFound)?;
        file.write(&self.buffer)?;
        file.sync()?;
        self.file = Some(file);
        self.length += self.buffer.len() as u64;
        self.next += batch.len() as u64;
        Ok(())
    }

    /// Cuts the last segment back to what was durable and begins another behind it; one without
    /// entries is kept, for its head may be the only proof that the journal begins there.
    fn restart(&mut self) -> io::Result<()> {
        let path = segment_path(&self.folder, self.first);
        self.disk.truncate(&path, self.length)?;
        let mut file = self.disk.append(&path)?;
        file.sync()?;
        if self.next > self.first {
            self.start_segment()
        } else {
            self.file = Some(file);
            Ok(())
        }
    }

    /// Begins a segment at the next entry, in place of one of that name which holds nothing.
    fn start_segment(&mut self) -> io::Result<()> {
        self.file = None;
        let path = segment_path(&self.folder, self.next);
        let mut file = self.disk.create(&path, Access::Shared)?;
        file.write(&segment::segment_head(self.next))?;
        file.sync()?;
        self.disk.sync_folder(&self.folder)?;
        self.first = self.next;
        self.length = SEGMENT_HEAD as u64;
        self.file = Some(file);
        Ok(())
    }
}

/// Removes the segments that a durable checkpoint of `signed` entries covers whole; `active` and
/// everything behind it stay.
pub fn remove_covered(disk: &dyn Disk, folder: &Path, signed: u64, active: u64) -> io::Result<()> {
    let names = disk.list(folder)?;
    let firsts: Vec<u64> = names.iter().filter_map(|name| parse_name(name)).collect();
    for (first, next) in firsts.iter().zip(firsts.iter().skip(1)) {
        if *first < active && *next <= signed.min(active) {
            disk.remove(&segment_path(folder, *first))?;
        }
    }
    Ok(())
}

fn parse_name(name: &str) -> Option<u64> {
    (name.len() == 20).then(|| name.parse().ok()).flatten()
}

/// The segments of a journal as they lie on disk, by their first entry.
pub fn read(disk: &dyn Disk, folder: &Path) -> Result<Vec<(u64, Vec<u8>)>, LedgerError> {
    let names = match disk.list(folder) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return Err(Alteration::NoJournal.into());
        }
        other => other.map_err(LedgerError::disk(folder))?,
    };
    let mut segments = Vec::new();
    for first in names.iter().filter_map(|name| parse_name(name)) {
        let path = segment_path(folder, first);
        match disk.read(&path, READ_LIMIT) {
            Ok(bytes) => segments.push((first, bytes)),
            Err(cause) if cause.kind() == io::ErrorKind::FileTooLarge => {
                return Err(Alteration::SegmentLength(first).into());
            }
            Err(cause) => return Err(LedgerError::Disk { path, cause }),
        }
    }
    Ok(segments)
}

/// What the segments of a journal hold.
pub struct Scan<'a> {
    segments: Vec<Segment<'a>>,
    /// Index behind the last entry of a whole batch.
    pub whole_end: u64,
    /// What makes no sense at the end, and a crash explains.
    pub torn: Option<Torn>,
    /// First entry of the last usable segment.
    last_first: u64,
    /// Bytes of it in whole batches.
    last_length: u64,
    /// Whether the last segment can be appended to as it is.
    clean: bool,
}

impl Scan<'_> {
    /// Every entry with its index.
    pub fn entries(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.segments
            .iter()
            .flat_map(|segment| (segment.first..).zip(segment.entries.iter().copied()))
    }
}

/// Reads the segments of a journal of which `signed` entries are under a checkpoint. What a crash
/// explains is told; everything else is an alteration.
pub fn scan(segments: &[(u64, Vec<u8>)], signed: u64) -> Result<Scan<'_>, Alteration> {
    let mut scan = Scan {
        segments: Vec::with_capacity(segments.len()),
        whole_end: 0,
        torn: None,
        last_first: 0,
        last_length: 0,
        clean: true,
    };
    for (position, (name, bytes)) in segments.iter().enumerate() {
        let last = position + 1 == segments.len();
        let expected = if position == 0 {
            // Segments below the head may be gone, but none between it and the rest.
            (*name).min(signed)
        } else {
            scan.whole_end
        };
        if *name != expected {
            return Err(Alteration::Sequence {
                expected,
                found: *name,
            });
        }
        let segment = match segment::parse(bytes) {
            Ok(segment) if segment.first == *name => segment,
            Err(SegmentError::Sequence { expected, found }) => {
                return Err(Alteration::Sequence { expected, found });
            }
            // The power went while the segment was begun: nothing was written to it yet.
            Err(SegmentError::Head) if last && position > 0 && bytes.len() <= SEGMENT_HEAD => {
                scan.clean = false;
                break;
            }
            _ => return Err(Alteration::SegmentHead(*name)),
        };
        scan.last_first = *name;
        scan.last_length = segment.whole_bytes as u64;
        scan.whole_end = *name + segment.whole_entries as u64;
        if let Some(torn) = segment.torn {
            if !last || torn.followed || torn.index < signed {
                return Err(Alteration::Journal { index: torn.index });
            }
            scan.torn = Some(torn);
            scan.clean = false;
        }
        scan.segments.push(segment);
    }
    if scan.segments.is_empty() {
        return Err(Alteration::NoJournal);
    }
    if scan.whole_end < signed {
        return Err(Alteration::Short {
            end: scan.whole_end,
            signed,
        });
    }
    Ok(scan)
}
