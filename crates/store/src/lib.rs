//! What one node must remember besides its ledger: API keys and the deliveries it has seen.
//!
//! Owns one SQLite file, its schema and every statement run on it. Refuses files that others may
//! read, files that are not ours, damaged files and files a newer build has written. Trusts its
//! caller to hold the lock on the data folder, which is what makes it the only writer.
//!
//! All work goes through one connection on one thread. Jobs that wait together are committed
//! together, so a burst costs one sync of the disk; a job is answered only after the commit that
//! holds it, with `synchronous = FULL`. Times and random values are arguments.
//!
//! Contents:
//!
//! - [`Store`]: opening the file and running jobs on it;
//! - [`keys`]: the table of API keys;
//! - [`replay`]: the table of webhook deliveries;
//! - [`StoreError`]: what can go wrong, each with a code and a hint.

mod error;
mod file;
pub mod keys;
mod migrate;
mod pending;
pub mod replay;
mod worker;

use std::{path::Path, sync::Arc};

pub use error::StoreError;
pub use pending::Pending;

/// The open store. Clones share one connection; the file closes when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Store(Arc<worker::Worker>);

/// A connection inside a transaction, as jobs see it.
pub struct Access<'a>(&'a rusqlite::Connection);

impl Store {
    /// Opens the file at `path`, making it with mode 0600 if it is not there, and brings its
    /// schema up to this build's. The caller holds the lock on the folder.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = file::open(path)?;
        worker::Worker::start(connection).map(|worker| Self(Arc::new(worker)))
    }

    /// Hands `job` to the store's thread and returns at once. Await the answer, or
    /// [`Pending::wait`] for it.
    ///
    /// An `Err` from the job undoes what that job wrote and nothing else. When more than
    /// 1024 jobs wait, the answer is [`StoreError::Overloaded`]. A job must not use the store
    /// again: it would wait for itself.
    pub fn submit<T, J>(&self, job: J) -> Pending<T>
    where
        T: Send + 'static,
        J: FnOnce(&Access<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.0.submit(job)
    }

    /// Runs `job` and waits for the commit that holds it. Not for async code.
    pub fn run<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        T: Send + 'static,
        J: FnOnce(&Access<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.submit(job).wait()
    }

    /// A number that changes when another process has changed the file. Cheap; reads no table.
    pub fn data_version(&self) -> Pending<i64> {
        self.submit(|access| {
            let version = access
                .0
                .pragma_query_value(None, "data_version", |row| row.get(0))?;
            Ok(version)
        })
    }

    /// How many transactions have been committed since the file was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.0.commits()
    }
}
