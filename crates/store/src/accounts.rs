//! The table of local accounts: people who have a password here.
//!
//! Owns its rows and statements. A row holds a hash of the password and a digest of the link that may
//! set one, never either of them. A link is used once: of two that come with it at the same moment, on
//! whichever nodes, one sets the password. Each call touches the rows of the tenant it is bound to and
//! no other.

use std::fmt;

use control::Timestamp;

use crate::{
    StoreError,
    access::{Row, Sql, Value},
    tenant::Within,
};

const TABLE: &str = "account";

/// One account, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountRow {
    /// What the person types, in small letters.
    pub name: String,
    /// The hash of the password; none until the account is claimed.
    pub password: Option<String>,
    /// SHA-256 of the link that may set a password, and until when.
    pub claim: Option<([u8; 32], Timestamp)>,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: String,
    /// When it was made.
    pub created: Timestamp,
    /// When the password was set.
    pub changed: Option<Timestamp>,
    /// Since when nobody comes in with it.
    pub disabled: Option<Timestamp>,
}

impl fmt::Debug for AccountRow {
    /// Says nothing of the person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountRow(..)")
    }
}

/// Adds an account; false if the name is taken. One of another tenant than the bound one is refused.
pub fn insert(within: &Within<'_>, row: &AccountRow) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "INSERT INTO account (name, password, claim, claim_by, roles, tenant, created, changed,
                              disabled)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    );
    if !within.tenant.covers(&row.tenant) {
        return Err(StoreError::OtherTenant { table: TABLE });
    }
    let claim = row.claim.as_ref();
    let changed = within.access.execute(
        SQL,
        &[
            Value::Text(&row.name),
            Value::MaybeText(row.password.as_deref()),
            Value::MaybeBytes(claim.map(|(digest, _)| digest.as_slice())),
            Value::MaybeInt(claim.map(|(_, by)| by.millis())),
            Value::Text(&serde_json::Value::from(row.roles.as_slice()).to_string()),
            Value::Text(&row.tenant),
            Value::Int(row.created.millis()),
            Value::MaybeInt(row.changed.map(Timestamp::millis)),
            Value::MaybeInt(row.disabled.map(Timestamp::millis)),
        ],
    )?;
    Ok(changed == 1)
}

/// How many accounts there are.
pub fn count(within: &Within<'_>) -> Result<u64, StoreError> {
    const SQL: Sql = Sql::both("SELECT count(*) FROM account WHERE ?1 IN (tenant, '*')");
    within.access.count(SQL, &[within.value()], TABLE)
}

/// The account called `name`.
pub fn get(within: &Within<'_>, name: &str) -> Result<Option<AccountRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT name, password, claim, claim_by, roles, tenant, created, changed, disabled
         FROM account WHERE ?1 IN (tenant, '*') AND name = ?2",
    );
    let values = [within.value(), Value::Text(name)];
    within.access.row(SQL, &values, read)
}

/// The account that a link with this digest may claim at `now`.
pub fn claimed_by(
    within: &Within<'_>,
    claim: &[u8; 32],
    now: Timestamp,
) -> Result<Option<AccountRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT name, password, claim, claim_by, roles, tenant, created, changed, disabled
         FROM account WHERE ?1 IN (tenant, '*') AND claim = ?2 AND claim_by > ?3",
    );
    let values = [
        within.value(),
        Value::Bytes(claim),
        Value::Int(now.millis()),
    ];
    within.access.row(SQL, &values, read)
}

/// Every account, by name, up to `most`.
pub fn list(within: &Within<'_>, most: u32) -> Result<Vec<AccountRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT name, password, claim, claim_by, roles, tenant, created, changed, disabled
         FROM account WHERE ?1 IN (tenant, '*') ORDER BY name LIMIT ?2",
    );
    let values = [within.value(), Value::Int(i64::from(most))];
    within.access.rows(SQL, &values, read)
}

/// Sets the password of the account that a link with this digest may claim at `now`, and uses the link
/// up; false if it may claim none.
pub fn claim(
    within: &Within<'_>,
    claim: &[u8; 32],
    password: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE account SET password = ?3, changed = ?4, claim = NULL, claim_by = NULL
         WHERE ?1 IN (tenant, '*') AND claim = ?2 AND claim_by > ?4",
    );
    let values = [
        within.value(),
        Value::Bytes(claim),
        Value::Text(password),
        Value::Int(now.millis()),
    ];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Takes the password away and gives out a link instead; false if there is no such account.
pub fn reset(
    within: &Within<'_>,
    name: &str,
    claim: &[u8; 32],
    by: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE account SET password = NULL, changed = NULL, claim = ?3, claim_by = ?4
         WHERE ?1 IN (tenant, '*') AND name = ?2",
    );
    let values = [
        within.value(),
        Value::Text(name),
        Value::Bytes(claim),
        Value::Int(by.millis()),
    ];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Stores the same password anew, if it has not been changed meanwhile; false if it has.
pub fn rehash(
    within: &Within<'_>,
    name: &str,
    before: &str,
    password: &str,
) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE account SET password = ?4
         WHERE ?1 IN (tenant, '*') AND name = ?2 AND password = ?3",
    );
    let values = [
        within.value(),
        Value::Text(name),
        Value::Text(before),
        Value::Text(password),
    ];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Lets nobody in with an account from `disabled` on, or everybody again; false if there is none.
pub fn disable(
    within: &Within<'_>,
    name: &str,
    disabled: Option<Timestamp>,
) -> Result<bool, StoreError> {
    const SQL: Sql =
        Sql::both("UPDATE account SET disabled = ?3 WHERE ?1 IN (tenant, '*') AND name = ?2");
    let values = [
        within.value(),
        Value::Text(name),
        Value::MaybeInt(disabled.map(Timestamp::millis)),
    ];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Removes an account; false if there is none.
pub fn remove(within: &Within<'_>, name: &str) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both("DELETE FROM account WHERE ?1 IN (tenant, '*') AND name = ?2");
    let values = [within.value(), Value::Text(name)];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Removes what the bound tenant made before `created`. Bound to every tenant it removes nothing: only
/// a tenant whose accounts are all short-lived is swept.
pub fn sweep(within: &Within<'_>, created: Timestamp) -> Result<usize, StoreError> {
    const SQL: Sql = Sql::both("DELETE FROM account WHERE tenant = ?1 AND created < ?2");
    let values = [within.value(), Value::Int(created.millis())];
    within.access.execute(SQL, &values)
}

fn read(row: &Row<'_>) -> Result<AccountRow, StoreError> {
    let unreadable = StoreError::Unreadable { table: TABLE };
    let moment = |at: Option<i64>| at.map(Timestamp::from_millis);
    let claim = match (row.maybe_blob(2)?, moment(row.maybe_int(3)?)) {
        (Some(digest), Some(by)) => {
            let digest = <[u8; 32]>::try_from(digest).map_err(|_| unreadable.clone())?;
            Some((digest, by))
        }
        (None, None) => None,
        _ => return Err(unreadable),
    };
    Ok(AccountRow {
        name: row.text(0)?,
        password: row.maybe_text(1)?,
        claim,
        roles: serde_json::from_str(&row.text(4)?).map_err(|_| unreadable)?,
        tenant: row.text(5)?,
        created: Timestamp::from_millis(row.int(6)?),
        changed: moment(row.maybe_int(7)?),
        disabled: moment(row.maybe_int(8)?),
    })
}
