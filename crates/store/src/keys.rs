//! The table of API keys.
//!
//! Owns its rows and statements. A row holds the digest of a key's secret and never the secret;
//! what scopes and roles mean is not known here. Each call touches the rows of the tenant it is bound
//! to and no other; a key of another tenant counts as one that is not there.

use control::Timestamp;

use crate::{
    StoreError,
    access::{Row, Sql, Value},
    tenant::Within,
};

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

/// Adds a key; false if its id is taken. A key of another tenant than the bound one is refused.
pub fn insert(within: &Within<'_>, row: &KeyRow) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "INSERT INTO api_key (id, digest, name, scopes, roles, tenant, created, expires,
                              last_used, revoked, probe)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (id) DO NOTHING",
    );
    if !within.tenant.covers(&row.tenant) {
        return Err(StoreError::OtherTenant { table: TABLE });
    }
    let changed = within.access.execute(
        SQL,
        &[
            Value::Text(&row.id),
            Value::Bytes(&row.digest),
            Value::Text(&row.name),
            Value::Text(&list_text(&row.scopes)),
            Value::Text(&list_text(&row.roles)),
            Value::Text(&row.tenant),
            Value::Int(row.created.millis()),
            Value::MaybeInt(row.expires.map(Timestamp::millis)),
            Value::MaybeInt(row.last_used.map(Timestamp::millis)),
            Value::MaybeInt(row.revoked.map(Timestamp::millis)),
            Value::Flag(row.probe),
        ],
    )?;
    Ok(changed == 1)
}

/// Every key, oldest first.
pub fn list(within: &Within<'_>) -> Result<Vec<KeyRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT id, digest, name, scopes, roles, tenant, created, expires, last_used, revoked, probe
         FROM api_key WHERE ?1 IN (tenant, '*') ORDER BY created, id",
    );
    within.access.rows(SQL, &[within.value()], read)
}

/// The key called `id`.
pub fn get(within: &Within<'_>, id: &str) -> Result<Option<KeyRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT id, digest, name, scopes, roles, tenant, created, expires, last_used, revoked, probe
         FROM api_key WHERE ?1 IN (tenant, '*') AND id = ?2",
    );
    within
        .access
        .row(SQL, &[within.value(), Value::Text(id)], read)
}

/// How many keys are not revoked, of those made for proofs or of the others.
pub fn count(within: &Within<'_>, probe: bool) -> Result<u64, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT count(*) FROM api_key
         WHERE ?1 IN (tenant, '*') AND probe = ?2 AND revoked IS NULL",
    );
    within
        .access
        .count(SQL, &[within.value(), Value::Flag(probe)], TABLE)
}

/// Marks a key revoked at `now`, or leaves the earlier moment; false if there is no such key.
pub fn revoke(within: &Within<'_>, id: &str, now: Timestamp) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE api_key SET revoked = coalesce(revoked, ?3)
         WHERE ?1 IN (tenant, '*') AND id = ?2",
    );
    let values = [within.value(), Value::Text(id), Value::Int(now.millis())];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Moves the moment of last use forward, never back; false if there is no such key. Nodes that
/// touch several keys in one job do so in the order of their ids, or wait for each other in vain.
pub fn touch(within: &Within<'_>, id: &str, used: Timestamp) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE api_key SET last_used = CASE WHEN last_used > ?3 THEN last_used ELSE ?3 END
         WHERE ?1 IN (tenant, '*') AND id = ?2",
    );
    let values = [within.value(), Value::Text(id), Value::Int(used.millis())];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Removes the keys made for proofs that are revoked or have expired by `now`; returns how many.
/// No other key is ever removed.
pub fn sweep_probes(within: &Within<'_>, now: Timestamp) -> Result<usize, StoreError> {
    const SQL: Sql = Sql::both(
        "DELETE FROM api_key
         WHERE ?1 IN (tenant, '*') AND probe AND (expires <= ?2 OR revoked IS NOT NULL)",
    );
    within
        .access
        .execute(SQL, &[within.value(), Value::Int(now.millis())])
}

fn read(row: &Row<'_>) -> Result<KeyRow, StoreError> {
    let moment = |at: Option<i64>| at.map(Timestamp::from_millis);
    Ok(KeyRow {
        id: row.text(0)?,
        digest: row.bytes(1)?,
        name: row.text(2)?,
        scopes: list_from(&row.text(3)?)?,
        roles: list_from(&row.text(4)?)?,
        tenant: row.text(5)?,
        created: Timestamp::from_millis(row.int(6)?),
        expires: moment(row.maybe_int(7)?),
        last_used: moment(row.maybe_int(8)?),
        revoked: moment(row.maybe_int(9)?),
        probe: row.flag(10)?,
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
