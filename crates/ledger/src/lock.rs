//! The exclusive lock on a data folder.
//!
//! Owns the proof that this process alone writes below the folder: ledger and store are opened
//! only by its holder. Refuses a second holder, naming the first where it is known. Trusts the
//! kernel to release the lock when a process ends in whatever way.

use std::path::{Path, PathBuf};

/// Held while this process alone may write below a data folder; released when dropped.
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
}

/// The data folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another vouchsafe{} already uses the data folder {}", .pid.map_or_else(String::new, |pid| format!(" (pid {pid})")), .folder.display())]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// The holder, where it is known.
        pid: Option<u32>,
    },
    /// The lock file could not be made or opened.
    #[error("cannot lock the data folder {}: {cause}", .folder.display())]
    Unusable {
        /// The data folder.
        folder: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

impl Lock {
    /// Locks `folder`, making it if needed.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let _ = folder;
        todo!()
    }

    /// The locked folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
