//! What the driver says, in our words.
//!
//! Owns the translation. Repeats the server's text only where a person has to act on it and it can
//! hold no stored value: at the door. From statements only the SQLSTATE is kept.

use std::error::Error as _;

use tokio_postgres::{Error, error::DbError};

use crate::{Place, StoreError, tls};

/// What went wrong, and whether the connection is of no more use.
pub(super) struct Verdict {
    pub(super) error: StoreError,
    pub(super) broken: bool,
}

/// Of an attempt to connect.
pub(super) fn of_connecting(error: &Error, place: &Place) -> StoreError {
    let place = place.clone();
    if let Some(said) = error.as_db_error() {
        let cause = said.message().to_owned();
        return match class(said) {
            "28" | "3D" | "42" => StoreError::Denied { place, cause },
            _ => StoreError::Unreachable { place, cause },
        };
    }
    if let Some(cause) = tls::is_about_trust(error) {
        return StoreError::Untrusted { place, cause };
    }
    // These two have no type of their own in the driver; a test holds it to its words.
    let text = error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string);
    match text.as_str() {
        "server does not support TLS" => StoreError::Untrusted {
            place,
            cause: "it speaks no TLS".to_owned(),
        },
        "password missing" => StoreError::Denied {
            place,
            cause: "it asks for a password, and the url has none".to_owned(),
        },
        _ => StoreError::Unreachable { place, cause: text },
    }
}

/// Of a statement.
pub(super) fn of_statement(error: &Error, place: &Place) -> Verdict {
    let Some(said) = error.as_db_error() else {
        // Either the line is dead, or the driver lost the thread of what was said on it.
        return Verdict {
            error: StoreError::Lost,
            broken: true,
        };
    };
    let place = place.clone();
    let code = said.code().code();
    let (error, broken) = match code {
        // disk_full
        "53100" => (StoreError::Full, false),
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => (StoreError::Contended, false),
        // query_canceled, by statement_timeout
        "57014" => (StoreError::Slow, false),
        // read_only_sql_transaction: it was primary once. A new connection may find the new one.
        "25006" => (StoreError::ReadOnly { place }, true),
        // insufficient_privilege
        "42501" => {
            let cause = "it may not use a table of vouchsafe".to_owned();
            (StoreError::Denied { place, cause }, false)
        }
        _ => match class(said) {
            // Connection exceptions, and an operator who ends connections.
            "08" | "57" => (StoreError::Lost, true),
            // Damaged data or index.
            "XX" => {
                let cause = format!("SQLSTATE {code}");
                (StoreError::Damaged { cause }, true)
            }
            _ => {
                let cause = format!("SQLSTATE {code}");
                (StoreError::Failed { cause }, false)
            }
        },
    };
    let fatal = matches!(said.severity(), "FATAL" | "PANIC");
    Verdict {
        error,
        broken: broken || fatal,
    }
}

/// The class of an SQLSTATE (PostgreSQL manual, appendix A).
fn class(said: &DbError) -> &str {
    said.code().code().get(..2).unwrap_or_default()
}
