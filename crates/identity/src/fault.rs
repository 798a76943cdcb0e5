//! What can go wrong while keys are managed. None of it is seen by clients of the gate.

use control::rng::NoRandomness;
use store::StoreError;

use crate::ScopeFault;

/// A key could not be made, listed, revoked or read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeysFault {
    /// A name that is empty, too long or holds control characters.
    #[error(
        "a key's name has 1 to {} characters and no control characters",
        crate::keys::NAME_LIMIT
    )]
    Name,
    /// A scope that does not read.
    #[error("scope {at}: {fault}")]
    Scope {
        /// Which one, from 1.
        at: usize,
        /// What is wrong with it.
        fault: ScopeFault,
    },
    /// Both `--all` and scopes.
    #[error("a key has either every scope or the ones named, not both")]
    AllAndScopes,
    /// A role of another form.
    #[error("role {at} is not 1 to 64 lower-case letters, digits, '.', '_' and '-'")]
    Role {
        /// Which one, from 1.
        at: usize,
    },
    /// Too many roles.
    #[error("a key has at most {} roles", crate::keys::ROLES_LIMIT)]
    TooManyRoles,
    /// A tenant of another form, or the one that probes live in.
    #[error("a tenant is 1 to 64 lower-case letters, digits, '.', '_' and '-', and not \"probe\"")]
    Tenant,
    /// A lifetime of nothing, or one that ends beyond any calendar.
    #[error("a key lives for at least a second and at most ten years; leave the end out for none")]
    Lifetime,
    /// As many keys as there may be.
    #[error("there are {limit} keys already")]
    TooMany {
        /// How many there may be.
        limit: u64,
    },
    /// More than whoever asks has themselves.
    #[error("nobody gives a key roles or scopes that they do not have")]
    Beyond,
    /// No key has this id.
    #[error("there is no key {id}")]
    NoSuchKey {
        /// What was asked for; of the form of an id, or a note that it is not.
        id: String,
    },
    /// A stored key does not read.
    #[error("the stored key {id} does not read")]
    Unreadable {
        /// Its id, as stored.
        id: String,
    },
    /// No random bytes, so no key.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeysFault {
    /// A stable name for scripts and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name => "key.name",
            Self::Scope { .. } => "key.scope",
            Self::AllAndScopes => "key.all-and-scopes",
            Self::Role { .. } => "key.role",
            Self::TooManyRoles => "key.too-many-roles",
            Self::Tenant => "key.tenant",
            Self::Lifetime => "key.lifetime",
            Self::TooMany { .. } => "key.too-many",
            Self::Beyond => "key.beyond",
            Self::NoSuchKey { .. } => "key.unknown",
            Self::Unreadable { .. } => "key.unreadable",
            Self::Random(_) => "key.random",
            Self::Store(error) => error.code(),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Name => "give it a short name, such as --name reporting".to_owned(),
            Self::Scope { .. } => "for example: --scope 'GET,POST /api'".to_owned(),
            Self::AllAndScopes => "leave out either --all or every --scope".to_owned(),
            Self::Role { .. } => "for example: --role mentor".to_owned(),
            Self::TooManyRoles => "give several keys, each with the roles of one task".to_owned(),
            Self::Tenant => "for example: --tenant default".to_owned(),
            Self::Lifetime => "for example: --expires 90d".to_owned(),
            Self::TooMany { .. } => {
                "revoke what is unused: vouchsafe key list shows when each was last used".to_owned()
            }
            Self::Beyond => {
                "ask somebody who has them, or use vouchsafe key create on the machine".to_owned()
            }
            Self::NoSuchKey { .. } => "see the ids with: vouchsafe key list".to_owned(),
            Self::Unreadable { .. } => {
                "restore the database from a backup: this row was not written by vouchsafe"
                    .to_owned()
            }
            Self::Random(fault) => fault.hint().to_owned(),
            Self::Store(error) => error.hint(),
        }
    }
}
