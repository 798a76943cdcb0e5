//! The table of logins under way: who has been sent to a provider and is not back yet.
//!
//! Owns its rows and statements. A row holds digests alone, of what went to the provider and of what
//! stayed in the browser, so that nobody can finish a login by reading the table. A login is taken
//! once: the row is gone with the first answer that fits it.

use control::Timestamp;

use crate::{
    Access, StoreError,
    access::{Sql, Value},
};

const TABLE: &str = "login";

/// One login under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginRow {
    /// SHA-256 of what goes to the provider and back.
    pub state: [u8; 32],
    /// SHA-256 of what stays in the browser that began it.
    pub binding: [u8; 32],
    /// The page that was asked for.
    pub return_to: String,
    /// When it began.
    pub began: Timestamp,
    /// When it is too late to finish it.
    pub expires: Timestamp,
}

/// Notes a login; false if there are `most` already that have not expired by then.
pub fn begin(access: &Access<'_>, row: &LoginRow, most: u64) -> Result<bool, StoreError> {
    const COUNT: Sql = Sql::both("SELECT count(*) FROM login WHERE expires > ?1");
    const SQL: Sql = Sql::both(
        "INSERT INTO login (state, binding, return_to, began, expires)
         VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    );
    let count = access.count(COUNT, &[Value::Int(row.began.millis())], TABLE)?;
    if count >= most {
        return Ok(false);
    }
    let values = [
        Value::Bytes(&row.state),
        Value::Bytes(&row.binding),
        Value::Text(&row.return_to),
        Value::Int(row.began.millis()),
        Value::Int(row.expires.millis()),
    ];
    Ok(access.execute(SQL, &values)? == 1)
}

/// Takes the login with this state out, if it was begun by the browser with this binding and has not
/// expired by `now`. Of two at the same moment, on whichever nodes, one gets it. An answer in another
/// browser does not use it up.
pub fn take(
    access: &Access<'_>,
    state: &[u8; 32],
    binding: &[u8; 32],
    now: Timestamp,
) -> Result<Option<LoginRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "DELETE FROM login WHERE state = ?1 AND binding = ?2
         RETURNING state, binding, return_to, began, expires",
    );
    let values = [Value::Bytes(state), Value::Bytes(binding)];
    let row = access.row(SQL, &values, |row| {
        Ok(LoginRow {
            state: row.bytes(0)?,
            binding: row.bytes(1)?,
            return_to: row.text(2)?,
            began: Timestamp::from_millis(row.int(3)?),
            expires: Timestamp::from_millis(row.int(4)?),
        })
    })?;
    Ok(row.filter(|row| now < row.expires))
}

/// Removes up to 1000 logins that have expired by `now`; returns how many.
pub fn sweep(access: &Access<'_>, now: Timestamp) -> Result<usize, StoreError> {
    const SQL: Sql = Sql::both(
        "DELETE FROM login WHERE state IN (SELECT state FROM login WHERE expires <= ?1 LIMIT 1000)",
    );
    access.execute(SQL, &[Value::Int(now.millis())])
}
