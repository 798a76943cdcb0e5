//! An issuer of tokens: its rules and its keys.
//!
//! Owns the way from a token's text to a [`Bearer`]. Refuses a token whose key nobody named: where
//! it names none, one key of its algorithm must be the only one. Keys are a snapshot that another
//! thread renews; checking takes no lock and asks nobody.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use control::Timestamp;
use seal::jws::{Algorithm, Compact, Jwk, TokenFault};

use super::{Published, claims::Claims, marks::Marks, rules::Rules};
use crate::PersonId;

/// Most keys that are tried on one token, so that a set of many under one name costs little.
const TRIED_LIMIT: usize = 4;

/// Why a token was turned away. What a client is told does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Not a token in the one form there is.
    #[error("the token has another form")]
    Form,
    /// It brings a key or demands extensions.
    #[error("the token wants to say how it is verified")]
    Header,
    /// Its algorithm is not one of the issuer's.
    #[error("the token is signed in another way than its issuer does")]
    Algorithm,
    /// No key of the issuer has its name.
    #[error("the token names a key that its issuer does not have")]
    Key,
    /// No key of the issuer signed it.
    #[error("the token's signature does not verify")]
    Signature,
    /// Another issuer.
    #[error("the token is of another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the token is for another audience")]
    Audience,
    /// Its end is past.
    #[error("the token has expired")]
    Expired,
    /// Its time has not come, or it was issued in the future.
    #[error("the token is not valid yet")]
    Early,
    /// It has no end, or one too far away.
    #[error("the token lives longer than is allowed")]
    Endless,
    /// A claim that must be there is not.
    #[error("the token lacks a claim that is required")]
    Claim,
    /// It names nobody.
    #[error("the token names no subject")]
    Subject,
    /// It is good once and was used.
    #[error("the token was used before")]
    Used,
    /// It counts no longer.
    #[error("the token is revoked")]
    Revoked,
    /// The key that it was made from was revoked or has ended.
    #[error("the key behind the token has ended")]
    Withdrawn,
    /// It came in a field that is for keys, or in an address or a cookie.
    #[error("the token stands where none is accepted")]
    Place,
    /// It names no tenant, or several.
    #[error("the token names no tenant, or more than one")]
    Tenant,
    /// It may count, or not: the store has not answered for too long, or the issuer's keys are being
    /// asked for.
    #[error("whether it counts is not known now")]
    Away,
}

impl From<TokenFault> for TokenRefusal {
    fn from(fault: TokenFault) -> Self {
        match fault {
            TokenFault::TooLong | TokenFault::Form => Self::Form,
            TokenFault::OwnKey | TokenFault::Critical => Self::Header,
            TokenFault::Algorithm => Self::Algorithm,
            TokenFault::Signature => Self::Signature,
        }
    }
}

/// Who a token speaks of, once it was believed.
#[derive(Clone, PartialEq, Eq)]
pub struct Bearer {
    issuer: Box<str>,
    subject: Box<str>,
    person: PersonId,
    variant: u64,
    roles: Box<[Box<str>]>,
    tenant: Box<str>,
    expires: Timestamp,
    id: Option<Box<str>>,
    pub(super) marks: Marks,
    once: bool,
    skew: Duration,
}

impl Bearer {
    /// Who vouches for the subject.
    #[must_use]
    pub const fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The subject, as the ledger knows it.
    #[must_use]
    pub const fn person(&self) -> &PersonId {
        &self.person
    }

    /// What tells this one from others of the same subject, by roles and tenant.
    pub(crate) const fn variant(&self) -> u64 {
        self.variant
    }

    /// The subject, as its issuer names it.
    #[must_use]
    pub const fn subject(&self) -> &str {
        &self.subject
    }

    /// Its roles here.
    #[must_use]
    pub const fn roles(&self) -> &[Box<str>] {
        &self.roles
    }

    /// Its tenant.
    #[must_use]
    pub const fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The end of the token. Whoever keeps the verdict must not keep it longer, the skew included.
    #[must_use]
    pub const fn expires(&self) -> Timestamp {
        self.expires
    }

    /// The token's own id, where it has one.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether it is good once.
    pub(super) const fn is_good_once(&self) -> bool {
        self.once
    }

    /// How far the clock of its issuer may be off.
    pub(super) const fn skew(&self) -> Duration {
        self.skew
    }
}

impl fmt::Debug for Bearer {
    /// Says nothing of the person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bearer(..)")
    }
}

/// Somebody whose tokens are believed.
pub struct Issuer {
    pub(super) rules: Rules,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) keys: ArcSwap<Vec<Jwk>>,
    /// Where its keys come from, if not from the configuration.
    pub(super) published: Option<Published>,
    /// How often its keys were replaced.
    generation: AtomicU64,
}

impl Issuer {
    /// An issuer with these keys. Keys of other algorithms than the pinned ones are left out, so
    /// that no set can widen what the configuration says.
    #[must_use]
    pub fn new(rules: Rules, algorithms: Vec<Algorithm>, keys: Vec<Jwk>) -> Self {
        let issuer = Self {
            rules,
            algorithms,
            keys: ArcSwap::default(),
            published: None,
            generation: AtomicU64::new(0),
        };
        issuer.renew(keys);
        issuer
    }

    /// An issuer whose keys are published, and not known yet.
    #[must_use]
    pub fn publishing(rules: Rules, algorithms: Vec<Algorithm>, place: Published) -> Self {
        Self {
            published: Some(place),
            ..Self::new(rules, algorithms, Vec::new())
        }
    }

    /// Replaces its keys; tokens of keys that are gone are refused from now on.
    pub fn renew(&self, mut keys: Vec<Jwk>) {
        keys.retain(|jwk| self.algorithms.contains(&jwk.key.algorithm()));
        self.keys.store(Arc::new(keys));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// A number that changes with its keys: what was believed under another is to be judged anew.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Its demands.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// The claims of `token`, if it is this issuer's, for one of the audiences and of this time. Whom
    /// it speaks of is not judged.
    pub(crate) fn believe(&self, token: &str, now: Timestamp) -> Result<Claims, TokenRefusal> {
        let token = Compact::parse(token)?;
        let keys = self.keys.load();
        check(&token, &keys).map_err(|refusal| self.unless_published(refusal, &keys, now))?;
        let claims = Claims::read(token.unverified()).ok_or(TokenRefusal::Form)?;
        self.rules.judge(&claims, now)?;
        Ok(claims)
    }

    /// A key that is not among ours may be one that was published since.
    fn unless_published(
        &self,
        refusal: TokenRefusal,
        keys: &[Jwk],
        now: Timestamp,
    ) -> TokenRefusal {
        let open = keys.is_empty() || refusal == TokenRefusal::Key;
        match &self.published {
            Some(published) if open && published.may_soon_know(now) => TokenRefusal::Away,
            _ => refusal,
        }
    }

    /// Believes `token` at `now`, or says why not.
    ///
    /// # Errors
    ///
    /// [`TokenRefusal`]; the signature is judged before any claim.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Bearer, TokenRefusal> {
        let claims = self.believe(token, now)?;
        let tenant = self.rules.tenant_of(&claims)?;
        let roles = self.rules.roles_of(&claims);
        let (Some(subject), Some(expires)) = (claims.subject.clone(), claims.expires) else {
            return Err(TokenRefusal::Subject);
        };
        let person = PersonId::of(&self.rules.issuer, &subject);
        let (issuer, skew) = (&self.rules.issuer, self.rules.skew);
        Ok(Bearer {
            marks: Marks::of(issuer, &claims, person.as_str(), skew),
            once: self.rules.once,
            skew,
            person,
            variant: variant(&roles, &tenant),
            issuer: self.rules.issuer.clone(),
            subject: subject.into(),
            roles,
            tenant,
            expires,
            id: claims.id.map(Into::into),
        })
    }
}

/// A number that follows from roles and tenant, and is another for others.
fn variant(roles: &[Box<str>], tenant: &str) -> u64 {
    let mut digest = seal::digest::Sha256::new();
    for text in roles.iter().map(|role| &**role).chain([tenant]) {
        digest.update(text.as_bytes());
        digest.update(&[0]);
    }
    let digest = digest.finish();
    u64::from_be_bytes(digest.first_chunk().copied().unwrap_or_default())
}

/// Whether one of the keys that the token may mean signed it.
fn check(token: &Compact<'_>, keys: &[Jwk]) -> Result<(), TokenRefusal> {
    let fitting = keys
        .iter()
        .filter(|jwk| token.names_algorithm_of(&jwk.key))
        .collect::<Vec<_>>();
    if fitting.is_empty() {
        return Err(TokenRefusal::Algorithm);
    }
    let meant: Vec<&Jwk> = match token.key_id() {
        // A shared secret or a single key from a file may have no name of its own.
        Some(id) => fitting
            .iter()
            .copied()
            .filter(|jwk| jwk.id.as_deref().is_none_or(|own| own == id))
            .collect(),
        None if fitting.len() == 1 => fitting,
        None => return Err(TokenRefusal::Key),
    };
    if meant.is_empty() {
        return Err(TokenRefusal::Key);
    }
    meant
        .iter()
        .take(TRIED_LIMIT)
        .any(|jwk| token.check(&jwk.key).is_ok())
        .then_some(())
        .ok_or(TokenRefusal::Signature)
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Issuer({}, ..)", self.rules.issuer)
    }
}

#[cfg(test)]
mod tests;
