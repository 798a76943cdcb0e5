//! Tokens of our own.

use serde_json::json;

use crate::{
    ed25519::{SIGNATURE_LENGTH, SigningKey},
    encode::base64url_into,
    hmac,
};

/// A JWT over `claims`, which must be a JSON object as text, signed by `key` under the name `kid`.
#[must_use]
pub fn sign_eddsa(key: &SigningKey, kid: &str, claims: &str) -> String {
    sign_typed(key, kid, "JWT", claims)
}

/// The same with another `typ` than `JWT`, so that it is taken for nothing else (RFC 8725, section
/// 3.11).
#[must_use]
pub fn sign_typed(key: &SigningKey, kid: &str, typ: &str, claims: &str) -> String {
    let header = json!({ "alg": "EdDSA", "typ": typ, "kid": kid }).to_string();
    compact(header.as_bytes(), claims.as_bytes(), |signed| {
        key.sign(signed)
    })
}

/// The same with HS256, for parties that share a secret. The secret's length was checked where it
/// was read, see [`super::key::SECRET_LEAST`].
#[must_use]
pub fn sign_hs256(key: &hmac::Key, kid: &str, claims: &str) -> String {
    let header = json!({ "alg": "HS256", "typ": "JWT", "kid": kid }).to_string();
    compact(header.as_bytes(), claims.as_bytes(), |signed| {
        key.sign(&[signed])
    })
}

pub(super) fn compact<S: AsRef<[u8]>>(
    header: &[u8],
    payload: &[u8],
    sign: impl FnOnce(&[u8]) -> S,
) -> String {
    let length = header.len() + payload.len() + SIGNATURE_LENGTH;
    let mut token = String::with_capacity(length / 3 * 4 + 16);
    base64url_into(header, &mut token);
    token.push('.');
    base64url_into(payload, &mut token);
    let signature = sign(token.as_bytes());
    token.push('.');
    base64url_into(signature.as_ref(), &mut token);
    token
}
