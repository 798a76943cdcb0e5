//! Signed tokens, and what they are worth here.
//!
//! Owns reading the claims of a token (RFC 7519) and the rules that an issuer's tokens must meet.
//! Refuses whatever a rule does not name: another issuer, another audience, a token without an end,
//! a claim that must be there and is not. Trusts `seal` for the signature, which is checked before
//! any claim but `iss` is looked at, and never a token's own word on how it is to be verified.
//!
//! - [`claims`]: the registered claims, typed;
//! - [`rules`]: what a configuration demands of an issuer's tokens;
//! - [`issuer`]: rules and keys together: from a text to a [`Bearer`];
//! - [`own`]: tokens that the gate itself makes from keys;
//! - [`believed`]: those that were believed a moment ago;
//! - [`uses`]: those that are good once;
//! - [`revocations`]: those that count no longer.

pub mod believed;
pub mod claims;
pub mod issuer;
pub(crate) mod marks;
pub mod own;
pub mod published;
pub mod revocations;
pub mod rules;
pub mod uses;

pub use believed::{Believed, Issuers, Seen};
pub use claims::Claims;
pub use issuer::{Bearer, Issuer, TokenRefusal};
pub use own::{Issued, KeyToken, KeyTokens, Terms};
pub use published::Published;
pub use revocations::{LiveRevocations, Revocations};
pub use rules::{Rules, Tenancy};
pub use uses::{Unused, Uses};
