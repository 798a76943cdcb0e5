//! The engine: listeners, threads and connections.
//!
//! Owns everything between a configured address and the stages, and between the stages and the
//! upstream: one thread for each core with its own listening sockets, its own upstream pool and one
//! task for each connection. Refuses to start half: every address is bound and every certificate
//! read before the first connection is accepted. Trusts the stages for every decision about a
//! request.
//!
//! 1. `bind` and [`tls`]: sockets and certificates;
//! 2. `thread` and `accept`: what each core runs, and how connections come in;
//! 3. `connection`: the loop of one connection; `whole` and `held` for bodies that must be
//!    seen first;
//! 4. `berth`, `forward` and `answer`: the exchange with the upstream, and the place it takes;
//! 5. `local`, `dial` and `resolve`: what each thread keeps, and how it reaches upstreams;
//! 6. [`h2`]: connections with many requests at once, each given to the same engine;
//! 7. [`refusals`]: what the engine itself turns away.

mod accept;
mod answer;
mod berth;
mod bind;
pub mod certificate;
pub(crate) mod connection;
mod dial;
mod file;
mod forward;
pub mod h2;
mod held;
mod hidden;
mod judged;
mod kept;
mod kit;
mod local;
pub mod refusals;
mod reset;
mod resolve;
mod seen;
mod table;
mod thread;
pub mod tls;
mod upload;
mod whole;

pub(crate) use self::{local::Local, reset::Client};

use std::{
    fs, io,
    net::SocketAddr,
    num::NonZero,
    os::fd::AsRawFd as _,
    sync::{Arc, mpsc},
    thread::{Builder, JoinHandle, available_parallelism},
    time::Duration,
};

use arc_swap::ArcSwapOption;
use tokio::sync::watch;

use self::tls::Speaking;
use crate::{core::Gate, room::affordable};

/// How the engine is started.
pub struct Options {
    /// Threads; `None` is one for each core of this machine.
    pub threads: Option<NonZero<usize>>,
    /// TLS of each listener of the site, in the order of the site; see [`tls::load`].
    pub tls: Vec<Option<Speaking>>,
    /// Most descriptors this process may have open, which bounds connections as well.
    pub descriptors: usize,
}

/// Why the engine did not start. Nothing is left running.
#[derive(Debug, thiserror::Error)]
pub enum StartFault {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {cause}")]
    Listen {
        /// The address as configured.
        address: SocketAddr,
        /// The system's reason.
        cause: io::Error,
    },
    /// A thread or its runtime cannot be made.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

impl StartFault {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Listen { cause, .. } if cause.kind() == io::ErrorKind::AddrInUse => {
                "gate::listen::in-use"
            }
            Self::Listen { .. } => "gate::listen::refused",
            Self::Thread(_) => "gate::thread",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Listen { cause, .. } => match cause.kind() {
                io::ErrorKind::AddrInUse => {
                    "stop what listens there (ss -ltnp shows it) or configure another port"
                }
                io::ErrorKind::PermissionDenied => {
                    "ports below 1024 need CAP_NET_BIND_SERVICE; use a higher port"
                }
                io::ErrorKind::AddrNotAvailable => {
                    "this machine has no such address; ip address shows those it has"
                }
                _ => "check the address of [[listen]]",
            },
            Self::Thread(_) => "raise the limits on processes and open files (ulimit -u, -n)",
        }
    }
}

/// What the threads are asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Accept no more; finish what is under way.
    Draining,
    /// Stop at once.
    Stopping,
}

/// TLS of one listener, replaced as a whole when a certificate is renewed.
type Tls = Arc<ArcSwapOption<Speaking>>;

/// Stops an engine at once, a drain under way included.
#[derive(Clone)]
pub struct Stopper(watch::Sender<Phase>);

impl Stopper {
    /// Ends every connection, whatever it is doing.
    pub fn stop(&self) {
        self.0.send_replace(Phase::Stopping);
    }
}

/// A running engine. Dropping it stops it at once.
pub struct Running {
    addresses: Vec<SocketAddr>,
    tls: Vec<Tls>,
    phase: watch::Sender<Phase>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    /// The addresses it listens on, in the order of the site, with the ports the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What stops it while [`Running::drain`] waits.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(self.phase.clone())
    }

    /// Puts renewed certificates in force for new connections; as many as there are listeners,
    /// and plain ones stay plain.
    pub fn renew(&self, tls: Vec<Option<Speaking>>) {
        for (slot, renewed) in self.tls.iter().zip(tls) {
            if let (Some(before), Some(mut renewed)) = (slot.load_full(), renewed) {
                renewed.take_up(&before);
                slot.store(Some(Arc::new(renewed)));
            }
        }
    }

    /// Whether these differ from what is in force.
    #[must_use]
    pub fn differs(&self, tls: &[Option<Speaking>]) -> bool {
        self.tls.iter().zip(tls).any(|(slot, renewed)| {
            let (current, renewed) = (slot.load(), renewed.as_ref());
            current.as_ref().map(|it| *it.digest()) != renewed.map(|it| *it.digest())
        })
    }

    /// Accepts no more, lets requests under way finish with `Connection: close` for at most
    /// `within`, then stops. Blocks until every thread has ended.
    pub fn drain(mut self, within: Duration) {
        // One that was stopped already stays so.
        self.phase.send_if_modified(|phase| {
            let serving = *phase == Phase::Serving;
            if serving {
                *phase = Phase::Draining;
            }
            serving
        });
        let (done, ended) = mpsc::channel::<()>();
        let threads = std::mem::take(&mut self.threads);
        let waiter = Builder::new().name("gate-drain".to_owned()).spawn(move || {
            for thread in threads {
                // A thread that panicked has ended too.
                let _ = thread.join();
            }
            drop(done);
        });
        if ended.recv_timeout(within) == Err(mpsc::RecvTimeoutError::Timeout) {
            self.phase.send_replace(Phase::Stopping);
        }
        if let Ok(waiter) = waiter {
            let _ = waiter.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.phase.send_replace(Phase::Stopping);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl Gate {
    /// Binds every listener of the site and starts serving.
    ///
    /// # Errors
    /// See [`StartFault`]; nothing is left running.
    pub fn start(self: &Arc<Self>, options: Options) -> Result<Running, StartFault> {
        let threads = options
            .threads
            .or_else(|| available_parallelism().ok())
            .map_or(1, NonZero::get);
        let site = self.site();
        let (phase, watching) = watch::channel(Phase::Serving);
        let mut running = Running {
            addresses: Vec::new(),
            tls: Vec::new(),
            phase,
            threads: Vec::new(),
        };
        let mut doors: Vec<Vec<accept::Door>> = (0..threads).map(|_| Vec::new()).collect();
        let mut tls = options.tls.into_iter();
        for configured in site.listeners() {
            let refused = |cause| StartFault::Listen {
                address: configured.address,
                cause,
            };
            let bound = bind::bind(configured.address, threads).map_err(refused)?;
            let slot: Tls = Arc::new(ArcSwapOption::new(tls.next().flatten().map(Arc::new)));
            running.addresses.push(bound.address);
            running.tls.push(Arc::clone(&slot));
            for (socket, doors) in bound.sockets.into_iter().zip(&mut doors) {
                doors.push(accept::Door {
                    listener: bind::listen(socket).map_err(refused)?,
                    tls: Arc::clone(&slot),
                    redirects: configured.redirects,
                });
            }
        }
        for (number, doors) in doors.into_iter().enumerate() {
            let started = thread::start(number, Arc::clone(self), doors, watching.clone());
            running.threads.push(started.map_err(StartFault::Thread)?);
        }
        // A new descriptor gets the lowest free number, so its number says how many are in use.
        let used = fs::File::open("/dev/null").map_or(0, |file| file.as_raw_fd());
        let used = usize::try_from(used).unwrap_or_default();
        self.room.afford(affordable(options.descriptors, used));
        Ok(running)
    }
}
