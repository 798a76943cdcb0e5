//! A journal segment: the bytes that make entries durable.
//!
//! Owns the encoding and its strict reading. Refuses to guess: a reader learns where the bytes stop
//! making sense and whether a crash can explain it.
//!
//! ```text
//! segment = "VOUCHJ1\n" first:u64 crc:u32               crc over the 16 bytes before it
//! batch   = F7 "VB1" count:u32 length:u32 first:u64 crc:u32   crc over the 20 bytes before it
//!           record * count                              length bytes in all
//! record  = length:u32 crc:u32 entry                    crc over index:u64 and the entry
//! ```
//!
//! All numbers are big-endian, every crc is CRC-32 (ISO-HDLC). One batch is one write and one sync,
//! and the next batch is written only after that sync returned. So a damaged batch behind which
//! another begins was durable once, and no crash can have damaged it; and as an entry is UTF-8, in
//! which F7 never occurs, no entry can look like the head of a batch. The index in each crc makes a
//! record valid at its own place only.

use crate::tile::ENTRY_LIMIT;

const SEGMENT_MARK: &[u8; 8] = b"VOUCHJ1\n";
const BATCH_MARK: &[u8; 4] = b"\xf7VB1";

/// Bytes of a segment's head.
pub const SEGMENT_HEAD: usize = 20;

/// The largest index a segment may begin with: what is counted on from it never overflows.
pub const LARGEST_FIRST: u64 = 1 << 62;

/// Bytes of a batch's head.
pub const BATCH_HEAD: usize = 24;

const RECORD_HEAD: usize = 8;

/// Entries waiting to be written together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Batch {
    /// Adds an entry; `false` if it is empty or longer than an entry may be.
    #[must_use]
    pub fn push(&mut self, entry: &[u8]) -> bool {
        if entry.is_empty() || entry.len() > ENTRY_LIMIT {
            return false;
        }
        self.bytes.extend_from_slice(entry);
        self.ends.push(self.bytes.len());
        true
    }

    /// Number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all entries.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Removes every entry and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    /// The entries in order.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut begin = 0;
        self.ends.iter().map(move |end| {
            let entry = self.bytes.get(begin..*end).unwrap_or_default();
            begin = *end;
            entry
        })
    }
}

fn crc(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

fn record_crc(index: u64, entry: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&index.to_be_bytes());
    hasher.update(entry);
    hasher.finalize()
}

/// The head of a segment whose first entry is `first`.
#[must_use]
pub fn segment_head(first: u64) -> [u8; SEGMENT_HEAD] {
    let mut head = [0; SEGMENT_HEAD];
    let (marked, sum) = head.split_at_mut(16);
    let (mark, number) = marked.split_at_mut(8);
    mark.copy_from_slice(SEGMENT_MARK);
    number.copy_from_slice(&first.to_be_bytes());
    sum.copy_from_slice(&crc(marked).to_be_bytes());
    head
}

/// Appends `batch`, whose first entry is `first`, to `out`. The batch holds less than 4 GiB.
pub fn encode(batch: &Batch, first: u64, out: &mut Vec<u8>) {
    let count = batch.len() as u32;
    let length = (batch.bytes() + RECORD_HEAD * batch.len()) as u32;
    let begin = out.len();
    out.extend_from_slice(BATCH_MARK);
    out.extend_from_slice(&count.to_be_bytes());
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&first.to_be_bytes());
    let sum = crc(out.get(begin..).unwrap_or_default());
    out.extend_from_slice(&sum.to_be_bytes());
    for (index, entry) in (first..).zip(batch.iter()) {
        out.extend_from_slice(&(entry.len() as u32).to_be_bytes());
        out.extend_from_slice(&record_crc(index, entry).to_be_bytes());
        out.extend_from_slice(entry);
    }
}

/// A segment as far as its bytes make sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Index of its first entry.
    pub first: u64,
    /// Its entries, those of a torn batch that came before the tear included.
    pub entries: Vec<&'a [u8]>,
    /// Entries in whole batches; the rest are of the torn one.
    pub whole_entries: usize,
    /// Bytes up to the end of the last whole batch.
    pub whole_bytes: usize,
    /// What stands behind the last entry, if it makes no sense.
    pub torn: Option<Torn>,
}

/// Bytes that make no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The entry that would have stood there.
    pub index: u64,
    /// Whether another batch begins behind it: then it was durable once.
    pub followed: bool,
}

/// Why a segment cannot be read at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Its head is damaged or cut short.
    #[error("the head of the segment is damaged")]
    Head,
    /// A whole batch begins with another entry than the one that belongs there.
    #[error("entry {found} stands where entry {expected} belongs")]
    Sequence {
        /// The entry that belongs there.
        expected: u64,
        /// The entry that stands there.
        found: u64,
    },
}

#[derive(Clone, Copy)]
struct BatchHead {
    count: u32,
    length: u32,
    first: u64,
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

fn batch_head(bytes: &[u8]) -> Option<BatchHead> {
    let (head, sum) = bytes.get(..BATCH_HEAD)?.split_at_checked(20)?;
    let whole = head.starts_with(BATCH_MARK) && crc(head).to_be_bytes() == sum;
    whole.then_some(BatchHead {
        count: u32::from_be_bytes(number(head, 4)?),
        length: u32::from_be_bytes(number(head, 8)?),
        first: u64::from_be_bytes(number(head, 12)?),
    })
}

/// Reads a segment.
pub fn parse(bytes: &[u8]) -> Result<Segment<'_>, SegmentError> {
    let head = bytes
        .first_chunk::<SEGMENT_HEAD>()
        .ok_or(SegmentError::Head)?;
    let first = number(head, 8).map_or(0, u64::from_be_bytes);
    // Our own segments never come near the limit, but the checksum is no secret.
    if *head != segment_head(first) || first > LARGEST_FIRST {
        return Err(SegmentError::Head);
    }
    let mut segment = Segment {
        first,
        entries: Vec::new(),
        whole_entries: 0,
        whole_bytes: SEGMENT_HEAD,
        torn: None,
    };
    while let Some(rest) = bytes
        .get(segment.whole_bytes..)
        .filter(|rest| !rest.is_empty())
    {
        let expected = first + segment.entries.len() as u64;
        let head = batch_head(rest);
        if let Some(head) = head
            && head.first != expected
        {
            return Err(SegmentError::Sequence {
                expected,
                found: head.first,
            });
        }
        let whole = head.is_some_and(|head| records(rest, head, &mut segment.entries));
        if !whole {
            let index = first + segment.entries.len() as u64;
            segment.torn = Some(Torn {
                index,
                followed: another_batch(rest.get(1..).unwrap_or_default(), index),
            });
            break;
        }
        segment.whole_entries = segment.entries.len();
        segment.whole_bytes += BATCH_HEAD + head.map_or(0, |head| head.length as usize);
    }
    Ok(segment)
}

/// Reads the records of a batch as far as they make sense; `true` if all of them do.
fn records<'a>(batch: &'a [u8], head: BatchHead, entries: &mut Vec<&'a [u8]>) -> bool {
    // The length is not trusted to be there: what is there is read up to it.
    let end = BATCH_HEAD.saturating_add(head.length as usize);
    let complete = batch.len() >= end;
    let mut rest = batch
        .get(BATCH_HEAD..end.min(batch.len()))
        .unwrap_or_default();
    for index in (head.first..).take(head.count as usize) {
        let Some((entry, after)) = record(rest, index) else {
            return false;
        };
        entries.push(entry);
        rest = after;
    }
    complete && rest.is_empty() && head.count > 0
}

fn record(bytes: &[u8], index: u64) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_at_checked(RECORD_HEAD)?;
    let length = u32::from_be_bytes(number(head, 0)?) as usize;
    let (entry, after) = rest.split_at_checked(length)?;
    let whole = (1..=ENTRY_LIMIT).contains(&length)
        && u32::from_be_bytes(number(head, 4)?) == record_crc(index, entry);
    whole.then_some((entry, after))
}

/// Whether the head of a batch of later entries than `index` stands anywhere in `bytes`.
fn another_batch(bytes: &[u8], index: u64) -> bool {
    memchr::memmem::find_iter(bytes, BATCH_MARK).any(|at| {
        bytes
            .get(at..)
            .and_then(batch_head)
            .is_some_and(|head| head.first > index)
    })
}

#[cfg(test)]
mod tests;
