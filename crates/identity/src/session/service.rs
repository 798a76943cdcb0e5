//! Making, confirming, listing and ending sessions.
//!
//! Owns the order of things: a session is in the store before anybody learns its id, and gone from it
//! before anybody is told that it ended; this node's snapshot follows before the call returns. Calls
//! that are `async` wait for the store and for nothing else: run them where waiting is allowed.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use control::{Clock, Rng, Timestamp, rng::NoRandomness};
use serde::Serialize;
use store::{
    sessions::{Bounds, Digest, Inserted, SessionRow},
    visitors::{Ending, Visitors},
};

use super::{
    LiveSessions, STORED_WITHIN, SessionId, SessionRefusal, SessionsFault, Unconfirmed, id,
};
use crate::{PersonId, Verified, keys::PROBE_TENANT};

/// Most sessions at one time.
pub const SESSIONS_LIMIT: u64 = 100_000;

/// Most sessions of one person; one more ends the one that was used longest ago.
pub const OF_ONE_LIMIT: u64 = 20;

/// Most sessions that one call lists.
pub const LISTED_LIMIT: u32 = 1000;

/// How long a session made for a proof lives.
pub const PROBE_LIFE: Duration = Duration::from_secs(60);

const BOUNDS: Bounds = Bounds {
    all: SESSIONS_LIMIT,
    of_one: OF_ONE_LIMIT,
};

/// How often uses are stored: often enough that one is stored in time although a try fails.
const STORE_USES_EVERY: Duration = Duration::from_secs(10);

/// How often what has ended is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// Most sessions that one tick asks the store to confirm.
const REFRESHED_AT_ONCE: usize = 4096;

/// How often an answer of the store is asked for anew because sessions were ended meanwhile, and an
/// id drawn anew because it was taken.
const TRIES: usize = 4;

/// Somebody who has proved who they are.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Who said who the person is.
    pub issuer: String,
    /// What the issuer calls the person.
    pub subject: String,
    /// The person's roles.
    pub roles: Vec<String>,
    /// The person's tenant.
    pub tenant: String,
    /// The issuer's own name for the session.
    pub sid: Option<String>,
    /// How long it may be without a request.
    pub idle: Duration,
    /// How long it may last.
    pub longest: Duration,
    /// What the browser presented before: it ends with this login.
    pub replaces: Option<Vec<u8>>,
}

/// A session just made. The only time its id is there to be given out.
#[derive(Debug)]
pub struct Begun {
    /// The id, for the cookie.
    pub id: SessionId,
    /// What people call it by.
    pub handle: String,
    /// When it ends.
    pub ends: Timestamp,
}

/// A session as an administrator sees it: nothing in it can be presented. Serialises with times in
/// RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// What to call it by.
    pub id: String,
    /// Whose it is, as the ledger names them.
    pub principal: String,
    /// Who said who the person is.
    pub issuer: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: String,
    /// When the person logged in.
    pub created: String,
    /// When it was last used: by requests to this node exactly, to others within half a minute.
    pub last_seen: String,
    /// When it ends.
    pub ends: String,
}

/// How far back a proof dates its session.
#[derive(Clone, Copy, Debug, Default)]
pub struct BackDated {
    /// How long ago it was made.
    pub created: Duration,
    /// How long ago it was last used.
    pub last_seen: Duration,
}

/// The sessions of a deployment.
#[derive(Clone)]
pub struct Sessions(Arc<Parts>);

struct Parts {
    store: Visitors,
    live: LiveSessions,
    clock: Arc<dyn Clock>,
    uses_stored: AtomicI64,
    swept: AtomicI64,
}

impl Sessions {
    /// The sessions in `store`.
    #[must_use]
    pub fn new(store: impl Into<Visitors>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Parts {
            store: store.into(),
            live: LiveSessions::new(Arc::clone(&clock)),
            uses_stored: AtomicI64::new(clock.now().millis()),
            swept: AtomicI64::default(),
            clock,
        }))
    }

    /// The handle requests are checked with.
    #[must_use]
    pub fn live(&self) -> LiveSessions {
        self.0.live.clone()
    }

    /// Makes a session.
    ///
    /// # Errors
    ///
    /// [`SessionsFault`]; nobody is logged in then.
    pub async fn begin(&self, new: NewSession, rng: &dyn Rng) -> Result<Begun, SessionsFault> {
        let now = self.0.clock.now();
        let replaced = new.replaces.as_deref().and_then(id::digest_of);
        let row = SessionRow {
            digest: [0; 32],
            handle: String::new(),
            principal: PersonId::of(&new.issuer, &new.subject).as_str().to_owned(),
            issuer: new.issuer.clone(),
            subject: new.subject,
            display: None,
            roles: new.roles,
            tenant: new.tenant,
            created: now,
            last_seen: now,
            idle: millis(new.idle),
            ends: now.plus(new.longest),
            sid: new.sid.map(|sid| sid_digest(&new.issuer, &sid)),
            probe: false,
        };
        self.insert(row, replaced, rng).await
    }

    /// Makes a session for a proof: it lives [`PROBE_LIFE`] at most, in a tenant of its own, under
    /// the limits of `new`, and is as old as `dated` says.
    ///
    /// # Errors
    ///
    /// [`SessionsFault`].
    pub async fn begin_probe(
        &self,
        new: NewSession,
        dated: BackDated,
        rng: &dyn Rng,
    ) -> Result<Begun, SessionsFault> {
        let now = self.0.clock.now();
        let ago = |by: Duration| Timestamp::from_millis(now.millis().saturating_sub(millis(by)));
        let created = ago(dated.created);
        let row = SessionRow {
            digest: [0; 32],
            handle: String::new(),
            principal: PersonId::of(&new.issuer, &new.subject).as_str().to_owned(),
            issuer: new.issuer,
            subject: new.subject,
            display: None,
            roles: new.roles,
            tenant: PROBE_TENANT.to_owned(),
            created,
            last_seen: ago(dated.last_seen),
            idle: millis(new.idle),
            ends: created.plus(new.longest).min(now.plus(PROBE_LIFE)),
            sid: None,
            probe: true,
        };
        self.insert(row, None, rng).await
    }

    async fn insert(
        &self,
        row: SessionRow,
        replaced: Option<Digest>,
        rng: &dyn Rng,
    ) -> Result<Begun, SessionsFault> {
        for _ in 0..TRIES {
            let id = SessionId::generate(rng)?;
            let digest = id.digest();
            let row = SessionRow {
                digest,
                handle: id::handle(&digest),
                ..row.clone()
            };
            let (handle, ends) = (row.handle.clone(), row.ends);
            // Whatever the browser held before cannot become this person's.
            let now = self.0.clock.now();
            let inserted = self.0.store.insert(row, replaced, BOUNDS, now);
            let (inserted, gone) = inserted.await?;
            self.forget(&gone);
            match inserted {
                Inserted::Made(_) => return Ok(Begun { id, handle, ends }),
                Inserted::Full => {
                    return Err(SessionsFault::TooMany {
                        limit: SESSIONS_LIMIT,
                    });
                }
                Inserted::Taken => {}
            }
        }
        Err(NoRandomness.into())
    }

    /// Asks the store about an id, and believes it if it says so.
    ///
    /// # Errors
    ///
    /// [`SessionRefusal`]; `Away` where the store does not answer.
    pub async fn confirm(
        &self,
        unconfirmed: Unconfirmed,
        now: Timestamp,
    ) -> Result<Verified, SessionRefusal> {
        let Unconfirmed { digest, tenure } = unconfirmed;
        for _ in 0..TRIES {
            let ends = self.0.live.ends();
            let found = self.0.store.get(vec![digest]).await;
            match found.map(|mut rows| rows.pop().flatten()) {
                Err(_) => return Err(SessionRefusal::Away),
                Ok(None) => {
                    self.gone(&digest);
                    return Err(SessionRefusal::Unknown);
                }
                Ok(Some(row)) => {
                    if let Some(judged) = self.0.live.admit(row, tenure, ends, now) {
                        return judged;
                    }
                }
            }
        }
        Err(SessionRefusal::Away)
    }

    /// Ends the session whose id is presented; says whether there was one.
    ///
    /// # Errors
    ///
    /// The store's; the session may then still stand.
    pub async fn end(&self, presented: &[u8]) -> Result<bool, SessionsFault> {
        let Some(digest) = id::digest_of(presented) else {
            return Ok(false);
        };
        let gone = self.0.store.remove(Ending::Digest(digest));
        self.ended(gone.await?)
    }

    /// Ends the session called `handle`; says whether there was one.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn end_called(&self, handle: &str) -> Result<bool, SessionsFault> {
        let gone = self.0.store.remove(Ending::Handle(handle.to_owned()));
        self.ended(gone.await?)
    }

    /// Ends every session of a person; says how many there were.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn end_of(&self, principal: &str) -> Result<usize, SessionsFault> {
        let ending = Ending::Principal(principal.to_owned());
        let gone = self.0.store.remove(ending).await?;
        self.forget(&gone);
        Ok(gone.len())
    }

    /// Ends the sessions of a person that began by then; says how many there were.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn end_begun(&self, principal: &str, by: Timestamp) -> Result<usize, SessionsFault> {
        let ending = Ending::Begun(principal.to_owned(), by);
        let gone = self.0.store.remove(ending).await?;
        self.forget(&gone);
        Ok(gone.len())
    }

    /// Ends the sessions that `issuer` calls `sid`; says how many there were.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn end_at(&self, issuer: &str, sid: &str) -> Result<usize, SessionsFault> {
        let sid = sid_digest(issuer, sid);
        let gone = self.0.store.remove(Ending::Sid(sid)).await?;
        self.forget(&gone);
        Ok(gone.len())
    }

    /// The sessions, of one person where `principal` names one, the one used last first.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn list(&self, principal: Option<&str>) -> Result<Vec<Listed>, SessionsFault> {
        let principal = principal.map(str::to_owned);
        let rows = self.0.store.list(principal, LISTED_LIMIT);
        let listed = |row: SessionRow| {
            let seen = self.0.live.last_seen(&row.digest);
            Listed {
                last_seen: row.last_seen.max(seen.unwrap_or_default()).to_string(),
                id: row.handle,
                principal: row.principal,
                issuer: row.issuer,
                roles: row.roles,
                tenant: row.tenant,
                created: row.created.to_string(),
                ends: row.ends.to_string(),
            }
        };
        Ok(rows.await?.into_iter().map(listed).collect())
    }

    /// What is to be done once a second: asks the store about sessions in use, stores when they were
    /// used, removes what has ended.
    ///
    /// # Errors
    ///
    /// The store's. What was not done is due again at the next tick.
    pub async fn tick(&self, now: Timestamp) -> Result<(), SessionsFault> {
        self.refresh().await?;
        if due(&self.0.uses_stored, now, STORE_USES_EVERY) {
            self.store_uses().await?;
            self.0.uses_stored.store(now.millis(), Ordering::Relaxed);
        }
        if due(&self.0.swept, now, SWEEP_EVERY) {
            self.0.store.sweep(now, millis(STORED_WITHIN)).await?;
            self.0.swept.store(now.millis(), Ordering::Relaxed);
        }
        self.0.live.tidy(now);
        Ok(())
    }

    /// Stores when sessions were last used; [`Self::tick`] does so, and an orderly end should do so
    /// once more.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn store_uses(&self) -> Result<(), SessionsFault> {
        let mut uses = self.0.live.unstored();
        if uses.is_empty() {
            return Ok(());
        }
        // Nodes that store the same sessions' uses in different orders would wait for each other.
        uses.sort_unstable();
        let stored = uses.clone();
        self.0.store.touch(uses, self.0.clock.now()).await?;
        self.0.live.are_stored(&stored);
        Ok(())
    }

    /// Asks the store about the sessions in use, so that few requests have to.
    async fn refresh(&self) -> Result<(), SessionsFault> {
        let wanted = self.0.live.wanted(REFRESHED_AT_ONCE);
        if wanted.is_empty() {
            return Ok(());
        }
        let ends = self.0.live.ends();
        let found = self.0.store.get(wanted.clone());
        for (digest, row) in wanted.iter().zip(found.await?) {
            match row {
                Some(row) => self.0.live.refresh(&row, ends),
                None => self.gone(digest),
            }
        }
        Ok(())
    }

    /// A session that the store no longer has, because another node ended it.
    fn gone(&self, digest: &Digest) {
        if self.0.live.knows(digest) {
            self.0.live.end(std::slice::from_ref(digest));
        }
    }

    fn forget(&self, gone: &[Digest]) {
        if !gone.is_empty() {
            self.0.live.end(gone);
        }
    }

    fn ended(&self, gone: Vec<Digest>) -> Result<bool, SessionsFault> {
        self.forget(&gone);
        Ok(!gone.is_empty())
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions(..)")
    }
}

fn due(last: &AtomicI64, now: Timestamp, every: Duration) -> bool {
    now.since(Timestamp::from_millis(last.load(Ordering::Relaxed))) >= every
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// What is kept of a provider's name for a session; two providers may give the same.
fn sid_digest(issuer: &str, sid: &str) -> Digest {
    let mut digest = seal::Sha256::new();
    digest.update(issuer.as_bytes());
    digest.update(&[0]);
    digest.update(sid.as_bytes());
    digest.finish()
}
