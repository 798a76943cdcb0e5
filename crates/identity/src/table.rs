//! The keys of this moment, as requests are checked against them.
//!
//! Owns an immutable table of keys and the handle through which every core sees the latest. A
//! check takes no lock, allocates nothing and asks no database. Refuses in the same time whether a
//! prefix is known or not: the digest is computed and compared either way.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use control::Timestamp;
use store::keys::KeyRow;

use crate::{
    IdHash, KeyId, KeyRefusal, KeysFault, Scopes, Verified, api_key, principal::Principal,
    session::BELIEVED, token::KeyToken,
};

/// How much later a use must be to be noted again, in milliseconds.
const NOTED_EVERY: i64 = 60_000;

/// Compared where no key has the presented prefix. No SHA-256 digest is known to be all zeroes,
/// and were one found, the answer would still be a refusal.
const NO_DIGEST: [u8; 32] = [0; 32];

/// One key, without anything secret in it.
pub struct Key {
    id: KeyId,
    digest: [u8; 32],
    scopes: Scopes,
    roles: Box<[Box<str>]>,
    tenant: Box<str>,
    expires: Option<Timestamp>,
    revoked: bool,
    probe: bool,
    usage: Arc<Usage>,
}

/// When a key was last used; outlives the tables it stands in.
#[derive(Debug, Default)]
struct Usage {
    /// Milliseconds; 0 for never.
    seen: AtomicI64,
    /// What of it has been stored.
    stored: AtomicI64,
}

impl Key {
    /// Its public prefix: at most 16 bytes, so it also serves as the ledger's principal.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// Its public prefix as it stands here.
    pub(crate) fn id_text(&self) -> &str {
        self.id.as_str()
    }

    /// What it may be used for.
    #[must_use]
    pub const fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// When it ends.
    pub(crate) const fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// Its roles.
    #[must_use]
    pub const fn roles(&self) -> &[Box<str>] {
        &self.roles
    }

    /// Its tenant.
    #[must_use]
    pub const fn tenant(&self) -> &str {
        &self.tenant
    }

    /// Whether it was made for a proof.
    #[must_use]
    pub const fn is_probe(&self) -> bool {
        self.probe
    }

    /// Why it cannot be used any more at `now`, if that is so.
    const fn ended(&self, now: Timestamp) -> Option<KeyRefusal> {
        if self.revoked {
            return Some(KeyRefusal::Revoked);
        }
        match self.expires {
            Some(end) if end.millis() <= now.millis() => Some(KeyRefusal::Expired),
            _ => None,
        }
    }

    /// Notes a use. Writes at most once a minute, so that cores do not fight over the cache line.
    fn note_use(&self, now: Timestamp) {
        let seen = self.usage.seen.load(Ordering::Relaxed);
        if now.millis().saturating_sub(seen) >= NOTED_EVERY {
            self.usage.seen.fetch_max(now.millis(), Ordering::Relaxed);
        }
    }

    fn read(row: &KeyRow, usage: Option<Arc<Usage>>) -> Result<Self, KeysFault> {
        let unreadable = || KeysFault::Unreadable {
            id: row.id.escape_default().to_string(),
        };
        let stored = row.last_used.map_or(0, Timestamp::millis);
        let usage = usage.unwrap_or_default();
        usage.seen.fetch_max(stored, Ordering::Relaxed);
        usage.stored.fetch_max(stored, Ordering::Relaxed);
        Ok(Self {
            id: KeyId::new(&row.id).ok_or_else(unreadable)?,
            digest: row.digest,
            scopes: Scopes::stored(&row.scopes).map_err(|_| unreadable())?,
            roles: row.roles.iter().map(|role| role.as_str().into()).collect(),
            tenant: row.tenant.as_str().into(),
            expires: row.expires,
            revoked: row.revoked.is_some(),
            probe: row.probe,
            usage,
        })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({}, ..)", self.id)
    }
}

/// Every key of one moment.
#[derive(Debug, Default)]
pub struct KeyTable {
    keys: HashMap<KeyId, Arc<Key>, IdHash>,
}

impl KeyTable {
    /// The table of `rows`. One row that does not read refuses them all: a table that silently
    /// misses a key would lock a client out, and nobody would know why.
    pub fn new(rows: &[KeyRow]) -> Result<Self, KeysFault> {
        Self::default().renewed(rows)
    }

    /// The table of `rows`, keeping what this one knows of their last use.
    pub(crate) fn renewed(&self, rows: &[KeyRow]) -> Result<Self, KeysFault> {
        let keys = rows
            .iter()
            .map(|row| {
                let before = KeyId::new(&row.id).and_then(|id| self.keys.get(&id));
                let key = Key::read(row, before.map(|key| Arc::clone(&key.usage)))?;
                Ok((key.id, Arc::new(key)))
            })
            .collect::<Result<_, KeysFault>>()?;
        Ok(Self { keys })
    }

    /// Checks what a request presents.
    pub fn authenticate(&self, presented: &[u8], now: Timestamp) -> Result<Verified, KeyRefusal> {
        let presented = api_key::parse(presented).map_err(|_| KeyRefusal::Malformed)?;
        let known = self.keys.get(&presented.id());
        let digest = known.map_or(&NO_DIGEST, |key| &key.digest);
        let equal = seal::equal(&presented.digest(), digest);
        let key = known.ok_or(KeyRefusal::Unknown)?;
        if !equal {
            return Err(KeyRefusal::Mismatch);
        }
        // Only now: whether a key has ended is for its holder to know.
        if let Some(ended) = key.ended(now) {
            return Err(ended);
        }
        key.note_use(now);
        Ok(Verified::new(Principal::Key(Arc::clone(key)), None))
    }

    /// The key called `id`.
    pub(crate) fn key(&self, id: KeyId) -> Option<Arc<Key>> {
        self.keys.get(&id).cloned()
    }

    /// Whose a token is that was made from a key. Uses of tokens are uses of their keys.
    pub(crate) fn of_token(&self, token: KeyToken, now: Timestamp) -> Result<Verified, KeyRefusal> {
        let key = self.keys.get(&token.key).ok_or(KeyRefusal::Unknown)?;
        if let Some(ended) = key.ended(now) {
            return Err(ended);
        }
        key.note_use(now);
        Ok(Verified::new(
            Principal::Key(Arc::clone(key)),
            Some(token.tenure()),
        ))
    }

    /// Whether the key called `id` can be used at `now`: for connections that outlive a request.
    #[must_use]
    pub fn stands(&self, id: KeyId, now: Timestamp) -> bool {
        self.keys
            .get(&id)
            .is_some_and(|key| key.ended(now).is_none())
    }

    /// When the key called `id` was last used, to within a minute.
    pub(crate) fn last_used(&self, id: KeyId) -> Option<Timestamp> {
        let seen = self.keys.get(&id)?.usage.seen.load(Ordering::Relaxed);
        (seen > 0).then(|| Timestamp::from_millis(seen))
    }

    /// The keys used since their last use was stored.
    pub(crate) fn unstored_uses(&self) -> Vec<(KeyId, Timestamp)> {
        let unstored = |key: &Arc<Key>| {
            let seen = key.usage.seen.load(Ordering::Relaxed);
            (seen > key.usage.stored.load(Ordering::Relaxed))
                .then(|| (key.id, Timestamp::from_millis(seen)))
        };
        self.keys.values().filter_map(unstored).collect()
    }

    /// Notes that these uses are stored.
    pub(crate) fn uses_stored(&self, uses: &[(KeyId, Timestamp)]) {
        for (id, at) in uses {
            if let Some(key) = self.keys.get(id) {
                key.usage.stored.fetch_max(at.millis(), Ordering::Relaxed);
            }
        }
    }

    /// Whether any key made for a proof has ended by `now` and waits to be removed.
    pub(crate) fn has_ended_probes(&self, now: Timestamp) -> bool {
        self.keys
            .values()
            .any(|key| key.probe && key.ended(now).is_some())
    }
}

/// As [`BELIEVED`], for connections that outlive a request: a store that is away for a moment does not cut
/// them all at once.
const BELIEVED_LASTING: Duration = Duration::from_secs(10);

/// The latest table, shared by every core. Clones see the same keys.
#[derive(Clone, Debug, Default)]
pub struct LiveKeys(Arc<Live>);

#[derive(Debug)]
struct Live {
    table: ArcSwap<KeyTable>,
    /// When the store last said that this is its table, in milliseconds; the end of time where nobody
    /// but this process changes it.
    confirmed: AtomicI64,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            table: ArcSwap::default(),
            confirmed: AtomicI64::new(i64::MAX),
        }
    }
}

impl LiveKeys {
    /// A handle that starts with `table`.
    #[must_use]
    pub fn new(table: KeyTable) -> Self {
        Self(Arc::new(Live {
            table: ArcSwap::from_pointee(table),
            ..Live::default()
        }))
    }

    /// Checks what a request presents against the keys of this moment; see
    /// [`KeyTable::authenticate`]. A key that was good, or that was not there, may be otherwise by
    /// now where the store has been away for longer than [`BELIEVED`]: that is [`KeyRefusal::Away`].
    pub fn authenticate(&self, presented: &[u8], now: Timestamp) -> Result<Verified, KeyRefusal> {
        self.unless_away(self.0.table.load().authenticate(presented, now), now)
    }

    fn unless_away(
        &self,
        judged: Result<Verified, KeyRefusal>,
        now: Timestamp,
    ) -> Result<Verified, KeyRefusal> {
        match judged {
            Ok(_) | Err(KeyRefusal::Unknown) if self.unconfirmed_for(now) > BELIEVED => {
                Err(KeyRefusal::Away)
            }
            judged => judged,
        }
    }

    fn unconfirmed_for(&self, now: Timestamp) -> Duration {
        now.since(Timestamp::from_millis(
            self.0.confirmed.load(Ordering::Relaxed),
        ))
    }

    /// From now on the table counts for [`BELIEVED`] after each confirmation alone.
    pub(crate) fn expect_confirmations(&self, now: Timestamp) {
        // Only the thread that ticks writes here.
        if self.0.confirmed.load(Ordering::Relaxed) == i64::MAX {
            self.0.confirmed.store(now.millis(), Ordering::Relaxed);
        }
    }

    /// The store said, when it was asked at `now`, that the table is its own.
    pub(crate) fn confirm(&self, now: Timestamp) {
        if self.0.confirmed.load(Ordering::Relaxed) != i64::MAX {
            self.0.confirmed.store(now.millis(), Ordering::Relaxed);
        }
    }

    /// Whose a token is that was made from a key; see [`KeyTable::of_token`].
    pub(crate) fn of_token(&self, token: KeyToken, now: Timestamp) -> Result<Verified, KeyRefusal> {
        self.unless_away(self.0.table.load().of_token(token, now), now)
    }

    /// Whether the key called `id` can still be used; see [`KeyTable::stands`].
    #[must_use]
    pub fn stands(&self, id: KeyId, now: Timestamp) -> bool {
        self.unconfirmed_for(now) <= BELIEVED_LASTING && self.0.table.load().stands(id, now)
    }

    pub(crate) fn table(&self) -> Arc<KeyTable> {
        self.0.table.load_full()
    }

    pub(crate) fn replace(&self, table: KeyTable) {
        self.0.table.store(Arc::new(table));
    }
}

#[cfg(test)]
mod tests;
