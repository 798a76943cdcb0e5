//! ECDSA signatures on P-256 with SHA-256, as the `ES256` of RFC 7518 section 3.4 has them.
//!
//! Owns the signing side alone, which only peers need that stand in for a login provider: what
//! verifies is [`crate::jws::TokenKey`]. The one place where this crate does not decide every bit: the
//! library draws a fresh nonce for each signature, so no vector pins one.

use std::fmt;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use zeroize::Zeroizing;

/// Length of a private key and of each half of a public one, in bytes.
pub const KEY_LENGTH: usize = 32;

/// What stands before and behind the private key in RFC 5915, which names the curve.
const BEFORE: [u8; 7] = [0x30, 0x31, 0x02, 0x01, 0x01, 0x04, 0x20];
const BEHIND: [u8; 12] = [
    0xa0, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
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
        // The form of an uncompressed point: 4, then both coordinates (SEC 1, section 2.3.3).
        let coordinates = pair.public_key().as_ref().strip_prefix(&[4]);
        let (x, y) = coordinates
            .and_then(|both| both.split_at_checked(KEY_LENGTH))
            .ok_or(SignFault::NotAKey)?;
        let half = |bytes: &[u8]| bytes.try_into().map_err(|_| SignFault::NotAKey);
        let (x, y) = (half(x)?, half(y)?);
        Ok(Self { pair, x, y })
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

    /// Both coordinates of the public key.
    #[must_use]
    pub const fn public(&self) -> (&[u8; KEY_LENGTH], &[u8; KEY_LENGTH]) {
        (&self.x, &self.y)
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
