//! Every way a session can be turned away, and what can go wrong while sessions are kept.
//!
//! The browser learns only that it must log in, whatever the reason. The ledger learns which it was.

use control::{ControlId, Reason, Refusal, rng::NoRandomness};
use store::StoreError;

/// Whose session it is.
pub const SESSION: ControlId = ControlId("identity.session");

/// Why a request could not be tied to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SessionRefusal {
    /// The request carries none.
    #[error("no session")]
    Missing,
    /// The request carries more than one.
    #[error("more than one session")]
    Ambiguous,
    /// What it carries does not have the form of an id.
    #[error("not the form of a session id")]
    Malformed,
    /// Nobody is logged in under this id, or not any more.
    #[error("no session has this id")]
    Unknown,
    /// It was idle for too long.
    #[error("the session was idle for too long")]
    Idle,
    /// It has lasted as long as it may.
    #[error("the session has reached its end")]
    Ended,
    /// The store did not answer.
    #[error("the sessions cannot be asked for")]
    Away,
}

impl SessionRefusal {
    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Missing => "session-missing",
            Self::Ambiguous => "session-ambiguous",
            Self::Malformed => "session-malformed",
            Self::Unknown => "session-unknown",
            Self::Idle => "session-idle",
            Self::Ended => "session-ended",
            Self::Away => "session-store-away",
        })
    }
}

impl From<SessionRefusal> for Refusal {
    fn from(refusal: SessionRefusal) -> Self {
        match refusal {
            SessionRefusal::Away => Self::new(
                SESSION,
                503,
                "Who you are cannot be checked now. Try again shortly.",
                refusal.reason(),
            )
            .retry_after(1),
            SessionRefusal::Ambiguous => {
                Self::new(SESSION, 401, "Send one session, once.", refusal.reason())
            }
            _ => Self::new(SESSION, 401, "Log in to go on.", refusal.reason()),
        }
    }
}

/// A session could not be made, listed or ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionsFault {
    /// As many people are logged in as there may be.
    #[error("there are {limit} sessions already")]
    TooMany {
        /// How many there may be.
        limit: u64,
    },
    /// No random bytes, so no id.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl SessionsFault {
    /// A stable name for scripts and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "session.too-many",
            Self::Random(_) => "session.random",
            Self::Store(error) => error.code(),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::TooMany { .. } => {
                "end sessions that nobody needs, or shorten `idle` in [login]".to_owned()
            }
            Self::Random(fault) => fault.hint().to_owned(),
            Self::Store(error) => error.hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [SessionRefusal; 7] = [
        SessionRefusal::Missing,
        SessionRefusal::Ambiguous,
        SessionRefusal::Malformed,
        SessionRefusal::Unknown,
        SessionRefusal::Idle,
        SessionRefusal::Ended,
        SessionRefusal::Away,
    ];

    #[test]
    fn a_browser_cannot_tell_why_it_must_log_in_and_the_ledger_can() {
        let reasons = ALL.map(SessionRefusal::reason);
        for (at, reason) in reasons.iter().enumerate() {
            assert!(!reasons[..at].contains(reason), "{reason}");
        }
        for refusal in [
            SessionRefusal::Unknown,
            SessionRefusal::Idle,
            SessionRefusal::Ended,
            SessionRefusal::Malformed,
        ] {
            let refusal = Refusal::from(refusal);
            assert_eq!((refusal.status, refusal.control), (401, SESSION));
            assert_eq!(refusal.public, "Log in to go on.");
        }
    }

    #[test]
    fn a_store_that_is_away_is_not_the_fault_of_whoever_asks() {
        assert_eq!(Refusal::from(SessionRefusal::Away).status, 503);
    }
}
