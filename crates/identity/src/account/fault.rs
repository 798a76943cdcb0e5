//! What can go wrong with an account, and every way to be turned away.
//!
//! A person who signs in learns only that it did not work, whatever the reason; the ledger learns
//! which it was. Operators and whoever sets a password learn everything.

use control::{ControlId, Reason, Refusal, rng::NoRandomness};
use store::StoreError;

use crate::password::{NoPassword, Weakness, hash::HashFault};

/// Who has an account here.
pub const ACCOUNT: ControlId = ControlId("identity.account");

/// An account could not be made or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountFault {
    /// Not the form of a name.
    #[error("that is no name of an account")]
    Name,
    /// The name is taken.
    #[error("there is an account of that name already")]
    Taken,
    /// Nobody is called that.
    #[error("there is no account of that name")]
    Unknown,
    /// Not the form of a role, or too many.
    #[error("role {at} is no role, or there are too many")]
    Role {
        /// Which one, from 1.
        at: usize,
    },
    /// Not the form of a tenant.
    #[error("that is no tenant")]
    Tenant,
    /// As many accounts as there may be.
    #[error("there are {limit} accounts already")]
    TooMany {
        /// How many there may be.
        limit: u64,
    },
    /// No random bytes, so no link.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AccountFault {
    /// A stable name for scripts and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name => "account.name",
            Self::Taken => "account.taken",
            Self::Unknown => "account.unknown",
            Self::Role { .. } => "account.role",
            Self::Tenant => "account.tenant",
            Self::TooMany { .. } => "account.too-many",
            Self::Random(_) => "account.random",
            Self::Store(error) => error.code(),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Name => {
                "a name has up to 128 ASCII letters, digits and ._+-@, and begins and ends \
                           with a letter or digit: an e-mail address will do"
                    .to_owned()
            }
            Self::Taken => "reset it to give out a new link, or take another name".to_owned(),
            Self::Unknown => "look for it: vouchsafe user list".to_owned(),
            Self::Role { .. } => {
                "a role has up to 64 small letters, digits, '.', '_' and '-', and a person up to 32"
                    .to_owned()
            }
            Self::Tenant => "a tenant has up to 64 letters, digits, '.', '_' and '-'".to_owned(),
            Self::TooMany { .. } => {
                "local accounts are for small teams: use single sign-on for more".to_owned()
            }
            Self::Random(fault) => fault.hint().to_owned(),
            Self::Store(error) => error.hint(),
        }
    }
}

/// A password could not be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClaimRefusal {
    /// The link is used, too old, or none of ours.
    #[error("the link is used, has ended or was never given out")]
    Link,
    /// What was given is nobody's password.
    #[error(transparent)]
    NoPassword(#[from] NoPassword),
    /// It breaks these rules.
    #[error("the password is too weak")]
    Weak(Vec<Weakness>),
    /// It cannot be stored now.
    #[error("passwords cannot be set now")]
    Away,
}

impl From<&ClaimRefusal> for Refusal {
    fn from(refusal: &ClaimRefusal) -> Self {
        match refusal {
            ClaimRefusal::Link => Self::new(
                ACCOUNT,
                403,
                "This link is used or has ended. Ask whoever gave it to you for a new one.",
                Reason("claim-link"),
            ),
            ClaimRefusal::NoPassword(_) | ClaimRefusal::Weak(_) => Self::new(
                ACCOUNT,
                422,
                "That password cannot be taken.",
                Reason("password-weak"),
            ),
            ClaimRefusal::Away => Self::new(
                ACCOUNT,
                503,
                "No password can be set right now. Try again shortly.",
                Reason("account-store-away"),
            )
            .retry_after(5),
        }
    }
}

/// Nobody came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignInRefusal {
    /// No account of this name, or not the form of one.
    #[error("no account has this name")]
    Unknown,
    /// Another password.
    #[error("the password is another")]
    Password,
    /// The right password, which stands in the documentation.
    #[error("the password stands in the documentation")]
    Documented,
    /// Nobody has set a password for the account yet.
    #[error("the account is not claimed yet")]
    Unclaimed,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The account has failed too often.
    #[error("the account is locked")]
    AccountLocked,
    /// The address has failed too often.
    #[error("the address is locked")]
    AddressLocked,
    /// It cannot be checked now.
    #[error("passwords cannot be checked now")]
    Away,
}

impl SignInRefusal {
    /// What the ledger is told.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Unknown => "account-unknown",
            Self::Password => "password-wrong",
            Self::Documented => "password-documented",
            Self::Unclaimed => "account-unclaimed",
            Self::Disabled => "account-disabled",
            Self::AccountLocked => "account-locked",
            Self::AddressLocked => "address-locked",
            Self::Away => "account-store-away",
        })
    }
}

impl From<SignInRefusal> for Refusal {
    fn from(refusal: SignInRefusal) -> Self {
        match refusal {
            SignInRefusal::Away => Self::new(
                ACCOUNT,
                503,
                "Nobody can sign in right now. Try again shortly.",
                refusal.reason(),
            )
            .retry_after(5),
            _ => Self::new(
                ACCOUNT,
                401,
                "Name and password do not fit, or there were too many attempts. Try again later.",
                refusal.reason(),
            ),
        }
    }
}

impl From<HashFault> for SignInRefusal {
    fn from(_: HashFault) -> Self {
        Self::Away
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_cannot_tell_why_it_did_not_work_and_the_ledger_can() {
        let all = [
            SignInRefusal::Unknown,
            SignInRefusal::Password,
            SignInRefusal::Documented,
            SignInRefusal::Unclaimed,
            SignInRefusal::Disabled,
            SignInRefusal::AccountLocked,
            SignInRefusal::AddressLocked,
        ];
        for (at, refusal) in all.iter().enumerate() {
            let (shown, first) = (Refusal::from(*refusal), Refusal::from(all[0]));
            assert_eq!((shown.status, shown.public), (first.status, first.public));
            assert!(
                all[..at]
                    .iter()
                    .all(|other| other.reason() != refusal.reason())
            );
        }
        assert_eq!(Refusal::from(SignInRefusal::Away).status, 503);
    }
}
