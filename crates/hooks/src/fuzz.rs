//! Bodies of the fuzz targets, callable from tests.
//!
//! Owns the reading of arbitrary bytes as a request. Each function must return, whatever it is
//! given, and nothing but what a published secret signs may come out as genuine.

use control::{Secret, Timestamp};

use crate::{Delivery, Scheme, SignatureRefusal, form, load, verify};

/// Takes `bytes` apart at line feeds into method, target and headers, with the body behind the
/// first empty line, and verifies it under every scheme. Never panics and never succeeds: no
/// fuzzer finds an HMAC under a secret it does not have.
pub fn verify_anything(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let method = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let target = lines.next().unwrap_or_default();
    let mut headers: Vec<(&[u8], &[u8])> = Vec::new();
    for line in lines.by_ref().take_while(|line| !line.is_empty()) {
        headers.push(form::split_once(line, b':').unwrap_or((line, b"")));
    }
    let body = lines.collect::<Vec<_>>().join(&b'\n');
    for scheme in Scheme::built_in() {
        let delivery = Delivery {
            method: &method,
            public_url: "https://a.example",
            target,
            headers: &headers,
            body: &body,
            now: Timestamp::from_seconds(1_614_265_330),
        };
        let secret = Secret::new(b"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA".to_vec());
        let outcome = verify(scheme, &[secret], &delivery);
        assert!(outcome.is_err(), "a forgery");
        assert!(!matches!(outcome, Err(SignatureRefusal::NoSecret)));
    }
}

/// Reads `bytes` as a scheme file. What reads keeps the rules of the lint that can be said here.
pub fn load_anything(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(scheme) = load::read("twilio", text) {
        assert_eq!(scheme.name, "twilio");
        assert!(!scheme.way.is_empty() && !scheme.variant.is_empty());
        assert!(scheme.variant.iter().all(|it| !it.message.is_empty()));
    }
}
