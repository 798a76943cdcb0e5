//! The threads that wait for the server.
//!
//! Owns a bounded queue and a fixed number of threads, each with a connection of its own. A job is
//! one transaction and is answered behind its commit. Where there is no connection, jobs are
//! answered at once: nobody waits for a server that is known to be away. One thread at a time then
//! tries anew, each time after a longer pause.

use std::{
    fmt,
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::runtime::Runtime;

use super::{Options, session, session::Session};
use crate::{
    Access, QUEUE, StoreError,
    access::Side,
    job::{Job, Task},
    pending::{Pending, pending},
};

pub(crate) struct Pool {
    jobs: Option<SyncSender<Box<dyn Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    shared: Arc<Shared>,
}

/// What the threads have in common.
struct Shared {
    options: Options,
    commits: AtomicU64,
    door: Mutex<Door>,
}

/// Whether the server is there, as far as we know.
#[derive(Default)]
struct Door {
    /// Why not.
    shut: Option<StoreError>,
    /// When to try again, on the monotonic clock.
    again: Duration,
    /// The pause before that.
    pause: Duration,
    /// Whether a thread is trying.
    trying: bool,
}

impl Pool {
    pub(super) fn start(options: Options) -> Result<Self, StoreError> {
        let (sender, receiver) = mpsc::sync_channel(QUEUE);
        let receiver = Arc::new(Mutex::new(receiver));
        let many = options.connections.min(super::CONNECTIONS_LIMIT).get();
        let shared = Arc::new(Shared {
            options,
            commits: AtomicU64::new(0),
            door: Mutex::default(),
        });
        let mut threads = Vec::with_capacity(many);
        for _ in 0..many {
            let (jobs, shared) = (Arc::clone(&receiver), Arc::clone(&shared));
            let thread = thread::Builder::new()
                .name("store".to_owned())
                .spawn(move || serve(&jobs, &shared));
            // Those started before this one end with the sender.
            threads.push(thread.map_err(|error| StoreError::Failed {
                cause: error.to_string(),
            })?);
        }
        Ok(Self {
            jobs: Some(sender),
            threads: Mutex::new(threads),
            shared,
        })
    }

    pub(crate) fn submit<T, J>(&self, work: J) -> Pending<T>
    where
        T: Send + 'static,
        J: FnOnce(&Access<'_>) -> Result<T, StoreError> + Send + 'static,
    {
        let (completer, pending) = pending();
        let Some(jobs) = &self.jobs else {
            return pending;
        };
        match jobs.try_send(Box::new(Task::new(work, completer))) {
            // Threads that are gone drop the task, which answers `Stopped`.
            Ok(()) | Err(TrySendError::Disconnected(_)) => {}
            Err(TrySendError::Full(task)) => task.finish(Err(StoreError::Overloaded)),
        }
        pending
    }

    pub(crate) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Why the server could not be reached the last time it was tried.
    pub(crate) fn failing(&self) -> Option<StoreError> {
        self.shared.door().shut.clone()
    }
}

impl Drop for Pool {
    /// Lets the threads finish what waits.
    fn drop(&mut self) {
        self.jobs = None;
        let threads = self
            .threads
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        for thread in threads.drain(..) {
            if thread.thread().id() != thread::current().id() {
                // A thread that panicked has already answered `Stopped` to whom it served.
                let _ = thread.join();
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pool({})", self.shared.options.place())
    }
}

impl Shared {
    fn door(&self) -> MutexGuard<'_, Door> {
        // A panic elsewhere leaves at worst a door that nobody tries; each field stands for itself.
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection, or why there is none: at once where one was lacking a moment ago.
    fn connect(&self, runtime: &Rc<Runtime>) -> Result<Session, StoreError> {
        let mut door = self.door();
        if let Some(why) = &door.shut
            && (door.trying || self.options.clock.monotonic() < door.again)
        {
            return Err(why.clone());
        }
        door.trying = true;
        drop(door);
        let opened = Session::open(runtime, &self.options);
        let mut door = self.door();
        door.trying = false;
        match &opened {
            Ok(_) => *door = Door::default(),
            Err(why) => {
                let patience = &self.options.patience;
                door.pause = (door.pause * 2).clamp(patience.first, patience.longest);
                door.again = self.options.clock.monotonic() + door.pause;
                door.shut = Some(why.clone());
            }
        }
        opened
    }
}

fn serve(jobs: &Mutex<Receiver<Box<dyn Job>>>, shared: &Shared) {
    // A thread without a runtime is one less; the queue is served by the others.
    let Ok(runtime) = session::runtime() else {
        return;
    };
    let mut kept: Option<Session> = None;
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(mut job) = next else {
            break;
        };
        let committed = transact(&mut kept, &runtime, shared, job.as_mut());
        if committed.is_ok() {
            shared.commits.fetch_add(1, Ordering::Relaxed);
        }
        job.finish(committed);
        kept = kept.take().filter(|session| !session.is_broken());
    }
}

/// Runs one job in a transaction of its own.
fn transact(
    kept: &mut Option<Session>,
    runtime: &Rc<Runtime>,
    shared: &Shared,
    job: &mut dyn Job,
) -> Result<(), StoreError> {
    let session = begin(kept, runtime, shared)?;
    match job.run(&Access(Side::Postgres(session))) {
        Ok(()) => session.commit(),
        Err(error) => {
            session.rollback();
            // The job keeps its own error; that nothing was committed is no other one.
            Err(error)
        }
    }
}

/// A connection with a transaction begun on it. A line that died while nobody used it is made anew:
/// nothing has been asked on it yet.
fn begin<'s>(
    kept: &'s mut Option<Session>,
    runtime: &Rc<Runtime>,
    shared: &Shared,
) -> Result<&'s Session, StoreError> {
    let alive = kept
        .take()
        .filter(|session| session.begin().is_ok() && !session.is_broken());
    let session = match alive {
        Some(session) => session,
        None => {
            let session = shared.connect(runtime)?;
            session.begin()?;
            session
        }
    };
    Ok(kept.insert(session))
}
