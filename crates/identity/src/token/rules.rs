//! What a configuration demands of an issuer's tokens.
//!
//! Owns the judgement on claims whose signature is good already. Refuses what is not named: there is
//! no rule for a token without an end or an audience that nobody asked about.

use std::time::Duration;

use control::Timestamp;

use super::{claims::Claims, issuer::TokenRefusal};

/// The longest life of a token that a configuration may allow.
pub const LONGEST_EVER: Duration = Duration::from_secs(24 * 60 * 60);

/// The farthest that a configuration may allow an issuer's clock to be off.
pub const MOST_SKEW: Duration = Duration::from_secs(300);

/// Demands on the tokens of one issuer.
#[derive(Clone, Debug)]
pub struct Rules {
    /// What `iss` says, byte for byte.
    pub issuer: Box<str>,
    /// Audiences, of which a token names at least one.
    pub audience: Vec<Box<str>>,
    /// Claims that must be there with exactly this text, alone or in a list.
    pub required: Vec<(Box<str>, Box<str>)>,
    /// How far the issuer's clock may be off, both ways.
    pub skew: Duration,
    /// Longest time from `iat` to `exp`; without `iat`, from now.
    pub longest: Duration,
    /// The claim that lists roles, if any.
    pub role_claim: Option<Box<str>>,
    /// What a value of that claim is called here. What is not listed is no role.
    pub roles: Vec<(Box<str>, Box<str>)>,
    /// Where the tenant comes from.
    pub tenant: Tenancy,
    /// Whether a token is good once: it then has to say what it is called and when it was issued.
    pub once: bool,
}

/// Where the tenant of a token's subject comes from.
#[derive(Clone, Debug)]
pub enum Tenancy {
    /// Every subject of the issuer belongs to this one.
    Fixed(Box<str>),
    /// A claim names it; a token without is refused.
    Claim(Box<str>),
}

impl Rules {
    /// Judges `claims` at `now`.
    pub(crate) fn judge(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenRefusal> {
        if claims.issuer.as_deref() != Some(&*self.issuer) {
            return Err(TokenRefusal::Issuer);
        }
        let named = |audience: &String| self.audience.iter().any(|ours| **ours == **audience);
        if !claims.audience.iter().any(named) {
            return Err(TokenRefusal::Audience);
        }
        self.judge_times(claims, now)?;
        let holds =
            |(name, text): &(Box<str>, Box<str>)| claims.texts(name).any(|it| it == &**text);
        if !self.required.iter().all(holds) {
            return Err(TokenRefusal::Claim);
        }
        if self.once && (claims.id.is_none() || claims.issued.is_none()) {
            return Err(TokenRefusal::Claim);
        }
        Ok(())
    }

    fn judge_times(&self, claims: &Claims, now: Timestamp) -> Result<(), TokenRefusal> {
        let end = claims.expires.ok_or(TokenRefusal::Endless)?;
        // RFC 7519 section 4.1.4: on or after the end it must not be accepted.
        if now >= end.plus(self.skew) {
            return Err(TokenRefusal::Expired);
        }
        let later = now.plus(self.skew);
        if claims.not_before.is_some_and(|from| from > later) {
            return Err(TokenRefusal::Early);
        }
        if claims.issued.is_some_and(|at| at > later) {
            return Err(TokenRefusal::Early);
        }
        let from = claims.issued.unwrap_or(now);
        let slack = match claims.issued {
            Some(_) => Duration::ZERO,
            None => self.skew,
        };
        if end > from.plus(self.longest).plus(slack) {
            return Err(TokenRefusal::Endless);
        }
        Ok(())
    }

    /// The roles here of what the token says, in the order of the rules, each once.
    pub(crate) fn roles_of(&self, claims: &Claims) -> Box<[Box<str>]> {
        let Some(claim) = &self.role_claim else {
            return Box::default();
        };
        let mut roles: Vec<Box<str>> = Vec::new();
        for (value, role) in &self.roles {
            if !roles.contains(role) && claims.texts(claim).any(|it| it == &**value) {
                roles.push(role.clone());
            }
        }
        roles.into()
    }

    /// The tenant of the token's subject.
    pub(crate) fn tenant_of(&self, claims: &Claims) -> Result<Box<str>, TokenRefusal> {
        match &self.tenant {
            Tenancy::Fixed(tenant) => Ok(tenant.clone()),
            Tenancy::Claim(name) => {
                let mut texts = claims.texts(name);
                // Two tenants are none: nobody may choose between them.
                match (texts.next(), texts.next()) {
                    (Some(tenant), None) if is_tenant(tenant) => Ok(tenant.into()),
                    _ => Err(TokenRefusal::Tenant),
                }
            }
        }
    }
}

/// Whether a claim's text can name a tenant: it goes into assertions, paths and rows.
fn is_tenant(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}
