use std::time::Duration;

use control::Timestamp;
use seal::{
    ed25519::SigningKey,
    encode::base64url,
    hmac,
    jws::{self, Algorithm, Jwk, TokenKey},
};
use serde_json::{Value, json};

use super::{Bearer, Issuer, TokenRefusal};
use crate::token::{Rules, Tenancy};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const SECRET: [u8; 32] = [5; 32];

fn rules() -> Rules {
    Rules {
        issuer: "https://login.test".into(),
        audience: vec!["helpline".into()],
        required: Vec::new(),
        skew: Duration::from_secs(60),
        longest: Duration::from_secs(3600),
        role_claim: Some("groups".into()),
        roles: vec![
            ("g-workers".into(), "case-worker".into()),
            ("g-leads".into(), "supervisor".into()),
            ("g-heads".into(), "supervisor".into()),
        ],
        tenant: Tenancy::Fixed("default".into()),
        once: false,
    }
}

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_seed([seed; 32]).unwrap()
}

fn jwk(id: Option<&str>, seed: u8) -> Jwk {
    Jwk {
        id: id.map(str::to_owned),
        key: TokenKey::from(&signer(seed).verifying_key().unwrap()),
    }
}

fn issuer(rules: Rules) -> Issuer {
    Issuer::new(rules, vec![Algorithm::EdDsa], vec![jwk(Some("a"), 1)])
}

/// Claims that are good at [`NOW`], with some of them replaced or, by null, left out.
fn claims(changes: Value) -> String {
    let mut claims = json!({
        "iss": "https://login.test", "sub": "u-1", "aud": "helpline",
        "iat": NOW.seconds() - 10, "exp": NOW.seconds() + 600, "groups": ["g-workers"],
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims
                .as_object_mut()
                .unwrap()
                .insert(name.clone(), value.clone()),
        };
    }
    claims.to_string()
}

fn judged(rules: Rules, changes: Value) -> Result<Bearer, TokenRefusal> {
    let token = jws::sign_eddsa(&signer(1), "a", &claims(changes));
    issuer(rules).verify(&token, NOW)
}

#[test]
fn a_token_that_meets_every_rule_says_who_it_is() {
    let bearer = judged(rules(), json!({ "jti": "t-1" })).unwrap();
    assert_eq!(bearer.subject(), "u-1");
    assert_eq!(bearer.roles(), [Box::from("case-worker")]);
    assert_eq!(bearer.tenant(), "default");
    assert_eq!(bearer.expires(), NOW.plus(Duration::from_secs(600)));
    assert_eq!(bearer.id(), Some("t-1"));
    assert_eq!(format!("{bearer:?}"), "Bearer(..)");
}

#[test]
fn each_rule_refuses_alone() {
    let at = |seconds: i64| NOW.seconds() + seconds;
    for (changes, expected) in [
        (
            json!({ "iss": "https://login.test/" }),
            Err(TokenRefusal::Issuer),
        ),
        (json!({ "iss": null }), Err(TokenRefusal::Issuer)),
        (json!({ "aud": "other" }), Err(TokenRefusal::Audience)),
        (json!({ "aud": [] }), Err(TokenRefusal::Audience)),
        (json!({ "aud": null }), Err(TokenRefusal::Audience)),
        (json!({ "aud": ["other", "helpline"] }), Ok(())),
        (json!({ "exp": null }), Err(TokenRefusal::Endless)),
        (json!({ "exp": at(-59) }), Ok(())),
        (json!({ "exp": at(-60) }), Err(TokenRefusal::Expired)),
        (json!({ "exp": at(3590) }), Ok(())),
        (json!({ "exp": at(3591) }), Err(TokenRefusal::Endless)),
        (json!({ "iat": null, "exp": at(3660) }), Ok(())),
        (
            json!({ "iat": null, "exp": at(3661) }),
            Err(TokenRefusal::Endless),
        ),
        (json!({ "iat": at(60) }), Ok(())),
        (json!({ "iat": at(61) }), Err(TokenRefusal::Early)),
        (json!({ "nbf": at(60) }), Ok(())),
        (json!({ "nbf": at(61) }), Err(TokenRefusal::Early)),
        (json!({ "sub": null }), Err(TokenRefusal::Subject)),
        (json!({ "sub": "" }), Err(TokenRefusal::Form)),
        (json!({ "sub": "two\nlines" }), Err(TokenRefusal::Form)),
    ] {
        let read = judged(rules(), changes.clone()).map(|_| ());
        assert_eq!(read, expected, "{changes}");
    }
}

#[test]
fn a_required_claim_must_be_there_as_it_is_written() {
    let demanding = || Rules {
        required: vec![("hd".into(), "school.test".into())],
        ..rules()
    };
    for (changes, good) in [
        (json!({ "hd": "school.test" }), true),
        (json!({ "hd": ["other.test", "school.test"] }), true),
        (json!({}), false),
        (json!({ "hd": "School.test" }), false),
        (json!({ "hd": "school.test.evil.test" }), false),
        (json!({ "hd": { "school.test": true } }), false),
    ] {
        let read = judged(demanding(), changes.clone());
        assert_eq!(
            read.err(),
            (!good).then_some(TokenRefusal::Claim),
            "{changes}"
        );
    }
}

#[test]
fn only_listed_values_are_roles_and_each_once() {
    for (groups, roles) in [
        (
            json!(["g-leads", "g-heads", "g-workers"]),
            vec!["case-worker", "supervisor"],
        ),
        (json!("g-heads"), vec!["supervisor"]),
        (json!(["supervisor", "admin", "G-LEADS"]), vec![]),
        (json!([]), vec![]),
        (Value::Null, vec![]),
    ] {
        let bearer = judged(rules(), json!({ "groups": groups })).unwrap();
        let read: Vec<&str> = bearer.roles().iter().map(|role| &**role).collect();
        assert_eq!(read, roles, "{groups}");
    }
}

#[test]
fn a_token_that_is_good_once_says_its_name_and_its_age() {
    let once = || Rules {
        once: true,
        ..rules()
    };
    assert!(judged(once(), json!({ "jti": "t-1" })).is_ok());
    for lacking in [json!({}), json!({ "jti": "t-1", "iat": null })] {
        assert_eq!(judged(once(), lacking.clone()), Err(TokenRefusal::Claim));
        assert!(judged(rules(), lacking).is_ok());
    }
}

#[test]
fn a_tenant_is_exactly_one_plain_name() {
    let tenanted = || Rules {
        tenant: Tenancy::Claim("tid".into()),
        ..rules()
    };
    let read = judged(tenanted(), json!({ "tid": "practice-7" })).unwrap();
    assert_eq!(read.tenant(), "practice-7");
    for tid in [
        json!(["a", "b"]),
        json!(""),
        json!("a/b"),
        json!("../a"),
        json!(7),
        Value::Null,
    ] {
        let read = judged(tenanted(), json!({ "tid": tid }));
        assert_eq!(read.err(), Some(TokenRefusal::Tenant), "{tid}");
    }
}

#[test]
fn a_key_is_found_by_its_name_and_guessed_only_where_there_is_one() {
    let token = |seed: u8, id: &str| jws::sign_eddsa(&signer(seed), id, &claims(json!({})));
    let unnamed = |seed: u8| {
        let header = base64url(br#"{"alg":"EdDSA"}"#);
        let signed = format!("{header}.{}", base64url(claims(json!({})).as_bytes()));
        let signature = base64url(&signer(seed).sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    };
    let two = Issuer::new(
        rules(),
        vec![Algorithm::EdDsa],
        vec![jwk(Some("a"), 1), jwk(Some("b"), 2)],
    );
    let refused = |issuer: &Issuer, token: &str| issuer.verify(token, NOW).err();
    assert_eq!(refused(&two, &token(1, "a")), None);
    assert_eq!(refused(&two, &token(2, "b")), None);
    assert_eq!(refused(&two, &token(2, "a")), Some(TokenRefusal::Signature));
    assert_eq!(refused(&two, &token(1, "c")), Some(TokenRefusal::Key));
    assert_eq!(refused(&two, &unnamed(1)), Some(TokenRefusal::Key));
    let one = issuer(rules());
    assert_eq!(refused(&one, &unnamed(1)), None);
    assert_eq!(refused(&one, &unnamed(2)), Some(TokenRefusal::Signature));
}

#[test]
fn a_key_that_is_gone_verifies_nothing_more() {
    let issuer = issuer(rules());
    let token = jws::sign_eddsa(&signer(1), "a", &claims(json!({})));
    assert!(issuer.verify(&token, NOW).is_ok());
    issuer.renew(vec![jwk(Some("b"), 2)]);
    assert_eq!(issuer.verify(&token, NOW).err(), Some(TokenRefusal::Key));
    issuer.renew(Vec::new());
    assert_eq!(
        issuer.verify(&token, NOW).err(),
        Some(TokenRefusal::Algorithm)
    );
}

#[test]
fn no_key_set_widens_the_algorithms_of_the_configuration() {
    let shared = Jwk {
        id: Some("s".into()),
        key: TokenKey::shared(&SECRET).unwrap(),
    };
    let key = hmac::Key::new(hmac::Algorithm::Sha256, &SECRET);
    let token = jws::sign_hs256(&key, "s", &claims(json!({})));
    let pinned = |algorithms| Issuer::new(rules(), algorithms, vec![shared.clone()]);
    assert!(pinned(vec![Algorithm::Hs256]).verify(&token, NOW).is_ok());
    let refused = pinned(vec![Algorithm::EdDsa]).verify(&token, NOW).err();
    assert_eq!(refused, Some(TokenRefusal::Algorithm));
}

#[test]
fn a_claim_is_judged_only_behind_a_good_signature() {
    let token = jws::sign_eddsa(&signer(9), "a", &claims(json!({ "exp": 1 })));
    let refused = issuer(rules()).verify(&token, NOW).err();
    assert_eq!(refused, Some(TokenRefusal::Signature));
}
