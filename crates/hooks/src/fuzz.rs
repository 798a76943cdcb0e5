//! Bodies of the fuzz targets, callable from tests.
//!
//! Owns the reading of arbitrary bytes as a request. Each function must return, whatever it is
//! given, and nothing but what a published secret signs may come out as genuine.

use control::{Timestamp, rng::CountingRng};

use crate::{
    Delivery, Key, Scheme, SignatureRefusal, Signing, Source, form, handshake::MAX_VALUE, load,
    scheme::Integrity, sign, verify::verify_keys,
};

/// Takes `bytes` apart at line feeds into method, target and headers, with the body behind the
/// first empty line, and verifies it under every scheme. Never panics and never succeeds: no
/// fuzzer finds a signature under a secret it does not have.
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
        let Ok(secret) = scheme.mint_secret(&CountingRng::from_seed(11)) else {
            return;
        };
        let Ok(source) = Source::new("/hook", scheme, &[]).and_then(|s| s.with_secret(&secret))
        else {
            return;
        };
        if let Ok(Some(answer)) = source.greet(&delivery) {
            assert!(answer.body.len() <= 2 * MAX_VALUE, "more than a value");
        }
        let outcome = source.verify(&delivery);
        assert!(outcome.is_err(), "a forgery under {}", scheme.name);
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
    }
}

/// Signs what `bytes` say under a built-in scheme or, with a NUL in them, under the scheme file in
/// front of it; then changes one byte of the delivery. What was signed is genuine; what was changed
/// is not, or it is another writing of the very same signed text.
pub fn signed(bytes: &[u8]) {
    let Some(([which, place, at_low, at_high, by], rest)) = bytes.split_first_chunk::<5>() else {
        return;
    };
    let (own, rest) = match form::split_once(rest, 0) {
        Some((text, rest)) => (str::from_utf8(text).ok(), rest),
        None => (None, rest),
    };
    let own = own.and_then(|text| load::read("twilio", text).ok());
    let built_in = Scheme::built_in();
    let known = built_in.get(usize::from(*which) % built_in.len().max(1));
    let Some(scheme) = own.as_ref().or(known) else {
        return;
    };
    let (path, body) = form::split_once(rest, b'\n').unwrap_or((rest, b""));
    let path = String::from_utf8_lossy(path);
    let target = format!("/{path}");
    // A digest that is there already is sent as it is, right or wrong.
    if target.to_ascii_lowercase().contains("sha256") || target.contains(['#', ' ', '\r']) {
        return;
    }
    let Ok(secret) = scheme.mint_secret(&CountingRng::from_seed(7)) else {
        return;
    };
    let now = Timestamp::from_seconds(1_614_265_330);
    let signing = Signing {
        method: "POST",
        public_url: "https://a.example",
        target: &target,
        content_type: None,
        body,
        id: "msg_1",
        at: now,
    };
    let Ok(signed) = sign(scheme, &secret, &signing) else {
        return;
    };
    let mut target = signed.target.into_bytes();
    let mut headers: Vec<(Vec<u8>, Vec<u8>)> = signed
        .headers
        .into_iter()
        .map(|(name, value)| (name.into_bytes(), value.into_bytes()))
        .collect();
    let mut body = signed.body.unwrap_or_else(|| body.to_vec());
    let digest = |target: &[u8], headers: &[(Vec<u8>, Vec<u8>)], body: &[u8]| {
        let headers: Vec<(&[u8], &[u8])> = headers
            .iter()
            .map(|(name, value)| (name.as_slice(), value.as_slice()))
            .collect();
        let delivery = Delivery {
            method: "POST",
            public_url: "https://a.example",
            target,
            headers: &headers,
            body,
            now,
        };
        // A scheme file of the fuzzer's own has no life of its own, so its keys are decoded here.
        Key::minted(scheme, &secret)
            .map_err(|_| SignatureRefusal::NoSecret)
            .and_then(|key| verify_keys("", scheme, &[key], &delivery))
            .map(|proof| *proof.fact().digest())
    };
    let genuine = digest(&target, &headers, &body);
    if own.is_some() && genuine.is_err() {
        // Some schemes cannot be kept by a delivery without their query or media type.
        return;
    }
    let Ok(genuine) = genuine else {
        assert!(genuine.is_ok(), "signed, and not genuine: {genuine:?}");
        return;
    };

    let at = usize::from(u16::from_le_bytes([*at_low, *at_high]));
    let signature = place % 4 == 2;
    let changed = match place % 4 {
        0 => &mut body,
        1 => &mut target,
        _ => match headers.last_mut() {
            Some((_, value)) if signature => value,
            _ => return,
        },
    };
    let length = changed.len().max(1);
    let Some(byte) = changed.get_mut(at % length).filter(|_| *by != 0) else {
        return;
    };
    *byte ^= by;
    if let Ok(other) = digest(&target, &headers, &body) {
        let covered = place % 4 == 0 && scheme.integrity == Integrity::Body;
        assert!(!covered, "another body, and genuine");
        let everything = scheme.dedupe.by.is_empty() && scheme.integrity != Integrity::None;
        let unsigned_target = place % 4 == 1;
        assert!(
            other == genuine || !everything || unsigned_target,
            "another delivery, and genuine"
        );
    }
}
