//! Bodies for fuzzers and property tests: each takes any bytes and panics where a rule is broken.

use crate::{Scope, api_key};

/// Whatever parses as a key prints as the same bytes, and no byte of it is outside the format.
pub fn key(bytes: &[u8]) {
    if let Ok(presented) = api_key::parse(bytes) {
        assert_eq!(bytes.len(), api_key::LENGTH);
        assert!(bytes.starts_with(b"vsk_"));
        assert!(bytes.get(4..16) == Some(presented.id().as_str().as_bytes()));
    }
}

/// Whatever parses as a scope prints as a text that parses to the same scope.
pub fn scope(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(scope) = text.parse::<Scope>() {
        let printed = scope.to_string();
        assert_eq!(printed.parse::<Scope>().as_ref(), Ok(&scope));
    }
}
