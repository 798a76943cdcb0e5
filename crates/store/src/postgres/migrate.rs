//! The schema on a server.
//!
//! Owns the ordered list of migrations, which only grows and goes in step with that of the file.
//! All that a database lacks are applied in one transaction, under a lock that makes nodes which
//! start together go one after the other. Refuses a schema of a newer build, a schema called
//! `vouchsafe` of another program, and one whose guard was taken off.

use super::session::Session;
use crate::StoreError;

/// Marks the schema as ours: the letters `Vsfe`. Also the number of the lock.
const APPLICATION: i64 = 0x5673_6665;

/// Migration `n` takes the schema from version `n` to `n + 1`.
const MIGRATIONS: &[&str] = &[
    include_str!("../migrations/0001_keys_and_replay.postgres.sql"),
    include_str!("../migrations/0002_sessions.postgres.sql"),
    include_str!("../migrations/0003_accounts.postgres.sql"),
    include_str!("../migrations/0004_tokens.postgres.sql"),
];

/// Tables whose rows belong to tenants.
const GUARDED: &[&str] = &["account", "api_key", "session"];

/// Brings the schema forward, and lets `user` work with it where that is not its owner.
pub(super) fn migrate(session: &mut Session, user: Option<&str>) -> Result<(), StoreError> {
    migrate_with(session, user, MIGRATIONS)
}

fn migrate_with(
    session: &mut Session,
    user: Option<&str>,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    let found = judge(session, known)?;
    if found == known && user.is_none() {
        return Ok(());
    }
    session.begin()?;
    let done = bring_forward(session, user, migrations, known);
    match done {
        Ok(()) => session.commit(),
        Err(error) => {
            session.rollback();
            Err(match error {
                StoreError::Denied { place, .. } => StoreError::Older {
                    place,
                    found,
                    known,
                },
                other => other,
            })
        }
    }
}

fn bring_forward(
    session: &Session,
    user: Option<&str>,
    migrations: &[&str],
    known: i64,
) -> Result<(), StoreError> {
    session.batch(&format!("SELECT pg_advisory_xact_lock({APPLICATION})"))?;
    // Asked again behind the lock: another node may have done it all.
    let found = judge(session, known)?;
    if found == 0 && !exists(session)? {
        session.batch(&format!(
            "CREATE SCHEMA IF NOT EXISTS vouchsafe;
             CREATE TABLE vouchsafe.schema_version (
                 application BIGINT NOT NULL, version BIGINT NOT NULL
             );
             INSERT INTO vouchsafe.schema_version VALUES ({APPLICATION}, 0)"
        ))?;
    }
    let applied = usize::try_from(found).unwrap_or(usize::MAX);
    for migration in migrations.iter().skip(applied) {
        session.batch(migration)?;
    }
    if found < known {
        session.batch(&format!(
            "UPDATE vouchsafe.schema_version SET version = {known}"
        ))?;
    }
    user.map_or(Ok(()), |user| session.batch(&grants(user)))
}

/// What the node's user may do where it does not own the tables: work with rows, never with the
/// schema or the policies on it.
fn grants(user: &str) -> String {
    let user = format!("\"{}\"", user.replace('"', "\"\""));
    format!(
        "GRANT USAGE ON SCHEMA vouchsafe TO {user};
         GRANT SELECT ON vouchsafe.schema_version TO {user};
         GRANT SELECT, UPDATE ON vouchsafe.revision TO {user};
         GRANT SELECT, INSERT, UPDATE, DELETE ON vouchsafe.api_key, vouchsafe.replay,
             vouchsafe.session, vouchsafe.login TO {user}"
    )
}

/// Whether the schema has tables.
fn exists(session: &Session) -> Result<bool, StoreError> {
    tables(session).map(|(all, _)| all > 0)
}

/// How many tables stand in the schema, and how many of them are the one with its version.
fn tables(session: &Session) -> Result<(i64, i64), StoreError> {
    let rows = session.query(
        "SELECT count(*), count(*) FILTER (WHERE c.relname = 'schema_version')
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'vouchsafe'",
        &[],
    )?;
    let answer = |at| rows.first().and_then(|row| row.try_get(at).ok());
    match (answer(0), answer(1)) {
        (Some(all), Some(version)) => Ok((all, version)),
        _ => Err(StoreError::Unreadable {
            table: "schema_version",
        }),
    }
}

/// The version of the schema, 0 where there is none; refuses what is not ours or newer.
fn judge(session: &Session, known: i64) -> Result<i64, StoreError> {
    let place = || session.place().clone();
    match tables(session)? {
        (0, _) => return Ok(0),
        (_, 0) => return Err(StoreError::Foreign { place: place() }),
        _ => {}
    }
    let rows = session.query(
        "SELECT application, version FROM vouchsafe.schema_version",
        &[],
    )?;
    let [row] = rows.as_slice() else {
        return Err(StoreError::Unreadable {
            table: "schema_version",
        });
    };
    let application = row.try_get(0).ok();
    let found: i64 = row.try_get(1).map_err(|_| StoreError::Unreadable {
        table: "schema_version",
    })?;
    if application != Some(APPLICATION) {
        return Err(StoreError::Foreign { place: place() });
    }
    if found > known {
        return Err(StoreError::Newer {
            place: place(),
            found,
            known,
        });
    }
    Ok(found)
}

/// The version of the schema and the one of this build.
pub(super) fn look(session: &Session) -> Result<(i64, i64), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    judge(session, known).map(|found| (found, known))
}

/// Refuses to work on a schema that is not the one of this build, or whose guard is off.
pub(super) fn is_current(session: &Session) -> Result<(), StoreError> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    let found = judge(session, known)?;
    if found < known {
        return Err(StoreError::Older {
            place: session.place().clone(),
            found,
            known,
        });
    }
    let rows = session.query(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname = 'vouchsafe' AND c.relrowsecurity AND c.relforcerowsecurity",
        &[],
    )?;
    let guarded: Vec<String> = rows.iter().filter_map(|row| row.try_get(0).ok()).collect();
    match GUARDED
        .iter()
        .find(|table| !guarded.iter().any(|name| name == *table))
    {
        None => Ok(()),
        Some(table) => Err(StoreError::Unguarded { table }),
    }
}
