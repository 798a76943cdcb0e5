//! SHA-256 (FIPS 180-4).

use std::fmt;

use aws_lc_rs::digest::{self, Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

/// Length of a SHA-256 digest in bytes.
pub const SHA256_LENGTH: usize = 32;

/// The SHA-256 digest of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; SHA256_LENGTH] {
    fixed(digest::digest(&SHA256, bytes).as_ref())
}

/// The SHA-1 digest of `pieces` behind each other, for the one protocol that takes it as a checksum
/// (WebSocket, RFC 6455): it proves nothing against anybody who looks for a collision.
#[must_use]
pub fn sha1_without_security(pieces: &[&[u8]]) -> [u8; 20] {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    for piece in pieces {
        context.update(piece);
    }
    fixed(context.finish().as_ref())
}

/// A SHA-256 digest computed over pieces, for bodies that stream by.
#[derive(Clone)]
pub struct Sha256(Context);

impl Sha256 {
    /// A digest over nothing so far.
    #[must_use]
    pub fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds `bytes` behind everything added before.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The digest of everything added.
    #[must_use]
    pub fn finish(self) -> [u8; SHA256_LENGTH] {
        fixed(self.0.finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256(..)")
    }
}

/// The bytes of a digest whose algorithm fixes its length at `N`.
fn fixed<const N: usize>(bytes: &[u8]) -> [u8; N] {
    debug_assert_eq!(bytes.len(), N);
    let mut out = [0; N];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::hex;

    /// FIPS 180-4 examples as published by NIST ("SHA256.pdf", one-block and two-block message)
    /// and the empty message of the CAVP SHA256ShortMsg file.
    #[test]
    fn the_nist_vectors_hold() {
        for (message, digest) in [
            (
                &b""[..],
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            ),
            (
                b"abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                b"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
            ),
        ] {
            assert_eq!(hex(&sha256(message)), digest);
        }
    }

    /// The million-`a` message of FIPS 180-2 appendix B.3, fed in pieces of uneven size.
    #[test]
    fn pieces_digest_like_the_whole() {
        let mut digest = Sha256::new();
        let mut left = 1_000_000_usize;
        let mut piece = 1;
        while left > 0 {
            let take = left.min(piece % 977 + 1);
            digest.update(&vec![b'a'; take]);
            left -= take;
            piece = (piece * 31 + 7) & 0xffff;
        }
        assert_eq!(
            hex(&digest.finish()),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
        );
    }
}
