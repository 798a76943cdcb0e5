//! The schema and its history.
//!
//! Owns the ordered list of migrations, which only grows. All that a file lacks are applied in one
//! transaction: a start that is killed leaves the old schema or the new one. Refuses a file that a
//! newer build has written, and a database of another program.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

use crate::{Place, StoreError};

/// Marks the file as ours (`PRAGMA application_id`): the letters `Vsfe`.
const APPLICATION: i64 = 0x5673_6665;

/// Migration `n` takes the schema from version `n` to `n + 1`.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_keys_and_replay.sqlite.sql"),
    include_str!("migrations/0002_sessions.sqlite.sql"),
    include_str!("migrations/0003_accounts.sqlite.sql"),
    include_str!("migrations/0004_tokens.sqlite.sql"),
];

pub(crate) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    migrate_with(connection, path, MIGRATIONS)
}

/// Whose a database is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recognised {
    /// It holds nothing yet.
    Empty,
    /// It carries our mark.
    Ours,
}

/// Whose the database is. Only reads, so that one of another program is refused untouched.
pub(crate) fn recognise(connection: &Connection, path: &Path) -> Result<Recognised, StoreError> {
    let application: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (application, tables) {
        (APPLICATION, 1..) => Ok(Recognised::Ours),
        (0, 0) => Ok(Recognised::Empty),
        _ => Err(StoreError::Foreign {
            place: Place::File(path.to_owned()),
        }),
    }
}

/// The schema version of a database of ours. That it cannot be read is damage, whatever the cause:
/// the mark is written in the same transaction as the version.
fn version(connection: &Connection) -> Result<i64, StoreError> {
    connection
        .query_row("SELECT version FROM schema_version", [], |row| row.get(0))
        .map_err(|error| match StoreError::from(error) {
            StoreError::Failed { cause } => StoreError::Damaged { cause },
            other => other,
        })
}

fn migrate_with(
    connection: &mut Connection,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found = if recognise(&transaction, path)? == Recognised::Ours {
        version(&transaction)?
    } else {
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.execute_batch(
            "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT;
             INSERT INTO schema_version (version) VALUES (0);",
        )?;
        0
    };
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if found > known {
        return Err(StoreError::Newer {
            place: Place::File(path.to_owned()),
            found,
            known,
        });
    }
    let applied = usize::try_from(found).map_err(|_| StoreError::Unreadable {
        table: "schema_version",
    })?;
    for migration in migrations.iter().skip(applied) {
        transaction.execute_batch(migration)?;
    }
    if found < known {
        transaction.execute("UPDATE schema_version SET version = ?1", [known])?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tables(connection: &Connection) -> i64 {
        connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
            .unwrap()
    }

    const ONE: &str = "CREATE TABLE one (a INTEGER) STRICT;";
    const TWO: &str = "ALTER TABLE one ADD COLUMN b INTEGER; INSERT INTO one VALUES (1, 2);";

    #[test]
    fn a_file_is_brought_forward_from_every_version() {
        let path = Path::new("memory");
        let mut fresh = Connection::open_in_memory().unwrap();
        migrate_with(&mut fresh, path, &[ONE, TWO]).unwrap();
        let mut older = Connection::open_in_memory().unwrap();
        migrate_with(&mut older, path, &[ONE]).unwrap();
        assert_eq!(version(&older), Ok(1));
        migrate_with(&mut older, path, &[ONE, TWO]).unwrap();
        for connection in [fresh, older] {
            assert_eq!(version(&connection), Ok(2));
            let sum: i64 = connection
                .query_row("SELECT a + b FROM one", [], |row| row.get(0))
                .unwrap();
            assert_eq!(sum, 3);
        }
    }

    #[test]
    fn migrating_twice_changes_nothing() {
        let mut connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            migrate(&mut connection, Path::new("memory")).unwrap();
        }
        assert_eq!(
            version(&connection),
            Ok(i64::try_from(MIGRATIONS.len()).unwrap())
        );
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_behind() {
        let mut connection = Connection::open_in_memory().unwrap();
        let path = Path::new("memory");
        migrate_with(&mut connection, path, &[ONE]).unwrap();
        let before = tables(&connection);
        let broken = "CREATE TABLE two (a INTEGER) STRICT; CREATE TABLE one (a INTEGER) STRICT;";
        assert!(migrate_with(&mut connection, path, &[ONE, broken]).is_err());
        assert_eq!((version(&connection), tables(&connection)), (Ok(1), before));
    }

    #[test]
    fn a_database_of_ours_without_its_version_is_damaged() {
        for damage in ["DELETE FROM schema_version", "DROP TABLE schema_version"] {
            let mut connection = Connection::open_in_memory().unwrap();
            let path = Path::new("memory");
            migrate_with(&mut connection, path, &[ONE]).unwrap();
            connection.execute_batch(damage).unwrap();
            let refused = migrate_with(&mut connection, path, &[ONE]);
            assert!(
                matches!(refused, Err(StoreError::Damaged { .. })),
                "{damage}: {refused:?}"
            );
        }
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        let path = Path::new("memory");
        migrate_with(&mut connection, path, &[ONE, TWO]).unwrap();
        assert_eq!(
            migrate_with(&mut connection, path, &[ONE]),
            Err(StoreError::Newer {
                place: Place::File(path.to_owned()),
                found: 2,
                known: 1
            })
        );
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let foreign = StoreError::Foreign {
            place: Place::File(Path::new("memory").to_owned()),
        };
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE theirs (a)").unwrap();
        assert_eq!(
            migrate(&mut connection, Path::new("memory")),
            Err(foreign.clone())
        );
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "application_id", 7).unwrap();
        assert_eq!(migrate(&mut connection, Path::new("memory")), Err(foreign));
        assert_eq!(tables(&connection), 0);
    }
}
