//! Ed25519 signatures (RFC 8032).

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use zeroize::Zeroize;

/// Length of a seed and of a verifying key in bytes.
pub const KEY_LENGTH: usize = 32;

/// Length of a signature in bytes.
pub const SIGNATURE_LENGTH: usize = 64;

/// Bytes that are not a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// A verifying key of another length, or not a point of the curve.
    #[error("not an Ed25519 verifying key: 32 bytes that name a point of the curve are needed")]
    NotAVerifyingKey,
    /// The library could not set the key up.
    #[error("the cryptographic library could not set up the signing key")]
    NotASeed,
}

/// A key that signs. Wiped when dropped; not `Clone`, share it behind an `Arc`.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    verifying: [u8; KEY_LENGTH],
}

impl SigningKey {
    /// The key grown from `seed`, which RFC 8032 calls the private key. Any 32 bytes are one.
    pub fn from_seed(mut seed: [u8; KEY_LENGTH]) -> Result<Self, KeyFault> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed);
        seed.zeroize();
        let pair = pair.map_err(|_| KeyFault::NotASeed)?;
        let verifying = <[u8; KEY_LENGTH]>::try_from(pair.public_key().as_ref())
            .map_err(|_| KeyFault::NotASeed)?;
        Ok(Self { pair, verifying })
    }

    /// The signature over `message`; the same message always gives the same signature.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_LENGTH] {
        let signature = self.pair.sign(message);
        let mut out = [0; SIGNATURE_LENGTH];
        for (to, from) in out.iter_mut().zip(signature.as_ref()) {
            *to = *from;
        }
        out
    }

    /// The key that verifies what this one signs.
    pub fn verifying_key(&self) -> Result<VerifyingKey, KeyFault> {
        VerifyingKey::from_bytes(&self.verifying)
    }

    /// The bytes of [`SigningKey::verifying_key`].
    #[must_use]
    pub const fn verifying_bytes(&self) -> [u8; KEY_LENGTH] {
        self.verifying
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(..)")
    }
}

/// A public key, decoded once for use on many signatures.
#[derive(Clone)]
pub struct VerifyingKey {
    bytes: [u8; KEY_LENGTH],
    parsed: ParsedPublicKey,
}

impl VerifyingKey {
    /// Reads a key of 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyFault> {
        let fixed = <[u8; KEY_LENGTH]>::try_from(bytes).map_err(|_| KeyFault::NotAVerifyingKey)?;
        let parsed =
            ParsedPublicKey::new(&ED25519, bytes).map_err(|_| KeyFault::NotAVerifyingKey)?;
        Ok(Self {
            bytes: fixed,
            parsed,
        })
    }

    /// Whether `signature` is this key's over `message`. Any other length is simply false.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.parsed.verify_sig(message, signature).is_ok()
    }

    /// The key as the library has it.
    pub(crate) const fn parsed(&self) -> &ParsedPublicKey {
        &self.parsed
    }

    /// The key's 32 bytes.
    #[must_use]
    pub const fn to_bytes(&self) -> [u8; KEY_LENGTH] {
        self.bytes
    }
}

impl PartialEq for VerifyingKey {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for VerifyingKey {}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", crate::encode::hex(&self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::{hex, unhex};

    fn seed(text: &str) -> [u8; 32] {
        unhex(text).unwrap().try_into().unwrap()
    }

    /// RFC 8032 section 7.1, tests 1, 2, 3 and `SHA(abc)`: seed, public key, message, signature.
    const VECTORS: [[&str; 4]; 4] = [
        [
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555\
             fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ],
        [
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da0\
             85ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ],
        [
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac1\
             8ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ],
        [
            "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
            "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2\
             192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b5890\
             9351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
        ],
    ];

    #[test]
    fn the_rfc_8032_vectors_sign_and_verify() {
        for [secret, public, message, signature] in VECTORS {
            let key = SigningKey::from_seed(seed(secret)).unwrap();
            let message = unhex(message).unwrap();
            assert_eq!(hex(&key.verifying_bytes()), public);
            assert_eq!(hex(&key.sign(&message)), signature);
            let verifying = VerifyingKey::from_bytes(&unhex(public).unwrap()).unwrap();
            assert_eq!(verifying, key.verifying_key().unwrap());
            assert!(verifying.verify(&message, &unhex(signature).unwrap()));
        }
    }

    #[test]
    fn an_altered_message_signature_or_key_does_not_verify() {
        let key = SigningKey::from_seed([7; 32]).unwrap();
        let verifying = key.verifying_key().unwrap();
        let signature = key.sign(b"message");
        assert!(verifying.verify(b"message", &signature));
        assert!(!verifying.verify(b"massage", &signature));
        for at in 0..signature.len() {
            let mut altered = signature;
            altered[at] ^= 1;
            assert!(!verifying.verify(b"message", &altered), "byte {at}");
        }
        assert!(!verifying.verify(b"message", &signature[..63]));
        assert!(!verifying.verify(b"message", b""));
        let other = SigningKey::from_seed([8; 32]).unwrap();
        assert!(
            !other
                .verifying_key()
                .unwrap()
                .verify(b"message", &signature)
        );
    }

    /// RFC 8032 section 5.1.7: the scalar half must be below the group order. Adding the order to
    /// it gives a second signature over the same message unless that is checked.
    #[test]
    fn a_malleated_signature_does_not_verify() {
        let key = SigningKey::from_seed([7; 32]).unwrap();
        let mut signature = key.sign(b"message");
        let order = unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
        let mut carry = 0_u16;
        for (to, add) in signature[32..].iter_mut().zip(order.unwrap()) {
            let sum = u16::from(*to) + u16::from(add) + carry;
            *to = u8::try_from(sum & 0xff).unwrap();
            carry = sum >> 8;
        }
        assert!(!key.verifying_key().unwrap().verify(b"message", &signature));
    }

    #[test]
    fn bytes_that_are_no_key_are_refused() {
        assert_eq!(
            VerifyingKey::from_bytes(&[1; 31]).unwrap_err(),
            KeyFault::NotAVerifyingKey
        );
        assert_eq!(
            VerifyingKey::from_bytes(&[1; 33]).unwrap_err(),
            KeyFault::NotAVerifyingKey
        );
    }

    #[test]
    fn debug_of_a_signing_key_shows_nothing() {
        let key = SigningKey::from_seed([7; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "SigningKey(..)");
    }
}
