//! The table of sessions: who is logged in, and until when.
//!
//! Owns its rows and statements. A row holds the digest of a session's id and never the id, so that
//! whoever reads the table can be nobody in it. An ended session is a row that is gone: nothing about
//! a person is kept for longer than they are logged in. Each call touches the rows of the tenant it is
//! bound to and no other.

use control::Timestamp;

use crate::{
    StoreError,
    access::{Row, Sql, Value},
    tenant::Within,
};

const TABLE: &str = "session";

/// Bytes of a digest.
pub type Digest = [u8; 32];

/// One session, as stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the id.
    pub digest: Digest,
    /// What people call it by.
    pub handle: String,
    /// Whose it is, as the ledger names them.
    pub principal: String,
    /// Who said so.
    pub issuer: String,
    /// What the issuer calls the person.
    pub subject: String,
    /// How the person is shown, sealed.
    pub display: Option<Vec<u8>>,
    /// Roles.
    pub roles: Vec<String>,
    /// Tenant.
    pub tenant: String,
    /// When the person logged in.
    pub created: Timestamp,
    /// When it was last used, as far as that was stored.
    pub last_seen: Timestamp,
    /// How long it may be without a request, in milliseconds.
    pub idle: i64,
    /// When it ends, however busy it is.
    pub ends: Timestamp,
    /// SHA-256 of the provider's own name for it.
    pub sid: Option<Digest>,
    /// Whether it was made for a proof.
    pub probe: bool,
}

impl std::fmt::Debug for SessionRow {
    /// Says nothing of the person.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionRow({}, ..)", self.handle)
    }
}

/// How many there may be. Beyond `all` a new one is refused; beyond `of_one` the person's session
/// that was used longest ago makes room for it.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Of everybody.
    pub all: u64,
    /// Of one person.
    pub of_one: u64,
}

/// What became of a new session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inserted {
    /// It is there, and these had to go for it.
    Made(Vec<Digest>),
    /// Its digest or its handle is taken.
    Taken,
    /// There are as many as there may be.
    Full,
}

/// Adds a session. One of another tenant than the bound one is refused.
pub fn insert(
    within: &Within<'_>,
    row: &SessionRow,
    bounds: Bounds,
) -> Result<Inserted, StoreError> {
    const SQL: Sql = Sql::both(
        "INSERT INTO session (digest, handle, principal, issuer, subject, display, roles, tenant,
                              created, last_seen, idle, ends, sid, probe)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
         ON CONFLICT DO NOTHING",
    );
    if !within.tenant.covers(&row.tenant) {
        return Err(StoreError::OtherTenant { table: TABLE });
    }
    if count(within)? >= bounds.all {
        return Ok(Inserted::Full);
    }
    let changed = within.access.execute(
        SQL,
        &[
            Value::Bytes(&row.digest),
            Value::Text(&row.handle),
            Value::Text(&row.principal),
            Value::Text(&row.issuer),
            Value::Text(&row.subject),
            Value::MaybeBytes(row.display.as_deref()),
            Value::Text(&serde_json::Value::from(row.roles.as_slice()).to_string()),
            Value::Text(&row.tenant),
            Value::Int(row.created.millis()),
            Value::Int(row.last_seen.millis()),
            Value::Int(row.idle),
            Value::Int(row.ends.millis()),
            Value::MaybeBytes(row.sid.as_ref().map(<[u8; 32]>::as_slice)),
            Value::Flag(row.probe),
        ],
    )?;
    if changed == 0 {
        return Ok(Inserted::Taken);
    }
    crowd_out(within, row, bounds.of_one).map(Inserted::Made)
}

/// Removes the sessions of the row's owner that were used longest ago, until `most` are left, itself
/// among them.
fn crowd_out(within: &Within<'_>, row: &SessionRow, most: u64) -> Result<Vec<Digest>, StoreError> {
    const SQL: Sql = Sql::both(
        "DELETE FROM session WHERE digest IN
             (SELECT digest FROM session
              WHERE ?1 IN (tenant, '*') AND principal = ?2 AND digest <> ?3
              ORDER BY last_seen DESC, digest LIMIT 1000 OFFSET ?4)
         RETURNING digest",
    );
    let others = i64::try_from(most.saturating_sub(1)).unwrap_or(i64::MAX);
    let values = [
        within.value(),
        Value::Text(&row.principal),
        Value::Bytes(&row.digest),
        Value::Int(others),
    ];
    within.access.rows(SQL, &values, |row| row.bytes(0))
}

/// The session with this digest.
pub fn get(within: &Within<'_>, digest: &Digest) -> Result<Option<SessionRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT digest, handle, principal, issuer, subject, display, roles, tenant, created,
                last_seen, idle, ends, sid, probe
         FROM session WHERE ?1 IN (tenant, '*') AND digest = ?2",
    );
    let values = [within.value(), Value::Bytes(digest)];
    within.access.row(SQL, &values, read)
}

/// Up to `most` sessions, of one person where `principal` names one; the one used last comes first.
pub fn list(
    within: &Within<'_>,
    principal: Option<&str>,
    most: u32,
) -> Result<Vec<SessionRow>, StoreError> {
    const SQL: Sql = Sql::both(
        "SELECT digest, handle, principal, issuer, subject, display, roles, tenant, created,
                last_seen, idle, ends, sid, probe
         FROM session WHERE ?1 IN (tenant, '*') AND ?2 IN (principal, '*')
         ORDER BY last_seen DESC, digest LIMIT ?3",
    );
    let values = [
        within.value(),
        Value::Text(principal.unwrap_or("*")),
        Value::Int(most.into()),
    ];
    within.access.rows(SQL, &values, read)
}

/// How many there are.
pub fn count(within: &Within<'_>) -> Result<u64, StoreError> {
    const SQL: Sql = Sql::both("SELECT count(*) FROM session WHERE ?1 IN (tenant, '*')");
    within.access.count(SQL, &[within.value()], TABLE)
}

/// Moves the moment of last use forward, never back; false if the session is gone. Nodes that touch
/// several in one job do so in the order of their digests, or wait for each other in vain.
pub fn touch(within: &Within<'_>, digest: &Digest, seen: Timestamp) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE session SET last_seen = CASE WHEN last_seen > ?3 THEN last_seen ELSE ?3 END
         WHERE ?1 IN (tenant, '*') AND digest = ?2",
    );
    let values = [
        within.value(),
        Value::Bytes(digest),
        Value::Int(seen.millis()),
    ];
    Ok(within.access.execute(SQL, &values)? == 1)
}

/// Which sessions are to end.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    /// The one with this digest.
    Digest(&'a Digest),
    /// The one with this handle.
    Handle(&'a str),
    /// Every one of a person.
    Principal(&'a str),
    /// Those of a person that began by then.
    Begun(&'a str, Timestamp),
    /// Those with this digest of their provider's name for them.
    Sid(&'a Digest),
}

/// Ends sessions; returns the digests of those that were there.
pub fn remove(within: &Within<'_>, which: Which<'_>) -> Result<Vec<Digest>, StoreError> {
    let (sql, value) = match which {
        Which::Begun(principal, by) => return remove_begun(within, principal, by),
        Which::Digest(digest) => (
            Sql::both(
                "DELETE FROM session WHERE ?1 IN (tenant, '*') AND digest = ?2 RETURNING digest",
            ),
            Value::Bytes(digest),
        ),
        Which::Handle(handle) => (
            Sql::both(
                "DELETE FROM session WHERE ?1 IN (tenant, '*') AND handle = ?2 RETURNING digest",
            ),
            Value::Text(handle),
        ),
        Which::Principal(principal) => (
            Sql::both(
                "DELETE FROM session WHERE ?1 IN (tenant, '*') AND principal = ?2 RETURNING digest",
            ),
            Value::Text(principal),
        ),
        Which::Sid(sid) => (
            Sql::both(
                "DELETE FROM session WHERE ?1 IN (tenant, '*') AND sid = ?2 RETURNING digest",
            ),
            Value::Bytes(sid),
        ),
    };
    let values = [within.value(), value];
    within.access.rows(sql, &values, |row| row.bytes(0))
}

fn remove_begun(
    within: &Within<'_>,
    principal: &str,
    by: Timestamp,
) -> Result<Vec<Digest>, StoreError> {
    const SQL: Sql = Sql::both(
        "DELETE FROM session WHERE ?1 IN (tenant, '*') AND principal = ?2 AND created <= ?3
         RETURNING digest",
    );
    let by = Value::Int(by.millis());
    let values = [within.value(), Value::Text(principal), by];
    within.access.rows(SQL, &values, |row| row.bytes(0))
}

/// Removes up to 1000 sessions that have ended by `now`, and those idle for `grace` milliseconds
/// longer than they may be: another node may not have stored yet that one was used. Returns how many.
pub fn sweep(within: &Within<'_>, now: Timestamp, grace: i64) -> Result<usize, StoreError> {
    const SQL: Sql = Sql::both(
        "DELETE FROM session WHERE digest IN
             (SELECT digest FROM session
              WHERE ?1 IN (tenant, '*') AND (ends <= ?2 OR last_seen + idle + ?3 <= ?2) LIMIT 1000)",
    );
    let values = [within.value(), Value::Int(now.millis()), Value::Int(grace)];
    within.access.execute(SQL, &values)
}

fn read(row: &Row<'_>) -> Result<SessionRow, StoreError> {
    let sid = row.maybe_blob(12)?;
    let sid = sid
        .map(|sid| Digest::try_from(sid.as_slice()))
        .transpose()
        .map_err(|_| StoreError::Unreadable { table: TABLE })?;
    // Fewer roles than were given would hide damage.
    let roles =
        serde_json::from_str(&row.text(6)?).map_err(|_| StoreError::Unreadable { table: TABLE })?;
    Ok(SessionRow {
        digest: row.bytes(0)?,
        handle: row.text(1)?,
        principal: row.text(2)?,
        issuer: row.text(3)?,
        subject: row.text(4)?,
        display: row.maybe_blob(5)?,
        roles,
        tenant: row.text(7)?,
        created: Timestamp::from_millis(row.int(8)?),
        last_seen: Timestamp::from_millis(row.int(9)?),
        idle: row.int(10)?,
        ends: Timestamp::from_millis(row.int(11)?),
        sid,
        probe: row.flag(13)?,
    })
}
