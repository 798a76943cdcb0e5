//! People who have a password here: operators, and the members of a small team.
//!
//! Owns making accounts, the link by which a person sets a password, and signing in. Refuses names
//! that can be read in two ways, passwords that are weak, and whoever has failed too often. Nobody but
//! the person ever has the password: whoever makes an account gets a link that is good once.
//!
//! - [`name`]: what people type to say who they are;
//! - [`service`]: accounts: making, listing, resetting, disabling, claiming;
//! - [`settings`]: what a configuration says of them;
//! - [`sign_in`]: from a name and a password to somebody who has proved who they are;
//! - [`fault`]: what can go wrong.

pub mod fault;
pub mod name;
pub mod service;
pub mod settings;
pub mod sign_in;

pub use fault::{AccountFault, ClaimRefusal, SignInRefusal};
pub use name::AccountName;
pub use service::{Accounts, ClaimLink, Listed, Made, NewAccount, Owner, Terms};
pub use settings::Settings;
pub use sign_in::{Door, Refused, SignedIn};

/// The person who has the account called `name`, as the ledger names them.
#[must_use]
pub fn person(name: &str) -> crate::PersonId {
    crate::PersonId::of(ISSUER, name)
}

/// Who says who the holder of a local account is, where an issuer is asked for.
pub const ISSUER: &str = "vouchsafe:local";

#[cfg(test)]
mod tests;
