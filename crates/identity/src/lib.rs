//! Who asks, and what they may do: API keys, signed tokens, sessions.
//!
//! Owns the form of a key, the snapshot requests are checked against, scopes and roles, and the
//! services that make, list and revoke keys and sessions. Refuses whatever a key does not name: no
//! scope is no access. Trusts the caller to pass the canonical path of the request, and `store` to keep what
//! it was given.
//!
//! A secret exists in memory while a key is made and shown, and while a request that carries it is
//! checked. It is stored as a SHA-256 digest alone. A fast hash is enough, because a secret has 256
//! random bits: guessing is hopeless at any speed.
//!
//! Read in this order:
//!
//! 1. [`api_key`]: what a key looks like, so that scanners know one offline;
//! 2. [`credential`]: where in a request a key may stand;
//! 3. [`table`]: the snapshot, and [`LiveKeys`], the handle that always has the latest;
//! 4. [`principal`]: whoever asks, however that was proven;
//! 5. [`proof`]: what passing a check is worth: [`Verified`], then [`Authorised`];
//! 6. [`scope`]: methods and paths; [`roles`]: what each role may do with them; [`rows`]: what it sees
//!    of what the app answers;
//! 7. [`refusal`]: every way to be turned away;
//! 8. [`keys`]: making, listing, revoking;
//! 9. [`token`]: signed tokens that somebody else issued;
//! 10. [`session`]: people who are logged in;
//! 11. [`password`] and [`lockout`]: what people know, and slow guessing;
//! 12. [`oidc`]: how people log in, and [`mod@form`], in which browsers bring things;
//! 13. [`account`]: people who have a password here;
//! 14. [`certificate`]: programs that show a certificate;
//! 15. [`controls`]: the promises kept here.

pub mod account;
pub mod api_key;
mod base62;
pub mod certificate;
pub mod controls;
pub mod credential;
mod fault;
pub mod form;
#[doc(hidden)]
pub mod fuzz;
mod id_hash;
pub mod keys;
pub mod lockout;
pub mod oidc;
pub mod password;
pub mod principal;
pub mod proof;
pub mod refusal;
pub mod roles;
pub mod rows;
pub mod scope;
pub mod session;
pub mod table;
pub mod token;

pub use api_key::{ApiKey, KeyId};
pub use fault::KeysFault;
pub use id_hash::{IdHash, IdHasher};
pub use keys::{Keys, Listing, Minted, NewKey};
pub use principal::{PersonId, Principal, Standing, Subject};
pub use proof::{Authorised, Verified};
pub use refusal::{AccessRefusal, KeyRefusal};
pub use roles::RoleTable;
pub use rows::Sight;
pub use scope::{Scope, ScopeFault, Scopes};
pub use session::{LiveSessions, Session, SessionHash, SessionRefusal, Sessions, SessionsFault};
pub use table::{Key, KeyTable, LiveKeys};
pub use token::Bearer;
