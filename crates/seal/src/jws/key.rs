//! Keys that verify tokens, each for one algorithm.
//!
//! Owns the closed list of algorithms (RFC 7518 section 3.1, RFC 8037 section 3.1) and the smallest
//! keys that are worth anything. Refuses short secrets and RSA keys outside of 2048 to 8192 bits when
//! a key is made, so that no token is ever checked against one.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents,
};

use crate::{ed25519::VerifyingKey, hmac};

/// Fewest bytes of a shared secret: as many as the digest (RFC 7518 section 3.2).
pub const SECRET_LEAST: usize = 32;

/// Sizes of RSA keys in bits (RFC 7518 section 3.3 for the least).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// A signature algorithm, by its name in `alg`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC with SHA-256.
    Hs256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
}

impl Algorithm {
    /// Every algorithm there is.
    pub const ALL: [Self; 5] = [
        Self::Hs256,
        Self::Rs256,
        Self::Ps256,
        Self::Es256,
        Self::EdDsa,
    ];

    /// Its name, as it stands in a header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with exactly this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }
}

/// Why bytes are no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A shared secret of less than 256 bits.
    #[error("a secret for HS256 has at least {SECRET_LEAST} bytes")]
    ShortSecret,
    /// An RSA key whose size is not between 2048 and 8192 bits.
    #[error("an RSA key has 2048 to 8192 bits")]
    Size,
    /// Numbers that are no key of this kind.
    #[error("the numbers are not those of a public key")]
    NotAKey,
}

/// A key that verifies tokens of one algorithm. Says only which when printed.
#[derive(Clone)]
pub struct TokenKey {
    algorithm: Algorithm,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Shared(Box<hmac::Key>),
    Public(ParsedPublicKey),
}

impl TokenKey {
    /// A secret that both sides know, for HS256.
    ///
    /// # Errors
    ///
    /// [`KeyFault::ShortSecret`] below [`SECRET_LEAST`] bytes.
    pub fn shared(secret: &[u8]) -> Result<Self, KeyFault> {
        if secret.len() < SECRET_LEAST {
            return Err(KeyFault::ShortSecret);
        }
        Ok(Self {
            algorithm: Algorithm::Hs256,
            verifier: Verifier::Shared(Box::new(hmac::Key::new(hmac::Algorithm::Sha256, secret))),
        })
    }

    /// An RSA key for RS256: modulus and exponent, big-endian.
    ///
    /// # Errors
    ///
    /// [`KeyFault::Size`] and [`KeyFault::NotAKey`].
    pub fn rsa_pkcs1(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyFault> {
        let parsed = rsa(modulus, exponent)?.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256);
        Self::public(Algorithm::Rs256, parsed.ok())
    }

    /// An RSA key for PS256: modulus and exponent, big-endian.
    ///
    /// # Errors
    ///
    /// [`KeyFault::Size`] and [`KeyFault::NotAKey`].
    pub fn rsa_pss(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyFault> {
        let parsed = rsa(modulus, exponent)?.to_parsed_public_key(&RSA_PSS_2048_8192_SHA256);
        Self::public(Algorithm::Ps256, parsed.ok())
    }

    /// A point on P-256 for ES256: both coordinates, 32 bytes each, big-endian.
    ///
    /// # Errors
    ///
    /// [`KeyFault::NotAKey`], also for a point that is not on the curve.
    pub fn p256(x: &[u8], y: &[u8]) -> Result<Self, KeyFault> {
        if x.len() != 32 || y.len() != 32 {
            return Err(KeyFault::NotAKey);
        }
        // SEC 1 section 2.3.3: the uncompressed form.
        let point = [&[4], x, y].concat();
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        Self::public(Algorithm::Es256, parsed.ok())
    }

    /// An Ed25519 key of 32 bytes for EdDSA.
    ///
    /// # Errors
    ///
    /// [`KeyFault::NotAKey`].
    pub fn ed25519(bytes: &[u8]) -> Result<Self, KeyFault> {
        Self::public(Algorithm::EdDsa, ParsedPublicKey::new(&ED25519, bytes).ok())
    }

    fn public(algorithm: Algorithm, parsed: Option<ParsedPublicKey>) -> Result<Self, KeyFault> {
        let verifier = Verifier::Public(parsed.ok_or(KeyFault::NotAKey)?);
        Ok(Self {
            algorithm,
            verifier,
        })
    }

    /// The one algorithm it is for.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Whether `signature` is this key's over `message`.
    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Shared(key) => key.sign(&[message]).matches(signature),
            Verifier::Public(key) => key.verify_sig(message, signature).is_ok(),
        }
    }
}

impl From<&VerifyingKey> for TokenKey {
    fn from(key: &VerifyingKey) -> Self {
        Self {
            algorithm: Algorithm::EdDsa,
            verifier: Verifier::Public(key.parsed().clone()),
        }
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey({}, ..)", self.algorithm.name())
    }
}

/// The numbers of an RSA key without leading zeroes, within [`RSA_BITS`].
fn rsa<'a>(
    modulus: &'a [u8],
    exponent: &'a [u8],
) -> Result<RsaPublicKeyComponents<&'a [u8]>, KeyFault> {
    let [n, e] = [modulus, exponent].map(|number| {
        let zeroes = number.iter().take_while(|byte| **byte == 0).count();
        number.get(zeroes..).unwrap_or_default()
    });
    let bits = n.first().map_or(0, |top| {
        n.len() * 8 - usize::try_from(top.leading_zeros()).unwrap_or(0)
    });
    if !RSA_BITS.contains(&bits) {
        return Err(KeyFault::Size);
    }
    // An even exponent or one is no key; more than five bytes only cost time.
    let odd = e.last().is_some_and(|low| low & 1 == 1);
    if !odd || e == [1] || e.len() > 5 {
        return Err(KeyFault::NotAKey);
    }
    Ok(RsaPublicKeyComponents { n, e })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact() {
        for algorithm in Algorithm::ALL {
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
        for name in [
            "none", "None", "", "hs256", "HS256 ", "HS384", "ES256K", "RS1",
        ] {
            assert_eq!(Algorithm::named(name), None, "{name}");
        }
    }

    #[test]
    fn a_secret_has_256_bits() {
        assert_eq!(
            TokenKey::shared(&[7; 31]).err(),
            Some(KeyFault::ShortSecret)
        );
        assert!(TokenKey::shared(&[7; 32]).is_ok());
    }

    #[test]
    fn an_rsa_key_has_a_size_and_an_exponent_worth_something() {
        let modulus = |bytes: usize| {
            let mut modulus = vec![0xff; bytes];
            modulus[0] = 0x80;
            modulus
        };
        assert!(TokenKey::rsa_pkcs1(&modulus(256), &[1, 0, 1]).is_ok());
        let padded = [vec![0], modulus(256)].concat();
        assert!(TokenKey::rsa_pss(&padded, &[0, 1, 0, 1]).is_ok());
        for bytes in [0, 64, 128, 255, 1025] {
            let fault = TokenKey::rsa_pkcs1(&modulus(bytes.max(1))[..bytes], &[1, 0, 1]).err();
            assert_eq!(fault, Some(KeyFault::Size), "{bytes}");
        }
        for exponent in [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[1, 0, 0, 0, 0, 1]] {
            let fault = TokenKey::rsa_pss(&modulus(256), exponent).err();
            assert_eq!(fault, Some(KeyFault::NotAKey), "{exponent:?}");
        }
    }

    #[test]
    fn a_point_must_lie_on_the_curve() {
        for (x, y) in [
            ([0; 32], [0; 32]),
            ([1; 32], [1; 32]),
            ([255; 32], [255; 32]),
        ] {
            assert_eq!(TokenKey::p256(&x, &y).err(), Some(KeyFault::NotAKey));
        }
        assert_eq!(
            TokenKey::p256(&[1; 31], &[1; 33]).err(),
            Some(KeyFault::NotAKey)
        );
    }

    #[test]
    fn nothing_of_a_secret_is_shown() {
        let key = TokenKey::shared(&[65; 40]).unwrap();
        assert_eq!(format!("{key:?}"), "TokenKey(HS256, ..)");
    }
}
