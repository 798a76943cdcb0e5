//! What tokens are told apart by, once they are believed.
//!
//! Owns two digests of each: one of its own name and one of whose it is, both together with who issued
//! it, so that no issuer can name the token of another. Revocations and uses are kept under them, and so
//! hold nothing of a person.

use std::time::Duration;

use control::Timestamp;

use super::Claims;

/// What the digests begin with, so that they are no other digests of ours.
const TOKEN: &[u8] = b"vouchsafe token v1";
const OWNER: &[u8] = b"vouchsafe token owner v1";

/// As much of a digest as a snapshot keeps.
pub(super) type Mark = [u8; 16];

/// The digest of the token that `issuer` calls `id`.
#[must_use]
pub(super) fn of_token(issuer: &str, id: &str) -> [u8; 32] {
    digest(TOKEN, issuer, id)
}

/// The digest of everything that `issuer` issued to `owner`, as the ledger names them.
#[must_use]
pub(super) fn of_owner(issuer: &str, owner: &str) -> [u8; 32] {
    digest(OWNER, issuer, owner)
}

fn digest(kind: &[u8], issuer: &str, text: &str) -> [u8; 32] {
    let mut digest = seal::digest::Sha256::new();
    for part in [kind, issuer.as_bytes()] {
        digest.update(part);
        digest.update(&[0]);
    }
    digest.update(text.as_bytes());
    digest.finish()
}

/// The part of a digest that a snapshot keeps: whoever finds another token of the same part has that
/// one refused as well, and nothing more.
pub(super) fn short(digest: [u8; 32]) -> Mark {
    digest.first_chunk().copied().unwrap_or_default()
}

/// What revocations of one token look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks {
    /// Its own name; none where it has none.
    pub(super) token: Option<Mark>,
    /// Whose it is.
    pub(super) owner: Mark,
    /// The earliest moment by our clock at which it may have been issued; the beginning of time where it
    /// does not say.
    pub(super) issued: Timestamp,
}

impl Marks {
    /// Those of a token with these claims, of `owner` as the ledger names them, by a clock that may be
    /// off by `skew`.
    pub(super) fn of(issuer: &str, claims: &Claims, owner: &str, skew: Duration) -> Self {
        let earliest = |at: Timestamp| {
            let skew = i64::try_from(skew.as_millis()).unwrap_or(i64::MAX);
            Timestamp::from_millis(at.millis().saturating_sub(skew))
        };
        Self {
            token: claims.id().map(|id| short(of_token(issuer, id))),
            owner: short(of_owner(issuer, owner)),
            issued: claims
                .issued()
                .map_or(Timestamp::from_millis(i64::MIN), earliest),
        }
    }
}

/// How long a credential stands by its own word, and what may take it back before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenure {
    /// Its end.
    pub(crate) until: Timestamp,
    /// What it is revoked by.
    pub(crate) marks: Marks,
}
