//! Signed tokens in JWS compact form (RFC 7515) with EdDSA (RFC 8037), and the JSON Web Key Set
//! (RFC 7517) by which anyone verifies them.
//!
//! Only Ed25519 is spoken: a verifier here never looks at a token's own `alg` to choose how to
//! verify, so `none` and key confusion have nothing to hold on to.

use serde_json::{Value, json};

use crate::{
    ed25519::{SigningKey, VerifyingKey},
    encode::{base64url, base64url_into, unbase64url},
    sha256,
};

/// Longest token [`verify_eddsa`] looks at, in bytes.
pub const TOKEN_LIMIT: usize = 16 * 1024;

/// Why a token was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Longer than [`TOKEN_LIMIT`].
    #[error("the token is too long")]
    TooLong,
    /// Not three base64url parts, or a header that is not a JSON object.
    #[error("the token is not in JWS compact form")]
    Form,
    /// The header does not say `EdDSA`, or names critical extensions.
    #[error("the token is not signed with EdDSA as expected")]
    Algorithm,
    /// The signature is not this key's over this token.
    #[error("the token's signature does not verify")]
    Signature,
}

/// A JWT over `claims`, which must be a JSON object as text, signed by `key` under the name `kid`.
#[must_use]
pub fn sign_eddsa(key: &SigningKey, kid: &str, claims: &str) -> String {
    let header = json!({ "alg": "EdDSA", "typ": "JWT", "kid": kid }).to_string();
    compact(key, header.as_bytes(), claims.as_bytes())
}

fn compact(key: &SigningKey, header: &[u8], payload: &[u8]) -> String {
    let length = header.len() + payload.len() + crate::ed25519::SIGNATURE_LENGTH;
    let mut token = String::with_capacity(length / 3 * 4 + 16);
    base64url_into(header, &mut token);
    token.push('.');
    base64url_into(payload, &mut token);
    let signature = key.sign(token.as_bytes());
    token.push('.');
    base64url_into(&signature, &mut token);
    token
}

/// The payload of `token` if `key` signed it. Claims such as `exp` and `aud` are the caller's to
/// check.
pub fn verify_eddsa(key: &VerifyingKey, token: &str) -> Result<Vec<u8>, TokenFault> {
    if token.len() > TOKEN_LIMIT {
        return Err(TokenFault::TooLong);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Form)?;
    let (header, payload) = signed.split_once('.').ok_or(TokenFault::Form)?;
    let [header, payload, signature] = [
        unbase64url(header).map_err(|_| TokenFault::Form)?,
        unbase64url(payload).map_err(|_| TokenFault::Form)?,
        unbase64url(signature).map_err(|_| TokenFault::Form)?,
    ];
    let header: Value = serde_json::from_slice(&header).map_err(|_| TokenFault::Form)?;
    let header = header.as_object().ok_or(TokenFault::Form)?;
    if header.get("alg").and_then(Value::as_str) != Some("EdDSA") || header.contains_key("crit") {
        return Err(TokenFault::Algorithm);
    }
    if key.verify(signed.as_bytes(), &signature) {
        Ok(payload)
    } else {
        Err(TokenFault::Signature)
    }
}

/// The JSON Web Key Set of `keys`, each under its `kid`.
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

    /// RFC 8037 appendix A.1: the private key `d`.
    fn rfc_key() -> SigningKey {
        let seed = unbase64url("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        SigningKey::from_seed(seed.try_into().unwrap()).unwrap()
    }

    /// RFC 8037 appendix A.4.
    const RFC_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.\
        hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    /// RFC 8037 appendices A.2 (public key), A.3 (thumbprint), A.4 (signing) and A.5 (validation).
    #[test]
    fn the_rfc_8037_vectors_hold() {
        let key = rfc_key();
        let verifying = key.verifying_key().unwrap();
        assert_eq!(
            base64url(&verifying.to_bytes()),
            "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
        );
        assert_eq!(
            thumbprint(&verifying),
            "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
        );
        assert_eq!(
            compact(&key, br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing"),
            RFC_TOKEN
        );
        assert_eq!(
            verify_eddsa(&verifying, RFC_TOKEN).unwrap(),
            b"Example of Ed25519 signing"
        );
    }

    #[test]
    fn a_token_verifies_under_the_key_of_its_set() {
        let key = rfc_key();
        let verifying = key.verifying_key().unwrap();
        let set = jwks(&[("node \"a\"", &verifying)]);
        let published = unbase64url(set["keys"][0]["x"].as_str().unwrap()).unwrap();
        let token = sign_eddsa(&key, "node \"a\"", r#"{"sub":"x"}"#);
        let reader = VerifyingKey::from_bytes(&published).unwrap();
        assert_eq!(verify_eddsa(&reader, &token).unwrap(), br#"{"sub":"x"}"#);
        let header = unbase64url(token.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        assert_eq!(header["kid"], set["keys"][0]["kid"]);
    }

    #[test]
    fn another_algorithm_is_refused_whatever_its_signature() {
        let key = rfc_key();
        let verifying = key.verifying_key().unwrap();
        let good = compact(&key, br#"{"alg":"EdDSA"}"#, b"{}");
        assert!(verify_eddsa(&verifying, &good).is_ok());
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"HS256"}"#,
            r#"{"alg":"eddsa"}"#,
            r#"{"typ":"JWT"}"#,
            r#"{"alg":"EdDSA","crit":["b64"],"b64":false}"#,
        ] {
            let token = compact(&key, header.as_bytes(), b"{}");
            assert_eq!(
                verify_eddsa(&verifying, &token),
                Err(TokenFault::Algorithm),
                "{header}"
            );
        }
    }

    #[test]
    fn an_altered_token_is_refused() {
        let verifying = rfc_key().verifying_key().unwrap();
        for at in 0..RFC_TOKEN.len() {
            let mut token = RFC_TOKEN.as_bytes().to_vec();
            token[at] = if token[at] == b'A' { b'B' } else { b'A' };
            let token = String::from_utf8(token).unwrap();
            assert!(verify_eddsa(&verifying, &token).is_err(), "byte {at}");
        }
        for token in ["", ".", "..", "a.b", &format!("{RFC_TOKEN}.")] {
            assert!(verify_eddsa(&verifying, token).is_err(), "{token}");
        }
        let long = "a".repeat(TOKEN_LIMIT + 1);
        assert_eq!(verify_eddsa(&verifying, &long), Err(TokenFault::TooLong));
    }
}
