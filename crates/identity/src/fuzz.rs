//! Bodies for fuzzers and property tests: each takes any bytes and panics where a rule is broken.

use std::sync::Arc;

use control::Timestamp;
use serde_json::{Value, value::RawValue};

use crate::{
    NewKey, Scope,
    account::AccountName,
    api_key, form,
    oidc::{metadata::Metadata, settings::may_be_asked},
    password::{About, Hashed, Password, strength},
    rows::{Collection, Counts, LABEL, Narrow, Pointer},
    token::{Claims, Issuer, Rules, Tenancy},
};

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

/// Of any answer, what passes is JSON without a row of anybody else, without a hidden field, and where it
/// is counts without a small group or a sentence.
pub fn rows(bytes: &[u8]) {
    let texts = |all: &[&str]| {
        all.iter()
            .map(|&text| text.into())
            .collect::<Vec<Box<str>>>()
    };
    let collection = Arc::new(Collection {
        name: "checks".into(),
        at: Pointer::read("/rows").unwrap_or_default(),
        beside: texts(&["total"]),
        issuer: None,
        counts: Some(Counts {
            at: Pointer::default(),
            show: texts(&["week", "count"]),
            count: "count".into(),
            least: 5,
        }),
        views: Vec::new(),
    });
    let own = Narrow::of_rows(
        Arc::clone(&collection),
        texts(&["mentor"]),
        Some("me".into()),
        texts(&["phone"]),
    );
    let own = own.cut(bytes);
    assert!(own.as_ref().map_or(0, Vec::len) <= bytes.len());
    if let Some(cut) = own.ok().and_then(|cut| json(&cut)) {
        assert!(!has_field(&cut, "phone"));
        let rows = cut.get("rows").unwrap_or(&cut);
        let listed = rows
            .as_array()
            .map_or(std::slice::from_ref(rows), Vec::as_slice);
        for row in listed.iter().filter(|row| !row.is_null()) {
            assert!(row["mentor"] == "me", "a row of somebody else");
        }
    }
    let counts = Narrow::of_counts(collection).cut(bytes);
    if let Some(cut) = counts.ok().and_then(|cut| json(&cut)) {
        let listed = cut
            .as_array()
            .map_or(std::slice::from_ref(&cut), Vec::as_slice);
        for group in listed.iter().filter(|group| !group.is_null()) {
            assert!(group["count"].as_u64().is_some_and(|count| count >= 5));
            for (name, value) in group.as_object().into_iter().flatten() {
                assert!(["week", "count"].contains(&name.as_str()));
                assert!(!value.is_object() && !value.is_array());
                let text = value.as_str().unwrap_or_default();
                assert!(text.chars().count() <= LABEL);
            }
        }
    }
}

/// What a cut answer says. It is JSON; nothing is known of one with a number that no float holds, which is
/// JSON all the same (RFC 8259 section 6).
fn json(cut: &[u8]) -> Option<Value> {
    assert!(serde_json::from_slice::<&RawValue>(cut).is_ok(), "not JSON");
    serde_json::from_slice(cut).ok()
}

fn has_field(value: &Value, name: &str) -> bool {
    match value {
        Value::Object(fields) => fields
            .iter()
            .any(|(known, value)| known.eq_ignore_ascii_case(name) || has_field(value, name)),
        Value::Array(items) => items.iter().any(|item| has_field(item, name)),
        _ => false,
    }
}

/// Pairs that read are named once each and few, and what is written of them reads as the same.
pub fn form(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Some(pairs) = form::read(text) else {
        return;
    };
    assert!(pairs.len() <= 32);
    let borrowed: Vec<(&str, &str)> = pairs
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    for (name, value) in &borrowed {
        assert_eq!(form::value(&pairs, name), Some(*value));
    }
    let written = form::write(&borrowed);
    assert!(written.bytes().all(|byte| byte.is_ascii_graphic()));
    assert_eq!(form::read(&written), Some(pairs));
}

/// Whatever claims say, what reads of them has bounds, and an issuer believes no token on their word.
pub fn claims(bytes: &[u8]) {
    let Some(claims) = Claims::read(bytes) else {
        return;
    };
    for name in ["roles", "groups", "realm_access.roles"] {
        assert!(claims.texts(name).count() <= 201);
    }
    assert_eq!(format!("{claims:?}"), "Claims(..)");
    // The same claims, signed by nobody.
    let rules = Rules {
        issuer: "https://id.test".into(),
        audience: vec!["app".into()],
        required: Vec::new(),
        skew: std::time::Duration::from_secs(60),
        longest: std::time::Duration::from_secs(3600),
        role_claim: None,
        roles: Vec::new(),
        tenant: Tenancy::Fixed("default".into()),
        once: false,
    };
    let issuer = Issuer::new(rules, vec![seal::jws::Algorithm::EdDsa], Vec::new());
    let token = format!("eyJhbGciOiJub25lIn0.{}.", seal::encode::base64url(bytes));
    assert!(
        issuer
            .verify(&token, Timestamp::from_seconds(1_800_000_000))
            .is_err()
    );
}

/// A provider's document that reads is its issuer's, and leads nowhere but where it may be asked.
pub fn provider_metadata(bytes: &[u8]) {
    let Ok(metadata) = Metadata::read(bytes, "https://id.test") else {
        return;
    };
    let location = metadata.authorization_with("a=b");
    let target = connect::Target::parse(&location);
    assert!(target.is_ok_and(|target| may_be_asked(&target)));
}

/// A name that reads, reads as itself; a password is judged and a stored hash read whatever it is.
pub fn account(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Some(name) = AccountName::read(text) {
        assert_eq!(AccountName::read(name.as_str()), Some(name));
    }
    if let Ok(stored) = Hashed::stored(text) {
        assert_eq!(stored.as_str(), text);
    }
    let (known, password) = text.split_once('\n').unwrap_or(("", text));
    if let Ok(password) = Password::read(password) {
        let judged = strength::judge(
            password,
            About {
                texts: &[known],
                ..About::default()
            },
            strength::SHORTEST,
        );
        assert!(judged.is_ok() || judged.is_err_and(|weak| !weak.is_empty()));
    }
}

/// Whatever reads as a wish for a key asks for no more than its text can.
pub fn key_wish(bytes: &[u8]) {
    if let Some(wish) = NewKey::read(bytes) {
        assert!(!wish.all && wish.tenant.is_none());
        let text = String::from_utf8_lossy(bytes);
        assert!(wish.lifetime.is_none() || text.contains("expires"));
    }
}
