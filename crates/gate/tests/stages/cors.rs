//! Pages of other sites: what they may read, and what they are told before they send.

use crate::{
    answers::{count, relayed_to},
    house::{HOST, House, ROUTES},
};

const NAMED: &str = "Origin: https://app.example";

/// A house whose closed and open routes may be read from one origin.
fn house() -> House {
    let cors = "cors = { origins = [\"https://app.example\"], headers = [\"x-tenant\"] }\n";
    let routes = ROUTES
        .replace(
            "auth = [\"api-key\"]\nroles",
            &format!("{cors}auth = [\"api-key\"]\nroles"),
        )
        .replace("auth = \"none\"", &format!("{cors}auth = \"none\""));
    House::with(&routes, false)
}

/// What an app that lets everybody read says.
const CARELESS: [&str; 5] = [
    "HTTP/1.1 200 OK",
    "Content-Length: 0",
    "Access-Control-Allow-Origin: https://other.invalid",
    "access-control-allow-credentials: true",
    "ACCESS-CONTROL-EXPOSE-HEADERS: *",
];

#[test]
fn an_origin_is_told_itself_if_it_is_named_letter_by_letter_and_nothing_otherwise() {
    let house = house();
    let head = relayed_to(&house, &["GET / HTTP/1.1", HOST, NAMED], &CARELESS);
    assert!(
        head.contains("Access-Control-Allow-Origin: https://app.example\r\n"),
        "{head}"
    );
    assert_eq!(count(&head, "Access-Control-Allow-Origin"), 1);
    assert_eq!(count(&head, "Access-Control-Allow-Credentials"), 0);
    assert_eq!(count(&head, "Vary"), 1);
    for origin in [
        "https://other.invalid",
        "https://app.example.other.invalid",
        "https://other-app.example",
        "https://app.example:444",
        "https://app.example.",
        "https://APP.example",
        "http://app.example",
        "null",
        "",
    ] {
        let origin = format!("Origin: {origin}");
        let head = relayed_to(&house, &["GET / HTTP/1.1", HOST, &origin], &CARELESS);
        assert!(
            !head.to_ascii_lowercase().contains("access-control"),
            "{head}"
        );
        assert_eq!(count(&head, "Vary"), 1, "a cache must tell them apart");
    }
    let twice = ["GET / HTTP/1.1", HOST, NAMED, NAMED];
    let head = relayed_to(&house, &twice, &CARELESS);
    assert_eq!(count(&head, "Access-Control-Allow-Origin"), 0);
}

#[test]
fn where_nobody_is_named_what_an_app_says_of_origins_is_taken_out() {
    let asked = ["GET / HTTP/1.1", HOST, NAMED];
    let head = relayed_to(&House::new(), &asked, &CARELESS);
    assert!(
        !head.to_ascii_lowercase().contains("access-control"),
        "{head}"
    );
    assert_eq!(count(&head, "Vary"), 0);
}

#[test]
fn a_refusal_can_be_read_by_the_page_that_may_read_the_answer() {
    let house = house();
    let (status, head) = house.ask(&["GET /api HTTP/1.1", HOST, NAMED], b"").answer();
    assert_eq!(status, 401);
    assert!(head.contains("Access-Control-Allow-Origin: https://app.example\r\n"));
    let foreign = ["GET /api HTTP/1.1", HOST, "Origin: https://other.invalid"];
    let (status, head) = house.ask(&foreign, b"").answer();
    assert_eq!(
        (status, count(&head, "Access-Control-Allow-Origin")),
        (401, 0)
    );
}

#[test]
fn a_preflight_is_answered_here_for_named_origins_and_methods_of_the_route() {
    let house = house();
    let ask = |path: &str, origin: &str, method: &str| {
        let line = format!("OPTIONS {path} HTTP/1.1");
        let method = format!("Access-Control-Request-Method: {method}");
        let lines = [line.as_str(), HOST, origin, &method];
        house.ask(&lines, b"").answer()
    };
    let (status, head) = ask("/api/x", NAMED, "DELETE");
    assert_eq!(status, 204);
    for line in [
        "Access-Control-Allow-Origin: https://app.example",
        "Access-Control-Allow-Methods: DELETE",
        "Access-Control-Allow-Headers: authorization, x-api-key, content-type, x-tenant",
        "Access-Control-Max-Age: 600",
        "Vary: Origin",
    ] {
        assert!(head.contains(&format!("{line}\r\n")), "{line}: {head}");
    }
    assert_eq!(count(&head, "Content-Length"), 0, "RFC 9110, section 8.6");
    let (status, head) = ask("/api/x", "Origin: https://other.invalid", "DELETE");
    assert_eq!((status, head.contains("access-control")), (403, false));
    assert_eq!(house.reasons(), ["origin-not-named"]);
    // The route of a webhook names nobody; what is no preflight is judged as anything else.
    let (status, head) = ask("/api/bound", NAMED, "POST");
    assert_eq!(
        (status, count(&head, "Access-Control-Allow-Origin")),
        (401, 0)
    );
    let plain = house.ask(&["OPTIONS /api/x HTTP/1.1", HOST, NAMED], b"");
    assert_eq!(plain.answer().0, 401);
}
