//! Tokens that the gate itself issues, to the holder of a key or to a person with a password.
//!
//! Owns making and believing them. Such a token names a key or a session, and an end, and nothing else
//! that is believed: what its bearer may do is looked up at every request, in the table of keys or among
//! the sessions, so it can never do more than that and ends with it. The session was begun for the token
//! alone: nobody was ever told its id, so no browser can show it. Refuses what was made for another purpose: the key
//! that signs is derived for these tokens alone, and their `typ` is that of an access token (RFC
//! 9068), so an assertion is no token and a token no assertion.

use std::{fmt, time::Duration};

use control::{Secret, Timestamp};
use seal::{
    ed25519::{KeyFault, SigningKey, VerifyingKey},
    encode::{base64url, unbase64url},
    jws::{Compact, TokenKey, sign_typed, thumbprint},
};
use serde_json::{Value, json};
use store::sessions::Digest;

use super::{
    claims::Claims,
    issuer::TokenRefusal,
    marks::{Marks, Tenure},
    rules::{Rules, Tenancy},
};
use crate::{Key, KeyId, LiveKeys, PersonId, session::Begun};

/// The longest life of a token, and its life where nothing else is configured.
pub const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How far the clocks of nodes may be apart that issue tokens for each other.
pub const APART: Duration = Duration::from_secs(10);

/// The `typ` of a token.
pub const TYP: &str = "at+jwt";

/// What the seed of the signing key is derived for.
const PURPOSE: &[u8] = b"vouchsafe access token v1";

/// What is said of a token in its claims, and demanded when it comes back.
#[derive(Clone, Debug)]
pub struct Terms {
    rules: Rules,
}

impl Terms {
    /// Tokens of the deployment at `public_url`, for itself, that live for `life` and never longer
    /// than [`LONGEST`].
    #[must_use]
    pub fn new(public_url: &str, life: Duration) -> Self {
        Self {
            rules: Rules {
                issuer: public_url.into(),
                audience: vec![public_url.into()],
                required: Vec::new(),
                skew: Duration::ZERO,
                longest: life.min(LONGEST),
                role_claim: None,
                roles: Vec::new(),
                tenant: Tenancy::Fixed("".into()),
                once: false,
            },
        }
    }

    /// What tokens say in `iss`.
    #[must_use]
    pub const fn issuer(&self) -> &str {
        &self.rules.issuer
    }

    /// How long a token lives.
    #[must_use]
    pub const fn life(&self) -> Duration {
        self.rules.longest
    }
}

/// A token that was just made.
#[derive(Debug)]
pub struct Issued {
    /// The token, shown once.
    pub token: Secret,
    /// How long it is good for.
    pub expires_in: Duration,
}

/// What is believed of a token: which key, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyToken {
    pub(crate) key: KeyId,
    pub(crate) expires: Timestamp,
    pub(super) marks: Marks,
}

/// What is believed of a token of a person: which session, and until when.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SessionToken {
    pub(super) session: Digest,
    pub(super) tenure: Tenure,
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(..)")
    }
}

/// What is believed of a token of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Own {
    /// It stands for a key.
    Key(KeyToken),
    /// It stands for a session.
    Session(SessionToken),
}

impl KeyToken {
    /// How long it stands.
    pub(crate) const fn tenure(&self) -> Tenure {
        Tenure {
            until: self.expires,
            marks: self.marks,
        }
    }
}

/// The key that signs tokens and believes them again.
pub struct KeyTokens {
    key: SigningKey,
    verifying: VerifyingKey,
    verifies: TokenKey,
    kid: String,
    /// How every token begins: its header, encoded, and the dot behind it.
    beginning: String,
}

impl KeyTokens {
    /// Derives the signing key from a secret of the instance.
    ///
    /// # Errors
    ///
    /// [`KeyFault`], where the library cannot set it up.
    pub fn derived(secret: &[u8; 32]) -> Result<Self, KeyFault> {
        let seed = seal::hkdf::derive::<32>(&[], secret, &[PURPOSE]);
        let seed = seed.map_err(|_| KeyFault::NotASeed)?;
        let key = SigningKey::from_seed(*seed)?;
        let verifying = key.verifying_key()?;
        let kid = thumbprint(&verifying);
        let some = sign_typed(&key, &kid, TYP, "{}");
        let beginning = some.split_once('.').map_or("", |(header, _)| header);
        Ok(Self {
            beginning: format!("{beginning}."),
            verifies: TokenKey::from(&verifying),
            verifying,
            key,
            kid,
        })
    }

    /// The public half of the key.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// Whether `bytes` begin as tokens of ours do.
    #[must_use]
    pub fn begins(&self, bytes: &[u8]) -> bool {
        bytes.starts_with(self.beginning.as_bytes())
    }

    /// How tokens of ours begin.
    #[must_use]
    pub fn beginning(&self) -> &str {
        &self.beginning
    }

    /// A token for `key`, issued at `now` under the name `id`. It ends with the key, if that ends
    /// first.
    #[must_use]
    pub fn issue(&self, key: &Key, terms: &Terms, id: &str, now: Timestamp) -> Issued {
        // Claims have whole seconds.
        let issued = now.seconds();
        let life = terms.life().as_secs().cast_signed();
        let end = issued.saturating_add(life);
        let end = key
            .expires()
            .map_or(end, |key_ends| end.min(key_ends.seconds()));
        let key = key.id();
        self.sign(terms, (issued, end), id, &json!({ "sub": key.as_str() }))
    }

    /// A token for whoever a session is of that was just begun, issued at `now` under the name `id`. It
    /// ends with the session, if that ends first.
    #[must_use]
    pub fn issue_for_session(
        &self,
        session: &Begun,
        person: &PersonId,
        terms: &Terms,
        id: &str,
        now: Timestamp,
    ) -> Issued {
        let issued = now.seconds();
        let life = terms.life().as_secs().cast_signed();
        let end = issued.saturating_add(life).min(session.ends.seconds());
        let whose = json!({
            "sub": person.as_str(),
            "sid": base64url(&session.id.digest()),
        });
        self.sign(terms, (issued, end), id, &whose)
    }

    fn sign(&self, terms: &Terms, (issued, end): (i64, i64), id: &str, whose: &Value) -> Issued {
        let mut claims = json!({
            "iss": terms.rules.issuer,
            "aud": terms.rules.issuer,
            "client_id": whose.get("sub"),
            "iat": issued,
            "exp": end,
            "jti": id,
        });
        if let (Some(claims), Some(whose)) = (claims.as_object_mut(), whose.as_object()) {
            claims.extend(whose.clone());
        }
        let token = sign_typed(&self.key, &self.kid, TYP, &claims.to_string());
        let left = u64::try_from(end.saturating_sub(issued)).unwrap_or(0);
        Issued {
            token: Secret::new(token.into_bytes()),
            expires_in: Duration::from_secs(left),
        }
    }

    /// A token for the key called `key`, dated back to `issued`, under the name `id`; none unless the
    /// key was made for a proof.
    #[must_use]
    pub fn issue_for_proof(
        &self,
        keys: &LiveKeys,
        key: KeyId,
        terms: &Terms,
        id: &str,
        issued: Timestamp,
    ) -> Option<Issued> {
        let key = keys.table().key(key).filter(|key| key.is_probe())?;
        Some(self.issue(&key, terms, id, issued))
    }

    /// Believes `token` at `now`, or says why not. Whether its key or its session still stands is for the
    /// table of keys and for the sessions to say.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`]; the signature is judged before any claim.
    pub fn believe(&self, token: &str, terms: &Terms, now: Timestamp) -> Result<Own, TokenRefusal> {
        let token = Compact::parse(token)?;
        if token.typ() != Some(TYP) {
            return Err(TokenRefusal::Header);
        }
        if !token.names_algorithm_of(&self.verifies) {
            return Err(TokenRefusal::Algorithm);
        }
        if token.key_id() != Some(&*self.kid) {
            return Err(TokenRefusal::Key);
        }
        token.check(&self.verifies)?;
        let claims = Claims::read(token.unverified()).ok_or(TokenRefusal::Form)?;
        terms.rules.judge(&claims, now)?;
        let (Some(owner), Some(expires), Some(_)) =
            (claims.subject.as_deref(), claims.expires, claims.issued)
        else {
            return Err(TokenRefusal::Subject);
        };
        let marks = Marks::of(&terms.rules.issuer, &claims, owner, APART);
        if let Some(sid) = claims.get("sid") {
            let session = sid.as_str().and_then(|sid| unbase64url(sid).ok());
            let session = session.and_then(|sid| Digest::try_from(sid.as_slice()).ok());
            let tenure = Tenure {
                until: expires,
                marks,
            };
            return Ok(Own::Session(SessionToken {
                session: session.ok_or(TokenRefusal::Subject)?,
                tenure,
            }));
        }
        let key = KeyId::new(owner).ok_or(TokenRefusal::Subject)?;
        Ok(Own::Key(KeyToken {
            key,
            expires,
            marks,
        }))
    }
}

impl fmt::Debug for KeyTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyTokens(..)")
    }
}

#[cfg(test)]
mod tests;
