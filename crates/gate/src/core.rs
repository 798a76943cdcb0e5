//! What the cores share, and what each has for itself.
//!
//! Owns [`Gate`], shared by all cores behind an `Arc`, and [`Core`], one per thread. Refuses to let
//! a core share anything that would need a lock on the fast path: configuration and keys are
//! snapshots, counters and caches are the core's own. Trusts the binary that wires them.

use std::{
    cell::RefCell,
    net::SocketAddr,
    ops::Deref,
    rc::Rc,
    sync::{Arc, OnceLock},
};

use arc_swap::{ArcSwap, Cache};
use control::{Clock, Rng};

use crate::{
    assertion::{Assertions, Signer},
    metrics::{Counters, Metrics},
    request_id::RequestIds,
    site::Site,
    tickets::Tickets,
};

/// What the gate is wired with.
pub struct Parts {
    /// The configuration it starts with.
    pub site: Site,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub rng: Arc<dyn Rng>,
    /// The running ledger.
    pub ledger: Arc<ledger::Ledger>,
    /// The replay rules of webhook deliveries.
    pub replay: Arc<hooks::Replay>,
    /// Seed of the key that signs assertions; 32 secret bytes that outlive a restart.
    pub assertion_seed: [u8; 32],
    /// The runtime on which everything runs that may block or wait for a disk.
    pub service: tokio::runtime::Handle,
}

/// What all cores share.
pub struct Gate {
    pub(crate) site: Arc<ArcSwap<Site>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) ledger: Arc<ledger::Ledger>,
    pub(crate) replay: Arc<hooks::Replay>,
    pub(crate) service: tokio::runtime::Handle,
    pub(crate) signer: Signer,
    pub(crate) echo: OnceLock<SocketAddr>,
    tickets: Tickets,
    metrics: Metrics,
}

impl Gate {
    /// The tickets of proofs.
    #[must_use]
    pub const fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// The counters of all cores.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The configuration in force.
    #[must_use]
    pub fn site(&self) -> Arc<Site> {
        self.site.load_full()
    }

    /// Puts a whole new configuration in force; requests under way keep the one they began with.
    pub fn replace(&self, site: Site) {
        self.site.store(Arc::new(site));
    }
}

/// What one thread has for itself. Share it among the thread's tasks by `Rc`.
pub struct Core {
    pub(crate) gate: Arc<Gate>,
    pub(crate) recorder: ledger::Recorder,
    pub(crate) counters: Arc<Counters>,
    pub(crate) ids: RefCell<RequestIds>,
    pub(crate) assertions: RefCell<Assertions>,
    site: RefCell<(Cache<Arc<ArcSwap<Site>>, Arc<Site>>, CurrentSite)>,
}

impl Core {
    /// A core with a recorder, counters and caches of its own.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        let mut cache = Cache::new(Arc::clone(&gate.site));
        let current = CurrentSite(Rc::new(Arc::clone(cache.load())));
        Self {
            recorder: gate.ledger.recorder(),
            counters: gate.metrics.core(),
            ids: RefCell::new(RequestIds::new(Arc::clone(&gate.rng))),
            assertions: RefCell::new(Assertions::default()),
            site: RefCell::new((cache, current)),
            gate,
        }
    }

    /// What all cores share.
    #[must_use]
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// This core's counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The configuration in force, as this core sees it: one atomic load unless it changed.
    #[must_use]
    pub fn site(&self) -> CurrentSite {
        let mut slot = self.site.borrow_mut();
        let (cache, current) = &mut *slot;
        let latest = cache.load();
        if !Arc::ptr_eq(latest, &current.0) {
            *current = CurrentSite(Rc::new(Arc::clone(latest)));
            self.assertions.borrow_mut().forget();
        }
        current.clone()
    }
}

/// A configuration that stays in force for as long as a request under it lives. Cloning it touches
/// no memory that another core reads.
#[derive(Clone, Debug)]
pub struct CurrentSite(Rc<Arc<Site>>);

impl Deref for CurrentSite {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.0
    }
}
