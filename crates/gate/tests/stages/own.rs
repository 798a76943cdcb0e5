//! Names, routes and our own endpoints.

use crate::house::{HOST, House};

#[test]
fn an_open_route_passes_without_a_word_about_who_asks() {
    let house = House::new();
    let (head, forwarding) = house
        .ask(
            &["GET /page HTTP/1.1", HOST, "X-Vouchsafe-Assertion: mine"],
            b"",
        )
        .head();
    assert!(!head.contains("Assertion"), "{head}");
    assert!(head.contains("X-Forwarded-For: 192.0.2.1\r\n"));
    house.end(forwarding, 200);
}

#[test]
fn a_trusted_proxy_speaks_for_its_client_and_nobody_else_does() {
    let house = House::new();
    let lines = [
        "GET / HTTP/1.1",
        HOST,
        "X-Forwarded-For: 203.0.113.9",
        "X-Forwarded-Proto: https",
    ];
    for (peer, seen) in [
        (
            "10.0.0.7:1",
            "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-Proto: https\r\n",
        ),
        (
            "192.0.2.1:1",
            "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: http\r\n",
        ),
    ] {
        let (head, forwarding) = house.ask_from(peer, &lines, b"").head();
        assert!(head.contains(seen), "{peer}: {head}");
        house.end(forwarding, 200);
    }
}

#[test]
fn strict_transport_is_said_to_clients_under_tls_alone() {
    let house = House::new();
    let lines = [
        "GET /.vouchsafe/health HTTP/1.1",
        HOST,
        "X-Forwarded-Proto: https",
    ];
    let (_, behind_tls) = house.ask_from("10.0.0.7:1", &lines, b"").answer();
    assert!(behind_tls.contains("\r\nStrict-Transport-Security: max-age=31536000"));
    let (_, plain) = house.ask_from("192.0.2.1:1", &lines, b"").answer();
    assert!(!plain.contains("Strict-Transport"));
}

#[test]
fn a_foreign_name_is_400() {
    let house = House::new();
    for host in ["Host: other.example", "Host: coach.school.example."] {
        assert_eq!(house.ask(&["GET / HTTP/1.1", host], b"").status(), 400);
    }
    let forwarded = ["GET / HTTP/1.1", HOST, "X-Forwarded-Host: other.example"];
    assert_eq!(house.ask_from("10.0.0.7:1", &forwarded, b"").status(), 400);
    assert_eq!(
        house.ask(&forwarded, b"").status(),
        0,
        "not believed, so not judged"
    );
}

#[test]
fn a_method_that_is_not_listed_is_405_and_names_those_that_are() {
    let house = House::new();
    let (status, text) = house.ask(&["GET /hook HTTP/1.1", HOST], b"").answer();
    assert_eq!(status, 405);
    assert!(text.contains("\r\nAllow: POST\r\n"), "{text}");
    assert_eq!(house.ask(&["TRACE / HTTP/1.1", HOST], b"").status(), 405);
}

#[test]
fn without_a_route_nothing_is_forwarded() {
    let house = House::with(
        "[[route]]\npath = \"/api\"\napp = \"coach\"\nauth = [\"api-key\"]\n",
        false,
    );
    assert_eq!(house.ask(&["GET / HTTP/1.1", HOST], b"").status(), 404);
}

#[test]
fn our_own_endpoints_answer_on_exactly_their_paths() {
    let house = House::new();
    let get = |target: &str| {
        let line = format!("GET {target} HTTP/1.1");
        house.ask(&[line.as_str(), HOST], b"").answer()
    };
    let (status, text) = get("/.vouchsafe/health");
    assert_eq!(status, 200);
    assert!(text.ends_with("{\"status\":\"ok\"}\n"), "{text}");
    assert!(text.contains("Cache-Control: no-store\r\n"), "{text}");
    let (status, text) = get("/.vouchsafe/jwks.json");
    assert_eq!(status, 200);
    assert!(text.contains("\"kty\":\"OKP\""), "{text}");
    assert!(
        text.contains("Cache-Control: public, max-age=300\r\n"),
        "{text}"
    );
    for other in [
        "/.vouchsafe",
        "/.vouchsafe/",
        "/.vouchsafe/health/",
        "/.vouchsafe/health/x",
        "/.vouchsafe/HEALTH",
        "/.Vouchsafe/health",
        "/.vouchsafe//health",
        "/.vouchsafe/health;x",
    ] {
        assert_eq!(get(other).0, 404, "{other}");
    }
    assert_eq!(get("//.vouchsafe/health").0, 400);
    let post = house.ask(&["POST /.vouchsafe/health HTTP/1.1", HOST], b"");
    let (status, text) = post.answer();
    assert_eq!(status, 405);
    assert!(text.contains("Allow: GET, HEAD\r\n"), "{text}");
}

#[test]
fn a_head_request_is_answered_without_a_body() {
    let house = House::new();
    let (status, text) = house
        .ask(&["HEAD /.vouchsafe/health HTTP/1.1", HOST], b"")
        .answer();
    assert_eq!(status, 200);
    assert!(
        text.contains("Content-Length: 16\r\n") && text.ends_with("\r\n\r\n"),
        "{text}"
    );
}

#[test]
fn a_declared_length_beyond_the_limit_is_refused_unread() {
    let house = House::new();
    let lines = ["POST /hook HTTP/1.1", HOST, "Content-Length: 1025"];
    assert_eq!(house.ask(&lines, b"").status(), 413);
}
