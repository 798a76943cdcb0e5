//! Whether a delivery is genuine.
//!
//! Owns the one way to a [`Verified<Signature>`]. Refuses on the first fact that does not hold, and
//! compares every signature with every secret in constant time. Trusts keys and public URL.

use control::{Secret, Timestamp};

use crate::{delivery::Delivery, key::Key, refusal::SignatureRefusal, scheme::Scheme};

/// Proof that a check was made: only the check itself makes one, and it cannot be copied.
#[derive(Debug)]
pub struct Verified<T> {
    fact: T,
}

impl<T> Verified<T> {
    /// What was proven.
    #[must_use]
    pub const fn fact(&self) -> &T {
        &self.fact
    }
}

/// What a valid signature says of its delivery.
#[derive(Debug)]
pub struct Signature {
    digest: [u8; 32],
    sent: Option<Timestamp>,
}

impl Signature {
    /// SHA-256 over the source and the signed identity of the delivery: equal for repeats.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// When the provider says it was sent; `None` where the scheme signs no time.
    #[must_use]
    pub const fn sent(&self) -> Option<Timestamp> {
        self.sent
    }
}

/// Verifies `delivery` against every one of `secrets`.
///
/// Decodes the secrets on every call; a route holds a [`crate::Source`], which has done so. A
/// secret that does not decode counts as none.
pub fn verify(
    _scheme: &Scheme,
    _secrets: &[Secret],
    _delivery: &Delivery<'_>,
) -> Result<Verified<Signature>, SignatureRefusal> {
    todo!()
}

/// Verifies `delivery` for the source called `source` with decoded keys.
pub fn verify_keys(
    _source: &str,
    _scheme: &Scheme,
    _keys: &[Key],
    _delivery: &Delivery<'_>,
) -> Result<Verified<Signature>, SignatureRefusal> {
    todo!()
}
