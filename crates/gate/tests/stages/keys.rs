//! Who may pass by key, and where a key may stand.

use std::time::Duration;

use crate::house::{HOST, House, Met, ROUTES, START, site};

fn bearer(key: &str) -> String {
    format!("Authorization: Bearer {key}")
}

fn get(house: &House, target: &str, fields: &[&str]) -> Met {
    let line = format!("GET {target} HTTP/1.1");
    let mut lines = vec![line.as_str(), HOST];
    lines.extend(fields);
    house.ask(&lines, b"")
}

#[test]
fn a_good_key_passes_and_stays_here() {
    let house = House::new();
    let (id, key) = house.key(&["GET /api"], &["mentor"]);
    for field in [bearer(&key), format!("X-API-Key: {key}")] {
        let (head, forwarding) = get(&house, "/api/students", &[&field]).head();
        assert!(head.contains("\r\nX-Vouchsafe-Assertion: ey"), "{head}");
        assert!(!head.contains("vsk_") && !head.contains(&id), "{head}");
        house.end(forwarding, 200);
    }
}

#[test]
fn without_a_good_key_the_answer_is_401_and_says_how() {
    let house = House::new();
    let (_, key) = house.key(&["GET /api"], &["mentor"]);
    let mut garbled = key.clone();
    garbled.pop();
    let twice = [bearer(&key), format!("X-API-Key: {key}")];
    let twice: Vec<&str> = twice.iter().map(String::as_str).collect();
    for fields in [
        vec![],
        vec!["Authorization: Basic YTpi"],
        vec!["Authorization: Bearer garbage"],
        vec!["X-API-Key: garbage"],
        vec![bearer(&garbled).leak() as &str],
        twice,
    ] {
        let (status, text) = get(&house, "/api", &fields).answer();
        assert_eq!(status, 401, "{fields:?}");
        assert!(text.contains("\r\nWWW-Authenticate: Bearer"), "{text}");
        assert!(text.contains("\r\nX-Content-Type-Options: nosniff"));
    }
}

#[test]
fn a_key_in_the_address_or_a_cookie_is_refused_even_beside_a_good_one() {
    let house = House::new();
    let (_, key) = house.key(&["GET /"], &["mentor"]);
    let good = bearer(&key);
    let cookie = format!("Cookie: a=1; key={key}");
    for (target, fields) in [
        (format!("/api?key={key}"), vec![good.as_str()]),
        (format!("/api?key={key}"), vec![]),
        (format!("/api?key={}", key.replace('_', "%5F")), vec![&good]),
        ("/api".to_owned(), vec![&good, &cookie]),
        ("/api".to_owned(), vec![&cookie]),
        // An open route would hand it to the app as it stands.
        (format!("/?key={key}"), vec![]),
        (format!("/invite/{key}"), vec![]),
    ] {
        assert_eq!(get(&house, &target, &fields).status(), 401, "{target}");
    }
    let (head, forwarding) = get(&house, "/", &[&cookie]).head();
    assert!(!head.contains("vsk_"), "{head}");
    house.end(forwarding, 200);
}

#[test]
fn scope_and_role_decide_after_the_key() {
    let house = House::new();
    let (_, elsewhere) = house.key(&["GET /other"], &["mentor"]);
    let (_, roleless) = house.key(&["GET /api"], &[]);
    let (_, reader) = house.key(&["GET /api"], &["mentor"]);
    let asks = |key: &str, line: &str| house.ask(&[line, HOST, &bearer(key)], b"").status();
    assert_eq!(asks(&elsewhere, "GET /api HTTP/1.1"), 403);
    assert_eq!(asks(&roleless, "GET /api HTTP/1.1"), 403);
    assert_eq!(asks(&reader, "DELETE /api HTTP/1.1"), 403);
    assert_eq!(asks(&reader, "GET /api HTTP/1.1"), 0);
}

#[test]
fn no_spelling_of_a_path_leads_around_a_scope_or_a_route() {
    let house = House::new();
    let (_, key) = house.key(&["GET /open"], &[]);
    for target in [
        "/API",
        "//api",
        "/api;x",
        "/api.",
        "/a%70i",
        "/api/",
        "/api%2fx",
        "/x/../api",
        "/x/..%2fapi",
        "/%61pi/x",
        "/api%00",
        "/api\\x",
        "/./api",
    ] {
        for fields in [vec![], vec![bearer(&key)]] {
            let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
            let line = format!("GET {target} HTTP/1.1");
            let mut lines = vec![line.as_str(), HOST];
            lines.extend(fields);
            // Some of these are not even a request.
            let Some(met) = house.try_ask(&lines) else {
                continue;
            };
            assert!(
                matches!(met.status(), 400 | 401 | 403),
                "{target}: {}",
                met.status()
            );
        }
    }
}

#[test]
fn a_revoked_key_is_refused_at_once_and_its_websockets_fall() {
    let house = House::new();
    let (id, key) = house.key(&["GET /api"], &["mentor"]);
    let (_, other) = house.key(&["GET /api"], &["mentor"]);
    let (_, open) = get(&house, "/api", &[&bearer(&key)]).head();
    assert!(open.stands(&house.core));
    house.keys.revoke(&id, START).unwrap();
    assert_eq!(get(&house, "/api", &[&bearer(&key)]).status(), 401);
    assert_eq!(get(&house, "/api", &[&bearer(&other)]).status(), 0);
    assert!(!open.stands(&house.core));
    house.end(open, 200);
}

#[test]
fn a_websocket_stands_across_a_reload_that_leaves_its_route_alone() {
    let house = House::new();
    let (_, open) = get(&house, "/x", &[]).head();
    house.gate.replace(site(ROUTES, true)).unwrap();
    assert!(open.stands(&house.core));
    let closed = ROUTES.replace(
        "auth = \"none\"\nreason = \"public\"",
        "auth = [\"api-key\"]",
    );
    house.gate.replace(site(&closed, false)).unwrap();
    assert!(!open.stands(&house.core));
    assert_eq!(get(&house, "/x", &[]).status(), 401);
    house.end(open, 200);
}

#[test]
fn an_assertion_is_reused_until_it_is_time_and_a_bound_one_never() {
    let house = House::new();
    let (_, key) = house.key(&["GET /api"], &["mentor"]);
    let assertion = |target: &str| {
        let (head, forwarding) = get(&house, target, &[&bearer(&key)]).head();
        house.end(forwarding, 200);
        let (_, rest) = head.split_once("X-Vouchsafe-Assertion: ").unwrap();
        rest.lines().next().unwrap().to_owned()
    };
    assert_eq!(assertion("/api/a"), assertion("/api/b"));
    assert_ne!(assertion("/api/bound"), assertion("/api/bound"));
    let before = assertion("/api");
    house.clock.advance(Duration::from_secs(45));
    assert_ne!(before, assertion("/api"));
}

/// The route an assertion is for.
fn audience(head: &str) -> String {
    let (_, rest) = head.split_once("X-Vouchsafe-Assertion: ").unwrap();
    let claims = rest.lines().next().unwrap().split('.').nth(1).unwrap();
    let claims = seal::encode::unbase64url(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    claims.get("aud").unwrap().as_str().unwrap().to_owned()
}

#[test]
fn an_assertion_is_for_its_own_route_across_a_reload() {
    let house = House::new();
    let (_, key) = house.key(&["GET /"], &["mentor"]);
    let bearer = bearer(&key);
    // Admitted under the old configuration, written once the new one is in force.
    let lines = ["GET /api HTTP/1.1", HOST, &bearer];
    let straddling = house.ask_around("192.0.2.1:5000", &lines, b"", || {
        let moved = ROUTES.replace("path = \"/api\"", "path = \"/later\"");
        house.gate.replace(site(&moved, false)).unwrap();
        let _ = house.core.site();
    });
    let (head, forwarding) = straddling.head();
    assert_eq!(audience(&head), "/api");
    house.end(forwarding, 200);
    // The route at the same place in the new file.
    let (head, forwarding) = get(&house, "/later", &[&bearer]).head();
    assert_eq!(audience(&head), "/later");
    house.end(forwarding, 200);
}

/// What `/api` answers to `key` from `peer`, less what every answer has of its own; 0 where it went on.
fn tried(house: &House, peer: &str, fields: &[&str]) -> (u16, String) {
    let lines = [&["GET /api HTTP/1.1", HOST], fields].concat();
    match house.ask_from(peer, &lines, b"") {
        Met::Sent(_, forwarding) => {
            house.end(forwarding, 200);
            (0, String::new())
        }
        Met::Answered(status, text) => {
            let lines = text.lines().filter(|line| {
                let own = ["X-Request-Id", "Date", "{\"error\"", "Content-Length"];
                !own.iter().any(|name| line.starts_with(name))
            });
            let public = text.split("\"error\":\"").nth(1).unwrap_or_default();
            let public = public.split('"').next().unwrap_or_default();
            (status, lines.collect::<Vec<_>>().join("\n") + public)
        }
    }
}

#[test]
fn an_address_that_guesses_keys_is_refused_a_right_one_for_a_while_and_no_other_is() {
    let house = House::new();
    let (_, key) = house.key(&["GET /"], &["mentor"]);
    let (id, _) = house.key(&["GET /"], &["mentor"]);
    let (good, wrong) = (bearer(&key), bearer(&format!("vsk_{id}_guess")));
    let (here, there) = ("192.0.2.1:5000", "192.0.2.2:5000");
    // Without a credential nobody guesses.
    for _ in 0..200 {
        assert_eq!(tried(&house, here, &[]).0, 401);
    }
    for _ in 1..100 {
        assert_eq!(tried(&house, here, &[&wrong]).0, 401);
    }
    assert_eq!(tried(&house, here, &[&good]).0, 0);
    let answer = tried(&house, here, &[&wrong]);
    assert_eq!(
        tried(&house, here, &[&good]),
        answer,
        "a right guess does not show"
    );
    assert_eq!(tried(&house, there, &[&good]).0, 0);
    // Whoever is behind a proxy of ours is not the proxy.
    let proxied = "X-Forwarded-For: 192.0.2.1";
    let other = "X-Forwarded-For: 192.0.2.3";
    assert_eq!(tried(&house, "10.0.0.1:1", &[&good, proxied]).0, 401);
    assert_eq!(tried(&house, "10.0.0.1:1", &[&good, other]).0, 0);
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(tried(&house, here, &[&good]).0, 0);
}

#[test]
fn neither_a_proxy_nor_a_key_that_was_good_once_counts_as_guessing() {
    let house = House::new();
    let (_, key) = house.key(&["GET /"], &["mentor"]);
    let (gone, old) = house.key(&["GET /"], &["mentor"]);
    house.keys.revoke(&gone, START).unwrap();
    let (good, old) = (bearer(&key), bearer(&old));
    for _ in 0..200 {
        assert_eq!(tried(&house, "192.0.2.1:5000", &[&old]).0, 401);
        assert_eq!(tried(&house, "10.0.0.1:1", &["X-API-Key: guess"]).0, 401);
    }
    assert_eq!(tried(&house, "192.0.2.1:5000", &[&good]).0, 0);
    assert_eq!(tried(&house, "10.0.0.1:1", &[&good]).0, 0);
}
