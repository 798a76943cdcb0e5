//! People who log in: the real binary between a browser, a provider that follows a script, and an
//! app.

use std::sync::Arc;

use control::{Clock as _, SystemClock, Timestamp, probe::Answer};
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use crate::{
    login_peer::{Peer, pairs},
    support::{Client, Deployment, Gate, Socket, Upstream, field, request, site, status, until},
};

/// A deployment with a provider.
pub(crate) struct House {
    peer: Arc<Peer>,
    upstream: Upstream,
    deployment: Deployment,
    pub(crate) gate: Gate,
    /// What the provider runs on.
    _runtime: Runtime,
}

fn house() -> House {
    house_under(|peer, upstream| configuration(&peer.issuer(), peer.address.port(), upstream))
}

/// The same under another configuration.
pub(crate) fn house_under(text: impl FnOnce(&Peer, &Upstream) -> String) -> House {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let peer = runtime.block_on(Peer::start());
    let now = SystemClock::new().now().seconds();
    peer.script.lock().unwrap().claims = json!({ "iat": now - 1, "exp": now + 600 });
    let upstream = Upstream::start();
    let deployment = Deployment::new(&text(&peer, &upstream)).with("LOGIN_SECRET", "s :");
    let gate = deployment.up();
    House {
        peer,
        upstream,
        deployment,
        gate,
        _runtime: runtime,
    }
}

/// A deployment whose people log in at `issuer`, on this port of loopback.
pub(crate) fn configuration(issuer: &str, port: u16, upstream: &Upstream) -> String {
    let route = |path: &str, more: &str| {
        format!("[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = [\"session\"]\n{more}\n")
    };
    site(upstream.address)
        + &login(issuer, port)
        + &route("/app", "")
        + &route("/lead", "roles = [\"lead\"]\n")
        + "[[route]]\npath = \"/both\"\napp = \"app\"\nauth = [\"api-key\", \"session\"]\n"
}

/// The tables that have people log in at `issuer`, on this port of loopback.
pub(crate) fn login(issuer: &str, port: u16) -> String {
    let in_a_month = SystemClock::new().now().seconds() + 30 * 86_400;
    let until: String = Timestamp::from_seconds(in_a_month)
        .to_string()
        .chars()
        .take(10)
        .collect();
    format!(
        "[login]\nissuer = \"{issuer}\"\nclient_id = \"us\"\nclient_secret = \"env:LOGIN_SECRET\"\n\
         role_claim = \"groups\"\n[login.roles]\ng-sales = \"sales\"\n\n\
         [[connect.exception]]\nhost = \"127.0.0.1\"\nnetwork = \"127.0.0.0/8\"\nport = {port}\n\
         reason = \"a provider of this test\"\nuntil = {until}\n\n"
    )
}

/// What a browser keeps and sends.
pub(crate) struct Browser<'h> {
    house: &'h House,
    pub(crate) session: Option<String>,
    binding: Option<String>,
}

impl<'h> Browser<'h> {
    fn new(house: &'h House) -> Self {
        Self {
            house,
            session: None,
            binding: None,
        }
    }

    fn cookies(&self) -> String {
        let mut cookies = vec!["theme=\"dark mode\"".to_owned()];
        cookies.extend(
            self.binding
                .iter()
                .map(|it| format!("__Host-vouchsafe-login={it}")),
        );
        cookies.extend(
            self.session
                .iter()
                .map(|it| format!("__Host-vouchsafe={it}")),
        );
        format!("Cookie: {}\r\n", cookies.join("; "))
    }

    pub(crate) fn send(&mut self, method: &str, path: &str, fields: &str) -> Answer {
        let fields = format!("{}{fields}", self.cookies());
        let answer = Client::dial(self.house.gate.address).ask(request(method, path, &fields, ""));
        if let Some(set) = answer.field("set-cookie") {
            let (pair, attributes) = set.split_once("; ").unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
                assert!(attributes.split("; ").any(|it| it == attribute), "{set}");
            }
            let kept = (!attributes.contains("Max-Age=0;")).then(|| value.to_owned());
            assert_eq!(kept.is_none(), value.is_empty());
            match name {
                "__Host-vouchsafe" => self.session = kept,
                "__Host-vouchsafe-login" => self.binding = kept,
                other => panic!("a cookie called {other}"),
            }
        }
        answer
    }

    /// A person's step to a page.
    pub(crate) fn visit(&mut self, path: &str) -> Answer {
        self.send(
            "GET",
            path,
            "Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n",
        )
    }

    /// Goes to the provider and comes back to our callback.
    fn log_in_for(&mut self, page: &str) -> Answer {
        let query = self.leave_for(page);
        let callback = self.answer_of_provider(&query);
        self.visit(&callback)
    }

    fn leave_for(&mut self, page: &str) -> String {
        let sent = self.visit(page);
        assert_eq!(sent.status, 303);
        let place = field(&sent, "location").to_owned();
        assert!(place.starts_with("/.vouchsafe/login?to="), "{place}");
        let sent = self.visit(&place);
        assert_eq!(sent.status, 303);
        let (place, query) = field(&sent, "location").split_once('?').unwrap();
        assert_eq!(place, format!("{}/auth", self.house.peer.issuer()));
        query.to_owned()
    }

    fn answer_of_provider(&self, query: &str) -> String {
        let sent = pairs(query);
        let state = sent["state"].clone();
        let code = self.house.peer.log_in(sent);
        format!("/.vouchsafe/callback?code={code}&state={state}")
    }

    /// A browser that is logged in.
    pub(crate) fn logged_in(house: &'h House) -> Self {
        let mut browser = Self::new(house);
        assert_eq!(browser.log_in_for("/app/a?b=c").status, 303);
        assert!(browser.session.is_some());
        browser
    }
}

pub(crate) const OURS: &str = "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost\r\n";

#[test]
fn a_person_comes_to_the_page_they_asked_for_and_the_app_learns_who_they_are() {
    let house = house();
    let mut browser = Browser::new(&house);
    let back = browser.log_in_for("/app/a?b=c%20d");
    assert_eq!(
        (back.status, field(&back, "location")),
        (303, "/app/a?b=c%20d")
    );
    assert_eq!(browser.visit("/app/a?b=c%20d").status, 200);
    let seen = house.upstream.seen();
    let head = &seen.last().unwrap().head;
    assert!(head.contains("theme=\"dark mode\""), "{head}");
    assert!(!head.contains("__Host-vouchsafe"), "{head}");
    let assertion = head
        .lines()
        .find_map(|line| line.strip_prefix("X-Vouchsafe-Assertion: "))
        .unwrap();
    let claims = assertion.trim().split('.').nth(1).unwrap();
    let claims = seal::encode::unbase64url(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "user:u-1");
    assert_eq!(claims["roles"], json!(["sales"]));
    // A role that the person has not.
    assert_eq!(browser.visit("/lead").status, 403);
    // What nobody logged in for.
    for (fields, expected) in [
        ("Sec-Fetch-Mode: cors\r\nAccept: */*\r\n", 401),
        ("Accept: application/json\r\n", 401),
        ("Sec-Fetch-Mode: navigate\r\n", 303),
    ] {
        let asked = request("GET", "/app", fields, "");
        assert_eq!(status(house.gate.address, asked), expected, "{fields}");
    }
    house.gate.stop();
}

#[test]
fn a_forged_or_repeated_answer_is_no_login() {
    let house = house();
    let mut victim = Browser::new(&house);
    let mut attacker = Browser::new(&house);
    let query = attacker.leave_for("/app");
    let callback = attacker.answer_of_provider(&query);
    // The attacker's answer in the victim's browser, which has begun a login or has not.
    assert_eq!(victim.visit(&callback).status, 403);
    victim.leave_for("/app");
    assert_eq!(victim.visit(&callback).status, 403);
    let forged = format!("/.vouchsafe/callback?code=c&state={}", "A".repeat(43));
    assert_eq!(victim.visit(&forged).status, 403);
    assert_eq!(victim.session, None);
    // It was not used up: in its own browser it counts, once.
    assert_eq!(attacker.visit(&callback).status, 303);
    let first = attacker.session.clone().unwrap();
    assert_eq!(attacker.visit(&callback).status, 403);
    assert_eq!(attacker.visit("/app").status, 200);
    // A session that was planted does not become the person's.
    victim.session = Some(first.clone());
    let query = victim.leave_for_anew();
    let callback = victim.answer_of_provider(&query);
    assert_eq!(victim.visit(&callback).status, 303);
    assert_ne!(victim.session, Some(first));
    assert_eq!(
        attacker.visit("/app").status,
        303,
        "the planted session has ended"
    );
    for elsewhere in [
        "//evil.test",
        "https://evil.test/",
        "/%5Cevil.test",
        "/a%0d%0aX: y",
    ] {
        let place = format!("/.vouchsafe/login?to={}", elsewhere.replace(' ', "%20"));
        assert_eq!(victim.visit(&place).status, 400, "{elsewhere}");
    }
    house.gate.stop();
}

impl Browser<'_> {
    /// Begins a login although there is a session.
    fn leave_for_anew(&mut self) -> String {
        let sent = self.visit("/.vouchsafe/login?to=/app");
        let (_, query) = field(&sent, "location").split_once('?').unwrap();
        query.to_owned()
    }
}

#[test]
fn what_another_site_makes_a_browser_send_is_refused() {
    let house = house();
    let mut browser = Browser::logged_in(&house);
    for (fields, expected) in [
        (OURS, 200),
        ("Sec-Fetch-Site: same-origin\r\n", 200),
        ("Origin: http://localhost\r\n", 200),
        ("Sec-Fetch-Site: none\r\nOrigin: http://localhost\r\n", 200),
        (
            "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.test\r\n",
            403,
        ),
        ("Sec-Fetch-Site: cross-site\r\n", 403),
        (
            "Sec-Fetch-Site: same-site\r\nOrigin: http://localhost\r\n",
            403,
        ),
        (
            "Sec-Fetch-Site: same-origin\r\nOrigin: https://evil.test\r\n",
            403,
        ),
        ("Origin: https://evil.test\r\n", 403),
        ("Origin: https://localhost.evil.test\r\n", 403),
        ("Origin: null\r\n", 403),
        ("Sec-Fetch-Site: none\r\n", 403),
        ("", 403),
    ] {
        let answer = browser.send("POST", "/app/change", fields);
        assert_eq!(answer.status, expected, "{fields}");
    }
    // A link from elsewhere is no harm, and neither is a key, which no browser sends unasked.
    let link = "Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n";
    assert_eq!(browser.send("GET", "/app", link).status, 200);
    let out = browser.send(
        "POST",
        "/.vouchsafe/logout",
        "Sec-Fetch-Site: cross-site\r\n",
    );
    assert_eq!(out.status, 403);
    assert_eq!(browser.visit("/app").status, 200);
    house.gate.stop();
}

#[test]
fn whoever_logs_out_is_out_and_their_websocket_closes() {
    let house = house();
    let mut browser = Browser::logged_in(&house);
    let mut other = Browser::logged_in(&house);
    let handshake = |browser: &Browser<'_>, origin: &str| {
        format!(
            "GET /app/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Origin: {origin}\r\n{}\r\n",
            browser.cookies()
        )
    };
    let hijacked = handshake(&browser, "https://evil.test");
    assert_eq!(status(house.gate.address, hijacked), 403);
    let open = |browser: &Browser<'_>| {
        let mut socket = Socket::dial(house.gate.address);
        socket.send(handshake(browser, "http://localhost"));
        assert!(socket.read_until("\r\n\r\n").starts_with("HTTP/1.1 101 "));
        socket
    };
    let (mut ended, mut kept) = (open(&browser), open(&other));
    let held = browser.session.clone();
    let out = browser.send("POST", "/.vouchsafe/logout", OURS);
    assert_eq!(out.status, 303);
    assert!(field(&out, "location").starts_with(&format!("{}/end?", house.peer.issuer())));
    assert_eq!(browser.session, None, "the browser lets go of it");
    assert!(
        ended.is_closed(),
        "the WebSocket of an ended session must close"
    );
    kept.send("still.");
    assert_eq!(kept.read_until("."), "still.");
    // Whoever has copied the id has nothing.
    browser.session = held;
    assert_eq!(browser.visit("/app").status, 303);
    assert_eq!(browser.session, None, "a dead session is taken back");
    assert_eq!(other.visit("/app").status, 200);
    house.gate.stop();
}

#[test]
fn the_provider_ends_sessions() {
    let house = house();
    let mut browser = Browser::logged_in(&house);
    assert_eq!(browser.visit("/app").status, 200);
    let now = SystemClock::new().now().seconds();
    let ask_at = |whose: &str, name: &str, issued: i64| {
        let claims = json!({
            "iss": house.peer.issuer(), "aud": "us", "iat": issued, "exp": now + 60, "jti": "j",
            whose: name, "events": { "http://schemas.openid.net/event/backchannel-logout": {} },
        });
        let header = json!({"alg": "ES256", "kid": "k-1"});
        let token = house.peer.sign(&header, &claims.to_string());
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = format!("logout_token={token}");
        let asked = request("POST", "/.vouchsafe/backchannel-logout", form, &body);
        status(house.gate.address, asked)
    };
    let ask = |sid: &str| ask_at("sid", sid, now);
    assert_eq!(ask("another"), 200);
    assert_eq!(browser.visit("/app").status, 200);
    assert_eq!(ask("s-1"), 200);
    assert_eq!(browser.visit("/app").status, 303);
    // A word of two minutes ago, said again by whoever kept it, is about nobody who came since.
    let mut again = Browser::logged_in(&house);
    assert_eq!(ask_at("sub", "u-1", now - 120), 200);
    assert_eq!(again.visit("/app").status, 200);
    assert_eq!(ask_at("sub", "u-1", now), 200);
    assert_eq!(again.visit("/app").status, 303);
    let nonsense = request(
        "POST",
        "/.vouchsafe/backchannel-logout",
        "",
        "logout_token=a.b.c",
    );
    assert_eq!(status(house.gate.address, nonsense), 400);
    house.gate.stop();
}

#[test]
fn a_session_outlives_a_restart_and_its_id_lies_in_no_file() {
    let house = house();
    let mut browser = Browser::logged_in(&house);
    assert_eq!(browser.visit("/app").status, 200);
    let id = browser.session.clone().unwrap();
    let files = until("the session is stored", || {
        let mut bytes = Vec::new();
        for file in std::fs::read_dir(house.deployment.data()).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                bytes.extend(std::fs::read(path).unwrap());
            }
        }
        (!bytes.is_empty()).then_some(bytes)
    });
    let holds = |needle: &[u8]| files.windows(needle.len()).any(|window| window == needle);
    let handle = seal::encode::hex(&seal::sha256(id.as_bytes()));
    assert!(holds(&handle.as_bytes()[..16]), "the search finds");
    assert!(!holds(id.as_bytes()));
    house.gate.stop();
    let again = house.deployment.up();
    let asked = request(
        "GET",
        "/app",
        &format!("Cookie: __Host-vouchsafe={id}\r\n"),
        "",
    );
    assert_eq!(status(again.address, asked), 200);
    again.stop();
}
