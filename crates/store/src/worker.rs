//! The one thread that touches an SQLite file.
//!
//! Owns the connection, the bounded queue before it and the group commit: jobs that wait together
//! share one transaction and so one sync. Each job has a savepoint of its own, so that one that
//! fails takes nothing else with it. Nobody is answered before the commit.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
};

use rusqlite::Connection;

use crate::{
    Access, QUEUE, StoreError,
    access::Side,
    job::{Job, Task},
    pending::{Pending, pending},
};

/// How many jobs share a commit at most; bounds what one failed commit fails.
const BATCH: usize = 256;

pub(crate) struct Worker {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    commits: Arc<AtomicU64>,
}

impl Worker {
    pub(crate) fn start(connection: Connection) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        let thread = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || serve(&connection, &receiver, &counter))
            .map_err(|error| StoreError::Failed {
                cause: error.to_string(),
            })?;
        Ok(Self {
            jobs: Some(sender),
            thread: Mutex::new(Some(thread)),
            commits,
        })
    }

    pub(crate) fn submit<T, J>(&self, work: J) -> Pending<T>
    where
        T: Send + 'static,
        J: FnOnce(&Access<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (completer, pending) = pending();
        let task = Box::new(Task::new(work, completer));
        let Some(jobs) = &self.jobs else {
            return pending;
        };
        match jobs.try_send(task) {
            // A thread that is gone drops the task, which answers `Stopped`.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(task)) => task.finish(Err(StoreError::Overloaded)),
        }
        pending
    }

    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Drop for Worker {
    /// Lets the thread finish what waits and close the file, so that the caller may then release
    /// the lock on the folder.
    fn drop(&mut self) {
        self.jobs = None;
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread
            && thread.thread().id() != thread::current().id()
        {
            // A thread that panicked has already answered `Stopped` to everyone.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Worker(..)")
    }
}

fn serve(connection: &Connection, jobs: &Receiver<Box<dyn Job>>, commits: &AtomicU64) {
    let mut batch: Vec<Box<dyn Job>> = Vec::with_capacity(BATCH);
    while let Ok(first) = jobs.recv() {
        let committed = transact(connection, first, jobs, &mut batch);
        if committed.is_ok() {
            commits.fetch_add(1, Ordering::Relaxed);
        }
        for job in batch.drain(..) {
            job.finish(committed.clone());
        }
    }
}

/// Runs `first` and whatever else waits by then in one transaction. Jobs that ran end up in
/// `batch`, to be answered with the outcome of the whole.
fn transact(
    connection: &Connection,
    first: Box<dyn Job>,
    jobs: &Receiver<Box<dyn Job>>,
    batch: &mut Vec<Box<dyn Job>>,
) -> Result<(), StoreError> {
    let mut next = Some(first);
    let outcome = execute(connection, "BEGIN IMMEDIATE").and_then(|()| {
        while let Some(mut job) = next.take() {
            let ran = run_one(connection, job.as_mut());
            batch.push(job);
            ran?;
            if batch.len() < BATCH {
                next = jobs.try_recv().ok();
            }
        }
        execute(connection, "COMMIT")
    });
    // Where the transaction could not even begin, its first job is answered all the same.
    batch.extend(next);
    if outcome.is_err() && !connection.is_autocommit() {
        // The outcome is already an error; a rollback that fails too cannot make it another.
        let _ = execute(connection, "ROLLBACK");
    }
    outcome
}

fn run_one(connection: &Connection, job: &mut dyn Job) -> Result<(), StoreError> {
    execute(connection, "SAVEPOINT job")?;
    if let Err(error) = job.run(&Access(Side::Sqlite(connection))) {
        // Some failures, a full disk among them, make SQLite take the whole transaction back. Then
        // the batch fails with the same cause: none of it is in the file.
        if connection.is_autocommit() {
            return Err(error);
        }
        execute(connection, "ROLLBACK TO job")?;
    }
    execute(connection, "RELEASE job")
}

fn execute(connection: &Connection, sql: &str) -> Result<(), StoreError> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}
