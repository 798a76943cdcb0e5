//! Tokens that are good once.
//!
//! Owns the step from a token that is genuine to one that nobody has used before: its name is kept until
//! it has ended, in the store of the nodes. Refuses the second use of a name, on whichever node and at
//! whichever moment, and every use while that cannot be asked. Trusts issuers to give no two tokens one
//! name, as RFC 7519 section 4.1.7 demands.

use std::{fmt, sync::Arc, time::Duration};

use control::Timestamp;
use store::{
    Store, StoreError,
    shared::{Name, Shared},
    tokens,
};

use super::{
    Bearer,
    issuer::TokenRefusal,
    marks::{self, Tenure},
};
use crate::{Principal, Verified};

/// The kind of name that Redis keeps a use under.
const KIND: &str = "token-use";

/// A token that is genuine and good once, and may have been used before. Not a proof of anything.
#[derive(Debug)]
#[must_use = "nobody may pass before its use is claimed"]
pub struct Unused(pub(super) Arc<Bearer>);

/// The uses of a deployment. Clones are the same.
#[derive(Clone)]
pub struct Uses {
    store: Store,
    /// Where nodes that share no store share them.
    shared: Option<Shared>,
}

impl Uses {
    /// Keeps uses in `store`, unless only `shared` is shared with other nodes.
    #[must_use]
    pub fn new(store: Store, shared: Shared) -> Self {
        let shared = (shared.is_shared() && !store.is_shared()).then_some(shared);
        Self { store, shared }
    }

    /// Claims the one use of a token; of two at the same moment, one gets it. Waits for the store.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal::Used`], or `Away` where nobody can say: it may be used up then.
    pub async fn claim(&self, unused: Unused, now: Timestamp) -> Result<Verified, TokenRefusal> {
        let bearer = unused.0;
        let id = bearer.id().ok_or(TokenRefusal::Claim)?;
        let digest = marks::of_token(bearer.issuer(), id);
        // Until then it would be believed.
        let ends = bearer.expires().plus(bearer.skew());
        let first = match &self.shared {
            None => {
                let claimed = self
                    .store
                    .submit(move |access| tokens::claim(access, &digest, ends, now));
                claimed.await
            }
            Some(shared) => {
                let left = ends.since(now).saturating_add(Duration::from_millis(1));
                remembered(shared, &digest, left, bearer.marks.issued).await
            }
        };
        match first {
            Ok(true) => {
                let tenure = Tenure {
                    until: bearer.expires(),
                    marks: bearer.marks,
                };
                Ok(Verified::new(Principal::Bearer(bearer), Some(tenure)))
            }
            Ok(false) => Err(TokenRefusal::Used),
            Err(_) => Err(TokenRefusal::Away),
        }
    }

    /// Removes what has ended by `now`; once a minute is often enough.
    ///
    /// # Errors
    ///
    /// The store's. What was not removed is due again.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        if let Some(shared) = &self.shared {
            // Asked early, so that it remembers since before the first token comes.
            shared.remembers_since().await?;
        }
        self.store
            .submit(move |access| tokens::sweep(access, now))
            .await
    }
}

/// Claims a use on a server that may forget when it is restarted, all or the latest: a token issued before
/// that may have been used, so it counts as used.
async fn remembered(
    shared: &Shared,
    digest: &[u8; 32],
    left: Duration,
    issued: Timestamp,
) -> Result<bool, StoreError> {
    let name = Name::of_digest(KIND, digest);
    if !shared.replace(&name, None, b"", left).await? {
        return Ok(false);
    }
    // Asked after the claim: had it forgotten before that, it says so now.
    let since = shared.remembers_since().await?;
    Ok(since.is_none_or(|since| issued > since))
}

impl fmt::Debug for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Uses(..)")
    }
}

#[cfg(test)]
mod tests;
