//! Tickets: every stage runs, and the echo is the destination.

use control::Clock as _;
use gate::tickets::{Minted, Wish};

use crate::{
    house::{HOST, House, Met, goes_to_echo},
    webhooks::signed,
};

fn mint(house: &House, method: &str, target: &str, body: &[u8], webhook: Option<&str>) -> Minted {
    let wish = Wish {
        method,
        target,
        body_sha256: seal::sha256(body),
        webhook,
    };
    house.gate.mint(&wish).unwrap()
}

fn ask(house: &House, line: &str, ticket: &str, body: &[u8]) -> Met {
    let ticket = format!("X-Vouchsafe-Ticket: {ticket}");
    house.ask(&[line, HOST, &ticket], body)
}

#[test]
fn a_ticketed_request_goes_to_the_echo_once_and_its_ticket_stays_here() {
    let house = House::new();
    let ticket = mint(&house, "GET", "/page?a=1", b"", None).ticket;
    let (head, forwarding) = ask(&house, "GET /page?a=1 HTTP/1.1", &ticket, b"").head();
    assert!(
        goes_to_echo(&forwarding) && !head.contains("Ticket"),
        "{head}"
    );
    house.end(forwarding, 200);
    let again = ask(&house, "GET /page?a=1 HTTP/1.1", &ticket, b"");
    assert_eq!(
        again.status(),
        403,
        "a used ticket is refused, never ignored"
    );
    let (_, forwarding) = house.ask(&["GET /page?a=1 HTTP/1.1", HOST], b"").head();
    assert!(!goes_to_echo(&forwarding));
    house.end(forwarding, 200);
}

#[test]
fn a_ticket_that_does_not_fit_is_403() {
    let house = House::new();
    let ticket = |body: &[u8]| mint(&house, "POST", "/page", body, None).ticket;
    assert_eq!(
        ask(&house, "POST /page HTTP/1.1", "made-up", b"a").status(),
        403
    );
    assert_eq!(
        ask(&house, "POST /page HTTP/1.1", &ticket(b"b"), b"a").status(),
        403
    );
    assert_eq!(
        ask(&house, "PUT /page HTTP/1.1", &ticket(b"a"), b"a").status(),
        403
    );
    assert_eq!(
        ask(&house, "POST /page/x HTTP/1.1", &ticket(b"a"), b"a").status(),
        403
    );
    assert_eq!(
        ask(&house, "POST /page HTTP/1.1", &ticket(b"a"), b"a").status(),
        0
    );
    let twice = format!("X-Vouchsafe-Ticket: {}", ticket(b""));
    let met = house.ask(&["POST /page HTTP/1.1", HOST, &twice, &twice], b"");
    assert_eq!(met.status(), 403);
}

#[test]
fn every_stage_runs_under_a_ticket() {
    let house = House::new();
    let ticket = mint(&house, "GET", "/api", b"", None).ticket;
    assert_eq!(ask(&house, "GET /api HTTP/1.1", &ticket, b"").status(), 401);
    assert_eq!(
        ask(&house, "GET /api HTTP/1.1", &ticket, b"").status(),
        403,
        "used up by the request it came with"
    );
}

#[test]
fn a_minted_secret_signs_for_its_ticket_alone() {
    let house = House::new();
    let body = b"{\"canary\":1}";
    let minted = || mint(&house, "POST", "/hook", body, Some("/hook"));
    let deliver = |ticket: Option<&str>, secret: &[u8], id: &str| {
        let mut lines = signed(secret, id, body);
        lines.extend(ticket.map(|ticket| format!("X-Vouchsafe-Ticket: {ticket}")));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        house.ask(&lines, body)
    };
    let one = minted();
    let secret = one.secret.unwrap();
    let (_, forwarding) = deliver(Some(&one.ticket), secret.expose(), "msg_a").head();
    assert!(goes_to_echo(&forwarding));
    house.end(forwarding, 200);
    assert_eq!(deliver(None, secret.expose(), "msg_b").status(), 403);
    assert_eq!(
        deliver(Some(&minted().ticket), secret.expose(), "msg_c").status(),
        403,
        "another ticket's secret"
    );
    assert_eq!(
        deliver(
            Some(&minted().ticket),
            crate::house::SECRET.as_bytes(),
            "msg_d"
        )
        .status(),
        403,
        "the configured secret is replaced, not joined"
    );
    let repeat = minted();
    let its_own = repeat.secret.unwrap();
    let met = deliver(Some(&repeat.ticket), its_own.expose(), "msg_a");
    assert_eq!(met.status() / 100, 2, "the replay table knows it");
}

#[test]
fn a_ticket_ends() {
    let house = House::new();
    let ticket = mint(&house, "GET", "/", b"", None).ticket;
    house.clock.advance(gate::tickets::LIFE);
    assert_eq!(ask(&house, "GET / HTTP/1.1", &ticket, b"").status(), 403);
}

#[test]
fn a_ticketed_body_is_bounded() {
    let house = House::new();
    let body = vec![b'x'; 64 * 1024 + 1];
    let ticket = mint(&house, "POST", "/", &body, None).ticket;
    assert_eq!(ask(&house, "POST / HTTP/1.1", &ticket, &body).status(), 413);
}

#[test]
fn a_key_of_a_proof_reaches_the_echo_and_never_the_app() {
    let house = House::new();
    let minted = house
        .keys
        .create_probe(
            &["GET /api".to_owned()],
            &["mentor".to_owned()],
            house.clock.now(),
            &control::SystemRng,
        )
        .unwrap();
    let key = format!("X-API-Key: {}", minted.key.expose());
    let bare = house.ask(&["GET /api HTTP/1.1", HOST, &key], b"");
    assert_eq!(bare.status(), 403);
    let ticket = mint(&house, "GET", "/api", b"", None).ticket;
    let ticket = format!("X-Vouchsafe-Ticket: {ticket}");
    let (_, forwarding) = house
        .ask(&["GET /api HTTP/1.1", HOST, &key, &ticket], b"")
        .head();
    assert!(goes_to_echo(&forwarding));
    house.end(forwarding, 200);
}
