//! Signed tokens in JWS compact form (RFC 7515), and the JSON Web Keys (RFC 7517) behind them.
//!
//! Owns taking a token apart, verifying it and making one. A key is bound to one algorithm when it
//! is made, and a token's own `alg` is only ever compared with it: `none`, a public key taken for a
//! shared secret and a changed algorithm have nothing to hold on to. Refuses tokens that bring a key
//! of their own or name extensions they must not be read without. What a token claims (`exp`, `aud`
//! and the rest) is the caller's to check.
//!
//! - [`compact`]: a token taken apart, and what is wrong with it;
//! - [`key`]: keys that verify, each for one algorithm;
//! - [`jwk`]: such keys as JSON, one and in sets;
//! - [`sign`]: tokens of our own.

pub mod compact;
pub mod jwk;
pub mod key;
pub mod sign;

pub use compact::{Compact, TOKEN_LIMIT, TokenFault};
pub use jwk::{Jwk, JwkFault, jwks, read_set, thumbprint};
pub use key::{Algorithm, KeyFault, TokenKey};
pub use sign::{sign_eddsa, sign_hs256, sign_typed};
