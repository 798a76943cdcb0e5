//! What the cores share, and what each has for itself.
//!
//! Owns [`Gate`], shared by all cores behind an `Arc`, and [`Core`], one per thread. Refuses to let
//! a core share anything that would need a lock on the fast path: configuration and keys are
//! snapshots, counters and caches are the core's own. Trusts the binary that wires them.

use std::{
    cell::RefCell,
    io,
    net::SocketAddr,
    ops::Deref,
    path::Path,
    rc::Rc,
    sync::{Arc, OnceLock},
};

use arc_swap::{ArcSwap, Cache};
use control::{Clock, Rng, Secret, Timestamp};
use identity::token::{Believed, KeyTokens, LiveRevocations, Uses};
use ledger::service::TooManyRoutes;
use seal::{ed25519::KeyFault, hmac};
use tokio::sync::Semaphore;

use crate::{
    assertion::{Assertions, Signer},
    metrics::{Counters, Metrics},
    request_id::RequestIds,
    room::Room,
    site::Site,
    stages::{
        authenticate::Guesses,
        files::AT_ONCE,
        record::{Acceptances, Books},
    },
    tickets::{MintFault, Minted, Tickets, Wish},
    uploads::Uploads,
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
    pub replay: hooks::Replay,
    /// The keys, to check requests with and to make more.
    pub keys: Arc<identity::Keys>,
    /// Which tokens count no longer.
    pub revocations: LiveRevocations,
    /// Which tokens that are good once were used.
    pub uses: Uses,
    /// Seed of the key that signs assertions, from which that of tokens is derived; 32 secret bytes
    /// that outlive a restart.
    pub assertion_seed: [u8; 32],
    /// The runtime on which everything runs that may block or wait for a disk.
    pub service: tokio::runtime::Handle,
}

/// Where people log in, and who is.
#[derive(Clone)]
pub struct People {
    /// Sessions, to ask the store about; only ever on the service runtime.
    pub(crate) sessions: identity::Sessions,
    /// Sessions, to check requests against.
    pub(crate) live: identity::LiveSessions,
    /// The provider, where people log in at one.
    pub(crate) provider: Option<Arc<identity::oidc::Provider>>,
    /// Where people sign in with a password, if they do.
    pub(crate) door: Option<identity::account::Door>,
}

/// What all cores share.
pub struct Gate {
    pub(crate) site: Arc<ArcSwap<Site>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rng: Arc<dyn Rng>,
    pub(crate) ledger: Arc<ledger::Ledger>,
    pub(crate) replay: hooks::Replay,
    pub(crate) keys: identity::LiveKeys,
    /// Makes keys; waits for a disk, so only ever on the service runtime.
    pub(crate) key_maker: Arc<identity::Keys>,
    pub(crate) tokens: KeyTokens,
    pub(crate) revocations: LiveRevocations,
    /// Waits for the store, so only ever on the service runtime.
    pub(crate) uses: Uses,
    pub(crate) service: tokio::runtime::Handle,
    pub(crate) signer: Signer,
    pub(crate) echo: OnceLock<SocketAddr>,
    pub(crate) people: OnceLock<People>,
    /// Where alerts wait, where any are sent.
    pub(crate) alerts: OnceLock<Arc<hooks::alerts::Queue>>,
    /// What authorities are answered, where certificates are ordered.
    pub(crate) challenges: OnceLock<Arc<acme::Challenges>>,
    /// Where limits are shared with other processes, if they are.
    pub(crate) limits: OnceLock<limits::shared::Server>,
    pub(crate) room: Arc<Room>,
    /// Where uploads are kept while they are judged, if they may be kept at all.
    pub(crate) uploads: OnceLock<Arc<Uploads>>,
    /// Places of requests that wait for a disk to read files from.
    pub(crate) disk: Arc<Semaphore>,
    /// What the tags of files are made with.
    pub(crate) file_tags: hmac::Key,
    tickets: Tickets,
    metrics: Metrics,
}

/// The gate could not be wired.
#[derive(Debug, thiserror::Error)]
pub enum WiringFault {
    /// The assertion key cannot be made of its seed.
    #[error("the key that signs assertions cannot be used: {0}")]
    AssertionKey(#[from] KeyFault),
    /// The ledger takes no more routes.
    #[error(transparent)]
    Routes(#[from] TooManyRoutes),
}

impl Gate {
    /// Wires a gate. Nothing listens yet.
    pub fn new(parts: Parts) -> Result<Self, WiringFault> {
        let mut site = parts.site;
        site.name_routes(&parts.ledger)?;
        let room = Arc::<Room>::default();
        site.take_up_loads(&room.loads);
        Ok(Self {
            site: Arc::new(ArcSwap::from_pointee(site)),
            clock: parts.clock,
            rng: parts.rng,
            ledger: parts.ledger,
            replay: parts.replay,
            keys: parts.keys.live(),
            key_maker: parts.keys,
            tokens: KeyTokens::derived(&parts.assertion_seed)?,
            revocations: parts.revocations,
            uses: parts.uses,
            service: parts.service,
            disk: Arc::new(Semaphore::new(AT_ONCE)),
            file_tags: file_tags(&parts.assertion_seed),
            signer: Signer::from_seed(parts.assertion_seed)?,
            echo: OnceLock::new(),
            people: OnceLock::new(),
            alerts: OnceLock::new(),
            challenges: OnceLock::new(),
            limits: OnceLock::new(),
            room,
            uploads: OnceLock::new(),
            tickets: Tickets::default(),
            metrics: Metrics::default(),
        })
    }

    /// Mints a ticket for one request.
    pub fn mint(&self, wish: &Wish<'_>) -> Result<Minted, MintFault> {
        self.tickets.mint(wish, &*self.rng, self.clock.now())
    }

    /// The key that signs the tokens the gate issues.
    #[must_use]
    pub const fn tokens(&self) -> &KeyTokens {
        &self.tokens
    }

    /// A token called `id` as it would be had it been issued at `issued`, for a key of a proof and no
    /// other.
    #[must_use]
    pub fn back_dated(
        &self,
        key: identity::KeyId,
        terms: &identity::token::Terms,
        id: &str,
        issued: Timestamp,
    ) -> Option<Secret> {
        let minted = self
            .tokens
            .issue_for_proof(&self.keys, key, terms, id, issued)?;
        Some(minted.token)
    }

    /// Tells the gate where people log in; only the first call counts. Until then nobody does.
    pub fn let_in(
        &self,
        sessions: identity::Sessions,
        provider: Option<identity::oidc::Provider>,
        door: Option<identity::account::Door>,
    ) {
        let people = People {
            live: sessions.live(),
            sessions,
            provider: provider.map(Arc::new),
            door,
        };
        let _ = self.people.set(people);
    }

    /// Tells the gate where to raise alerts; only the first call counts. Until then it raises none.
    pub fn alert_by(&self, queue: Arc<hooks::alerts::Queue>) {
        let _ = self.alerts.set(queue);
    }

    /// Tells the gate where the answers to authorities are; only the first call counts. Until then it has
    /// none.
    pub fn answer_by(&self, challenges: Arc<acme::Challenges>) {
        let _ = self.challenges.set(challenges);
    }

    /// Tells the gate where it shares its limits; only the first call counts. Until then each process
    /// keeps them for itself.
    pub fn share_limits(&self, shared: store::shared::Shared) {
        if let Some(server) = limits::shared::Server::new(shared) {
            let _ = self.limits.set(server);
        }
    }

    /// Tells the gate to keep uploads in `folder` while they are judged; only the first call counts.
    /// Until then none is taken.
    ///
    /// # Errors
    ///
    /// When the folder cannot be made.
    pub fn keep_uploads_in(&self, folder: &Path) -> io::Result<()> {
        let (rng, service) = (Arc::clone(&self.rng), self.service.clone());
        let uploads = Uploads::new(folder, self.site().upload_quota(), rng, service)?;
        let _ = self.uploads.set(Arc::new(uploads));
        Ok(())
    }

    /// Bytes of uploads that are kept now.
    #[must_use]
    pub fn uploads_kept(&self) -> u64 {
        self.uploads.get().map_or(0, |uploads| uploads.used())
    }

    /// Tells the gate where its echo listens; only the first call counts.
    pub fn echo_at(&self, address: SocketAddr) {
        let _ = self.echo.set(address);
    }

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

    /// Most connections there may be at once: what is configured, or fewer where descriptors do not
    /// allow as many.
    #[must_use]
    pub fn most_connections(&self) -> usize {
        self.room.most_connections(self.site().limits())
    }

    /// Connections of clients that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.room.connections()
    }

    /// Whether a descriptor for a socket was lacking within the last ten seconds.
    #[must_use]
    pub fn lacks_descriptors(&self) -> bool {
        self.room.is_lacking(self.clock.monotonic())
    }

    /// Puts a whole new configuration in force; requests under way keep the one they began with.
    pub fn replace(&self, mut site: Site) -> Result<(), TooManyRoutes> {
        site.name_routes(&self.ledger)?;
        site.take_up_loads(&self.room.loads);
        site.take_up_rates(&self.site.load());
        site.take_up_certificates(&self.site.load());
        self.site.store(Arc::new(site));
        Ok(())
    }
}

/// The key that tags of files are made with.
fn file_tags(seed: &[u8; 32]) -> hmac::Key {
    let algorithm = hmac::Algorithm::Sha256;
    let derived = hmac::sign(algorithm, seed, &[b"vouchsafe file tag v1"]);
    hmac::Key::new(algorithm, derived.as_bytes())
}

/// A core's view of the configuration in force.
struct Watch {
    latest: Cache<Arc<ArcSwap<Site>>, Arc<Site>>,
    current: CurrentSite,
}

/// What one thread has for itself. Share it among the thread's tasks by `Rc`.
pub struct Core {
    pub(crate) gate: Arc<Gate>,
    pub(crate) books: Rc<Books>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) ids: RefCell<RequestIds>,
    pub(crate) assertions: RefCell<Assertions>,
    pub(crate) acceptances: RefCell<Acceptances>,
    pub(crate) believed: RefCell<Believed>,
    pub(crate) guesses: RefCell<Guesses>,
    site: RefCell<Watch>,
}

impl Core {
    /// A core with a recorder, counters and caches of its own.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        let mut latest = Cache::new(Arc::clone(&gate.site));
        let current = CurrentSite(Rc::new(Held(Arc::clone(latest.load()))));
        let counters = gate.metrics.core();
        let clock = Arc::clone(&gate.clock);
        let room = Arc::clone(&gate.room);
        let books = Books::new(gate.ledger.recorder(), Arc::clone(&counters), clock, room);
        Self {
            books: Rc::new(books),
            counters,
            ids: RefCell::new(RequestIds::new(Arc::clone(&gate.rng))),
            assertions: RefCell::new(Assertions::default()),
            acceptances: RefCell::new(Acceptances::default()),
            believed: RefCell::new(Believed::default()),
            guesses: RefCell::default(),
            site: RefCell::new(Watch { latest, current }),
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
        let mut watch = self.site.borrow_mut();
        let Watch { latest, current } = &mut *watch;
        let latest = latest.load();
        if !Arc::ptr_eq(latest, &current.0.0) {
            *current = CurrentSite(Rc::new(Held(Arc::clone(latest))));
            self.assertions.borrow_mut().forget();
            self.believed.borrow_mut().forget();
        }
        current.clone()
    }

    /// Whether `site` is the one that this core's caches were filled under.
    pub(crate) fn is_current(&self, site: &CurrentSite) -> bool {
        self.site.borrow().current.is_same_as(site)
    }
}

/// A configuration that stays in force for as long as a request under it lives. Cloning it touches
/// no memory that another core reads, which is why the count of the cores' shared handle stands
/// behind a count of this core's own.
#[derive(Clone, Debug)]
pub struct CurrentSite(Rc<Held>);

#[derive(Debug)]
struct Held(Arc<Site>);

impl CurrentSite {
    #[cfg(test)]
    pub(crate) fn new(site: Site) -> Self {
        Self(Rc::new(Held(Arc::new(site))))
    }

    /// The same, for another thread.
    pub(crate) fn to_shared(&self) -> Arc<Site> {
        Arc::clone(&self.0.0)
    }

    /// Whether this is the very same configuration as `other`.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0.0, &other.0.0)
    }
}

impl Deref for CurrentSite {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.0.0
    }
}
