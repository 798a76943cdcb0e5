//! Every way a key can be turned away.
//!
//! The client learns only that its key was not accepted, whatever the reason, or that this cannot be
//! known now, so that an answer never tells a wrong key from an unknown, ended or revoked one. The ledger learns which it was.

use control::{ControlId, Reason, Refusal};

use crate::{certificate::CertificateRefusal, token::TokenRefusal};

/// Whose credential it is.
pub const KEY: ControlId = ControlId("identity.key");

/// Where and how a key may be used.
pub const SCOPE: ControlId = ControlId("identity.scope");

/// Whose token it is.
pub const TOKEN: ControlId = ControlId("identity.token");

/// Whose certificate it is.
pub const CERTIFICATE: ControlId = ControlId("identity.certificate");

/// Who may be given keys and tokens.
pub const ISSUE: ControlId = ControlId("identity.issue");

/// The roles a route asks for.
pub const ROLE: ControlId = ControlId("identity.role");

/// Which rows of an answer somebody sees.
pub const ROWS: ControlId = ControlId("identity.rows");

/// Why a request could not be tied to a key: 401, or 503 where that cannot be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum KeyRefusal {
    /// The request carries no key.
    #[error("no key")]
    Missing,
    /// The request carries more than one.
    #[error("more than one key")]
    Ambiguous,
    /// What it carries does not have the form of a key.
    #[error("not the form of a key")]
    Malformed,
    /// No key has this public prefix.
    #[error("no key has this prefix")]
    Unknown,
    /// The prefix is of a key, the secret is not.
    #[error("the secret is not this key's")]
    Mismatch,
    /// The key was revoked.
    #[error("the key is revoked")]
    Revoked,
    /// The key has reached its end.
    #[error("the key has expired")]
    Expired,
    /// The store that other nodes share has not answered for too long to know.
    #[error("the store of keys does not answer")]
    Away,
}

impl KeyRefusal {
    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Missing => "key-missing",
            Self::Ambiguous => "key-ambiguous",
            Self::Malformed => "key-malformed",
            Self::Unknown => "key-unknown",
            Self::Mismatch => "key-mismatch",
            Self::Revoked => "key-revoked",
            Self::Expired => "key-expired",
            Self::Away => "key-store-away",
        })
    }
}

/// What whoever asks is told while nobody can know whether their credential is good.
const AWAY: &str = "Whether this is accepted cannot be checked now. Try again shortly.";

impl From<KeyRefusal> for Refusal {
    fn from(refusal: KeyRefusal) -> Self {
        let public = match refusal {
            KeyRefusal::Away => {
                return Self::new(KEY, 503, AWAY, refusal.reason()).retry_after(1);
            }
            KeyRefusal::Missing => {
                "A key is needed: send it as Authorization: Bearer or as X-API-Key."
            }
            KeyRefusal::Ambiguous => "Send one key, once.",
            KeyRefusal::Malformed
            | KeyRefusal::Unknown
            | KeyRefusal::Mismatch
            | KeyRefusal::Revoked
            | KeyRefusal::Expired => "This key is not accepted.",
        };
        Self::new(KEY, 401, public, refusal.reason())
    }
}

impl TokenRefusal {
    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Form => "token-malformed",
            Self::Header => "token-header",
            Self::Algorithm => "token-algorithm",
            Self::Key => "token-key",
            Self::Signature => "token-signature",
            Self::Issuer => "token-issuer",
            Self::Audience => "token-audience",
            Self::Expired => "token-expired",
            Self::Early => "token-early",
            Self::Endless => "token-endless",
            Self::Claim => "token-claim",
            Self::Subject => "token-subject",
            Self::Used => "token-used",
            Self::Revoked => "token-revoked",
            Self::Withdrawn => "token-withdrawn",
            Self::Place => "token-place",
            Self::Tenant => "token-tenant",
            Self::Away => "token-store-away",
        })
    }
}

impl From<TokenRefusal> for Refusal {
    /// The same answer for every cause that lies in the token: what was wrong with a token is for nobody to try out.
    fn from(refusal: TokenRefusal) -> Self {
        if refusal == TokenRefusal::Away {
            return Self::new(TOKEN, 503, AWAY, refusal.reason()).retry_after(1);
        }
        Self::new(
            TOKEN,
            401,
            "This token is not accepted: send a new one, as Authorization: Bearer.",
            refusal.reason(),
        )
    }
}

impl CertificateRefusal {
    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Missing => "certificate-missing",
            Self::Unlisted => "certificate-unlisted",
            Self::Ambiguous => "certificate-ambiguous",
            Self::Ended => "certificate-ended",
            Self::Withdrawn => "certificate-withdrawn",
        })
    }
}

impl From<CertificateRefusal> for Refusal {
    /// One answer for every certificate that does not count. The connection ends with it, so that whoever
    /// comes back shows what is current.
    fn from(refusal: CertificateRefusal) -> Self {
        let public = match refusal {
            CertificateRefusal::Missing => {
                "A client certificate is needed: show one when you connect."
            }
            _ => "This certificate is not accepted.",
        };
        Self::new(CERTIFICATE, 403, public, refusal.reason()).closing()
    }
}

/// Why whoever is known may not do this: always 403.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AccessRefusal {
    /// No scope of the key covers this method on this path.
    #[error("outside the scopes of the key")]
    Scope,
    /// None of the roles the route asks for.
    #[error("none of the roles the route asks for")]
    Role,
    /// A rule of one of the roles denies it.
    #[error("a role of theirs is denied this")]
    Denied,
    /// No rule of any of the roles allows it.
    #[error("none of their roles is allowed this")]
    Absent,
    /// None of the roles sees anything of the collection.
    #[error("none of their roles sees any of these rows")]
    Unseen,
    /// Whose row the request would change is not known here.
    #[error("whose row this would change is not known")]
    Unjudged,
}

impl AccessRefusal {
    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Scope => "scope-outside",
            Self::Role => "role-missing",
            Self::Denied => "role-denied",
            Self::Absent => "role-not-allowed",
            Self::Unseen => "rows-no-view",
            Self::Unjudged => "rows-not-judged",
        })
    }
}

impl From<AccessRefusal> for Refusal {
    fn from(refusal: AccessRefusal) -> Self {
        let (control, public) = match refusal {
            AccessRefusal::Scope => (SCOPE, "This key may not do this here."),
            // Which rule it was is in the ledger: a client need not learn the table.
            AccessRefusal::Role | AccessRefusal::Denied | AccessRefusal::Absent => {
                (ROLE, "This needs a role that you do not have.")
            }
            AccessRefusal::Unseen => (ROWS, "This needs a role that you do not have."),
            AccessRefusal::Unjudged => (ROWS, "You may read here and change nothing."),
        };
        Self::new(control, 403, public, refusal.reason())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_tell_one_bad_key_from_another() {
        let refused = [
            KeyRefusal::Malformed,
            KeyRefusal::Unknown,
            KeyRefusal::Mismatch,
            KeyRefusal::Revoked,
            KeyRefusal::Expired,
        ]
        .map(Refusal::from);
        for refusal in refused {
            assert_eq!(refusal.status, 401);
            assert_eq!(refusal.control, KEY);
            assert_eq!(refusal.public, refused[0].public);
        }
    }

    #[test]
    fn a_store_that_is_away_is_not_the_fault_of_whoever_asks() {
        for refusal in [Refusal::from(KeyRefusal::Away), TokenRefusal::Away.into()] {
            assert_eq!((refusal.status, refusal.retry_after), (503, Some(1)));
        }
    }

    #[test]
    fn the_ledger_can() {
        let reasons = [
            KeyRefusal::Missing.reason(),
            KeyRefusal::Ambiguous.reason(),
            KeyRefusal::Malformed.reason(),
            KeyRefusal::Unknown.reason(),
            KeyRefusal::Mismatch.reason(),
            KeyRefusal::Revoked.reason(),
            KeyRefusal::Expired.reason(),
            KeyRefusal::Away.reason(),
            AccessRefusal::Scope.reason(),
            AccessRefusal::Role.reason(),
            AccessRefusal::Denied.reason(),
            AccessRefusal::Absent.reason(),
            AccessRefusal::Unseen.reason(),
            AccessRefusal::Unjudged.reason(),
        ];
        for (at, reason) in reasons.iter().enumerate() {
            assert!(!reasons[..at].contains(reason), "{reason}");
        }
    }

    #[test]
    fn access_is_refused_with_403_under_its_own_control() {
        for (refusal, control) in [
            (AccessRefusal::Scope, SCOPE),
            (AccessRefusal::Role, ROLE),
            (AccessRefusal::Unseen, ROWS),
            (AccessRefusal::Unjudged, ROWS),
            (AccessRefusal::Denied, ROLE),
            (AccessRefusal::Absent, ROLE),
        ] {
            let refusal = Refusal::from(refusal);
            assert_eq!((refusal.status, refusal.control), (403, control));
        }
    }
}
