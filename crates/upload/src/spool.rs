//! Uploads that must be whole before they can be judged, kept on disk without being readable there.
//!
//! Owns the file: it has no name from its first moment (`O_TMPFILE`, or unlinked before anything is
//! written), so that nothing is left when the process ends, whichever way. Owns the sealing: each
//! segment of 64 KiB is sealed with AES-256-GCM (NIST SP 800-38D) under a key of this file alone,
//! which is in memory only and wiped when the spool is dropped. Owns the quota. Refuses to give back
//! a byte that was changed, moved or left out on disk. Trusts the folder to be on a disk of ours,
//! and nothing that is read from it.
//!
//! `seal` has no sealing of streams; this is ten lines on the same provider, and belongs there when
//! a second user comes.

mod quota;
mod reader;

pub use quota::{Held, Quota};
pub use reader::SpoolReader;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use control::rng::{self, Rng};
use zeroize::Zeroizing;

use crate::refusal::UploadRefusal;

/// Bytes of a segment before it is sealed.
pub const SEGMENT: usize = 64 << 10;

/// Bytes of the tag behind each segment.
const TAG: usize = 16;

/// A segment as it lies on disk.
const SEALED: u64 = (SEGMENT + TAG) as u64;

fn failed<E>(_: E) -> UploadRefusal {
    UploadRefusal::SpoolFailed
}

/// The key of one file. Nonces are segment numbers: the key is used for one file, and each of its
/// segments is sealed once. How many there are is known in memory, so a file that was cut is seen.
struct Key(LessSafeKey);

impl Key {
    fn nonce(segment: u64) -> Nonce {
        let mut bytes = [0; NONCE_LEN];
        for (to, from) in bytes.iter_mut().zip(segment.to_be_bytes()) {
            *to = from;
        }
        Nonce::assume_unique_for_key(bytes)
    }

    fn seal(&self, segment: u64, bytes: &mut Vec<u8>) -> Result<(), UploadRefusal> {
        self.0
            .seal_in_place_append_tag(Self::nonce(segment), Aad::empty(), bytes)
            .map_err(failed)
    }

    fn open(&self, segment: u64, bytes: &mut [u8]) -> Result<(), UploadRefusal> {
        self.0
            .open_in_place(Self::nonce(segment), Aad::empty(), bytes)
            .map(|_| ())
            .map_err(failed)
    }
}

/// One upload on disk.
pub struct Spool {
    file: File,
    key: Key,
    held: Held,
    /// The segment that is being filled.
    buffer: Zeroizing<Vec<u8>>,
    written: u64,
    sealed: bool,
    /// Whether the disk failed: what is there is not all that was written.
    failed: bool,
}

impl std::fmt::Debug for Spool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Spool")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Spool {
    /// An empty spool in `folder`, counted against `quota`.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::SpoolFailed`] when there is no file or no randomness to be had.
    pub fn new(folder: &Path, quota: &Quota, rng: &dyn Rng) -> Result<Self, UploadRefusal> {
        let file = tempfile::tempfile_in(folder).map_err(failed)?;
        let secret = Zeroizing::new(rng::array::<32>(rng).map_err(failed)?);
        let key = UnboundKey::new(&AES_256_GCM, secret.as_slice()).map_err(failed)?;
        Ok(Self {
            file,
            key: Key(LessSafeKey::new(key)),
            held: quota.hold(),
            buffer: Zeroizing::new(Vec::with_capacity(SEGMENT + TAG)),
            written: 0,
            sealed: false,
            failed: false,
        })
    }

    /// Bytes so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        let open = if self.sealed {
            0
        } else {
            self.buffer.len() as u64
        };
        self.written + open
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends bytes. Blocks on the disk once in 64 KiB.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::QuotaFull`] before anything of `bytes` is kept,
    /// [`UploadRefusal::SpoolFailed`] when the disk fails or reading has begun.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        if self.sealed || self.failed {
            return Err(UploadRefusal::SpoolFailed);
        }
        self.held.grow(bytes.len() as u64)?;
        let mut rest = bytes;
        while !rest.is_empty() {
            let room = SEGMENT - self.buffer.len();
            let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
            self.buffer.extend_from_slice(now);
            rest = later;
            if self.buffer.len() == SEGMENT {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), UploadRefusal> {
        let segment = self.written / SEGMENT as u64;
        let length = self.buffer.len() as u64;
        // Until this is done, nothing more may be written and nothing read.
        self.failed = true;
        self.key.seal(segment, &mut self.buffer)?;
        let at = segment
            .checked_mul(SEALED)
            .ok_or(UploadRefusal::SpoolFailed)?;
        self.file.write_all_at(&self.buffer, at).map_err(failed)?;
        self.failed = false;
        self.buffer.clear();
        self.written += length;
        Ok(())
    }

    /// Ends the writing and reads from the beginning. May be called again.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::SpoolFailed`].
    pub fn reader(&mut self) -> Result<SpoolReader<'_>, UploadRefusal> {
        if self.failed {
            return Err(UploadRefusal::SpoolFailed);
        }
        if !self.sealed {
            if !self.buffer.is_empty() {
                self.flush()?;
            }
            self.sealed = true;
        }
        Ok(SpoolReader::new(&self.file, &self.key, self.written))
    }

    #[cfg(test)]
    fn raw(&self) -> &File {
        &self.file
    }
}

#[cfg(test)]
mod tests;
