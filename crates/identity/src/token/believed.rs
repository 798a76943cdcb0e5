//! Tokens that were believed a moment ago.
//!
//! Owns whose a token is, and a core's memory of that, under the SHA-256 of the whole token, so that a
//! token seen before costs a digest and a look. Refuses to believe anything longer than the token
//! says, and to grow: only what was believed is kept, and no more than `CAPACITY` of it. Whoever
//! owns it forgets it all when rules or keys of issuers change.

use std::{collections::HashMap, fmt, sync::Arc};

use control::Timestamp;
use seal::jws::Compact;

use super::{
    Bearer, Claims, Issuer, LiveRevocations, Unused,
    issuer::TokenRefusal,
    marks::{Marks, Tenure},
    own::{KeyToken, KeyTokens, Own, SessionToken, Terms},
};
use crate::{
    IdHash, KeyRefusal, LiveKeys, LiveSessions, Principal, SessionRefusal, Verified,
    session::{self, Unconfirmed},
};

/// Most tokens that are remembered.
const CAPACITY: usize = 4096;

/// Whose tokens are believed.
#[derive(Clone, Copy)]
pub struct Issuers<'a> {
    /// The gate's own.
    pub tokens: &'a KeyTokens,
    /// On these terms; none where it issues none.
    pub terms: Option<&'a Terms>,
    /// Those of others.
    pub others: &'a [Issuer],
    /// Which of them count no longer.
    pub revoked: &'a LiveRevocations,
    /// The sessions that tokens of people stand for; none where nobody logs in.
    pub sessions: Option<&'a LiveSessions>,
}

/// What is known of a token that a request presents.
#[derive(Debug)]
#[must_use = "nobody may pass by being looked at"]
pub enum Seen {
    /// It is good.
    Good(Verified),
    /// It is genuine and good once: [`super::Uses::claim`].
    Unused(Unused),
    /// It is genuine, and the store has to be asked for its session: [`crate::Sessions::confirm`].
    Unconfirmed(Unconfirmed),
}

/// What was believed of a token.
#[derive(Clone)]
enum Known {
    /// It is of the gate itself, and stands for a key.
    Key(KeyToken),
    /// It is of the gate itself, and stands for a session.
    Session(SessionToken),
    /// It is of another issuer.
    Bearer(Arc<Bearer>),
}

impl Known {
    fn expires(&self) -> Timestamp {
        match self {
            Self::Key(token) => token.expires,
            Self::Session(token) => token.tenure.until,
            Self::Bearer(bearer) => bearer.expires(),
        }
    }

    fn marks(&self) -> &Marks {
        match self {
            Self::Key(token) => &token.marks,
            Self::Session(token) => &token.tenure.marks,
            Self::Bearer(bearer) => &bearer.marks,
        }
    }
}

/// The tokens one core has believed lately.
#[derive(Default)]
pub struct Believed {
    /// Of the keys of all issuers.
    generation: u64,
    kept: HashMap<[u8; 32], Known, IdHash>,
}

impl Believed {
    /// Forgets them all.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// Finds out whose token was presented. One of our own counts for as long as its key or session
    /// stands, by the keys and sessions of this moment; none counts that is revoked.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`].
    pub fn authenticate(
        &mut self,
        issuers: Issuers<'_>,
        keys: &LiveKeys,
        presented: &[u8],
        now: Timestamp,
    ) -> Result<Seen, TokenRefusal> {
        let generations = issuers.others.iter().map(Issuer::generation);
        let generation = generations.fold(0, u64::wrapping_add);
        if generation != self.generation {
            // A key may be gone that some of these were believed by.
            self.forget();
            self.generation = generation;
        }
        let digest = seal::sha256(presented);
        let known = match self.kept.get(&digest) {
            Some(known) if now < known.expires() => known.clone(),
            _ => {
                let known = believe(issuers, presented, now)?;
                self.keep(digest, &known, now);
                known
            }
        };
        issuers.revoked.check(known.marks(), now)?;
        match known {
            Known::Key(token) => match keys.of_token(token, now) {
                Ok(verified) => Ok(Seen::Good(verified)),
                Err(KeyRefusal::Away) => Err(TokenRefusal::Away),
                Err(_) => Err(TokenRefusal::Withdrawn),
            },
            Known::Session(token) => {
                let sessions = issuers.sessions.ok_or(TokenRefusal::Withdrawn)?;
                match sessions.look_at(token.session, Some(token.tenure), now)? {
                    session::Seen::Good(verified) => Ok(Seen::Good(verified)),
                    session::Seen::Unconfirmed(asked) => Ok(Seen::Unconfirmed(asked)),
                }
            }
            Known::Bearer(bearer) if bearer.is_good_once() => Ok(Seen::Unused(Unused(bearer))),
            Known::Bearer(bearer) => {
                let tenure = Tenure {
                    until: bearer.expires(),
                    marks: bearer.marks,
                };
                let verified = Verified::new(Principal::Bearer(bearer), Some(tenure));
                Ok(Seen::Good(verified))
            }
        }
    }

    fn keep(&mut self, digest: [u8; 32], known: &Known, now: Timestamp) {
        if self.kept.len() >= CAPACITY {
            self.kept.retain(|_, known| now < known.expires());
        }
        if self.kept.len() >= CAPACITY {
            self.kept.clear();
        }
        self.kept.insert(digest, known.clone());
    }
}

impl From<SessionRefusal> for TokenRefusal {
    /// Of a session that a token stands for.
    fn from(refusal: SessionRefusal) -> Self {
        match refusal {
            SessionRefusal::Away => Self::Away,
            _ => Self::Withdrawn,
        }
    }
}

impl fmt::Debug for Believed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Believed(..)")
    }
}

/// Believes a token that was not seen before. Which issuer to ask follows from how it begins, or from
/// the issuer it names, which only decides whose keys it is held against.
fn believe(issuers: Issuers<'_>, presented: &[u8], now: Timestamp) -> Result<Known, TokenRefusal> {
    let text = std::str::from_utf8(presented).map_err(|_| TokenRefusal::Form)?;
    if let Some(terms) = issuers.terms
        && (issuers.others.is_empty() || issuers.tokens.begins(presented))
    {
        return Ok(match issuers.tokens.believe(text, terms, now)? {
            Own::Key(token) => Known::Key(token),
            Own::Session(token) => Known::Session(token),
        });
    }
    let token = Compact::parse(text)?;
    let claims = Claims::read(token.unverified()).ok_or(TokenRefusal::Form)?;
    let named = |issuer: &&Issuer| claims.issuer.as_deref() == Some(&*issuer.rules().issuer);
    let issuer = issuers.others.iter().find(named);
    let bearer = issuer.ok_or(TokenRefusal::Issuer)?.verify(text, now)?;
    Ok(Known::Bearer(Arc::new(bearer)))
}
