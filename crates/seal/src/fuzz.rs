//! Bodies for fuzzers and property tests: each takes any bytes and panics where a rule is broken.

use crate::{
    encode::base64url,
    jws::{Algorithm, Compact, TokenKey, jwk, read_set},
};

/// The public key of RFC 8032 section 7.1, test 2.
const SOMEBODYS: [u8; 32] = [
    0x3d, 0x40, 0x17, 0xc3, 0xe8, 0x43, 0x89, 0x5a, 0x92, 0xb7, 0x0a, 0xa7, 0x4d, 0x1b, 0x7e, 0xbc,
    0x9c, 0x98, 0x2c, 0xcf, 0x2e, 0xc4, 0x96, 0x8c, 0xc0, 0xcd, 0x55, 0xf1, 0x2a, 0xf4, 0x66, 0x0c,
];

/// A token that nobody signed verifies under no key of ours, and one that reads has one form: its
/// parts encode to themselves.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(token) = Compact::parse(text) else {
        return;
    };
    let mut parts = text.split('.').skip(1);
    assert_eq!(parts.next(), Some(base64url(token.unverified()).as_str()));
    assert_eq!(parts.count(), 1, "three parts");
    for key in [
        TokenKey::shared(b"a secret of thirty-two bytes, so"),
        TokenKey::ed25519(&SOMEBODYS),
    ] {
        assert!(key.is_ok_and(|key| token.check(&key).is_err()), "believed");
    }
}

/// A key set that reads is within its bounds, and gives keys of accepted algorithms alone.
pub fn key_set(bytes: &[u8]) {
    let Some((first, text)) = bytes.split_first() else {
        return;
    };
    let accepted: Vec<Algorithm> = (0..)
        .zip(Algorithm::ALL)
        .filter(|(bit, _)| first >> bit & 1 == 1)
        .map(|(_, algorithm)| algorithm)
        .collect();
    let Ok(keys) = read_set(text, &accepted) else {
        return;
    };
    assert!(keys.len() <= jwk::KEYS_LIMIT * accepted.len());
    for key in keys {
        assert!(accepted.contains(&key.key.algorithm()));
        assert!(
            key.key.algorithm() != Algorithm::Hs256,
            "a published secret"
        );
    }
}
