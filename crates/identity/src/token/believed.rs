//! Tokens that were believed a moment ago.
//!
//! Owns a core's memory of them, under the SHA-256 of the whole token, so that a token seen before
//! costs a digest and a look. Refuses to believe anything longer than the token says, and to grow:
//! only what was believed is kept, and no more than [`CAPACITY`] of it. Whoever owns it forgets it
//! all when rules or keys of issuers change.

use std::{collections::HashMap, fmt};

use control::Timestamp;

use super::{
    issuer::TokenRefusal,
    own::{KeyToken, KeyTokens, Terms},
};
use crate::{IdHash, LiveKeys, Verified};

/// Most tokens that are remembered.
const CAPACITY: usize = 4096;

/// The tokens one core has believed lately.
#[derive(Default)]
pub struct Believed {
    kept: HashMap<[u8; 32], KeyToken, IdHash>,
}

impl Believed {
    /// Forgets them all.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// Checks a token of our own against the keys of this moment.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`].
    pub fn authenticate(
        &mut self,
        tokens: &KeyTokens,
        terms: &Terms,
        keys: &LiveKeys,
        presented: &[u8],
        now: Timestamp,
    ) -> Result<Verified, TokenRefusal> {
        let digest = seal::sha256(presented);
        let known = self.kept.get(&digest).copied();
        let token = match known.filter(|token| now < token.expires) {
            Some(token) => token,
            None => {
                let text = std::str::from_utf8(presented).map_err(|_| TokenRefusal::Form)?;
                let token = tokens.believe(text, terms, now)?;
                self.keep(digest, token, now);
                token
            }
        };
        keys.of_token(token, now)
            .map_err(|_| TokenRefusal::Withdrawn)
    }

    fn keep(&mut self, digest: [u8; 32], token: KeyToken, now: Timestamp) {
        if self.kept.len() >= CAPACITY {
            self.kept.retain(|_, token| now < token.expires);
        }
        if self.kept.len() >= CAPACITY {
            self.kept.clear();
        }
        self.kept.insert(digest, token);
    }
}

impl fmt::Debug for Believed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Believed(..)")
    }
}
