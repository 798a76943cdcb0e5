//! Tokens that are genuine and count no longer: used before, or revoked.

use identity::{
    PersonId,
    token::revocations::{Which, Wish},
};
use serde_json::json;

use crate::{
    house::{HOST, House, Met, START},
    tokens::{get, house, house_of, of_other, post, token},
};

const ISSUER: &str = "https://login.example";

fn revoke(house: &House, issuer: &str, which: Which) {
    let wish = Wish {
        issuer: issuer.to_owned(),
        which,
        until: None,
        longest: std::time::Duration::from_secs(3600),
        skew: std::time::Duration::ZERO,
    };
    let revoked = house.revocations.revoke(&wish, START);
    house.runtime.block_on(revoked).unwrap();
}

#[test]
fn a_token_that_is_good_once_opens_once_whatever_it_was_asked() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_of(folder.path(), "once = true");
    let named = |id: &str| of_other(5, &json!({ "jti": id }));
    for first in ["/calls/1", "/tokens-only"] {
        let used = named(first);
        assert_eq!(get(&house, first, &used), 0);
        for path in [first, "/tokens-only"] {
            assert_eq!(get(&house, path, &used), 401, "{first} then {path}");
        }
    }
    // One that its roles do not let in is used as well.
    let beyond = of_other(5, &json!({"jti": "t-1", "groups": []}));
    assert_eq!(get(&house, "/calls/1", &beyond), 403);
    assert_eq!(get(&house, "/calls/1", &beyond), 401);
    // One that is not genuine uses nothing up, and one without a name cannot be good once.
    assert_eq!(
        get(&house, "/calls/1", &of_other(6, &json!({"jti": "t-2"}))),
        401
    );
    assert_eq!(get(&house, "/calls/1", &named("t-2")), 0);
    assert_eq!(get(&house, "/calls/1", &of_other(5, &json!({}))), 401);
    let reasons = house.reasons();
    for reason in ["token-used", "token-signature", "token-claim"] {
        assert!(reasons.iter().any(|it| it == reason), "{reasons:?}");
    }
}

#[test]
fn a_token_without_that_rule_opens_as_often_as_it_likes() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_of(folder.path(), "");
    let good = of_other(5, &json!({"jti": "t-1"}));
    for _ in 0..3 {
        assert_eq!(get(&house, "/calls/1", &good), 0);
    }
}

#[test]
fn a_used_token_is_told_no_more_than_a_forged_one() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_of(folder.path(), "once = true");
    let (used, forged) = (
        of_other(5, &json!({"jti": "t-1"})),
        of_other(6, &json!({"jti": "t-1"})),
    );
    assert_eq!(get(&house, "/calls/1", &used), 0);
    let answer = |token: &str| {
        let bearer = format!("Authorization: Bearer {token}");
        let lines = ["GET /calls/1 HTTP/1.1", HOST, &bearer];
        let (status, text) = house.ask(&lines, b"").answer();
        let body: serde_json::Value =
            serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1).unwrap();
        (status, body["error"].clone())
    };
    assert_eq!(answer(&used), answer(&forged));
}

#[test]
fn a_token_that_is_good_once_gets_no_key() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_of(folder.path(), "once = true");
    let good = of_other(5, &json!({"jti": "t-1"}));
    let wish = r#"{"name":"a"}"#;
    assert_eq!(post(&house, "/.vouchsafe/keys", &good, wish).0, 401);
    assert_eq!(get(&house, "/calls/1", &good), 0, "it was not used up");
}

#[test]
fn a_revoked_token_of_ours_ends_and_its_key_and_other_tokens_go_on() {
    let house = house();
    let (_, key) = house.key(&["GET /calls"], &["mentor"]);
    let (one, other) = (token(&house, &key), token(&house, &key));
    for token in [&one, &other] {
        assert_eq!(get(&house, "/calls/1", token), 0);
    }
    let claims = one.split('.').nth(1).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&seal::encode::unbase64url(claims).unwrap()).unwrap();
    let (issuer, id) = (claims["iss"].as_str().unwrap(), claims["jti"].as_str());
    revoke(&house, issuer, Which::Token(id.unwrap().to_owned()));
    assert_eq!(get(&house, "/calls/1", &one), 401);
    assert_eq!(get(&house, "/calls/1", &other), 0);
    assert_eq!(get(&house, "/calls/1", &key), 0);
    // Every token of the key, and not the key.
    let key_id = claims["sub"].as_str().unwrap().to_owned();
    revoke(&house, issuer, Which::Principal(key_id));
    assert_eq!(get(&house, "/calls/1", &other), 401);
    assert_eq!(get(&house, "/calls/1", &key), 0);
    let reasons = house.reasons();
    assert!(
        reasons.iter().any(|it| it == "token-revoked"),
        "{reasons:?}"
    );
}

#[test]
fn the_tokens_of_a_subject_end_and_a_connection_that_one_opened_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_of(folder.path(), "");
    let of = |subject: &str| of_other(5, &json!({"sub": subject, "jti": subject}));
    let bearer = format!("Authorization: Bearer {}", of("u-1"));
    let met = house.ask(&["GET /calls/1 HTTP/1.1", HOST, &bearer], b"");
    let Met::Sent(_, forwarding) = met else {
        panic!("it was not let in");
    };
    assert!(forwarding.stands(&house.core));
    let person = PersonId::of(ISSUER, "u-1").as_str().to_owned();
    revoke(&house, ISSUER, Which::Principal(person));
    assert!(!forwarding.stands(&house.core));
    house.end(forwarding, 200);
    assert_eq!(get(&house, "/calls/1", &of("u-1")), 401);
    assert_eq!(get(&house, "/calls/1", &of("u-2")), 0);
}
