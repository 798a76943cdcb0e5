//! What is answered while an order is under way.
//!
//! Owns a snapshot of the answers, which requests and handshakes look at without a lock. Refuses every
//! token and every name that no order of this moment is about; what was answered is taken back with its
//! order.

use std::{collections::BTreeMap, fmt, sync::Arc};

use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;

/// Where an authority looks for the answer to a token (RFC 8555, section 8.3).
pub const PATH: &str = "/.well-known/acme-challenge/";

/// What is spoken where a certificate is the answer (RFC 8737, section 4).
pub const PROTOCOL: &[u8] = b"acme-tls/1";

#[derive(Clone, Default)]
struct Offers {
    answers: BTreeMap<String, Arc<str>>,
    certificates: BTreeMap<String, Arc<CertifiedKey>>,
}

/// The answers of this moment.
#[derive(Default)]
pub struct Challenges(ArcSwap<Offers>);

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Challenges(..)")
    }
}

impl Challenges {
    /// What is answered at a path, if it is one of a token that is being asked about.
    #[must_use]
    pub fn answer_at(&self, path: &str) -> Option<Arc<str>> {
        let token = path.strip_prefix(PATH)?;
        self.0.load().answers.get(token).cloned()
    }

    /// What is shown to whoever speaks nothing but [`PROTOCOL`] and asks for `name`.
    #[must_use]
    pub fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.0.load().certificates.get(name).cloned()
    }

    pub(crate) fn offer_answer(self: &Arc<Self>, token: &str, answer: &str) -> Offer {
        self.0.rcu(|offers| {
            let mut offers = Offers::clone(offers);
            offers.answers.insert(token.to_owned(), answer.into());
            offers
        });
        Offer {
            of: Arc::clone(self),
            name: token.to_owned(),
        }
    }

    pub(crate) fn offer_certificate(self: &Arc<Self>, name: &str, key: Arc<CertifiedKey>) -> Offer {
        self.0.rcu(|offers| {
            let mut offers = Offers::clone(offers);
            offers
                .certificates
                .insert(name.to_owned(), Arc::clone(&key));
            offers
        });
        Offer {
            of: Arc::clone(self),
            name: name.to_owned(),
        }
    }
}

/// An answer that is taken back when this is dropped.
#[derive(Debug)]
#[must_use = "what is dropped is not answered any more"]
pub(crate) struct Offer {
    of: Arc<Challenges>,
    name: String,
}

impl Drop for Offer {
    fn drop(&mut self) {
        self.of.0.rcu(|offers| {
            let mut offers = Offers::clone(offers);
            // A token is no name: it has no dot.
            offers.answers.remove(&self.name);
            offers.certificates.remove(&self.name);
            offers
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_answered_at_its_own_path_and_while_its_order_lasts() {
        let challenges = Arc::<Challenges>::default();
        let at = format!("{PATH}token");
        assert!(challenges.answer_at(&at).is_none());
        let offer = challenges.offer_answer("token", "token.thumb");
        assert_eq!(challenges.answer_at(&at).as_deref(), Some("token.thumb"));
        for other in ["/token", PATH, "/.well-known/acme-challenge/tokem", "/a"] {
            assert!(challenges.answer_at(other).is_none(), "{other}");
        }
        drop(offer);
        assert!(challenges.answer_at(&at).is_none());
    }
}
