//! What can go wrong with the store.

use std::{fmt, path::PathBuf};

/// Where a database is, as people may see it: no user and no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An SQLite file.
    File(PathBuf),
    /// A server and the database on it, such as `db.example:5432/vouchsafe`.
    Server(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Server(name) => f.write_str(name),
        }
    }
}

/// A failure of the store. `Clone`, because one failed commit fails every job in it.
///
/// Texts name tables and columns at most, never a stored value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The file or its folder cannot be opened.
    #[error("cannot open the database {}: {cause}", .path.display())]
    Unopenable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: String,
    },
    /// The file can be read or written by others than its owner.
    #[error("the database {} is open to other users (mode {mode:04o})", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a database, or one of another program.
    #[error("{place} is not a vouchsafe database")]
    Foreign {
        /// Where it is.
        place: Place,
    },
    /// A newer build has written the database.
    #[error("the database {place} has schema {found}, this build knows up to {known}")]
    Newer {
        /// Where it is.
        place: Place,
        /// The schema it has.
        found: i64,
        /// The newest schema of this build.
        known: i64,
    },
    /// The server's database has an older schema, and our user may not bring it forward.
    #[error("the database {place} has schema {found}, and its user may not bring it to {known}")]
    Older {
        /// Where it is.
        place: Place,
        /// The schema it has; 0 for none.
        found: i64,
        /// The newest schema of this build.
        known: i64,
    },
    /// No connection to the server.
    #[error("the database {place} cannot be reached: {cause}")]
    Unreachable {
        /// Where it is.
        place: Place,
        /// What the system said.
        cause: String,
    },
    /// The server did not show a certificate that we trust, or speaks no TLS.
    #[error("the database {place} did not prove who it is: {cause}")]
    Untrusted {
        /// Where it is.
        place: Place,
        /// What is wrong with it.
        cause: String,
    },
    /// The server does not let our user in, or not do what it must.
    #[error("the database {place} refuses our user: {cause}")]
    Denied {
        /// Where it is.
        place: Place,
        /// The server's words.
        cause: String,
    },
    /// Row-level security does not bind the user we connect as.
    #[error("row-level security does not bind the user of the database {place}")]
    Unbound {
        /// Where it is.
        place: Place,
    },
    /// A table that carries tenants is not guarded by row-level security.
    #[error("row-level security of the table {table} is off")]
    Unguarded {
        /// Which table.
        table: &'static str,
    },
    /// A row of another tenant than the one the transaction is bound to.
    #[error("a row of another tenant was to be written to {table}")]
    OtherTenant {
        /// Which table.
        table: &'static str,
    },
    /// The server takes no writes: a standby, or one that was told so.
    #[error("the database {place} is read-only")]
    ReadOnly {
        /// Where it is.
        place: Place,
    },
    /// The server did not answer in time.
    #[error("the database does not answer in time")]
    Slow,
    /// The connection ended before the answer: what was asked may or may not have been done.
    #[error("the connection to the database was lost before its answer")]
    Lost,
    /// Other nodes work on the same rows, and the server let them go first.
    #[error("another node is working on the same rows")]
    Contended,
    /// The database is damaged.
    #[error("the database is damaged: {cause}")]
    Damaged {
        /// What was found.
        cause: String,
    },
    /// Another process has the file locked.
    #[error("another process is using the database")]
    Locked,
    /// The server throws values away before their time.
    #[error("the server {place} evicts values when its memory is full")]
    Forgetful {
        /// Where it is.
        place: Place,
    },
    /// There is no memory for more shared values.
    #[error("there is no room for more shared values")]
    Crowded,
    /// A value is longer than one may be.
    #[error("a shared value is longer than it may be")]
    TooLong,
    /// The disk is full.
    #[error("the disk that holds the database is full")]
    Full,
    /// More jobs wait than the queue holds.
    #[error("the store has more work waiting than it takes")]
    Overloaded,
    /// The store's thread has ended.
    #[error("the store has stopped")]
    Stopped,
    /// A row is not of the shape this build writes.
    #[error("a stored row in {table} does not read")]
    Unreadable {
        /// Which table.
        table: &'static str,
    },
    /// Anything else the database reports.
    #[error("the database reports: {cause}")]
    Failed {
        /// Its words.
        cause: String,
    },
}

impl StoreError {
    /// A stable name for scripts and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unopenable { .. } => "store.unopenable",
            Self::Exposed { .. } => "store.exposed",
            Self::Foreign { .. } => "store.foreign",
            Self::Newer { .. } => "store.newer",
            Self::Older { .. } => "store.older",
            Self::Unreachable { .. } => "store.unreachable",
            Self::Untrusted { .. } => "store.untrusted",
            Self::Denied { .. } => "store.denied",
            Self::Unbound { .. } => "store.unbound",
            Self::Unguarded { .. } => "store.unguarded",
            Self::OtherTenant { .. } => "store.other-tenant",
            Self::ReadOnly { .. } => "store.read-only",
            Self::Slow => "store.slow",
            Self::Lost => "store.lost",
            Self::Contended => "store.contended",
            Self::Damaged { .. } => "store.damaged",
            Self::Locked => "store.locked",
            Self::Forgetful { .. } => "store.forgetful",
            Self::Crowded => "store.crowded",
            Self::TooLong => "store.too-long",
            Self::Full => "store.full",
            Self::Overloaded => "store.overloaded",
            Self::Stopped => "store.stopped",
            Self::Unreadable { .. } => "store.unreadable",
            Self::Failed { .. } => "store.failed",
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unopenable { path, .. } => format!(
                "check that {} exists and belongs to the user vouchsafe runs as",
                path.parent().unwrap_or(path).display()
            ),
            Self::Exposed { path, .. } => format!("run: chmod 600 {}", path.display()),
            Self::Foreign { place: Place::File(_) } => {
                "point data_dir at a folder of its own, or move that file away".to_owned()
            }
            Self::Foreign { place: Place::Server(_) } => {
                "give vouchsafe a database of its own: CREATE DATABASE vouchsafe".to_owned()
            }
            Self::Older { .. } => {
                "name the user who owns the schema, who may change it: [deployment] store = { url \
                 = ..., owner_url = ... }"
                    .to_owned()
            }
            Self::Unreachable { .. } => {
                "check that the server runs and that its name, port and firewall let this machine in"
                    .to_owned()
            }
            Self::Untrusted { .. } => {
                "point `ca` at the certificate of whoever signed the server's, and use the name \
                 that stands in the server's"
                    .to_owned()
            }
            Self::Denied { .. } => {
                "check user, password and database of the url, and pg_hba.conf on the server"
                    .to_owned()
            }
            Self::Unbound { .. } => {
                "connect as a user of its own: CREATE ROLE vouchsafe LOGIN NOSUPERUSER NOBYPASSRLS"
                    .to_owned()
            }
            Self::Unguarded { table } => {
                format!("as its owner: ALTER TABLE vouchsafe.{table} ENABLE ROW LEVEL SECURITY, \
                         FORCE ROW LEVEL SECURITY")
            }
            Self::OtherTenant { .. } => "report this as a defect".to_owned(),
            Self::ReadOnly { .. } => "point the url at the primary server".to_owned(),
            Self::Slow | Self::Lost => {
                "check the load of the server and the network to it; the gate tries again by itself"
                    .to_owned()
            }
            Self::Newer { .. } => {
                "start the newer vouchsafe again; a database is never taken back to an older schema"
                    .to_owned()
            }
            Self::Damaged { .. } | Self::Unreadable { .. } => {
                "restore the file from a backup, or move it away and create new keys: the old ones \
                 cannot be recovered from digests"
                    .to_owned()
            }
            Self::Locked => "close the other program that has the file open".to_owned(),
            Self::Forgetful { .. } => {
                "set maxmemory-policy noeviction on it: what is evicted could be a revocation"
                    .to_owned()
            }
            Self::Crowded => "give the server more memory (maxmemory)".to_owned(),
            Self::TooLong => "report this as a defect".to_owned(),
            Self::Full => "free some space, then try again".to_owned(),
            Self::Overloaded | Self::Contended => "try again in a few seconds".to_owned(),
            Self::Stopped => "restart vouchsafe; the log says why its store ended".to_owned(),
            Self::Failed { .. } => "check the disk and the system log, then try again".to_owned(),
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::{Error, ErrorCode};
        // Every table is STRICT and every row that must be there is: a value of another type, or
        // no row, is damage even where each page still reads.
        if matches!(
            error,
            Error::InvalidColumnType(..)
                | Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::Utf8Error(..)
                | Error::QueryReturnedNoRows
        ) {
            return Self::Damaged {
                cause: error.to_string(),
            };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Locked,
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Self::Damaged {
                cause: error.to_string(),
            },
            _ => Self::Failed {
                cause: error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_says_what_to_do_next() {
        let path = PathBuf::from("/data/vouchsafe.db");
        let place = || Place::Server("db.example:5432/vouchsafe".to_owned());
        let cause = String::new();
        let (found, known) = (1, 2);
        #[rustfmt::skip]
        let errors = [
            StoreError::Unopenable { path: path.clone(), cause: cause.clone() },
            StoreError::Exposed { path: path.clone(), mode: 0o644 },
            StoreError::Foreign { place: Place::File(path) },
            StoreError::Foreign { place: place() },
            StoreError::Newer { place: place(), found, known },
            StoreError::Older { place: place(), found, known },
            StoreError::Unreachable { place: place(), cause: cause.clone() },
            StoreError::Untrusted { place: place(), cause: cause.clone() },
            StoreError::Denied { place: place(), cause: cause.clone() },
            StoreError::Unbound { place: place() },
            StoreError::Unguarded { table: "api_key" },
            StoreError::OtherTenant { table: "api_key" },
            StoreError::ReadOnly { place: place() },
            StoreError::Slow,
            StoreError::Lost,
            StoreError::Contended,
            StoreError::Damaged { cause: cause.clone() },
            StoreError::Forgetful { place: place() },
            StoreError::Crowded,
            StoreError::TooLong,
            StoreError::Locked,
            StoreError::Full,
            StoreError::Overloaded,
            StoreError::Stopped,
            StoreError::Unreadable { table: "api_key" },
            StoreError::Failed { cause },
        ];
        for error in errors {
            assert!(error.code().starts_with("store."));
            assert!(error.hint().len() > 10, "{error}");
        }
    }
}
