//! HMAC (RFC 2104) with SHA-1, SHA-256 or SHA-512.
//!
//! SHA-1 is here for webhook providers that sign with nothing else; as a MAC it is not broken, but
//! nothing of our own uses it.

use std::fmt;

use aws_lc_rs::hmac::{
    self as aws, Context, HMAC_SHA1_FOR_LEGACY_USE_ONLY, HMAC_SHA256, HMAC_SHA512,
};

use crate::equal;

/// Which hash stands inside the HMAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// HMAC-SHA-1, 20-byte tags.
    Sha1,
    /// HMAC-SHA-256, 32-byte tags.
    Sha256,
    /// HMAC-SHA-512, 64-byte tags.
    Sha512,
}

impl Algorithm {
    /// Length of a tag in bytes.
    #[must_use]
    pub const fn tag_length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    fn aws(self) -> aws::Algorithm {
        match self {
            Self::Sha1 => HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::Sha256 => HMAC_SHA256,
            Self::Sha512 => HMAC_SHA512,
        }
    }
}

/// A key made ready once, for use on many messages. Wiped when dropped.
#[derive(Clone)]
pub struct Key(aws::Key);

impl Key {
    /// Takes `key`, of any length.
    #[must_use]
    pub fn new(algorithm: Algorithm, key: &[u8]) -> Self {
        Self(aws::Key::new(algorithm.aws(), key))
    }

    /// The tag of the message whose pieces are `parts`, in order, with nothing between them.
    ///
    /// Concatenation is not injective: a caller whose pieces have no fixed length or separator
    /// must add one.
    #[must_use]
    pub fn sign(&self, parts: &[&[u8]]) -> Tag {
        let mut context = Context::with_key(&self.0);
        for part in parts {
            context.update(part);
        }
        Tag(context.sign())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hmac::Key(..)")
    }
}

/// A message's tag. It has no `==`: compare with [`Tag::matches`], in constant time.
#[derive(Clone, Copy)]
pub struct Tag(aws::Tag);

impl Tag {
    /// The tag's bytes; its length is the algorithm's.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    /// Whether `claimed` is this tag, whole; a truncated tag never matches.
    #[must_use]
    pub fn matches(&self, claimed: &[u8]) -> bool {
        equal(self.as_bytes(), claimed)
    }
}

impl AsRef<[u8]> for Tag {
    fn as_ref(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl fmt::Debug for Tag {
    /// Says nothing: the right tag of a message is as good as the key for that message.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("hmac::Tag(..)")
    }
}

/// The tag under `key` of the message whose pieces are `parts`; see [`Key::sign`].
#[must_use]
pub fn sign(algorithm: Algorithm, key: &[u8], parts: &[&[u8]]) -> Tag {
    Key::new(algorithm, key).sign(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::hex;

    /// RFC 4231 section 4, test cases 1 to 4, 6 and 7 (case 5 is a truncated tag).
    #[test]
    fn the_rfc_4231_vectors_hold() {
        let counting: Vec<u8> = (1..=25).collect();
        let cases: [(&[u8], &[u8], &str, &str); 6] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
                "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
                 daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554\
                 9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
                "fa73b0089d56a284efb0f0756c890be9b1b5dbdd8ee81a3655f83e33b2279d39\
                 bf3e848279a722c806b485a47e67c807b946a337bee8942674278859e13292fb",
            ),
            (
                &counting,
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
                "b0ba465637458c6990e5a8c5f61d4af7e576d97ff94b872de76f8050361ee3db\
                 a91ca5c11aa25eb4d679275cc5788063a5f19741120c4f2de2adebeb10a298dd",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
                "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352\
                 6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than \
                  block-size data. The key needs to be hashed before being used by the HMAC \
                  algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
                "e37b6a775dc87dbaa4dfa9f96e5e3ffddebd71f8867289865df5a32d20cdc944\
                 b6022cac3c4982b10d5eeb55c3e4de15134676fb6de0446065c97440fa8c6a58",
            ),
        ];
        for (key, message, sha256, sha512) in cases {
            let tag = sign(Algorithm::Sha256, key, &[message]);
            assert_eq!(hex(tag.as_bytes()), sha256);
            let tag = sign(Algorithm::Sha512, key, &[message]);
            assert_eq!(hex(tag.as_bytes()), sha512);
        }
    }

    /// RFC 2202 section 3, test cases 1, 2 and 6.
    #[test]
    fn the_rfc_2202_vectors_hold() {
        let cases: [(&[u8], &[u8], &str); 3] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b617318655057264e28bc0b6fb378c8ef146be00",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
            ),
            (
                &[0xaa; 80],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "aa4ae5e15272d00e95705637ce8a3b55ed402112",
            ),
        ];
        for (key, message, digest) in cases {
            let tag = sign(Algorithm::Sha1, key, &[message]);
            assert_eq!(hex(tag.as_bytes()), digest);
        }
    }

    #[test]
    fn parts_sign_like_their_concatenation() {
        let whole = sign(Algorithm::Sha256, b"key", &[b"one.two.three"]);
        let parts = sign(
            Algorithm::Sha256,
            b"key",
            &[b"one", b".", b"two", b"", b".three"],
        );
        assert!(whole.matches(parts.as_bytes()));
    }

    #[test]
    fn a_tag_matches_itself_and_nothing_shorter_or_other() {
        for algorithm in [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512] {
            let tag = sign(algorithm, b"key", &[b"message"]);
            let mut bytes = tag.as_bytes().to_vec();
            assert_eq!(bytes.len(), algorithm.tag_length());
            assert!(tag.matches(&bytes));
            assert!(!tag.matches(&bytes[..bytes.len() - 1]));
            assert!(!tag.matches(b""));
            bytes[0] ^= 1;
            assert!(!tag.matches(&bytes));
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let key = Key::new(Algorithm::Sha256, b"key");
        let tag = key.sign(&[b"message"]);
        assert_eq!(format!("{key:?} {tag:?}"), "hmac::Key(..) hmac::Tag(..)");
    }
}
