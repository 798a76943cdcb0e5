//! Reading what was spooled, from any place.
//!
//! Owns one opened segment at a time. A segment that does not open under its key and number is a
//! fault of the disk, never data.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use zeroize::Zeroizing;

use super::{Key, SEALED, SEGMENT, TAG};

/// Reads a spool.
pub struct SpoolReader<'a> {
    file: &'a File,
    key: &'a Key,
    len: u64,
    at: u64,
    opened: Option<u64>,
    buffer: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for SpoolReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SpoolReader")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}

impl<'a> SpoolReader<'a> {
    pub(super) fn new(file: &'a File, key: &'a Key, len: u64) -> Self {
        let buffer = Zeroizing::new(Vec::new());
        Self {
            file,
            key,
            len,
            at: 0,
            opened: None,
            buffer,
        }
    }

    fn open(&mut self, segment: u64) -> Result<()> {
        if self.opened == Some(segment) {
            return Ok(());
        }
        self.opened = None;
        let start = segment * SEGMENT as u64;
        let left = self.len - start;
        let plain = usize::try_from(left.min(SEGMENT as u64)).map_err(Error::other)?;
        self.buffer.clear();
        self.buffer.resize(plain + TAG, 0);
        self.file
            .read_exact_at(&mut self.buffer, segment * SEALED)?;
        let opened = self.key.open(segment, &mut self.buffer);
        opened.map_err(|_| Error::from(ErrorKind::InvalidData))?;
        self.buffer.truncate(plain);
        self.opened = Some(segment);
        Ok(())
    }
}

impl Read for SpoolReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        if self.at >= self.len || out.is_empty() {
            return Ok(0);
        }
        self.open(self.at / SEGMENT as u64)?;
        let from = usize::try_from(self.at % SEGMENT as u64).map_err(Error::other)?;
        let here = self.buffer.get(from..).unwrap_or_default();
        let length = here.len().min(out.len());
        for (to, from) in out.iter_mut().zip(here) {
            *to = *from;
        }
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for SpoolReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
