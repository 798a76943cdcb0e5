//! The signed assertion by which an app learns who asks.
//!
//! Owns the signing key, its published set and the cache of assertions of each core. Refuses to
//! sign for a route without a principal. A signature costs more than everything else of a request
//! together, so one is made per principal and route and renewed before it ends.

use std::sync::Arc;

/// The key that signs, and the set that verifies.
pub(crate) struct Signer {
    jwks: Arc<str>,
}

impl Signer {
    /// The key set as JSON text.
    pub(crate) fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.jwks)
    }
}

/// The assertions one core has signed and may use again.
#[derive(Default)]
pub(crate) struct Assertions {}

impl Assertions {
    /// Forgets them all, because routes may have changed.
    pub(crate) fn forget(&mut self) {}
}
