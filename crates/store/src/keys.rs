//! The table of API keys.
//!
//! Owns its rows and statements. A row holds the digest of a key's secret and never the secret;
//! what scopes and roles mean is not known here.

use control::Timestamp;
use rusqlite::{OptionalExtension as _, Row};

use crate::{Access, StoreError};

const TABLE: &str = "api_key";

/// One key, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Public prefix.
    pub id: String,
    /// SHA-256 of the secret.
    pub digest: [u8; 32],
    /// What people call it.
    pub name: String,
    /// Scopes, each as its text.
    pub scopes: Vec<String>,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; absent for keys without an end.
    pub expires: Option<Timestamp>,
    /// When it was last used, to within a minute.
    pub last_used: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
    /// Whether it was made for a proof.
    pub probe: bool,
}

/// Adds a key; false if its id is taken.
pub fn insert(access: &Access<'_>, row: &KeyRow) -> Result<bool, StoreError> {
    let changed = access
        .0
        .prepare_cached(
            "INSERT INTO api_key (id, digest, name, scopes, roles, tenant, created, expires,
                                  last_used, revoked, probe)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (id) DO NOTHING",
        )?
        .execute((
            &row.id,
            &row.digest,
            &row.name,
            list_text(&row.scopes),
            list_text(&row.roles),
            &row.tenant,
            row.created.millis(),
            row.expires.map(Timestamp::millis),
            row.last_used.map(Timestamp::millis),
            row.revoked.map(Timestamp::millis),
            row.probe,
        ))?;
    Ok(changed == 1)
}

/// Every key, oldest first.
pub fn list(access: &Access<'_>) -> Result<Vec<KeyRow>, StoreError> {
    let mut statement = access.0.prepare_cached(
        "SELECT id, digest, name, scopes, roles, tenant, created, expires, last_used, revoked, probe
         FROM api_key ORDER BY created, id",
    )?;
    let mut rows = statement.query([])?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next()? {
        keys.push(read(row)?);
    }
    Ok(keys)
}

/// The key called `id`.
pub fn get(access: &Access<'_>, id: &str) -> Result<Option<KeyRow>, StoreError> {
    access
        .0
        .prepare_cached(
            "SELECT id, digest, name, scopes, roles, tenant, created, expires, last_used, revoked,
                    probe
             FROM api_key WHERE id = ?1",
        )?
        .query_row([id], |row| Ok(read(row)))
        .optional()?
        .transpose()
}

/// How many keys are not revoked, of those made for proofs or of the others.
pub fn count(access: &Access<'_>, probe: bool) -> Result<u64, StoreError> {
    let count: i64 = access
        .0
        .prepare_cached("SELECT count(*) FROM api_key WHERE probe = ?1 AND revoked IS NULL")?
        .query_row([probe], |row| row.get(0))?;
    u64::try_from(count).map_err(|_| StoreError::Unreadable { table: TABLE })
}

/// Marks a key revoked at `now`, or leaves the earlier moment; false if there is no such key.
pub fn revoke(access: &Access<'_>, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    let changed = access
        .0
        .prepare_cached("UPDATE api_key SET revoked = coalesce(revoked, ?2) WHERE id = ?1")?
        .execute((id, now.millis()))?;
    Ok(changed == 1)
}

/// Moves the moment of last use forward, never back; false if there is no such key.
pub fn touch(access: &Access<'_>, id: &str, used: Timestamp) -> Result<bool, StoreError> {
    let changed = access
        .0
        .prepare_cached(
            "UPDATE api_key SET last_used = max(coalesce(last_used, ?2), ?2) WHERE id = ?1",
        )?
        .execute((id, used.millis()))?;
    Ok(changed == 1)
}

/// Removes the keys made for proofs that are revoked or have expired by `now`; returns how many.
/// No other key is ever removed.
pub fn sweep_probes(access: &Access<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let changed = access
        .0
        .prepare_cached(
            "DELETE FROM api_key WHERE probe = 1 AND (expires <= ?1 OR revoked IS NOT NULL)",
        )?
        .execute([now.millis()])?;
    Ok(changed)
}

fn read(row: &Row<'_>) -> Result<KeyRow, StoreError> {
    let moment = |at: Option<i64>| at.map(Timestamp::from_millis);
    Ok(KeyRow {
        id: row.get(0)?,
        digest: row.get(1)?,
        name: row.get(2)?,
        scopes: list_from(&row.get::<_, String>(3)?)?,
        roles: list_from(&row.get::<_, String>(4)?)?,
        tenant: row.get(5)?,
        created: Timestamp::from_millis(row.get(6)?),
        expires: moment(row.get(7)?),
        last_used: moment(row.get(8)?),
        revoked: moment(row.get(9)?),
        probe: row.get(10)?,
    })
}

fn list_text(list: &[String]) -> String {
    serde_json::Value::from(list).to_string()
}

/// A list that does not read is an error, never an empty list: fewer scopes than were given would
/// only lock out, but fewer roles or a silent repair would hide damage.
fn list_from(text: &str) -> Result<Vec<String>, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Unreadable { table: TABLE })
}
