//! What a configuration says about the provider and the people it sends.
//!
//! Owns the settings and their bounds. Refuses an issuer that is not https, unless it is a loopback
//! address, which only development has; connecting there takes an exception in `[connect]` besides.

use std::time::Duration;

use connect::{Target, target::Scheme};
use control::Secret;
use seal::jws::Algorithm;

use crate::token::Tenancy;

/// Longest time from `iat` to `exp` of an ID token.
pub(super) const LONGEST_TOKEN: Duration = Duration::from_secs(24 * 60 * 60);

/// How far the provider's clock may be off.
pub(super) const SKEW: Duration = Duration::from_secs(60);

/// What may sign an ID token. Those whose `at_hash` is half a SHA-256.
pub const ALGORITHMS: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::Ps256];

/// The provider and what is demanded of its people.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The issuer, byte for byte as the provider writes it.
    pub issuer: Box<str>,
    /// What the provider calls us.
    pub client_id: Box<str>,
    /// What we prove that with; absent for a public client.
    pub client_secret: Option<Secret>,
    /// Where the provider sends the browser back to.
    pub redirect_uri: Box<str>,
    /// Where it is sent after it has logged out there.
    pub home: Box<str>,
    /// Scopes besides `openid`.
    pub scopes: Vec<Box<str>>,
    /// Domains the people must be of, in lower case; any where it names none.
    pub domains: Vec<Box<str>>,
    /// The claim that lists groups or roles.
    pub role_claim: Option<Box<str>>,
    /// What a value of that claim is called here.
    pub roles: Vec<(Box<str>, Box<str>)>,
    /// The tenant of the people.
    pub tenant: Tenancy,
    /// How long a session may be without a request.
    pub idle: Duration,
    /// How long a session may last.
    pub longest: Duration,
}

/// Whether a URL of the provider may be spoken to: https, or a loopback address.
#[must_use]
pub fn may_be_asked(target: &Target) -> bool {
    let destination = target.destination();
    let loopback = destination
        .host()
        .address()
        .is_some_and(|it| it.is_loopback());
    destination.scheme() == Scheme::Https || loopback
}

/// Reads an issuer: a URL without query and fragment (OpenID Connect Discovery 1.0, section 2).
///
/// # Errors
///
/// What is wrong with it.
pub fn read_issuer(text: &str) -> Result<Box<str>, &'static str> {
    if text.contains(['?', '#']) {
        return Err("has a query or a fragment");
    }
    let target = Target::parse(text).map_err(|_| "is not a URL")?;
    if !may_be_asked(&target) {
        return Err("is not https");
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_a_loopback_address() {
        for good in [
            "https://login.example",
            "https://login.example/tenant/v2.0",
            "http://127.0.0.1:4000",
            "http://[::1]:4000/",
        ] {
            assert_eq!(read_issuer(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "login.example",
            "http://login.example",
            "http://10.0.0.1",
            "ftp://login.example",
            "https://login.example?a=b",
            "https://login.example#a",
            "https://me@login.example",
        ] {
            assert!(read_issuer(bad).is_err(), "{bad}");
        }
    }
}
