//! Revocations that nodes share which share no store.
//!
//! Owns the form of a notice, and what a node and the board tell each other. Refuses notices that do not
//! read: fewer revocations than there are would let a token back in.

use std::collections::HashMap;

use control::Timestamp;
use serde::{Deserialize, Serialize};
use store::{
    StoreError,
    shared::{Name, Shared},
    tokens::{Digest, RevocationRow, Revoked},
};

use super::digest_of;

/// What a damaged notice is reported as.
const TABLE: &str = "token-revocations";

/// One revocation, as it is put up.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Notice {
    issuer: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    jti: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    principal: Option<String>,
    revoked: i64,
    expires: i64,
}

/// The board of a deployment.
pub(super) struct Board {
    shared: Shared,
    board: Name,
    changes: Name,
}

impl Board {
    /// The one on `shared`, where other nodes see it.
    pub(super) fn of(shared: &Shared) -> Option<Self> {
        if !shared.is_shared() {
            return None;
        }
        Some(Self {
            shared: shared.clone(),
            board: Name::new("board", TABLE)?,
            changes: Name::new("changes", TABLE)?,
        })
    }

    /// A number that changes with every notice, and when the server has forgotten them.
    pub(super) async fn revision(&self) -> Result<i64, StoreError> {
        self.shared.revision(&self.changes).await
    }

    /// Puts a revocation up; false where there is no room.
    pub(super) async fn post(
        &self,
        row: &RevocationRow,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let posted = self.put(row, now).await?;
        self.shared.revise(&self.changes).await?;
        Ok(posted)
    }

    /// Puts up what of `ours` is not there, and gives what we do not have.
    pub(super) async fn compare(
        &self,
        ours: &[RevocationRow],
        now: Timestamp,
    ) -> Result<Vec<RevocationRow>, StoreError> {
        let notices = self.shared.notices(&self.board, now).await?;
        let there = notices.iter().map(|notice| read(notice));
        let there = there.collect::<Result<Vec<_>, _>>()?;
        let (known, posted) = (Reach::of(ours), Reach::of(&there));
        let mut lacking = ours.to_vec();
        lacking.retain(|row| !posted.covers(row));
        if !lacking.is_empty() {
            for row in &lacking {
                self.put(row, now).await?;
            }
            self.shared.revise(&self.changes).await?;
        }
        Ok(there.into_iter().filter(|row| !known.covers(row)).collect())
    }

    async fn put(&self, row: &RevocationRow, now: Timestamp) -> Result<bool, StoreError> {
        let (jti, principal) = match &row.what {
            Revoked::Token(id) => (Some(id.clone()), None),
            Revoked::Principal(principal) => (None, Some(principal.clone())),
        };
        let notice = Notice {
            issuer: row.issuer.clone(),
            jti,
            principal,
            revoked: row.revoked.millis(),
            expires: row.expires.millis(),
        };
        let notice = serde_json::to_string(&notice).map_err(|_| unreadable())?;
        self.shared
            .post(&self.board, &notice, row.expires, now)
            .await
    }
}

/// How far the revocations of some rows reach: of each digest the latest moment and end.
struct Reach(HashMap<Digest, (Timestamp, Timestamp)>);

impl Reach {
    fn of(rows: &[RevocationRow]) -> Self {
        let mut reach = HashMap::new();
        for row in rows {
            let (revoked, expires) = reach.entry(row.digest).or_default();
            *revoked = row.revoked.max(*revoked);
            *expires = row.expires.max(*expires);
        }
        Self(reach)
    }

    fn covers(&self, row: &RevocationRow) -> bool {
        let reach = self.0.get(&row.digest);
        reach.is_some_and(|(revoked, expires)| *revoked >= row.revoked && *expires >= row.expires)
    }
}

fn read(text: &str) -> Result<RevocationRow, StoreError> {
    let notice: Notice = serde_json::from_str(text).map_err(|_| unreadable())?;
    let what = match (notice.jti, notice.principal) {
        (Some(id), None) => Revoked::Token(id),
        (None, Some(principal)) => Revoked::Principal(principal),
        _ => return Err(unreadable()),
    };
    Ok(RevocationRow {
        digest: digest_of(&notice.issuer, &what),
        issuer: notice.issuer,
        what,
        revoked: Timestamp::from_millis(notice.revoked),
        expires: Timestamp::from_millis(notice.expires),
    })
}

const fn unreadable() -> StoreError {
    StoreError::Unreadable { table: TABLE }
}
