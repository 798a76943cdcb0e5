//! What can go wrong with the store.

use std::path::PathBuf;

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
    /// The file is not a database, or one of another program.
    #[error("{} is not a vouchsafe database", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer build has written the file.
    #[error(
        "the database {} has schema {found}, this build knows up to {known}",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The newest schema of this build.
        known: i64,
    },
    /// The file is damaged.
    #[error("the database is damaged: {cause}")]
    Damaged {
        /// What SQLite found.
        cause: String,
    },
    /// Another process has the file locked.
    #[error("another process is using the database")]
    Locked,
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
    /// Anything else SQLite reports.
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
            Self::Damaged { .. } => "store.damaged",
            Self::Locked => "store.locked",
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
            Self::Foreign { .. } => {
                "point data_dir at a folder of its own, or move that file away".to_owned()
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
            Self::Full => "free some space, then try again".to_owned(),
            Self::Overloaded => "try again in a few seconds".to_owned(),
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
        let cause = String::new();
        for error in [
            StoreError::Unopenable {
                path: path.clone(),
                cause: cause.clone(),
            },
            StoreError::Exposed {
                path: path.clone(),
                mode: 0o644,
            },
            StoreError::Foreign { path: path.clone() },
            StoreError::Newer {
                path,
                found: 9,
                known: 1,
            },
            StoreError::Damaged {
                cause: cause.clone(),
            },
            StoreError::Locked,
            StoreError::Full,
            StoreError::Overloaded,
            StoreError::Stopped,
            StoreError::Unreadable { table: "api_key" },
            StoreError::Failed { cause },
        ] {
            assert!(error.code().starts_with("store."));
            assert!(error.hint().len() > 10, "{error}");
        }
    }
}
