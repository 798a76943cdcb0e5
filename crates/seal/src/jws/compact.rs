//! A token taken apart.
//!
//! Owns the three parts, the strictness of their encoding and the header's form. Refuses before any
//! signature is computed: what is too long, what is not in the one form there is, a header that says
//! a thing twice, and a header that wants to choose the key.

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};

use super::key::TokenKey;
use crate::encode::unbase64url;

/// Longest token that is looked at, in bytes.
pub const TOKEN_LIMIT: usize = 16 * 1024;

/// Longest `kid`, in bytes: longer ones name no key anybody has.
const KEY_ID_LIMIT: usize = 256;

/// Why a token was not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    /// Longer than [`TOKEN_LIMIT`].
    #[error("the token is too long")]
    TooLong,
    /// Not three base64url parts, or a header that is no JSON object with an `alg`.
    #[error("the token is not in JWS compact form")]
    Form,
    /// The header brings or points to a key (`jwk`, `jku`, `x5u`): keys are ours to choose.
    #[error("the token brings a key of its own")]
    OwnKey,
    /// The header lists extensions (`crit`) it must not be read without; there is none we know.
    #[error("the token demands extensions")]
    Critical,
    /// The header's `alg` is not that of the key.
    #[error("the token is not signed with the algorithm expected")]
    Algorithm,
    /// The signature is not this key's over this token.
    #[error("the token's signature does not verify")]
    Signature,
}

/// A token in its parts. Nothing in it is believed yet.
pub struct Compact<'a> {
    header: Header,
    /// Header and payload as they stand in the token, with the dot between them.
    signed: &'a str,
    payload: Vec<u8>,
    signature: Vec<u8>,
}

/// What is read of a header (RFC 7515 section 4.1). A member that stands twice is refused.
#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default, deserialize_with = "key_id")]
    kid: Option<String>,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    jwk: Present,
    #[serde(default)]
    jku: Present,
    #[serde(default)]
    x5u: Present,
    #[serde(default)]
    crit: Present,
}

/// Whether a member is there, whatever it holds.
#[derive(Clone, Copy, Default)]
struct Present(bool);

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

fn key_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.len() > KEY_ID_LIMIT {
        return Err(D::Error::custom("the key id is too long"));
    }
    Ok(Some(text))
}

impl<'a> Compact<'a> {
    /// Takes `token` apart.
    ///
    /// # Errors
    ///
    /// Every [`TokenFault`] but `Algorithm` and `Signature`.
    pub fn parse(token: &'a str) -> Result<Self, TokenFault> {
        if token.len() > TOKEN_LIMIT {
            return Err(TokenFault::TooLong);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(TokenFault::Form)?;
        let decoded = |part: &str| unbase64url(part).map_err(|_| TokenFault::Form);
        let header: Header =
            serde_json::from_slice(&decoded(header)?).map_err(|_| TokenFault::Form)?;
        if header.jwk.0 || header.jku.0 || header.x5u.0 {
            return Err(TokenFault::OwnKey);
        }
        if header.crit.0 {
            return Err(TokenFault::Critical);
        }
        Ok(Self {
            payload: decoded(payload)?,
            signature: decoded(signature)?,
            header,
            signed,
        })
    }

    /// The name of the key it says it was signed with.
    #[must_use]
    pub fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// What kind of token it says it is.
    #[must_use]
    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    /// Whether it says that it is signed with the algorithm of `key`.
    #[must_use]
    pub fn names_algorithm_of(&self, key: &TokenKey) -> bool {
        self.header.alg == key.algorithm().name()
    }

    /// The payload, before it is believed: to find out which issuer to ask.
    #[must_use]
    pub fn unverified(&self) -> &[u8] {
        &self.payload
    }

    /// Whether `key` signed it.
    ///
    /// # Errors
    ///
    /// [`TokenFault::Algorithm`] where it says another algorithm than the key's, whatever its
    /// signature, and [`TokenFault::Signature`].
    pub fn check(&self, key: &TokenKey) -> Result<(), TokenFault> {
        if !self.names_algorithm_of(key) {
            return Err(TokenFault::Algorithm);
        }
        if key.verifies(self.signed.as_bytes(), &self.signature) {
            Ok(())
        } else {
            Err(TokenFault::Signature)
        }
    }

    /// The payload, if `key` signed it.
    ///
    /// # Errors
    ///
    /// See [`Compact::check`].
    pub fn verified_by(self, key: &TokenKey) -> Result<Vec<u8>, TokenFault> {
        self.check(key).map(|()| self.payload)
    }
}

impl std::fmt::Debug for Compact<'_> {
    /// Says nothing: a token is a credential.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Compact(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::base64url;

    fn fault(header: &str) -> Option<TokenFault> {
        let token = format!("{}.e30.AA", base64url(header.as_bytes()));
        Compact::parse(&token).err()
    }

    #[test]
    fn a_header_must_not_choose_the_key_or_the_rules() {
        assert_eq!(fault(r#"{"alg":"HS256","kid":"a","typ":"JWT"}"#), None);
        assert_eq!(fault(r#"{"alg":"HS256","x5t":"a","cty":"x"}"#), None);
        for member in ["jwk", "jku", "x5u"] {
            for value in ["{}", "\"https://a.test/\"", "null"] {
                let header = format!(r#"{{"alg":"HS256","{member}":{value}}}"#);
                assert_eq!(fault(&header), Some(TokenFault::OwnKey), "{header}");
            }
        }
        for header in [
            r#"{"alg":"HS256","crit":["b64"],"b64":false}"#,
            r#"{"alg":"HS256","crit":null}"#,
        ] {
            assert_eq!(fault(header), Some(TokenFault::Critical), "{header}");
        }
    }

    #[test]
    fn a_header_has_one_form() {
        let long = format!(r#"{{"alg":"HS256","kid":"{}"}}"#, "k".repeat(257));
        for header in [
            "",
            "{}",
            "[]",
            "null",
            r#"{"alg":null}"#,
            r#"{"alg":["HS256"]}"#,
            r#"{"alg":"HS256","alg":"none"}"#,
            r#"{"alg":"HS256","kid":"a","kid":"b"}"#,
            r#"{"alg":"HS256","kid":7}"#,
            r#"{"alg":"HS256"}{}"#,
            &long,
        ] {
            assert_eq!(fault(header), Some(TokenFault::Form), "{header:.60}");
        }
    }

    #[test]
    fn what_is_not_read_of_a_header_may_be_nested_as_it_likes() {
        let (open, close) = ("[".repeat(4000), "]".repeat(4000));
        let header = format!(r#"{{"alg":"HS256","x":{open}{close}}}"#);
        assert_eq!(fault(&header), None);
    }

    #[test]
    fn a_token_has_three_parts_in_strict_base64() {
        let header = base64url(br#"{"alg":"HS256"}"#);
        assert!(Compact::parse(&format!("{header}.e30.AA")).is_ok());
        for token in [
            String::new(),
            ".".into(),
            "..".into(),
            header.clone(),
            format!("{header}.e30"),
            format!(".{header}.e30.AA"),
            format!("{header}.e30.AA.AA"),
            format!("{header}=.e30.AA"),
            format!("{header}.e30=.AA"),
            format!("{header}.e30.AB"),
            format!("{header}.e 30.AA"),
            format!("{header}.e30.A+"),
            format!(" {header}.e30.AA"),
            format!("{header}.e30.AA\n"),
        ] {
            assert_eq!(
                Compact::parse(&token).err(),
                Some(TokenFault::Form),
                "{token:?}"
            );
        }
        let long = "a".repeat(TOKEN_LIMIT + 1);
        assert_eq!(Compact::parse(&long).err(), Some(TokenFault::TooLong));
    }
}
