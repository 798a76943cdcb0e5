//! Deliveries that are signed by a token: a JWS beside the body, whose claims hold its digest.
//!
//! Owns the rules of such a token and their judging: algorithm and key, issuer, digest of the body and
//! of the URL, time. Refuses a token without the digest, for it would be genuine beside any body. Trusts
//! `seal::jws`, which compares a token's own `alg` with the key's and believes nothing else of it.

use control::Timestamp;
use seal::{encode, jws::Compact};
use serde::Deserialize;

use crate::{
    delivery::Delivery,
    key::{Key, Material},
    message, reading,
    refusal::SignatureRefusal,
    scheme::{Encoding, Scheme},
};

/// What the claims of a provider's token say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TokenRule {
    /// Text in front of the token, such as `Bearer `.
    #[serde(default)]
    pub prefix: String,
    /// What `iss` must be; absent where the provider sets none.
    #[serde(default)]
    pub issuer: Option<String>,
    /// The claim with the SHA-256 of the body.
    pub body: ClaimDigest,
    /// Whether that claim is missing exactly where the body is empty.
    #[serde(default)]
    pub empty_body: bool,
    /// The claim with the SHA-256 of the public URL, query included.
    #[serde(default)]
    pub url: Option<ClaimDigest>,
    /// The claim with the moment it was made, in seconds.
    #[serde(default)]
    pub time: Option<ClaimTime>,
    /// The claim with the second from which it no longer counts.
    #[serde(default)]
    pub expires: Option<String>,
    /// The claim that tells one delivery from another; absent means the whole token.
    #[serde(default)]
    pub id: Option<String>,
}

/// A claim that holds a digest.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClaimDigest {
    /// Its name.
    pub claim: String,
    /// How the digest is written.
    pub encoding: Encoding,
}

/// A claim that holds a time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClaimTime {
    /// Its name.
    pub claim: String,
    /// Seconds it may lie in the past.
    pub past: u32,
    /// Seconds it may lie in the future.
    pub future: u32,
}

/// What a good token says of its delivery.
pub(crate) struct Said {
    /// What makes it the same as another.
    pub(crate) identity: Vec<u8>,
    /// When it was made.
    pub(crate) sent: Option<Timestamp>,
}

/// Judges the token of `delivery`. Every key is tried, and none stops the others.
pub(crate) fn judge(
    scheme: &Scheme,
    rule: &TokenRule,
    keys: &[Key],
    delivery: &Delivery<'_>,
) -> Result<Said, SignatureRefusal> {
    let written = reading::value(delivery, &scheme.signature.from)?
        .filter(|value| !value.is_empty())
        .ok_or(SignatureRefusal::Missing)?;
    let token = written
        .strip_prefix(rule.prefix.as_bytes())
        .and_then(|token| std::str::from_utf8(token).ok())
        .ok_or(SignatureRefusal::Malformed)?;
    let compact = Compact::parse(token).map_err(|_| SignatureRefusal::Malformed)?;
    let mut fits = false;
    for key in keys.iter().take(crate::verify::MAX_SECRETS) {
        if let Material::Token { verifies, .. } = key.material() {
            fits |= compact.check(verifies).is_ok();
        }
    }
    if !fits {
        return Err(SignatureRefusal::Mismatch);
    }
    let claims = Claims(compact.unverified());
    if rule.issuer.is_some() && claims.text("iss")? != rule.issuer {
        return Err(SignatureRefusal::Mismatch);
    }
    claims.covers_body(rule, delivery.body)?;
    if let Some(url) = &rule.url {
        claims.covers_url(url, delivery)?;
    }
    let sent = claims.age(rule, delivery.now)?;
    let identity = match &rule.id {
        Some(claim) => claims
            .text(claim)?
            .ok_or(SignatureRefusal::Missing)?
            .into_bytes(),
        None => token.as_bytes().to_vec(),
    };
    Ok(Said { identity, sent })
}

/// The claims of a token whose signature fits.
struct Claims<'a>(&'a [u8]);

impl Claims<'_> {
    /// A claim's text; `None` where it is missing. Names are plain words, so they are their pointers.
    fn text(&self, name: &str) -> Result<Option<String>, SignatureRefusal> {
        let value = reading::json(self.0, &format!("/{name}"))?;
        value
            .map(|value| String::from_utf8(value).map_err(|_| SignatureRefusal::Malformed))
            .transpose()
    }

    fn digest(&self, rule: &ClaimDigest) -> Result<Option<Vec<u8>>, SignatureRefusal> {
        let Some(text) = self.text(&rule.claim)? else {
            return Ok(None);
        };
        let bytes = match rule.encoding {
            Encoding::Hex => encode::unhex(text).ok(),
            Encoding::Base64 => encode::unbase64(text).ok(),
            Encoding::Base64Url => encode::unbase64url(text).ok(),
            Encoding::Utf8 => None,
        };
        bytes.map(Some).ok_or(SignatureRefusal::Malformed)
    }

    fn covers_body(&self, rule: &TokenRule, body: &[u8]) -> Result<(), SignatureRefusal> {
        match self.digest(&rule.body)? {
            Some(_) if rule.empty_body && body.is_empty() => {
                Err(SignatureRefusal::BodyDigestMismatch)
            }
            Some(claimed) if seal::equal(&seal::sha256(body), &claimed) => Ok(()),
            Some(_) => Err(SignatureRefusal::BodyDigestMismatch),
            None if rule.empty_body && body.is_empty() => Ok(()),
            None => Err(SignatureRefusal::BodyDigestMissing),
        }
    }

    /// With the port that the URL has, or with the one that it leaves out.
    fn covers_url(
        &self,
        rule: &ClaimDigest,
        delivery: &Delivery<'_>,
    ) -> Result<(), SignatureRefusal> {
        let claimed = self.digest(rule)?.ok_or(SignatureRefusal::Missing)?;
        let fits = message::url_heads(delivery.public_url).iter().any(|head| {
            let url = [head.as_bytes(), delivery.target].concat();
            seal::equal(&seal::sha256(&url), &claimed)
        });
        fits.then_some(()).ok_or(SignatureRefusal::Mismatch)
    }

    fn seconds(&self, claim: &str) -> Result<i64, SignatureRefusal> {
        let text = self.text(claim)?.ok_or(SignatureRefusal::Missing)?;
        text.parse().map_err(|_| SignatureRefusal::Malformed)
    }

    fn age(&self, rule: &TokenRule, now: Timestamp) -> Result<Option<Timestamp>, SignatureRefusal> {
        if let Some(claim) = &rule.expires
            && self.seconds(claim)? <= now.seconds()
        {
            return Err(SignatureRefusal::Stale);
        }
        let Some(time) = &rule.time else {
            return Ok(None);
        };
        let sent = self.seconds(&time.claim)?;
        let age = i128::from(now.seconds()) - i128::from(sent);
        if age > i128::from(time.past) {
            return Err(SignatureRefusal::Stale);
        }
        if -age > i128::from(time.future) {
            return Err(SignatureRefusal::Future);
        }
        Ok(Some(Timestamp::from_seconds(sent)))
    }
}

/// The claims of a token that a provider would make, as JSON.
pub(crate) fn claims(rule: &TokenRule, url: &str, body: &[u8], id: &str, at: Timestamp) -> String {
    let mut claims = serde_json::Map::new();
    let mut put = |name: &str, value: serde_json::Value| {
        claims.insert(name.to_owned(), value);
    };
    let written = |digest: [u8; 32], encoding: Encoding| match encoding {
        Encoding::Base64 => encode::base64(&digest),
        Encoding::Base64Url => encode::base64url(&digest),
        Encoding::Hex | Encoding::Utf8 => encode::hex(&digest),
    };
    if let Some(issuer) = &rule.issuer {
        put("iss", issuer.as_str().into());
    }
    if !(rule.empty_body && body.is_empty()) {
        let digest = written(seal::sha256(body), rule.body.encoding);
        put(&rule.body.claim, digest.into());
    }
    if let Some(it) = &rule.url {
        put(
            &it.claim,
            written(seal::sha256(url.as_bytes()), it.encoding).into(),
        );
    }
    if let Some(time) = &rule.time {
        put(&time.claim, at.seconds().into());
    }
    if let Some(claim) = &rule.expires {
        put(claim, at.seconds().saturating_add(60).into());
    }
    if let Some(claim) = &rule.id {
        put(claim, id.into());
    }
    serde_json::Value::Object(claims).to_string()
}
