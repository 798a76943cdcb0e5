//! JSON Web Keys (RFC 7517), one and in sets.
//!
//! Owns what is read of a key that somebody published and how ours are published. Refuses sets too
//! long or with too many keys; leaves out, without a word, keys for other purposes and of kinds that
//! the caller does not accept, as RFC 7517 section 5 asks. A shared secret in a published set is one
//! of those: what everyone can read verifies nothing.

use serde::Deserialize;
use serde_json::{Value, json};

use super::key::{Algorithm, TokenKey};
use crate::{
    ed25519::VerifyingKey,
    encode::{base64url, unbase64url},
    sha256,
};

/// Longest set that is read, in bytes.
pub const SET_LIMIT: usize = 256 * 1024;

/// Most keys of a set, whatever they are for.
pub const KEYS_LIMIT: usize = 100;

/// Why a set of keys was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwkFault {
    /// Longer than [`SET_LIMIT`].
    #[error("the key set is longer than {} KiB", SET_LIMIT / 1024)]
    TooLong,
    /// Not a JSON object with `keys`.
    #[error("the key set is not a JSON object with a list of keys")]
    Form,
    /// More than [`KEYS_LIMIT`].
    #[error("the key set has more than {KEYS_LIMIT} keys")]
    TooMany,
}

/// A key that somebody published.
#[derive(Clone, Debug)]
pub struct Jwk {
    /// Its name, by which tokens refer to it.
    pub id: Option<String>,
    /// What it verifies with.
    pub key: TokenKey,
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

/// The members that are read; every other one may hold anything.
#[derive(Deserialize)]
struct Members {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl Members {
    /// Whether it is there to verify signatures.
    fn verifies(&self) -> bool {
        let purpose = self.purpose.as_deref().is_none_or(|it| it == "sig");
        let operations = self.key_ops.as_ref();
        purpose && operations.is_none_or(|all| all.iter().any(|it| it == "verify"))
    }

    fn key(&self, algorithm: Algorithm) -> Option<TokenKey> {
        let number = |text: &Option<String>| unbase64url(text.as_ref()?).ok();
        let curve = self.crv.as_deref();
        let key = match (algorithm, self.kty.as_str(), curve) {
            (Algorithm::Rs256, "RSA", _) => {
                TokenKey::rsa_pkcs1(&number(&self.n)?, &number(&self.e)?)
            }
            (Algorithm::Ps256, "RSA", _) => TokenKey::rsa_pss(&number(&self.n)?, &number(&self.e)?),
            (Algorithm::Es256, "EC", Some("P-256")) => {
                TokenKey::p256(&number(&self.x)?, &number(&self.y)?)
            }
            (Algorithm::EdDsa, "OKP", Some("Ed25519")) => TokenKey::ed25519(&number(&self.x)?),
            _ => return None,
        };
        key.ok()
    }
}

/// The keys of a published set that verify tokens of one of the `accepted` algorithms. An RSA key
/// that does not say which one it is for counts as a key for each that is accepted.
///
/// # Errors
///
/// [`JwkFault`], where the set as a whole is not one.
pub fn read_set(text: &[u8], accepted: &[Algorithm]) -> Result<Vec<Jwk>, JwkFault> {
    if text.len() > SET_LIMIT {
        return Err(JwkFault::TooLong);
    }
    let set: Set = serde_json::from_slice(text).map_err(|_| JwkFault::Form)?;
    if set.keys.len() > KEYS_LIMIT {
        return Err(JwkFault::TooMany);
    }
    let members = set.keys.into_iter().filter_map(|key| {
        let members: Members = serde_json::from_value(key).ok()?;
        members.verifies().then_some(members)
    });
    Ok(members
        .flat_map(|members| {
            let wanted = |algorithm: &&Algorithm| {
                let named = members.alg.as_deref();
                named.is_none_or(|name| name == algorithm.name())
            };
            let keys = accepted.iter().filter(wanted);
            keys.filter_map(|algorithm| members.key(*algorithm))
                .map(|key| Jwk {
                    id: members.kid.clone(),
                    key,
                })
                .collect::<Vec<_>>()
        })
        .collect())
}

/// The set of `keys` as it is published, each under its `kid`.
#[must_use]
pub fn jwks(keys: &[(&str, &VerifyingKey)]) -> Value {
    let keys: Vec<Value> = keys
        .iter()
        .map(|(kid, key)| {
            json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "x": base64url(&key.to_bytes()),
                "kid": kid,
                "use": "sig",
                "alg": "EdDSA",
            })
        })
        .collect();
    json!({ "keys": keys })
}

/// The thumbprint of `key` (RFC 7638, RFC 8037 appendix A.3): a `kid` that follows from the key.
#[must_use]
pub fn thumbprint(key: &VerifyingKey) -> String {
    let x = base64url(&key.to_bytes());
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    base64url(&sha256(canonical.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037 appendix A.2.
    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    fn count(text: &str) -> usize {
        read_set(text.as_bytes(), &Algorithm::ALL).unwrap().len()
    }

    fn one(more: &str) -> String {
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{X}"{more}}}]}}"#)
    }

    #[test]
    fn keys_for_other_purposes_and_kinds_are_left_out() {
        assert_eq!(count(&one("")), 1);
        assert_eq!(
            count(&one(r#","use":"sig","alg":"EdDSA","key_ops":["verify"]"#)),
            1
        );
        for more in [
            r#","use":"enc""#,
            r#","alg":"RS256""#,
            r#","key_ops":["sign"]"#,
            r#","use":7"#,
        ] {
            assert_eq!(count(&one(more)), 0, "{more}");
        }
        for key in [
            r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow","alg":"HS256"}"#,
            r#"{"kty":"EC","crv":"P-384","x":"AA","y":"AA"}"#,
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#,
            r#"{"kty":"OKP","crv":"X25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
            "7",
            "{}",
        ] {
            let set = format!(r#"{{"keys":[{key}]}}"#);
            assert_eq!(count(&set), 0, "{key}");
        }
    }

    #[test]
    fn only_accepted_algorithms_get_a_key() {
        let accepted = [Algorithm::Rs256, Algorithm::Es256];
        assert!(read_set(one("").as_bytes(), &accepted).unwrap().is_empty());
    }

    #[test]
    fn a_set_has_its_bounds() {
        let many = |count: usize| format!(r#"{{"keys":[{}]}}"#, vec!["{}"; count].join(","));
        assert_eq!(count(&many(KEYS_LIMIT)), 0);
        let fault = |text: &str| read_set(text.as_bytes(), &Algorithm::ALL).err();
        assert_eq!(fault(&many(1000)), Some(JwkFault::TooMany));
        let long = format!(r#"{{"a":"{}","keys":[]}}"#, "a".repeat(SET_LIMIT));
        assert_eq!(fault(&long), Some(JwkFault::TooLong));
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]"#] {
            assert_eq!(fault(text), Some(JwkFault::Form), "{text}");
        }
    }
}
