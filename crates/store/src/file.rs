//! Opening the database file.
//!
//! Owns the file's mode, the settings of its connection and the order of checks. Refuses before
//! SQLite sees the file whatever a look at it can refuse.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Read as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

use crate::{Place, StoreError, migrate};

/// How long to wait for another process, such as a person's `sqlite3`, to let the file go.
const BUSY_TIME: Duration = Duration::from_secs(5);

/// Every SQLite file starts so (sqlite.org/fileformat.html, section 1.3).
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    let unopenable = |cause: io::Error| StoreError::Unopenable {
        path: path.to_owned(),
        cause: cause.to_string(),
    };
    match create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => inspect(path)?,
        Err(error) => return Err(unopenable(error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection =
        Connection::open_with_flags(path, flags).map_err(|error| StoreError::Unopenable {
            path: path.to_owned(),
            cause: error.to_string(),
        })?;
    connection.busy_timeout(BUSY_TIME)?;
    migrate::recognise(&connection, path)?;
    // Before any row is read: a damaged page may still yield rows, of whatever happens to be there.
    check(&connection)?;
    settle(&connection)?;
    migrate::migrate(&mut connection, path)?;
    Ok(connection)
}

/// Makes an empty file that only its owner can read, whatever the umask; SQLite gives its journal
/// files the same mode.
fn create(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))
}

fn inspect(path: &Path) -> Result<(), StoreError> {
    let unopenable = |cause: io::Error| StoreError::Unopenable {
        path: path.to_owned(),
        cause: cause.to_string(),
    };
    let mut file = File::open(path).map_err(unopenable)?;
    let about = file.metadata().map_err(unopenable)?;
    if !about.is_file() {
        return Err(StoreError::Foreign {
            place: Place::File(path.to_owned()),
        });
    }
    let mode = about.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(StoreError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    if about.len() == 0 {
        return Ok(());
    }
    let mut magic = [0; MAGIC.len()];
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == MAGIC => Ok(()),
        Ok(()) => Err(StoreError::Foreign {
            place: Place::File(path.to_owned()),
        }),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(StoreError::Foreign {
            place: Place::File(path.to_owned()),
        }),
        Err(error) => Err(unopenable(error)),
    }
}

/// The settings every connection runs under.
fn settle(connection: &Connection) -> Result<(), StoreError> {
    // Overwrite what is deleted, so that a removed row cannot be read from free pages.
    connection.pragma_update(None, "secure_delete", true)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Failed {
            cause: format!("write-ahead logging is not available here, only {mode}"),
        });
    }
    // A key that was shown and a delivery that was answered must survive a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(())
}

/// Reads the whole file once. It is small, and damage found here stops a start, not a request.
fn check(connection: &Connection) -> Result<(), StoreError> {
    let found: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if found == "ok" {
        Ok(())
    } else {
        Err(StoreError::Damaged { cause: found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_syncs_every_commit_and_overwrites_what_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("vouchsafe.db")).unwrap();
        let number = |pragma: &str| -> i64 {
            connection
                .pragma_query_value(None, pragma, |row| row.get(0))
                .unwrap()
        };
        // 2 is FULL, sqlite.org/pragma.html#pragma_synchronous.
        assert_eq!(number("synchronous"), 2);
        assert_eq!(number("secure_delete"), 1);
        assert_eq!(number("trusted_schema"), 0);
        let mode: String = connection
            .pragma_query_value(None, "journal_mode", |row| row.get(0))
            .unwrap();
        assert_eq!(mode, "wal");
    }
}
