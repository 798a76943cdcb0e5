//! Tokens that count no longer although they are genuine and have not ended.
//!
//! Owns the snapshot that every request with a token is held against, and the service that changes it: a
//! revocation is in the store before anybody is told, in this node's snapshot when the call returns, and
//! in that of other nodes with their next look, once a second. A check takes no lock, allocates nothing
//! and asks no database. Where other nodes can revoke, tokens count for [`BELIEVED`] after the store last
//! answered. A revocation goes when every token it speaks of has ended.
//!
//! Nodes that share no store share their revocations on a board, and each keeps all of them in its own
//! store as well: what the server of the board forgets is put up again by whichever node looks first.

mod board;

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
use serde::Serialize;
use store::{
    Store, StoreError,
    shared::Shared,
    tokens::{self, RevocationRow, Revoked},
};
use tokio::sync::Mutex;

use self::board::Board;
use super::{
    issuer::TokenRefusal,
    marks::{self, Mark, Marks},
};
use crate::{IdHash, session::BELIEVED};

/// Most revocations of tokens that have not ended.
pub const REVOCATIONS_LIMIT: u64 = 10_000;

/// Longest name of a token, in bytes: what its claims may hold.
const NAME_LIMIT: usize = 1024;

/// The farthest end of a token that is believed when somebody names it.
const FARTHEST: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Which tokens of an issuer are to count no longer.
#[derive(Clone)]
pub enum Which {
    /// The one with this `jti`.
    Token(String),
    /// Those issued by now to this principal, as the ledger names it.
    Principal(String),
}

impl fmt::Debug for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Which(..)")
    }
}

/// What is to be revoked.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Who issued the tokens.
    pub issuer: String,
    /// Which of them.
    pub which: Which,
    /// When the token ends, where somebody knows.
    pub until: Option<Timestamp>,
    /// The longest life of a token of the issuer.
    pub longest: Duration,
    /// How far the issuer's clock may be off.
    pub skew: Duration,
}

/// A revocation as an administrator sees it. Serialises with times in RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Who issued the tokens.
    pub issuer: String,
    /// What the token is called.
    pub jti: Option<String>,
    /// Whose tokens they are, as the ledger names them.
    pub principal: Option<String>,
    /// When they were revoked.
    pub revoked: String,
    /// When all of them have ended.
    pub until: String,
}

/// Why nothing was revoked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RevocationFault {
    /// No token can be called so.
    #[error("no token can be called so: 1 to {NAME_LIMIT} bytes without control characters")]
    Name,
    /// It has ended already, or ends too late to be a token.
    #[error("a token that ends then needs no revocation, or is none")]
    Until,
    /// There are as many as there may be.
    #[error("there are {REVOCATIONS_LIMIT} revocations already")]
    TooMany,
    /// The store's.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl RevocationFault {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Name => "write the jti as the token has it".to_owned(),
            Self::Until => {
                "write the exp of the token, such as 2027-01-31T12:00:00Z, at most 400 days from now"
                    .to_owned()
            }
            Self::TooMany => {
                "revoke by subject, or take the issuer's keys out of the configuration".to_owned()
            }
            Self::Store(fault) => fault.hint(),
        }
    }
}

/// The revocations of a deployment. Calls wait for the store and for nothing else: run them where waiting
/// is allowed.
pub struct Revocations {
    store: Store,
    board: Option<Board>,
    live: LiveRevocations,
    /// Held through every change: what was last seen of the changes of others.
    watch: Mutex<i64>,
}

impl Revocations {
    /// Reads the revocations in `store`, and those on `shared` where only that is shared with other nodes.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn open(store: Store, shared: &Shared, now: Timestamp) -> Result<Self, StoreError> {
        let board = Board::of(shared).filter(|_| !store.is_shared());
        let revocations = Self {
            store,
            board,
            live: LiveRevocations::default(),
            // No revision is negative.
            watch: Mutex::new(-1),
        };
        let rows = revocations.rows(now).await?;
        revocations.live.replace(&rows);
        revocations.tick(now).await?;
        Ok(revocations)
    }

    /// The handle requests are checked with.
    #[must_use]
    pub fn live(&self) -> LiveRevocations {
        self.live.clone()
    }

    /// Revokes tokens, on this node from the next request on.
    ///
    /// # Errors
    ///
    /// [`RevocationFault`]; other nodes may have taken it up then.
    pub async fn revoke(&self, wish: &Wish, now: Timestamp) -> Result<Listed, RevocationFault> {
        let row = row_of(wish, now)?;
        let _watch = self.watch.lock().await;
        if let Some(board) = &self.board
            && !board.post(&row, now).await?
        {
            return Err(RevocationFault::TooMany);
        }
        if !self.keep(vec![row.clone()], now).await? {
            return Err(RevocationFault::TooMany);
        }
        self.live.replace(&self.rows(now).await?);
        Ok(listed(row))
    }

    /// Every revocation of tokens that may not have ended, the latest first.
    ///
    /// # Errors
    ///
    /// The store's.
    pub async fn list(&self, now: Timestamp) -> Result<Vec<Listed>, StoreError> {
        Ok(self.rows(now).await?.into_iter().map(listed).collect())
    }

    /// What is to be done once a second: takes up what other nodes have revoked.
    ///
    /// # Errors
    ///
    /// The store's. Tokens go on for [`BELIEVED`] then.
    pub async fn tick(&self, now: Timestamp) -> Result<(), StoreError> {
        let mut watch = self.watch.lock().await;
        // Asked before the rows are read: a change in between is seen as one, at worst twice.
        let revision = match &self.board {
            Some(board) => board.revision().await?,
            None if self.store.is_shared() => self.store.submit(tokens::revision).await?,
            None => return Ok(()),
        };
        if revision != *watch {
            if let Some(board) = &self.board {
                let ours = self.rows(now).await?;
                let theirs = board.compare(&ours, now).await?;
                if !self.keep(theirs, now).await? {
                    return Err(StoreError::Crowded);
                }
            }
            self.live.replace(&self.rows(now).await?);
            // Only once it is taken up: what failed is tried again.
            *watch = revision;
        }
        self.live.confirm(now);
        Ok(())
    }

    /// Stores revocations; false if there is no room for one.
    async fn keep(&self, rows: Vec<RevocationRow>, now: Timestamp) -> Result<bool, StoreError> {
        if rows.is_empty() {
            return Ok(true);
        }
        let keep = self.store.submit(move |access| {
            for row in &rows {
                if !tokens::revoke(access, row, REVOCATIONS_LIMIT, now)? {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        keep.await
    }

    async fn rows(&self, now: Timestamp) -> Result<Vec<RevocationRow>, StoreError> {
        self.store
            .submit(move |access| tokens::list(access, now))
            .await
    }
}

impl fmt::Debug for Revocations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Revocations(..)")
    }
}

fn row_of(wish: &Wish, now: Timestamp) -> Result<RevocationRow, RevocationFault> {
    let (what, text) = match &wish.which {
        Which::Token(id) => (Revoked::Token(id.clone()), id),
        Which::Principal(principal) => (Revoked::Principal(principal.clone()), principal),
    };
    if !(1..=NAME_LIMIT).contains(&text.len()) || text.contains(char::is_control) {
        return Err(RevocationFault::Name);
    }
    let expires = match wish.until {
        // It may have been issued at this moment by a clock that is ahead, and is believed for as long
        // after its end as one may be behind.
        None => now.plus(wish.longest).plus(2 * wish.skew),
        Some(until) if until > now && until <= now.plus(FARTHEST) => until.plus(wish.skew),
        Some(_) => return Err(RevocationFault::Until),
    };
    Ok(RevocationRow {
        digest: digest_of(&wish.issuer, &what),
        issuer: wish.issuer.clone(),
        what,
        revoked: now,
        expires,
    })
}

/// What a revocation is kept under, so that nobody can make one of other tokens than it says.
fn digest_of(issuer: &str, what: &Revoked) -> tokens::Digest {
    match what {
        Revoked::Token(id) => marks::of_token(issuer, id),
        Revoked::Principal(principal) => marks::of_owner(issuer, principal),
    }
}

fn listed(row: RevocationRow) -> Listed {
    let (jti, principal) = match row.what {
        Revoked::Token(id) => (Some(id), None),
        Revoked::Principal(principal) => (None, Some(principal)),
    };
    Listed {
        issuer: row.issuer,
        jti,
        principal,
        revoked: row.revoked.to_string(),
        until: row.expires.to_string(),
    }
}

/// The latest snapshot, shared by every core. Clones see the same.
#[derive(Clone, Debug, Default)]
pub struct LiveRevocations(Arc<Live>);

struct Live {
    table: ArcSwap<HashMap<Mark, Timestamp, IdHash>>,
    /// When the store last said that this is all, in milliseconds; the end of time where nobody but this
    /// process revokes.
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

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Live(..)")
    }
}

impl LiveRevocations {
    /// Whether the token with these marks still counts at `now`.
    pub(crate) fn check(&self, marks: &Marks, now: Timestamp) -> Result<(), TokenRefusal> {
        self.check_within(marks, BELIEVED, now)
    }

    /// The same, for connections that outlive a request: a store that is away for a moment does not cut
    /// them all at once.
    pub(crate) fn stands(&self, marks: &Marks, now: Timestamp) -> bool {
        self.check_within(marks, 2 * BELIEVED, now).is_ok()
    }

    fn check_within(
        &self,
        marks: &Marks,
        believed: Duration,
        now: Timestamp,
    ) -> Result<(), TokenRefusal> {
        let table = self.0.table.load();
        if !table.is_empty() {
            let by_name = marks.token.is_some_and(|token| table.contains_key(&token));
            let of_owner = table.get(&marks.owner);
            if by_name || of_owner.is_some_and(|revoked| marks.issued <= *revoked) {
                return Err(TokenRefusal::Revoked);
            }
        }
        let confirmed = Timestamp::from_millis(self.0.confirmed.load(Ordering::Relaxed));
        if now.since(confirmed) > believed {
            return Err(TokenRefusal::Away);
        }
        Ok(())
    }

    fn confirm(&self, now: Timestamp) {
        self.0.confirmed.store(now.millis(), Ordering::Relaxed);
    }

    fn replace(&self, rows: &[RevocationRow]) {
        let entries = rows
            .iter()
            .map(|row| (marks::short(row.digest), row.revoked));
        self.0.table.store(Arc::new(entries.collect()));
    }
}

#[cfg(test)]
mod tests;
