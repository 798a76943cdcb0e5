//! The tables of tokens: those that were used and are good once, and those that count no longer.
//!
//! Owns their rows and statements. Of a token that was used, a row holds a digest alone. A row goes once
//! every token it speaks of has ended: nobody could present one that it would have refused. What makes
//! two tokens the same is decided by the caller, who gives the digest.

use control::Timestamp;

use crate::{
    Access, StoreError,
    access::{Row, Side, Sql, Value},
};

const TABLE: &str = "token_revocation";

/// SHA-256 of what a row speaks of.
pub type Digest = [u8; 32];

/// Tokens that count no longer.
#[derive(Clone, PartialEq, Eq)]
pub struct RevocationRow {
    /// SHA-256 of what is revoked.
    pub digest: Digest,
    /// Whose token it is.
    pub issuer: String,
    /// Which of them.
    pub what: Revoked,
    /// Those issued until then.
    pub revoked: Timestamp,
    /// When all of them have ended.
    pub expires: Timestamp,
}

/// Which tokens of an issuer.
#[derive(Clone, PartialEq, Eq)]
pub enum Revoked {
    /// The one that is called so.
    Token(String),
    /// Every token of this principal, as the ledger names it.
    Principal(String),
}

impl std::fmt::Debug for RevocationRow {
    /// Says nothing of whom it speaks of.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RevocationRow({}, ..)", self.issuer)
    }
}

impl std::fmt::Debug for Revoked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Revoked(..)")
    }
}

/// Notes that a token which ends at `expires` was used; false if it was before. Of two at the same
/// moment, on whichever nodes, one is the first. A row that has expired by `now` counts as swept:
/// whether the sweep ran must not change an answer.
pub fn claim(
    access: &Access<'_>,
    digest: &Digest,
    expires: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "INSERT INTO token_use (digest, expires) VALUES (?1, ?2)
         ON CONFLICT (digest) DO UPDATE SET expires = ?2 WHERE token_use.expires <= ?3",
    );
    let values = [
        Value::Bytes(digest),
        Value::Int(expires.millis()),
        Value::Int(now.millis()),
    ];
    Ok(access.execute(SQL, &values)? == 1)
}

/// Revokes tokens; false if there are `most` revocations already that have not expired by then. One of
/// the same tokens is widened, never narrowed.
pub fn revoke(
    access: &Access<'_>,
    row: &RevocationRow,
    most: u64,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const COUNT: Sql =
        Sql::both("SELECT count(*) FROM token_revocation WHERE expires > ?1 AND digest <> ?2");
    const SQL: Sql = Sql::both(
        "INSERT INTO token_revocation (digest, issuer, jti, principal, revoked, expires)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (digest) DO UPDATE SET
             revoked = CASE WHEN token_revocation.revoked > ?5
                            THEN token_revocation.revoked ELSE ?5 END,
             expires = CASE WHEN token_revocation.expires > ?6
                            THEN token_revocation.expires ELSE ?6 END",
    );
    let others = [Value::Int(now.millis()), Value::Bytes(&row.digest)];
    if access.count(COUNT, &others, TABLE)? >= most {
        return Ok(false);
    }
    let (jti, principal) = match &row.what {
        Revoked::Token(jti) => (Some(jti.as_str()), None),
        Revoked::Principal(principal) => (None, Some(principal.as_str())),
    };
    let values = [
        Value::Bytes(&row.digest),
        Value::Text(&row.issuer),
        Value::MaybeText(jti),
        Value::MaybeText(principal),
        Value::Int(row.revoked.millis()),
        Value::Int(row.expires.millis()),
    ];
    access.execute(SQL, &values).map(|_| true)
}

/// Every revocation of tokens that may not have ended by `now`, the latest first.
pub fn list(access: &Access<'_>, now: Timestamp) -> Result<Vec<RevocationRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT digest, issuer, jti, principal, revoked, expires FROM token_revocation
         WHERE expires > ?1 ORDER BY revoked DESC, digest",
    );
    access.rows(SQL, &[Value::Int(now.millis())], read)
}

/// A number that changes when another node has changed the revocations. Always the same for a file,
/// which nobody else writes.
pub fn revision(access: &Access<'_>) -> Result<i64, StoreError> {
    const SQL: Sql = Sql::both("SELECT number FROM revision WHERE subject = 'token_revocation'");
    match access.0 {
        Side::Sqlite(_) => Ok(0),
        Side::Postgres(_) => access
            .row(SQL, &[], |row| row.int(0))?
            .ok_or(StoreError::Unreadable { table: "revision" }),
    }
}

/// Removes up to 1000 rows of each table whose tokens have all ended by `now`; returns how many.
pub fn sweep(access: &Access<'_>, now: Timestamp) -> Result<usize, StoreError> {
    const USES: Sql = Sql::each(
        "DELETE FROM token_use WHERE digest IN
             (SELECT digest FROM token_use WHERE expires <= ?1 LIMIT 1000)",
        "DELETE FROM token_use WHERE digest IN
             (SELECT digest FROM token_use WHERE expires <= ?1 LIMIT 1000 FOR UPDATE SKIP LOCKED)",
    );
    const REVOCATIONS: Sql = Sql::each(
        "DELETE FROM token_revocation WHERE digest IN
             (SELECT digest FROM token_revocation WHERE expires <= ?1 LIMIT 1000)",
        "DELETE FROM token_revocation WHERE digest IN
             (SELECT digest FROM token_revocation WHERE expires <= ?1 LIMIT 1000
              FOR UPDATE SKIP LOCKED)",
    );
    let now = [Value::Int(now.millis())];
    Ok(access.execute(USES, &now)? + access.execute(REVOCATIONS, &now)?)
}

fn read(row: &Row<'_>) -> Result<RevocationRow, StoreError> {
    let (jti, principal) = (row.maybe_text(2)?, row.maybe_text(3)?);
    let what = match (jti, principal) {
        (Some(jti), None) => Revoked::Token(jti),
        (None, Some(principal)) => Revoked::Principal(principal),
        // Fewer revocations than there are would let a token back in.
        _ => return Err(StoreError::Unreadable { table: TABLE }),
    };
    Ok(RevocationRow {
        digest: row.bytes(0)?,
        issuer: row.text(1)?,
        what,
        revoked: Timestamp::from_millis(row.int(4)?),
        expires: Timestamp::from_millis(row.int(5)?),
    })
}
