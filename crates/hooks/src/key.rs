//! Secrets, decoded by the rule of a scheme.
//!
//! Owns the step from the text an operator pasted to a key of exactly one way of signing, so that
//! a public key can never serve as an HMAC secret. Refuses empty, blank, short and undecodable
//! secrets, and the private half of a pair where only verifying is wanted. Shows none of them.

use control::{Rng, Secret, rng::NoRandomness};

use crate::scheme::Scheme;

/// A decoded key, bound to the way of signing it belongs to.
#[derive(Clone)]
pub struct Key {
    #[expect(dead_code, reason = "read by verification, which is next")]
    pub(crate) way: usize,
}

/// A secret is not of the form its scheme gives secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// It has no bytes, or only white space.
    #[error("the secret is empty")]
    Empty,
}

impl Key {
    /// Decodes a secret that verifies deliveries.
    pub fn verifying(_scheme: &Scheme, _secret: &Secret) -> Result<Self, KeyFault> {
        todo!()
    }
}

pub(crate) fn mint(_scheme: &Scheme, _rng: &dyn Rng) -> Result<Secret, NoRandomness> {
    todo!()
}
