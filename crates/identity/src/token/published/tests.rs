use seal::{
    ed25519::SigningKey,
    encode::base64url,
    jws::{Algorithm, sign_eddsa},
};
use serde_json::json;

use super::*;
use crate::{
    LiveKeys,
    token::{Believed, Issuers, KeyTokens, LiveRevocations, Rules, Tenancy, TokenRefusal},
};

const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_800_000_000 + seconds)
}

fn issuer() -> Issuer {
    let rules = Rules {
        issuer: "https://login.test".into(),
        audience: vec!["helpline".into()],
        required: Vec::new(),
        skew: Duration::from_secs(60),
        longest: Duration::from_secs(8 * 3600),
        role_claim: None,
        roles: Vec::new(),
        tenant: Tenancy::Fixed("default".into()),
        once: false,
    };
    let place = Published::read("https://login.test/jwks.json").unwrap();
    Issuer::publishing(rules, vec![Algorithm::EdDsa], place)
}

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

/// A published set of these keys, each called by its seed.
fn set(seeds: &[u8]) -> String {
    let key = |seed: &u8| {
        let public = signer(*seed).verifying_key().unwrap();
        json!({"kty": "OKP", "crv": "Ed25519", "kid": seed.to_string(), "x": base64url(&public.to_bytes())})
    };
    json!({"keys": seeds.iter().map(key).collect::<Vec<_>>()}).to_string()
}

fn token(seed: u8) -> String {
    let claims = json!({
        "iss": "https://login.test", "sub": "u-1", "aud": "helpline",
        "iat": at(0).seconds(), "exp": at(7 * 3600).seconds(),
    });
    sign_eddsa(&signer(seed), &seed.to_string(), &claims.to_string())
}

fn judged(issuer: &Issuer, seed: u8, now: Timestamp) -> Result<(), TokenRefusal> {
    issuer.verify(&token(seed), now).map(drop)
}

/// The issuer answers with `body`, if it is asked at all.
fn answers(issuer: &Issuer, body: &str, now: Timestamp) -> Option<Result<(), ProviderFault>> {
    let published = issuer.published.as_ref().unwrap();
    issuer.is_due(now).then(|| {
        let _asking = Asking::begin(published, now).unwrap();
        issuer.take_in(published, body.as_bytes(), now)
    })
}

#[test]
fn until_the_first_answer_nobody_knows_and_from_then_on_a_token_counts() {
    let issuer = issuer();
    assert_eq!(judged(&issuer, 1, at(0)), Err(TokenRefusal::Away));
    assert_eq!(answers(&issuer, &set(&[1]), at(0)), Some(Ok(())));
    assert_eq!(judged(&issuer, 1, at(1)), Ok(()));
    assert!(!issuer.is_due(at(3599)) && issuer.is_due(at(3600)));
}

#[test]
fn a_new_key_is_asked_for_and_a_made_up_one_twice_a_minute_at_most() {
    let issuer = issuer();
    answers(&issuer, &set(&[1]), at(0)).unwrap().unwrap();
    // Asked just now: what is not there is not the issuer's.
    assert_eq!(judged(&issuer, 2, at(29)), Err(TokenRefusal::Key));
    assert!(!issuer.is_due(at(29)));
    assert_eq!(judged(&issuer, 2, at(30)), Err(TokenRefusal::Away));
    assert_eq!(answers(&issuer, &set(&[1, 2]), at(30)), Some(Ok(())));
    assert_eq!(judged(&issuer, 2, at(31)), Ok(()));
    assert_eq!(judged(&issuer, 3, at(31)), Err(TokenRefusal::Key));
    assert_eq!(answers(&issuer, &set(&[1]), at(31)), None);
}

#[test]
fn a_token_that_was_believed_ends_with_its_key() {
    let others = [issuer()];
    let (tokens, keys) = (KeyTokens::derived(&[7; 32]).unwrap(), LiveKeys::default());
    let mut believed = Believed::default();
    let mut ask = |now| {
        let issuers = Issuers {
            tokens: &tokens,
            terms: None,
            others: &others,
            revoked: &LiveRevocations::default(),
            sessions: None,
        };
        let asked = believed.authenticate(issuers, &keys, token(1).as_bytes(), now);
        asked.map(drop)
    };
    answers(&others[0], &set(&[1]), at(0)).unwrap().unwrap();
    assert_eq!(ask(at(1)), Ok(()));
    answers(&others[0], &set(&[2]), at(3600)).unwrap().unwrap();
    assert_eq!(ask(at(3601)), Err(TokenRefusal::Key));
}

#[test]
fn a_bad_answer_changes_nothing_and_is_not_asked_for_again_at_once() {
    let issuer = issuer();
    for body in ["", "[]", "{\"keys\":[]}"] {
        let now = at(0);
        issuer
            .published
            .as_ref()
            .unwrap()
            .asked
            .store(NEVER, Ordering::Relaxed);
        assert_eq!(
            answers(&issuer, body, now),
            Some(Err(ProviderFault::Keys)),
            "{body}"
        );
    }
    assert!(!issuer.is_due(at(4)) && issuer.is_due(at(5)));
    answers(&issuer, &set(&[1]), at(5)).unwrap().unwrap();
    assert_eq!(
        answers(&issuer, "{}", at(4000)),
        Some(Err(ProviderFault::Keys))
    );
    assert_eq!(judged(&issuer, 1, at(4001)), Ok(()));
    assert!(!issuer.is_due(at(4029)) && issuer.is_due(at(4030)));
}

#[test]
fn one_asks_at_a_time_and_an_asking_that_is_dropped_ends() {
    let issuer = issuer();
    let published = issuer.published.as_ref().unwrap();
    let first = Asking::begin(published, at(0)).unwrap();
    assert!(Asking::begin(published, at(1)).is_none());
    drop(first);
    assert!(Asking::begin(published, at(2)).is_some());
}

#[test]
fn a_reload_keeps_what_the_same_issuer_had_published() {
    let (before, after) = (issuer(), issuer());
    answers(&before, &set(&[1]), at(0)).unwrap().unwrap();
    after.adopt(&before);
    assert_eq!(judged(&after, 1, at(1)), Ok(()));
    assert!(!after.is_due(at(1)));
    let elsewhere = Published::read("https://login.test/other.json").unwrap();
    let other = Issuer::publishing(before.rules.clone(), before.algorithms.clone(), elsewhere);
    other.adopt(&before);
    assert_eq!(judged(&other, 1, at(1)), Err(TokenRefusal::Away));
}

#[test]
fn keys_are_asked_for_over_https_alone_but_on_this_machine() {
    for good in ["https://login.test/keys?v=1", "http://127.0.0.1:8080/keys"] {
        assert!(Published::read(good).is_ok(), "{good}");
    }
    for bad in [
        "http://login.test/keys",
        "ftp://login.test/",
        "login.test/keys",
        "https://a/#b",
        "",
    ] {
        assert!(Published::read(bad).is_err(), "{bad}");
    }
}
