use seal::{
    encode::{base64url, unbase64url},
    hmac,
    jws::{self, sign_eddsa},
};
use serde_json::Value;
use store::keys::KeyRow;

use super::*;
use crate::{
    KeyTable, LiveKeys, Verified,
    token::{Believed, Issuers, LiveRevocations, Seen},
};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const ID: &str = "abcdefGHIJ12";
const URL: &str = "https://helpline.example";

fn tokens() -> KeyTokens {
    KeyTokens::derived(&[7; 32]).unwrap()
}

fn terms() -> Terms {
    Terms::new(URL, LONGEST)
}

fn row() -> KeyRow {
    KeyRow {
        id: ID.to_owned(),
        digest: [1; 32],
        name: "name".to_owned(),
        scopes: vec!["GET /api".to_owned()],
        roles: vec!["case-worker".to_owned()],
        tenant: "north".to_owned(),
        created: NOW,
        expires: None,
        last_used: None,
        revoked: None,
        probe: false,
    }
}

fn keys(row: KeyRow) -> LiveKeys {
    LiveKeys::new(KeyTable::new(&[row]).unwrap())
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(NOW.seconds() + seconds)
}

/// A token for the key of `row`, issued at [`NOW`].
fn issued(row: &KeyRow) -> String {
    let key = keys(row.clone()).table().key(KeyId::new(ID).unwrap());
    let issued = tokens().issue(&key.unwrap(), &terms(), "t1", NOW);
    String::from_utf8(issued.token.expose().to_vec()).unwrap()
}

fn asked(keys: &LiveKeys, token: &str, at: Timestamp) -> Result<Verified, TokenRefusal> {
    let (tokens, terms, revoked) = (tokens(), terms(), LiveRevocations::default());
    let ours = ours(&tokens, &terms, &revoked);
    match Believed::default().authenticate(ours, keys, token.as_bytes(), at)? {
        Seen::Good(verified) => Ok(verified),
        Seen::Unused(_) | Seen::Unconfirmed(_) => {
            panic!("the token of a key is good until it ends")
        }
    }
}

fn ours<'a>(tokens: &'a KeyTokens, terms: &'a Terms, revoked: &'a LiveRevocations) -> Issuers<'a> {
    Issuers {
        tokens,
        terms: Some(terms),
        others: &[],
        revoked,
        sessions: None,
    }
}

fn refused(token: &str) -> TokenRefusal {
    asked(&keys(row()), token, NOW).unwrap_err()
}

/// The claims of a token.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&unbase64url(payload).unwrap()).unwrap()
}

#[test]
fn a_token_is_its_key_for_an_hour_and_no_second_longer() {
    let (token, keys) = (issued(&row()), keys(row()));
    for at in [NOW, later(3599)] {
        let verified = asked(&keys, &token, at).unwrap();
        assert_eq!(verified.principal().id(), ID);
        assert_eq!(verified.principal().tenant(), "north");
        let roles = ["case-worker"];
        let standing = verified.authorise("GET", "/api/x", &roles, None).unwrap();
        let holds = |at| {
            let revoked = LiveRevocations::default();
            standing.standing().holds(&keys, &revoked, at)
        };
        assert!(holds(later(3599)) && !holds(later(3600)));
    }
    for at in [later(3600), later(3660)] {
        let refusal = asked(&keys, &token, at).unwrap_err();
        assert_eq!(refusal, TokenRefusal::Expired);
    }
}

#[test]
fn a_token_may_nothing_that_its_key_may_not() {
    let (token, keys) = (issued(&row()), keys(row()));
    let may = |method: &str, path: &str, role: &str| {
        let verified = asked(&keys, &token, NOW).unwrap();
        verified.authorise(method, path, &[role], None).is_ok()
    };
    assert!(may("GET", "/api/x", "case-worker"));
    assert!(!may("POST", "/api/x", "case-worker"));
    assert!(!may("GET", "/other", "case-worker"));
    assert!(!may("GET", "/api/x", "admin"));
}

#[test]
fn a_token_ends_with_its_key_whether_it_was_seen_before_or_not() {
    let token = issued(&row());
    let mut believed = Believed::default();
    let mut ask = |keys: &LiveKeys| {
        let (tokens, terms, revoked) = (tokens(), terms(), LiveRevocations::default());
        let ours = ours(&tokens, &terms, &revoked);
        let verified = believed.authenticate(ours, keys, token.as_bytes(), NOW);
        verified.map(drop)
    };
    let revoked = KeyRow {
        revoked: Some(NOW),
        ..row()
    };
    let ended = KeyRow {
        expires: Some(NOW),
        ..row()
    };
    assert_eq!(ask(&keys(row())), Ok(()));
    for gone in [keys(revoked), keys(ended), LiveKeys::default()] {
        assert_eq!(ask(&gone), Err(TokenRefusal::Withdrawn));
    }
    assert_eq!(ask(&keys(row())), Ok(()));
}

#[test]
fn a_token_lives_no_longer_than_its_key() {
    let short = KeyRow {
        expires: Some(later(60)),
        ..row()
    };
    let token = issued(&short);
    assert_eq!(claims(&token)["exp"], later(60).seconds());
}

#[test]
fn a_shorter_life_holds_for_tokens_that_were_made_before() {
    let token = issued(&row());
    let short = Terms::new(URL, Duration::from_secs(600));
    let judged = |terms: &Terms| tokens().believe(&token, terms, NOW).map(drop);
    assert_eq!(judged(&terms()), Ok(()));
    assert_eq!(judged(&short), Err(TokenRefusal::Endless));
    let long = Terms::new(URL, Duration::from_secs(7200));
    assert_eq!(long.life(), LONGEST);
}

#[test]
fn a_token_that_was_altered_or_signed_by_another_is_refused() {
    let token = issued(&row());
    let (head, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let header = |text: &str| base64url(text.as_bytes());
    let kid = thumbprint(tokens().verifying_key());
    let public = tokens().verifying_key().to_bytes();
    let none = header(r#"{"alg":"none","typ":"at+jwt"}"#);
    assert_eq!(
        refused(&format!("{none}.{payload}.")),
        TokenRefusal::Algorithm
    );
    assert_eq!(
        refused(&format!("{head}.{payload}.")),
        TokenRefusal::Signature
    );

    // The public key taken for a shared secret.
    let hs = header(&format!(
        r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#
    ));
    let key = hmac::Key::new(hmac::Algorithm::Sha256, &public);
    let mac = base64url(key.sign(&[format!("{hs}.{payload}").as_bytes()]).as_ref());
    assert_eq!(
        refused(&format!("{hs}.{payload}.{mac}")),
        TokenRefusal::Algorithm
    );

    let mut altered = claims(&token);
    altered["exp"] = (NOW.seconds() + 7200).into();
    let altered = header(&altered.to_string());
    assert_eq!(
        refused(&format!("{head}.{altered}.{signature}")),
        TokenRefusal::Signature
    );

    let other = KeyTokens::derived(&[8; 32]).unwrap();
    let own = |member: &str| {
        let head = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}",{member}}}"#);
        let signed = format!("{}.{payload}", header(&head));
        format!("{signed}.{}", base64url(&other.key.sign(signed.as_bytes())))
    };
    for member in [
        r#""jwk":{"kty":"OKP"}"#,
        r#""jku":"https://a.test/jwks"#,
        r#""x5u":"https://a.test/x5u"#,
    ] {
        let member = if member.ends_with('}') {
            member.to_owned()
        } else {
            format!("{member}\"")
        };
        assert_eq!(refused(&own(&member)), TokenRefusal::Header);
    }
    let theirs = sign_typed(&other.key, &kid, TYP, &claims(&token).to_string());
    assert_eq!(refused(&theirs), TokenRefusal::Signature);
}

#[test]
fn an_assertion_is_no_token_even_if_one_key_signed_both() {
    let token = issued(&row());
    let kid = thumbprint(tokens().verifying_key());
    let typed = sign_eddsa(&tokens().key, &kid, &claims(&token).to_string());
    assert_eq!(refused(&typed), TokenRefusal::Header);
    // An assertion as the gate makes it, by the key of assertions.
    let assertions = SigningKey::from_seed([7; 32]).unwrap();
    let kid = thumbprint(&assertions.verifying_key().unwrap());
    let claims = json!({"iss": URL, "sub": format!("key:{ID}"), "aud": "/api",
        "iat": NOW.seconds(), "exp": NOW.seconds() + 60});
    for typ in ["JWT", TYP] {
        let assertion = jws::sign_typed(&assertions, &kid, typ, &claims.to_string());
        assert!(asked(&keys(row()), &assertion, NOW).is_err(), "{typ}");
    }
}

#[test]
fn a_token_of_another_deployment_is_refused() {
    let token = issued(&row());
    let elsewhere = Terms::new("https://other.example", LONGEST);
    let judged = tokens().believe(&token, &elsewhere, NOW);
    assert_eq!(judged, Err(TokenRefusal::Issuer));
}

#[test]
fn only_a_key_of_a_proof_gets_a_token_that_is_dated_back() {
    let dated = |probe| {
        let row = KeyRow { probe, ..row() };
        let id = KeyId::new(ID).unwrap();
        tokens().issue_for_proof(&keys(row), id, &terms(), "t1", later(-3660))
    };
    assert!(dated(false).is_none());
    let token = dated(true).unwrap().token;
    let token = std::str::from_utf8(token.expose()).unwrap();
    assert_eq!(refused(token), TokenRefusal::Expired);
}

#[test]
fn tokens_are_known_by_how_they_begin() {
    assert!(tokens().begins(issued(&row()).as_bytes()));
    let other = KeyTokens::derived(&[8; 32]).unwrap();
    assert!(!other.begins(issued(&row()).as_bytes()));
    assert_eq!(format!("{other:?}"), "KeyTokens(..)");
}
