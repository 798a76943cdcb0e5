//! One session, as it is known here.
//!
//! Owns what the row says, when the session was last used, and when the store last confirmed it.
//! Refuses to count as standing once it has ended, was idle for too long, or is over.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use control::{Clock, Timestamp};
use store::sessions::{Digest, SessionRow};

use super::{SessionHash, SessionRefusal};

/// How much later a use must be to be noted again, in milliseconds, so that cores do not fight over
/// the cache line.
const NOTED_EVERY: i64 = 1000;

/// How old the store's word may be before it is asked for again, where the session is in use.
const REFRESHED: Duration = Duration::from_secs(3);

/// How old it may be where a connection lasts: it asks once a second, and the answer takes a moment.
const BELIEVED_LASTING: Duration = Duration::from_secs(10);

/// One session, without anything that could be presented.
pub struct Session {
    pub(super) digest: Digest,
    handle: Box<str>,
    principal: Box<str>,
    issuer: Box<str>,
    subject: Box<str>,
    roles: Box<[Box<str>]>,
    tenant: Box<str>,
    hash: SessionHash,
    clock: Arc<dyn Clock>,
    created: Timestamp,
    idle: i64,
    ends: Timestamp,
    probe: bool,
    /// When it was last used, in milliseconds.
    pub(super) seen: AtomicI64,
    /// What of that is stored.
    stored: AtomicI64,
    /// When the store last confirmed it, by the monotonic clock, in milliseconds.
    pub(super) confirmed: AtomicI64,
    /// Whether somebody needs it confirmed again soon.
    pub(super) wanted: AtomicBool,
    /// Whether it has ended here. Never taken back.
    pub(super) over: AtomicBool,
}

impl Session {
    pub(super) fn of(row: SessionRow, clock: Arc<dyn Clock>) -> Self {
        let roles: Box<[Box<str>]> = row.roles.into_iter().map(Into::into).collect();
        Self {
            hash: SessionHash::of(&row.digest),
            confirmed: AtomicI64::new(monotonic(&*clock)),
            clock,
            digest: row.digest,
            handle: row.handle.into(),
            principal: row.principal.into(),
            issuer: row.issuer.into(),
            subject: row.subject.into(),
            roles,
            tenant: row.tenant.into(),
            created: row.created,
            idle: row.idle,
            ends: row.ends,
            probe: row.probe,
            seen: AtomicI64::new(row.last_seen.millis()),
            stored: AtomicI64::new(row.last_seen.millis()),
            wanted: AtomicBool::new(false),
            over: AtomicBool::new(false),
        }
    }

    /// What people call it by.
    #[must_use]
    pub const fn handle(&self) -> &str {
        &self.handle
    }

    /// Whose it is, as the ledger names them.
    #[must_use]
    pub const fn principal(&self) -> &str {
        &self.principal
    }

    /// Who said who the person is.
    #[must_use]
    pub const fn issuer(&self) -> &str {
        &self.issuer
    }

    /// What the issuer calls the person.
    #[must_use]
    pub const fn subject(&self) -> &str {
        &self.subject
    }

    /// The person's roles.
    #[must_use]
    pub const fn roles(&self) -> &[Box<str>] {
        &self.roles
    }

    /// The person's tenant.
    #[must_use]
    pub const fn tenant(&self) -> &str {
        &self.tenant
    }

    /// When the person logged in.
    #[must_use]
    pub const fn created(&self) -> Timestamp {
        self.created
    }

    /// When it ends, however busy it is.
    #[must_use]
    pub const fn ends(&self) -> Timestamp {
        self.ends
    }

    /// What apps tell it from others by.
    #[must_use]
    pub const fn hash(&self) -> &SessionHash {
        &self.hash
    }

    /// What tells it from others of the same person.
    pub(crate) fn variant(&self) -> u64 {
        self.hash.number()
    }

    /// Whether it was made for a proof.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.probe
    }

    /// Why it is over at `now`, if it is. What was idle for too long stays over.
    pub(super) fn ended(&self, now: Timestamp) -> Option<SessionRefusal> {
        if self.over.load(Ordering::Acquire) {
            return Some(SessionRefusal::Unknown);
        }
        if now >= self.ends {
            return Some(SessionRefusal::Ended);
        }
        let seen = self.seen.load(Ordering::Relaxed);
        (now.millis().saturating_sub(seen) >= self.idle).then_some(SessionRefusal::Idle)
    }

    pub(super) fn note_use(&self, now: Timestamp) {
        let seen = self.seen.load(Ordering::Relaxed);
        if now.millis().saturating_sub(seen) >= NOTED_EVERY {
            self.seen.fetch_max(now.millis(), Ordering::Relaxed);
        }
    }

    /// How old the store's word is.
    pub(super) fn unconfirmed_for(&self) -> Duration {
        let confirmed = self.confirmed.load(Ordering::Relaxed);
        let age = monotonic(&*self.clock).saturating_sub(confirmed);
        Duration::from_millis(u64::try_from(age).unwrap_or(0))
    }

    /// The same, for whoever needs it to be young.
    pub(super) fn age(&self) -> Duration {
        let age = self.unconfirmed_for();
        if age >= REFRESHED {
            self.wanted.store(true, Ordering::Relaxed);
        }
        age
    }

    /// Whether it can still be used at `now`: for connections that outlive a request. What goes over
    /// them counts as no use. Ask about once a second.
    #[must_use]
    pub fn stands(&self, now: Timestamp) -> bool {
        self.age() < BELIEVED_LASTING && self.ended(now).is_none()
    }

    /// Takes up what the store says now.
    pub(super) fn confirm(&self, row: &SessionRow) {
        let last_seen = row.last_seen.millis();
        self.seen.fetch_max(last_seen, Ordering::Relaxed);
        self.stored.fetch_max(last_seen, Ordering::Relaxed);
        let now = monotonic(&*self.clock);
        self.confirmed.fetch_max(now, Ordering::Relaxed);
    }

    /// When it was last used, if that is not stored yet.
    pub(super) fn unstored(&self) -> Option<(Digest, Timestamp)> {
        let seen = self.seen.load(Ordering::Relaxed);
        (seen > self.stored.load(Ordering::Relaxed))
            .then(|| (self.digest, Timestamp::from_millis(seen)))
    }

    pub(super) fn is_stored(&self, at: Timestamp) {
        self.stored.fetch_max(at.millis(), Ordering::Relaxed);
    }
}

impl fmt::Debug for Session {
    /// Says nothing of the person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({}, ..)", self.handle)
    }
}

fn monotonic(clock: &dyn Clock) -> i64 {
    i64::try_from(clock.monotonic().as_millis()).unwrap_or(i64::MAX)
}
