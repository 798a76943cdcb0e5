//! How much all held uploads together may take.
//!
//! Owns one counter for every holder. What a holder took is given back when it is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::refusal::UploadRefusal;

/// Bytes that uploads may take on disk together. Clones share the count.
#[derive(Clone, Debug)]
pub struct Quota {
    used: Arc<AtomicU64>,
    most: u64,
}

impl Quota {
    /// A quota of `most` bytes.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self {
            used: Arc::default(),
            most,
        }
    }

    /// Bytes that are taken now.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Acquire)
    }

    /// A holder of nothing yet.
    #[must_use]
    pub fn hold(&self) -> Held {
        Held {
            quota: self.clone(),
            bytes: 0,
        }
    }
}

/// A part of a quota.
#[derive(Debug)]
pub struct Held {
    quota: Quota,
    bytes: u64,
}

impl Held {
    /// Takes more.
    ///
    /// # Errors
    ///
    /// [`UploadRefusal::QuotaFull`]; nothing more is taken then.
    pub fn grow(&mut self, bytes: u64) -> Result<(), UploadRefusal> {
        let most = self.quota.most;
        let more = |used: u64| used.checked_add(bytes).filter(|used| *used <= most);
        let taken = self
            .quota
            .used
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        taken.map_err(|_| UploadRefusal::QuotaFull)?;
        self.bytes += bytes;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.quota.used.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}
