//! The id of a session, and what is kept of it.
//!
//! Owns its form: 256 random bits in base64url. Refuses every other form before a digest is computed.

use std::fmt;

use control::rng::{NoRandomness, Rng, array};
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
