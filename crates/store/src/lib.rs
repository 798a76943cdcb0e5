//! What a deployment must remember besides its ledger: API keys, sessions, accounts, what became of
//! tokens, and the deliveries it has seen.
//!
//! Owns one SQLite file or one schema on a PostgreSQL server, and every statement run on it. Refuses
//! files that others may read, databases that are not ours, damaged ones, ones a newer build has
//! written, and servers that do not prove who they are. Of a file it trusts its caller to hold the
//! lock on the data folder, which is what makes it the only writer.
//!
//! Gate cores hand jobs over and never wait. A job is one transaction, and is answered only after
//! the commit that holds it is durable. On a file, all work goes through one connection on one
//! thread, and jobs that wait together are committed together, so a burst costs one sync of the
//! disk. A server is asked by several threads, each with a connection of its own, and does the same
//! itself. Times and random values are arguments.
//!
//! Contents:
//!
//! - [`Store`]: opening either and running jobs on it;
//! - [`Tenant`], [`Within`]: whose rows a query may touch;
//! - [`keys`]: the table of API keys;
//! - [`replay`]: the table of webhook deliveries;
//! - [`sessions`]: the table of people who are logged in;
//! - [`logins`]: the table of logins under way;
//! - [`accounts`]: the table of people who have a password here;
//! - [`tokens`]: the tables of tokens that were used or revoked;
//! - [`visitors`]: sessions and logins, in tables or on Redis;
//! - [`postgres`]: how a server is asked;
//! - [`shared`]: what nodes share for a while, in memory or on Redis;
//! - [`Address`], [`Roots`]: where servers are, and who signs for them;
//! - [`StoreError`]: what can go wrong, each with a code and a hint.

mod access;
pub mod accounts;
pub mod address;
mod error;
mod file;
#[doc(hidden)]
pub mod fuzz;
mod job;
pub mod keys;
pub mod logins;
mod migrate;
mod pending;
pub mod postgres;
pub mod replay;
pub mod sessions;
pub mod shared;
mod tenant;
mod tls;
pub mod tokens;
pub mod visitors;
mod worker;

use std::{path::Path, sync::Arc};

pub use access::Access;
pub use address::{Address, AddressFault};
pub use error::{Place, StoreError};
pub use pending::Pending;
pub use tenant::{TENANT_LIMIT, Tenant, Within};
pub use tls::{Roots, RootsFault};

/// How many jobs may wait.
const QUEUE: usize = 1024;

/// The open store. Clones share its connections, which close when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Store(Arc<Backend>);

#[derive(Debug)]
enum Backend {
    File(worker::Worker),
    Server(postgres::Pool),
}

impl Store {
    /// Opens the file at `path`, making it with mode 0600 if it is not there, and brings its
    /// schema up to this build's. The caller holds the lock on the folder.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = file::open(path)?;
        worker::Worker::start(connection).map(|worker| Self(Arc::new(Backend::File(worker))))
    }

    /// Connects to a server, and brings its schema up to this build's. Blocks: not for async code.
    pub fn connect(options: &postgres::Options) -> Result<Self, StoreError> {
        postgres::open(options).map(|pool| Self(Arc::new(Backend::Server(pool))))
    }

    /// Hands `job` to the store's threads and returns at once. Await the answer, or
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
        match &*self.0 {
            Backend::File(worker) => worker.submit(job),
            Backend::Server(pool) => pool.submit(job),
        }
    }

    /// Runs `job` and waits for the commit that holds it. Not for async code.
    pub fn run<T, J>(&self, job: J) -> Result<T, StoreError>
    where
        T: Send + 'static,
        J: FnOnce(&Access<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        self.submit(job).wait()
    }

    /// A number that changes when another process has changed the keys. Cheap. On a server it
    /// changes by our own work as well.
    pub fn data_version(&self) -> Pending<i64> {
        self.submit(|access| access.data_version())
    }

    /// How many transactions have been committed since the store was opened.
    #[must_use]
    pub fn commits(&self) -> u64 {
        match &*self.0 {
            Backend::File(worker) => worker.commits(),
            Backend::Server(pool) => pool.commits(),
        }
    }

    /// Whether other nodes change what is in it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(&*self.0, Backend::Server(_))
    }

    /// What kind of database it is: `sqlite` or `postgresql`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &*self.0 {
            Backend::File(_) => "sqlite",
            Backend::Server(_) => "postgresql",
        }
    }

    /// Why the server could not be reached the last time it was tried; `None` for a file, which
    /// answers each job for itself.
    #[must_use]
    pub fn failing(&self) -> Option<StoreError> {
        match &*self.0 {
            Backend::File(_) => None,
            Backend::Server(pool) => pool.failing(),
        }
    }
}
