//! Tokens and keys that the gate hands out itself.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::{HOST, House, ROUTES};

const DESKS: &str = r#"
[tokens]
aliases = ["/auth/token"]

[keys]
aliases = ["/auth/generate-key"]

[[route]]
path = "/calls"
app = "coach"
auth = ["api-key", "token"]
roles = ["mentor"]

[[route]]
path = "/tokens-only"
app = "coach"
auth = ["token"]
"#;

pub(crate) fn house() -> House {
    House::with(&format!("{ROUTES}{DESKS}"), false)
}

fn body(text: &str) -> Value {
    let body = text.split_once("\r\n\r\n").unwrap().1;
    serde_json::from_str(body).unwrap()
}

/// What `POST path` answers to whoever has `credential`.
pub(crate) fn post(house: &House, path: &str, credential: &str, sent: &str) -> (u16, String) {
    let line = format!("POST {path} HTTP/1.1");
    let bearer = format!("Authorization: Bearer {credential}");
    let lines = [line.as_str(), HOST, &bearer];
    house.ask(&lines, sent.as_bytes()).answer()
}

pub(crate) fn token(house: &House, key: &str) -> String {
    let (status, text) = post(house, "/.vouchsafe/token", key, "");
    assert_eq!(status, 200, "{text}");
    let body = body(&text);
    let member = |name: &str| body.get(name).and_then(Value::as_str).unwrap();
    assert_eq!(member("token_type"), "Bearer");
    member("access_token").to_owned()
}

/// Status of `GET path` with `credential`; 0 where it went on.
pub(crate) fn get(house: &House, path: &str, credential: &str) -> u16 {
    let line = format!("GET {path} HTTP/1.1");
    let bearer = format!("Authorization: Bearer {credential}");
    let met = house.ask(&[&line, HOST, &bearer], b"");
    let status = met.status();
    if let crate::house::Met::Sent(head, forwarding) = met {
        assert!(!head.contains(credential), "the app has the credential");
        assert!(head.contains("X-Vouchsafe-Assertion: "), "{head}");
        house.end(forwarding, 200);
    }
    status
}

#[test]
fn a_token_opens_what_its_key_opens_until_it_ends() {
    let house = house();
    let (_, key) = house.key(&["GET /calls", "GET /tokens-only"], &["mentor"]);
    let token = token(&house, &key);
    assert_eq!(get(&house, "/calls/1", &token), 0);
    assert_eq!(get(&house, "/calls/1", &key), 0);
    assert_eq!(get(&house, "/tokens-only", &token), 0);
    assert_eq!(get(&house, "/tokens-only", &key), 401);
    assert_eq!(get(&house, "/api", &token), 401, "a route for keys alone");
    house.clock.advance(Duration::from_secs(59 * 60));
    assert_eq!(get(&house, "/calls/1", &token), 0);
    house.clock.advance(Duration::from_secs(2 * 60));
    assert_eq!(get(&house, "/calls/1", &token), 401);
    assert_eq!(get(&house, "/calls/1", &key), 0);
}

#[test]
fn a_token_ends_when_its_key_is_revoked() {
    let house = house();
    let (id, key) = house.key(&["GET /calls"], &["mentor"]);
    let token = token(&house, &key);
    assert_eq!(get(&house, "/calls/1", &token), 0);
    house.keys.revoke(&id, crate::house::START).unwrap();
    assert_eq!(get(&house, "/calls/1", &token), 401);
}

#[test]
fn a_refused_token_is_told_so_and_no_more() {
    let house = house();
    let (_, key) = house.key(&["GET /calls"], &["mentor"]);
    let token = token(&house, &key);
    let asked = |credential: &str| {
        let bearer = format!("Authorization: Bearer {credential}");
        let lines = ["GET /calls HTTP/1.1", HOST, &bearer];
        house.ask(&lines, b"").answer()
    };
    let cut = &token[..token.len() - 2];
    for wrong in [cut, "garbage", "eyJhbGciOiJub25lIn0.e30."] {
        let (status, text) = asked(wrong);
        assert_eq!(status, 401);
        assert!(text.contains(
            "\r\nWWW-Authenticate: Bearer realm=\"vouchsafe\", error=\"invalid_token\"\r\n"
        ));
        assert!(text.contains("This token is not accepted"), "{text}");
    }
}

#[test]
fn an_address_that_guesses_tokens_is_refused_a_right_one_as_a_wrong_one() {
    let house = house();
    let (_, key) = house.key(&["GET /"], &["mentor"]);
    let right = token(&house, &key);
    let signature = right.rsplit_once('.').unwrap().1;
    let wrong = right.replace(signature, &"A".repeat(signature.len()));
    for _ in 0..100 {
        assert_eq!(get(&house, "/tokens-only", &wrong), 401);
    }
    let answer = |token: &str| {
        let bearer = format!("Authorization: Bearer {token}");
        let met = house.ask(&["GET /tokens-only HTTP/1.1", HOST, &bearer], b"");
        let (status, text) = met.answer();
        let challenge = text
            .lines()
            .find(|line| line.starts_with("WWW-Authenticate"));
        (
            status,
            challenge.map(str::to_owned),
            body(&text).get("error").cloned(),
        )
    };
    assert_eq!(answer(&right), answer(&wrong));
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(get(&house, "/tokens-only", &right), 0);
}

#[test]
fn a_token_in_the_address_a_cookie_or_the_field_of_keys_is_refused() {
    let house = house();
    let (_, key) = house.key(&["GET /calls"], &["mentor"]);
    let token = token(&house, &key);
    let bearer = format!("Authorization: Bearer {token}");
    let cookie = format!("Cookie: session={token}");
    let api_key = format!("X-API-Key: {token}");
    let line = format!("GET /calls?access_token={token} HTTP/1.1");
    for lines in [
        vec![line.as_str(), HOST],
        vec![line.as_str(), HOST, &bearer],
        vec!["GET /calls HTTP/1.1", HOST, &cookie],
        vec!["GET /calls HTTP/1.1", HOST, &cookie, &bearer],
        vec!["GET /calls HTTP/1.1", HOST, &api_key],
    ] {
        assert_eq!(house.ask(&lines, b"").status(), 401, "{lines:?}");
    }
    assert_eq!(get(&house, "/calls", &token), 0);
    // An open route does not see it either.
    let (head, forwarding) = house.ask(&["GET / HTTP/1.1", HOST, &bearer], b"").head();
    assert!(!head.contains(&token), "{head}");
    house.end(forwarding, 200);
}

#[test]
fn tokens_are_given_to_keys_alone() {
    let house = house();
    let (_, key) = house.key(&["GET /calls"], &["mentor"]);
    let token = token(&house, &key);
    for path in ["/.vouchsafe/token", "/auth/token"] {
        assert_eq!(post(&house, path, &token, "").0, 401);
        assert_eq!(post(&house, path, "garbage", "").0, 401);
        assert_eq!(
            post(&house, path, &key, "grant_type=client_credentials").0,
            200
        );
        let (status, text) = house
            .ask(&[&format!("GET {path} HTTP/1.1"), HOST], b"")
            .answer();
        assert_eq!(status, 405);
        assert!(text.contains("\r\nAllow: POST\r\n"), "{text}");
    }
    for other in ["/Auth/Token", "/auth/token/", "/.vouchsafe/tokens"] {
        assert_eq!(post(&house, other, &key, "").0, 404, "{other}");
    }
}

#[test]
fn what_is_not_configured_is_not_served() {
    let house = House::new();
    let (_, key) = house.key(&["POST /.vouchsafe/keys"], &["admin"]);
    for path in ["/.vouchsafe/token", "/.vouchsafe/keys"] {
        assert_eq!(post(&house, path, &key, "{}").0, 404);
    }
}

const KEYS: &str = "/.vouchsafe/keys";

#[test]
fn a_key_is_made_by_whoever_may_and_never_with_more_than_they_have() {
    let house = house();
    let scopes = [
        "POST /.vouchsafe/keys",
        "POST /auth/generate-key",
        "GET /calls",
    ];
    let (_, admin) = house.key(&scopes, &["admin", "mentor"]);
    let order = |change: Value| {
        let mut order = json!({"name": "reports", "scopes": ["GET /calls"], "roles": ["mentor"],
            "expires": "90d"});
        for (name, value) in change.as_object().unwrap() {
            order[name] = value.clone();
        }
        order.to_string()
    };
    for path in [KEYS, "/auth/generate-key"] {
        let (status, text) = post(&house, path, &admin, &order(json!({})));
        assert_eq!(status, 201, "{text}");
        let made = body(&text)["key"].as_str().unwrap().to_owned();
        assert_eq!(get(&house, "/calls/1", &made), 0);
        assert_eq!(post(&house, path, &made, &order(json!({}))).0, 403);
    }
    for (change, status) in [
        (json!({"roles": ["supervisor"]}), 403),
        (json!({"scopes": ["POST /calls"]}), 403),
        (json!({"scopes": ["GET /"]}), 403),
        (json!({"scopes": ["* /calls"]}), 403),
        (json!({"scopes": ["*"]}), 400),
        (json!({"name": ""}), 400),
        (json!({"expires": "soon"}), 400),
        (json!({"expires": 90}), 400),
        (json!({"all": true}), 400),
        (json!({"tenant": "other"}), 400),
        (json!({"roles": ["Admin"]}), 403),
    ] {
        let sent = order(change.clone());
        assert_eq!(post(&house, KEYS, &admin, &sent).0, status, "{change}");
    }
    for sent in [
        "",
        "[]",
        "{\"name\":\"a\",\"name\":\"b\"}",
        "{\"name\":\"a\"} x",
    ] {
        assert_eq!(post(&house, KEYS, &admin, sent).0, 400, "{sent}");
    }
}

#[test]
fn a_key_is_refused_to_strangers_and_to_those_without_role_or_scope() {
    let house = house();
    let wish = r#"{"name":"a"}"#;
    let (_, no_role) = house.key(&["POST /.vouchsafe/keys"], &["mentor"]);
    let (_, no_scope) = house.key(&["POST /calls"], &["admin"]);
    assert_eq!(post(&house, KEYS, &no_role, wish).0, 403);
    assert_eq!(post(&house, KEYS, &no_scope, wish).0, 403);
    assert_eq!(post(&house, KEYS, "garbage", wish).0, 401);
    let lines = [&format!("POST {KEYS} HTTP/1.1"), HOST];
    assert_eq!(house.ask(&lines, wish.as_bytes()).status(), 401);
}

#[test]
fn what_is_handed_out_is_in_the_ledger_before_it_is_seen() {
    let house = house();
    let (_, admin) = house.key(&["POST /.vouchsafe/keys"], &["admin"]);
    token(&house, &admin);
    assert_eq!(post(&house, KEYS, &admin, r#"{"name":"a"}"#).0, 201);
    let kinds = house.kinds();
    assert!(kinds.iter().any(|kind| kind == "token.issue"), "{kinds:?}");
    assert!(kinds.iter().any(|kind| kind == "key.create"), "{kinds:?}");
}

/// A house that takes tokens of another issuer, whose key has this seed.
pub(crate) fn house_of(folder: &std::path::Path, more: &str) -> House {
    let key = seal::ed25519::SigningKey::from_seed([5; 32]).unwrap();
    let set = seal::jws::jwks(&[("k1", &key.verifying_key().unwrap())]);
    let file = folder.join("jwks.json");
    std::fs::write(&file, set.to_string()).unwrap();
    let issuer = format!(
        "[[issuer]]\nissuer = \"https://login.example\"\nalgorithms = [\"EdDSA\"]\n\
         keys = {{ file = \"{}\" }}\naudience = [\"coach\"]\nrole_claim = \"groups\"\n\
         roles = {{ \"g-mentors\" = \"mentor\" }}\ntenant = \"north\"\n{more}\n",
        file.display()
    );
    House::resolved(&format!("{ROUTES}{DESKS}{issuer}"))
}

pub(crate) fn of_other(seed: u8, change: &Value) -> String {
    let key = seal::ed25519::SigningKey::from_seed([seed; 32]).unwrap();
    let now = crate::house::START.seconds();
    let mut claims = json!({"iss": "https://login.example", "sub": "u-1", "aud": "coach",
        "iat": now, "exp": now + 600, "groups": ["g-mentors"]});
    let members = claims.as_object_mut().unwrap();
    members.extend(change.as_object().unwrap().clone());
    seal::jws::sign_eddsa(&key, "k1", &claims.to_string())
}

#[test]
fn tokens_of_another_issuer_open_what_their_roles_allow() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_of(folder.path(), "");
    let good = of_other(5, &json!({}));
    for _ in 0..2 {
        assert_eq!(get(&house, "/calls/1", &good), 0);
    }
    assert_eq!(get(&house, "/api", &good), 401, "a route for keys alone");
    for (token, status) in [
        (of_other(6, &json!({})), 401),
        (of_other(5, &json!({"aud": "other"})), 401),
        (of_other(5, &json!({"iss": "https://other.example"})), 401),
        (
            of_other(5, &json!({"exp": crate::house::START.seconds() - 60})),
            401,
        ),
        (of_other(5, &json!({"groups": ["mentor"]})), 403),
        (of_other(5, &json!({"groups": []})), 403),
    ] {
        assert_eq!(get(&house, "/calls/1", &token), status);
    }
    // The gate's own go on beside them.
    let (_, key) = house.key(&["GET /calls"], &["mentor"]);
    let own = token(&house, &key);
    assert_eq!(get(&house, "/calls/1", &own), 0);
    house.clock.advance(Duration::from_secs(700));
    assert_eq!(get(&house, "/calls/1", &good), 401);
}

#[test]
fn an_app_learns_who_vouches_for_whom() {
    let folder = tempfile::tempdir().unwrap();
    let house = house_of(folder.path(), "");
    let bearer = format!("Authorization: Bearer {}", of_other(5, &json!({})));
    let (head, forwarding) = house
        .ask(&["GET /calls HTTP/1.1", HOST, &bearer], b"")
        .head();
    let line = head
        .lines()
        .find(|line| line.starts_with("X-Vouchsafe-Assertion: "));
    let payload = line.unwrap().split('.').nth(1).unwrap();
    let claims = seal::encode::unbase64url(payload).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "user:u-1");
    assert_eq!(claims["sub_id"]["iss"], "https://login.example");
    assert_eq!(
        (&claims["tenant"], &claims["roles"]),
        (&json!("north"), &json!(["mentor"]))
    );
    house.end(forwarding, 200);
    let text = serde_json::to_string(&house.events()).unwrap();
    assert!(!text.contains("u-1") && !text.contains("login.example"));
}
