//! ECDSA signatures on P-256 with SHA-256, as the `ES256` of RFC 7518 section 3.4 has them.
//!
//! Owns the signing side, which only peers need that stand in for somebody else, and the verifying of
//! signatures written as DER; what verifies those of a token is [`crate::jws::TokenKey`]. The one place where this crate does not decide every bit: the
//! library draws a fresh nonce for each signature, so no vector pins one.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
        EcdsaKeyPair, KeyPair, ParsedPublicKey,
    },
};
use zeroize::Zeroizing;

/// Length of a private key and of each half of a public one, in bytes.
pub const KEY_LENGTH: usize = 32;

/// What stands before and behind the private key in RFC 5915, which names the curve.
const BEFORE: [u8; 7] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
const BEHIND: [u8; 12] = [
    0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
];

/// What stands before the point of a public key on this curve (RFC 5480 section 2).
const SPKI: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// Why there is no key or no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignFault {
    /// The number is not between 1 and the order of the curve.
    #[error("not a private key of P-256")]
    NotAKey,
    /// The library could not sign.
    #[error("the cryptographic library could not sign")]
    NotSigned,
}

/// A key that signs.
pub struct SigningKey {
    pair: EcdsaKeyPair,
    der: EcdsaKeyPair,
    x: [u8; KEY_LENGTH],
    y: [u8; KEY_LENGTH],
}

impl SigningKey {
    /// The key whose private number is `number`, big-endian. Nearly every number is one.
    ///
    /// # Errors
    ///
    /// [`SignFault::NotAKey`].
    pub fn from_number(number: [u8; KEY_LENGTH]) -> Result<Self, SignFault> {
        let number = Zeroizing::new(number);
        let document = Zeroizing::new([&BEFORE[..], &*number, &BEHIND].concat());
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_FIXED_SIGNING, &document)
            .map_err(|_| SignFault::NotAKey)?;
        let der = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, &document)
            .map_err(|_| SignFault::NotAKey)?;
        // The form of an uncompressed point: 4, then both coordinates (SEC 1, section 2.3.3).
        let coordinates = pair.public_key().as_ref().strip_prefix(&[4]);
        let (x, y) = coordinates
            .and_then(|both| both.split_at_checked(KEY_LENGTH))
            .ok_or(SignFault::NotAKey)?;
        let half = |bytes: &[u8]| bytes.try_into().map_err(|_| SignFault::NotAKey);
        let (x, y) = (half(x)?, half(y)?);
        Ok(Self { pair, der, x, y })
    }

    /// The signature over `message`: both numbers, 32 bytes each.
    ///
    /// # Errors
    ///
    /// [`SignFault::NotSigned`].
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignFault> {
        let signature = self.pair.sign(&SystemRandom::new(), message);
        signature
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| SignFault::NotSigned)
    }

    /// The signature over `message` as DER (RFC 3279 section 2.2.3).
    ///
    /// # Errors
    ///
    /// [`SignFault::NotSigned`].
    pub fn sign_der(&self, message: &[u8]) -> Result<Vec<u8>, SignFault> {
        let signature = self.der.sign(&SystemRandom::new(), message);
        signature
            .map(|signature| signature.as_ref().to_vec())
            .map_err(|_| SignFault::NotSigned)
    }

    /// The half that verifies what [`Self::sign_der`] signed.
    ///
    /// # Errors
    ///
    /// [`SignFault::NotAKey`].
    pub fn verifying_key(&self) -> Result<VerifyingKey, SignFault> {
        VerifyingKey::from_spki(&[&SPKI[..], &[4], &self.x, &self.y].concat())
    }

    /// Both coordinates of the public key.
    #[must_use]
    pub const fn public(&self) -> (&[u8; KEY_LENGTH], &[u8; KEY_LENGTH]) {
        (&self.x, &self.y)
    }
}

/// A key that verifies signatures written as DER.
#[derive(Clone)]
pub struct VerifyingKey {
    parsed: ParsedPublicKey,
    spki: Box<[u8]>,
}

impl VerifyingKey {
    /// The key in a `SubjectPublicKeyInfo` (RFC 5480 section 2), as DER.
    ///
    /// # Errors
    ///
    /// [`SignFault::NotAKey`], also for a key on another curve.
    pub fn from_spki(der: &[u8]) -> Result<Self, SignFault> {
        let parsed = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, der);
        let point = der.strip_prefix(&SPKI);
        match (parsed, point) {
            (Ok(parsed), Some(_)) => Ok(Self {
                parsed,
                spki: der.into(),
            }),
            _ => Err(SignFault::NotAKey),
        }
    }

    /// The key as it was read.
    #[must_use]
    pub fn to_spki(&self) -> Vec<u8> {
        self.spki.to_vec()
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifyingKey(..)")
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::unbase64url;

    fn number(text: &str) -> [u8; KEY_LENGTH] {
        unbase64url(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn a_signature_as_der_is_verified_by_the_other_half_alone() {
        let key = SigningKey::from_number([3; 32]).unwrap();
        let signature = key.sign_der(b"message").unwrap();
        let public = key.verifying_key().unwrap();
        let read = VerifyingKey::from_spki(&public.to_spki()).unwrap();
        assert!(public.verify(b"message", &signature) && read.verify(b"message", &signature));
        assert!(!public.verify(b"massage", &signature));
        assert!(
            !public.verify(b"message", &key.sign(b"message").unwrap()),
            "not as DER"
        );
        let other = SigningKey::from_number([4; 32]).unwrap();
        assert!(
            !other
                .verifying_key()
                .unwrap()
                .verify(b"message", &signature)
        );
        assert!(VerifyingKey::from_spki(&public.to_spki()[..90]).is_err());
        assert!(
            VerifyingKey::from_spki(&public.to_spki()[26..]).is_err(),
            "a bare point"
        );
    }

    #[test]
    fn a_private_key_has_the_public_one_of_the_standard() {
        // RFC 7515, appendix A.3.1.
        let key = SigningKey::from_number(number("jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"));
        let x = number("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        let y = number("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        assert_eq!(key.unwrap().public(), (&x, &y));
    }

    #[test]
    fn numbers_beyond_the_curve_are_no_keys() {
        for number in [[0; KEY_LENGTH], [0xff; KEY_LENGTH]] {
            assert_eq!(
                SigningKey::from_number(number).err(),
                Some(SignFault::NotAKey)
            );
        }
    }

    #[test]
    fn what_is_signed_is_believed_under_its_own_key_alone() {
        use crate::{encode::base64url, jws};
        let token = |key: &SigningKey| {
            let head = base64url(br#"{"alg":"ES256"}"#);
            let text = format!("{head}.{}", base64url(b"{}"));
            format!("{text}.{}", base64url(&key.sign(text.as_bytes()).unwrap()))
        };
        let (one, other) = (
            SigningKey::from_number([1; KEY_LENGTH]).unwrap(),
            SigningKey::from_number([2; KEY_LENGTH]).unwrap(),
        );
        let (x, y) = one.public();
        let verifies = jws::TokenKey::p256(x, y).unwrap();
        for (key, believed) in [(&one, true), (&other, false)] {
            let token = token(key);
            let token = jws::Compact::parse(&token).unwrap();
            assert_eq!(token.check(&verifies).is_ok(), believed);
        }
    }
}
