//! One log on disk: its journal and its signed tree, opened together.
//!
//! Owns making a log, opening it and bringing both halves back into agreement after a crash.
//! Refuses a folder that lost its signed head. Single-threaded and without clocks, so that every
//! crash can be tried; [`crate::service`] gives it threads.

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    alteration::LedgerError,
    disk::Disk,
    journal::Journal,
    note::SignerKey,
    publish::{Publisher, journal_folder},
    segment::Batch,
};

/// A log, open for appending.
pub struct Log {
    /// Makes entries durable.
    pub journal: Journal,
    /// Brings durable entries under a checkpoint.
    pub publisher: Publisher,
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Log({} entries)", self.publisher.size())
    }
}

impl Log {
    /// Makes a log without entries in `folder`; whatever an unfinished making left is overwritten.
    pub fn create(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        signer: Arc<SignerKey>,
        second_place: Option<PathBuf>,
    ) -> Result<Self, LedgerError> {
        let journals = journal_folder(folder);
        for path in [folder, &journals] {
            disk.create_folder(path).map_err(LedgerError::disk(path))?;
        }
        let journal = Journal::create(Arc::clone(disk), &journals, 0)
            .map_err(LedgerError::disk(&journals))?;
        let publisher = Publisher::create(Arc::clone(disk), folder, signer, second_place)?;
        Ok(Self { journal, publisher })
    }

    /// Opens the log in `folder` and signs what a crash left durable but unsigned.
    pub fn open(
        disk: &Arc<dyn Disk>,
        folder: &Path,
        signer: Arc<SignerKey>,
        second_place: Option<PathBuf>,
    ) -> Result<Self, LedgerError> {
        let mut publisher = Publisher::open(Arc::clone(disk), folder, signer, second_place)?;
        let recovered = Journal::recover(
            Arc::clone(disk),
            &journal_folder(folder),
            publisher.signed(),
        )?;
        for entry in recovered.tail.iter() {
            publisher.add(entry);
        }
        let mut log = Self {
            journal: recovered.journal,
            publisher,
        };
        log.publisher.publish().map_err(LedgerError::disk(folder))?;
        // A second place that cannot be written now does not keep the log from going on.
        let _ = log.publisher.copy_to_second_place();
        log.publisher
            .tidy(log.journal.active())
            .map_err(LedgerError::disk(folder))?;
        Ok(log)
    }

    /// Makes `batch` durable and adds it to the tree.
    pub fn append(&mut self, batch: &Batch) -> std::io::Result<()> {
        self.journal.append(batch)?;
        for entry in batch.iter() {
            self.publisher.add(entry);
        }
        Ok(())
    }

    /// Brings everything durable under a checkpoint, with its copy, and tidies up.
    pub fn publish(&mut self) -> std::io::Result<()> {
        self.publisher.publish()?;
        let copied = self.publisher.copy_to_second_place();
        copied.and(self.publisher.tidy(self.journal.active()))
    }
}
