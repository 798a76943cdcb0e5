//! A webhook route's configuration.
//!
//! Owns the sub-table `webhook = { scheme = "twilio", secret = ["name"] }` and the [`Source`] it
//! becomes. Refuses unknown schemes, sources without a secret and secrets that do not decode.

use control::Secret;

use crate::{
    delivery::Delivery,
    key::{Key, KeyFault},
    refusal::SignatureRefusal,
    scheme::Scheme,
    verify::{Signature, Verified},
};

/// The sub-table as written.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The scheme it names.
    pub scheme: &'static Scheme,
    /// Names under `[secrets]`; any of them may verify a delivery.
    pub secrets: Vec<String>,
}

/// One provider's deliveries to one route.
#[derive(Clone)]
pub struct Source {
    id: String,
    scheme: &'static Scheme,
    keys: Vec<Key>,
}

impl Source {
    /// A source called `id`, which is its route's path.
    pub fn new(
        id: impl Into<String>,
        scheme: &'static Scheme,
        secrets: &[Secret],
    ) -> Result<Self, KeyFault> {
        let keys = secrets
            .iter()
            .map(|secret| Key::verifying(scheme, secret))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: id.into(),
            scheme,
            keys,
        })
    }

    /// The same source with `secret` in place of its own: for a delivery that carries a ticket.
    pub fn with_secret(&self, secret: &Secret) -> Result<Self, KeyFault> {
        Self::new(self.id.clone(), self.scheme, std::slice::from_ref(secret))
    }

    /// Its name: the path of its route.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Its scheme.
    #[must_use]
    pub const fn scheme(&self) -> &'static Scheme {
        self.scheme
    }

    /// Verifies a delivery to this source.
    pub fn verify(&self, delivery: &Delivery<'_>) -> Result<Verified<Signature>, SignatureRefusal> {
        crate::verify::verify_keys(&self.id, self.scheme, &self.keys, delivery)
    }
}
