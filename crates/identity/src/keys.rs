//! Making, listing and revoking keys.
//!
//! Owns the rules a new key must keep and the order of things: a change is in the store before it
//! is in the table, and the table is the store's latest before a call returns. So a key works once
//! it is shown, and a revoked key is refused from the next request on. Changes made by another
//! process are noticed by [`Keys::tick`], called once a second.
//!
//! Every call here may wait for the disk: call from a thread that may block, never from a gate core.

use std::{
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use control::{Rng, Timestamp, rng::NoRandomness};
use serde::Serialize;
use store::{Store, Tenant, keys as rows, keys::KeyRow};

use crate::{ApiKey, KeyId, KeyTable, KeysFault, LiveKeys, Scope, Scopes, scope};

mod behalf;

/// Longest name in characters.
pub const NAME_LIMIT: usize = 100;

/// Most roles of one key.
pub const ROLES_LIMIT: usize = 32;

/// Most keys that are not revoked.
pub const KEYS_LIMIT: u64 = 10_000;

/// Most keys made for proofs at one time. A proof makes about forty, and they live a minute.
pub const PROBES_LIMIT: u64 = 1024;

/// How long a key made for a proof lives.
pub const PROBE_LIFE: Duration = Duration::from_secs(60);

/// The tenant of keys made for proofs; no other key may have it.
pub const PROBE_TENANT: &str = "probe";

/// The tenant of keys that name none.
pub const DEFAULT_TENANT: &str = "default";

/// How often last uses are stored.
const STORE_USES_EVERY: Duration = Duration::from_secs(60);

const LIFE_LIMIT: Duration = Duration::from_secs(10 * 366 * 24 * 60 * 60);

/// Ids to try before a generator that repeats itself is given up.
const TRIES: usize = 4;

/// What is asked for. The default asks for a key that can do nothing.
#[derive(Clone, Debug, Default)]
pub struct NewKey {
    /// What people call it.
    pub name: String,
    /// Scopes, such as `GET,POST /api`.
    pub scopes: Vec<String>,
    /// Every method on every path; only without `scopes`.
    pub all: bool,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant; [`DEFAULT_TENANT`] if absent.
    pub tenant: Option<String>,
    /// How long it lives; without end if absent.
    pub lifetime: Option<Duration>,
}

/// A key just made. The only time it is there to be shown.
#[derive(Debug)]
pub struct Minted {
    /// Its public prefix.
    pub id: KeyId,
    /// The key.
    pub key: ApiKey,
    /// When it ends.
    pub expires: Option<Timestamp>,
}

/// A key as an administrator sees it. Serialises with times in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// Public prefix, all that is ever shown of the key.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Scopes; `*` alone for everything.
    pub scopes: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: String,
    /// When it was made.
    pub created: String,
    /// When it ends.
    pub expires: Option<String>,
    /// When it was last used, to within a minute.
    pub last_used: Option<String>,
    /// When it was revoked.
    pub revoked: Option<String>,
}

/// The keys of a deployment.
pub struct Keys {
    store: Store,
    live: LiveKeys,
    /// Held through every change, so that tables replace each other in the order of the store.
    watch: Mutex<Watch>,
}

struct Watch {
    data_version: i64,
    uses_stored: Option<Timestamp>,
}

impl Keys {
    /// Reads the keys of `store`.
    pub fn open(store: Store) -> Result<Self, KeysFault> {
        // Asked before the rows are read: a change in between is seen as one, at worst twice.
        let data_version = store.data_version().wait()?;
        let keys = Self {
            store,
            live: LiveKeys::default(),
            watch: Mutex::new(Watch {
                data_version,
                uses_stored: None,
            }),
        };
        keys.reload()?;
        Ok(keys)
    }

    /// The handle requests are checked with.
    #[must_use]
    pub fn live(&self) -> LiveKeys {
        self.live.clone()
    }

    /// Makes a key.
    pub fn create(
        &self,
        wish: &NewKey,
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Minted, KeysFault> {
        let expires = wish.lifetime.map(|life| now.plus(life));
        let in_bounds = |life: Duration| (Duration::from_secs(1)..=LIFE_LIMIT).contains(&life);
        if wish.lifetime.is_some_and(|life| !in_bounds(life)) {
            return Err(KeysFault::Lifetime);
        }
        let tenant = wish.tenant.as_deref().unwrap_or(DEFAULT_TENANT);
        if !is_word(tenant) || tenant == PROBE_TENANT {
            return Err(KeysFault::Tenant);
        }
        self.mint(Draft::of(wish, tenant, expires)?, now, rng)
    }

    /// Makes a key for a proof: it lives [`PROBE_LIFE`] in a tenant of its own.
    pub fn create_probe(
        &self,
        scopes: &[String],
        roles: &[String],
        now: Timestamp,
        rng: &dyn Rng,
    ) -> Result<Minted, KeysFault> {
        let wish = NewKey {
            name: PROBE_TENANT.to_owned(),
            scopes: scopes.to_vec(),
            roles: roles.to_vec(),
            ..NewKey::default()
        };
        let draft = Draft::of(&wish, PROBE_TENANT, Some(now.plus(PROBE_LIFE)))?;
        self.mint(draft, now, rng)
    }

    fn mint(&self, draft: Draft, now: Timestamp, rng: &dyn Rng) -> Result<Minted, KeysFault> {
        let _watch = self.watch();
        let expires = draft.expires;
        for _ in 0..TRIES {
            let key = ApiKey::generate(rng)?;
            let row = draft.row(&key, now);
            let limit = if row.probe { PROBES_LIMIT } else { KEYS_LIMIT };
            let inserted = self.store.run(move |access| {
                let every = Tenant::every();
                let within = access.within(&every)?;
                if rows::count(&within, row.probe)? >= limit {
                    return Ok(None);
                }
                rows::insert(&within, &row).map(Some)
            })?;
            match inserted {
                None => return Err(KeysFault::TooMany { limit }),
                Some(false) => {}
                Some(true) => {
                    self.reload()?;
                    return Ok(Minted {
                        id: key.id(),
                        key,
                        expires,
                    });
                }
            }
        }
        Err(NoRandomness.into())
    }

    /// Every key, oldest first.
    pub fn list(&self) -> Result<Vec<Listing>, KeysFault> {
        let rows = self.rows()?;
        let table = self.live.table();
        let listing = |row: KeyRow| {
            let text = |at: Timestamp| at.to_string();
            let seen = KeyId::new(&row.id).and_then(|id| table.last_used(id));
            Listing {
                last_used: row.last_used.max(seen).map(text),
                created: text(row.created),
                expires: row.expires.map(text),
                revoked: row.revoked.map(text),
                id: row.id,
                name: row.name,
                scopes: row.scopes,
                roles: row.roles,
                tenant: row.tenant,
            }
        };
        Ok(rows.into_iter().map(listing).collect())
    }

    /// Revokes the key called `id`, from the next request on. Revoking again changes nothing.
    pub fn revoke(&self, id: &str, now: Timestamp) -> Result<KeyId, KeysFault> {
        // What has not the form of an id may be a whole key, pasted by mistake: never repeat it.
        let known = KeyId::new(id).ok_or_else(|| KeysFault::NoSuchKey {
            id: "of that form".to_owned(),
        })?;
        let _watch = self.watch();
        let found = self.store.run(move |access| {
            rows::revoke(&access.within(&Tenant::every())?, known.as_str(), now)
        })?;
        if !found {
            return Err(KeysFault::NoSuchKey {
                id: known.to_string(),
            });
        }
        self.reload()?;
        Ok(known)
    }

    /// What is to be done once a second: takes up changes made by another process, removes ended
    /// keys of proofs, and once a minute stores when keys were last used. On a store that other nodes
    /// share, keys count for [`crate::session::BELIEVED`] after it last succeeded.
    pub fn tick(&self, now: Timestamp) -> Result<(), KeysFault> {
        let mut watch = self.watch();
        if self.store.is_shared() {
            self.live.expect_confirmations(now);
        }
        let data_version = self.store.data_version().wait()?;
        let mut changed = data_version != watch.data_version;
        if self.live.table().has_ended_probes(now) {
            let swept = self
                .store
                .run(move |access| rows::sweep_probes(&access.within(&Tenant::every())?, now))?;
            changed |= swept > 0;
        }
        if changed {
            self.reload()?;
            // Only once it is taken up: a reload that failed is tried again.
            watch.data_version = data_version;
        }
        self.live.confirm(now);
        let due = watch
            .uses_stored
            .is_none_or(|at| now.since(at) >= STORE_USES_EVERY);
        if due {
            watch.uses_stored = Some(now);
            self.store_uses()?;
        }
        Ok(())
    }

    /// Stores when keys were last used; [`Keys::tick`] does so every minute, and an orderly end
    /// should do so once more.
    pub fn store_uses(&self) -> Result<(), KeysFault> {
        let table = self.live.table();
        let mut uses = table.unstored_uses();
        if uses.is_empty() {
            return Ok(());
        }
        // Nodes that store the same keys' uses in different orders would wait for each other.
        uses.sort_unstable_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
        let stored = uses.clone();
        self.store.run(move |access| {
            let every = Tenant::every();
            let within = access.within(&every)?;
            for (id, at) in &uses {
                rows::touch(&within, id.as_str(), *at)?;
            }
            Ok(())
        })?;
        table.uses_stored(&stored);
        Ok(())
    }

    /// Takes the store's keys into the table. The caller holds the watch, or is the only one yet.
    fn reload(&self) -> Result<(), KeysFault> {
        let table: KeyTable = self.live.table().renewed(&self.rows()?)?;
        self.live.replace(table);
        Ok(())
    }

    /// The keys of every tenant: which of them a request has is decided on the table.
    fn rows(&self) -> Result<Vec<KeyRow>, KeysFault> {
        let rows = self
            .store
            .run(|access| rows::list(&access.within(&Tenant::every())?))?;
        Ok(rows)
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        // A panic elsewhere leaves nothing half-done here: the table is replaced in one step.
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

/// A wish that keeps every rule.
struct Draft {
    name: String,
    scopes: Scopes,
    roles: Vec<String>,
    tenant: String,
    expires: Option<Timestamp>,
}

impl Draft {
    fn of(wish: &NewKey, tenant: &str, expires: Option<Timestamp>) -> Result<Self, KeysFault> {
        let name = wish.name.trim();
        let length = name.chars().count();
        if length == 0 || length > NAME_LIMIT || name.contains(char::is_control) {
            return Err(KeysFault::Name);
        }
        if wish.roles.len() > ROLES_LIMIT {
            return Err(KeysFault::TooManyRoles);
        }
        if let Some(at) = wish.roles.iter().position(|role| !is_word(role)) {
            return Err(KeysFault::Role { at: at + 1 });
        }
        Ok(Self {
            name: name.to_owned(),
            scopes: scopes(wish)?,
            roles: wish.roles.clone(),
            tenant: tenant.to_owned(),
            expires,
        })
    }

    fn row(&self, key: &ApiKey, now: Timestamp) -> KeyRow {
        KeyRow {
            id: key.id().to_string(),
            digest: key.digest(),
            name: self.name.clone(),
            scopes: self.scopes.texts(),
            roles: self.roles.clone(),
            tenant: self.tenant.clone(),
            created: now,
            expires: self.expires,
            last_used: None,
            revoked: None,
            probe: self.tenant == PROBE_TENANT,
        }
    }
}

fn scopes(wish: &NewKey) -> Result<Scopes, KeysFault> {
    if wish.all {
        return if wish.scopes.is_empty() {
            Ok(Scopes::All)
        } else {
            Err(KeysFault::AllAndScopes)
        };
    }
    // One by one first, to say which of them is wrong.
    for (at, text) in wish.scopes.iter().take(scope::SCOPES_LIMIT).enumerate() {
        text.parse::<Scope>()
            .map_err(|fault| KeysFault::Scope { at: at + 1, fault })?;
    }
    Scopes::parse(&wish.scopes).map_err(|fault| KeysFault::Scope {
        at: wish.scopes.len(),
        fault,
    })
}

/// Whether `text` can be a role or a tenant.
pub(crate) fn is_word(text: &str) -> bool {
    let allowed = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}
