//! The id of a session, and what is kept of it.
//!
//! Owns its form: 256 random bits in base64url. Refuses every other form before a digest is computed.

use std::fmt;

use control::rng::{NoRandomness, Rng, array};
use store::sessions::Digest;
use zeroize::{Zeroize as _, Zeroizing};

/// Characters of an id.
pub const LENGTH: usize = 43;

/// Characters of a handle.
const HANDLE_LENGTH: usize = 16;

/// The id of a session: whoever holds it is the person.
pub struct SessionId(Zeroizing<String>);

impl SessionId {
    /// A new one.
    pub fn generate(rng: &dyn Rng) -> Result<Self, NoRandomness> {
        let mut bytes: [u8; 32] = array(rng)?;
        let text = seal::encode::base64url(&bytes);
        bytes.zeroize();
        Ok(Self(Zeroizing::new(text)))
    }

    /// Its text, for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 32] {
        seal::sha256(self.0.as_bytes())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// The digest of what a request presents; none where that has not the form of an id.
#[must_use]
pub fn digest_of(presented: &[u8]) -> Option<[u8; 32]> {
    let member = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (presented.len() == LENGTH && presented.iter().all(member)).then(|| seal::sha256(presented))
}

/// What the digest of a [`SessionHash`] begins with, so that it is no other digest of ours.
const FOR_APPS: &[u8] = b"vouchsafe session for apps v1\0";

/// What apps tell sessions apart by: the same on every node, and nothing that opens a session. It is
/// made of the digest that is kept, under a mark of its own, so whoever reads an app's logs knows
/// neither the id nor the row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionHash([u8; 32]);

impl SessionHash {
    pub(super) fn of(digest: &Digest) -> Self {
        let mut hash = seal::digest::Sha256::new();
        hash.update(FOR_APPS);
        hash.update(digest);
        Self(hash.finish())
    }

    /// Its bytes, which tell an app and a limit one session from another, and open none.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its first bytes, which are as good as random.
    pub(super) fn number(&self) -> u64 {
        u64::from_be_bytes(self.0.first_chunk().copied().unwrap_or_default())
    }
}

impl fmt::Display for SessionHash {
    /// base64url without padding.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&seal::encode::base64url(&self.0))
    }
}

impl fmt::Debug for SessionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionHash(..)")
    }
}

/// What people call a session by. Made of its digest, from which nobody comes to its id.
pub(crate) fn handle(digest: &[u8; 32]) -> String {
    let mut text = seal::encode::hex(digest);
    text.truncate(HANDLE_LENGTH);
    text
}

#[cfg(test)]
mod tests {
    use control::rng::CountingRng;

    use super::*;

    #[test]
    fn an_id_is_presented_as_it_was_given_and_shown_to_nobody() {
        let rng = CountingRng::from_seed(1);
        let (one, other) = (SessionId::generate(&rng), SessionId::generate(&rng));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert_eq!(one.expose().len(), LENGTH);
        assert_eq!(digest_of(one.expose().as_bytes()), Some(one.digest()));
        assert_ne!(one.digest(), other.digest());
        assert_eq!(format!("{one:?}"), "SessionId(..)");
    }

    #[test]
    fn an_app_tells_sessions_apart_and_learns_nothing_that_is_kept() {
        let rng = CountingRng::from_seed(1);
        let id = SessionId::generate(&rng).unwrap();
        let other = SessionId::generate(&rng).unwrap().digest();
        let digest = id.digest();
        let hash = SessionHash::of(&digest);
        assert_eq!(hash, SessionHash::of(&digest));
        assert_ne!(hash, SessionHash::of(&other));
        assert_ne!(hash.number(), SessionHash::of(&other).number());
        let text = hash.to_string();
        assert_eq!(text.len(), 43);
        for kept in [
            id.expose().to_owned(),
            seal::encode::base64url(&digest),
            handle(&digest),
        ] {
            assert_ne!(text, kept);
        }
        assert_ne!(hash.0, digest);
        assert_eq!(format!("{hash:?}"), "SessionHash(..)");
    }

    #[test]
    fn what_has_not_the_form_of_an_id_has_no_digest() {
        let good = "a".repeat(LENGTH);
        assert!(digest_of(good.as_bytes()).is_some());
        for bad in [
            String::new(),
            "a".repeat(LENGTH - 1),
            "a".repeat(LENGTH + 1),
            format!("{}=", "a".repeat(LENGTH - 1)),
            format!("{}+", "a".repeat(LENGTH - 1)),
            format!(" {}", "a".repeat(LENGTH - 1)),
        ] {
            assert_eq!(digest_of(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
