//! The command line's view: `webhook schemes`, `webhook sign`, `webhook verify`.

use control::Secret;

use crate::{delivery::Delivery, refusal::SignatureRefusal};

/// What `webhook verify` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The provider sent it: exit 0.
    Genuine,
    /// It did not: exit 1, the reason on stderr.
    Refused(SignatureRefusal),
    /// The question cannot be asked: exit 2.
    Unusable(String),
}

/// Judges one delivery under the scheme called `scheme`.
#[must_use]
pub fn verify(_scheme: &str, _secrets: &[Secret], _delivery: &Delivery<'_>) -> Judgement {
    todo!()
}
