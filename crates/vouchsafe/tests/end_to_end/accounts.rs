//! People with a password of their own: the real binary between an operator, a browser without script
//! and an app.

use control::probe::Answer;
use serde_json::{Value, json};

use crate::support::{
    Client, Deployment, Gate, Said, Upstream, body, field, request, site, status,
};

pub(crate) const GOOD: &str = "copper lantern walks slowly";
pub(crate) const OTHER: &str = "tram-violin-october-sand";
const SIGN_IN: &str = "/.vouchsafe/sign-in";
const CLAIM: &str = "/.vouchsafe/claim";
pub(crate) const OURS: &str = "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost\r\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

/// A deployment whose people have passwords here.
pub(crate) struct House {
    pub(crate) upstream: Upstream,
    pub(crate) deployment: Deployment,
    pub(crate) gate: Gate,
}

/// A deployment whose people have passwords, with these settings.
pub(crate) fn configuration(upstream: &Upstream, accounts: &str) -> String {
    let route = |path: &str, more: &str| {
        format!("[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = [\"session\"]\n{more}\n")
    };
    site(upstream.address)
        + &format!("[accounts]\n{accounts}\n")
        + &route("/app", "")
        + &route("/lead", "roles = [\"lead\"]\n")
}

fn house_with(accounts: &str) -> House {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&configuration(&upstream, accounts));
    House::of(upstream, deployment)
}

fn house() -> House {
    house_with("")
}

impl House {
    /// The gate of this deployment, before that app.
    pub(crate) fn of(upstream: Upstream, deployment: Deployment) -> Self {
        let gate = deployment.up();
        Self {
            upstream,
            deployment,
            gate,
        }
    }

    pub(crate) fn user(&self, verb: &str, arguments: &[&str]) -> Said {
        self.deployment.run(&["user", verb], arguments)
    }

    /// Makes an account and gives the path of its link.
    fn add(&self, name: &str, more: &[&str]) -> String {
        let arguments = [&[name, "--format", "json"], more].concat();
        let made = self.user("add", &arguments).exits(0).json();
        assert_eq!(made["name"], name);
        path_of(&made)
    }

    pub(crate) fn ask(&self, method: &str, path: &str, fields: &str, body: &str) -> Answer {
        Client::dial(self.gate.address).ask(request(method, path, fields, body))
    }

    /// A form that is filled in on a page of ours.
    fn fill_in(&self, path: &str, pairs: &[(&str, &str)]) -> Answer {
        self.ask("POST", path, &format!("{FORM}{OURS}"), &form(pairs))
    }

    fn claim(&self, path: &str, password: &str) -> Answer {
        let (path, link) = path.split_once("?link=").unwrap();
        let pairs = [("link", link), ("password", password), ("repeat", password)];
        self.fill_in(path, &pairs)
    }

    /// An account whose person has set the password.
    pub(crate) fn claimed(&self, name: &str, more: &[&str]) {
        let path = self.add(name, more);
        assert_eq!(self.claim(&path, GOOD).status, 200);
    }

    pub(crate) fn sign_in(&self, name: &str, password: &str) -> Answer {
        self.fill_in(
            SIGN_IN,
            &[("name", name), ("password", password), ("to", "/app")],
        )
    }

    /// The session of somebody who signs in.
    pub(crate) fn session(&self, name: &str) -> String {
        session_of(&self.sign_in(name, GOOD))
    }

    pub(crate) fn visit(&self, path: &str, session: &str) -> Answer {
        let fields = format!("Cookie: __Host-vouchsafe={session}\r\nSec-Fetch-Mode: navigate\r\n");
        self.ask("GET", path, &fields, "")
    }

    /// Every event of the ledger, latest last.
    pub(crate) fn events(&self) -> Vec<Value> {
        let arguments = ["-n", "500", "--format", "json"];
        let tail = self
            .deployment
            .run(&["ledger", "tail"], &arguments)
            .exits(0);
        let lines = tail.stdout.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

fn path_of(made: &Value) -> String {
    let link = made["link"].as_str().unwrap();
    link.strip_prefix("http://localhost").unwrap().to_owned()
}

fn form(pairs: &[(&str, &str)]) -> String {
    identity::form::write(pairs)
}

/// The session that an answer gives.
fn session_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", body(answer));
    let set = field(answer, "set-cookie");
    let (pair, attributes) = set.split_once("; ").unwrap();
    for attribute in ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"] {
        assert!(attributes.split("; ").any(|it| it == attribute), "{set}");
    }
    pair.strip_prefix("__Host-vouchsafe=").unwrap().to_owned()
}

#[test]
fn a_person_claims_an_account_signs_in_and_the_app_learns_who_they_are() {
    let house = house();
    let path = house.add("ann", &["--role", "lead"]);
    // Nobody has set a password yet.
    assert_eq!(house.sign_in("ann", GOOD).status, 401);
    let shown = house.ask("GET", &path, "", "");
    assert_eq!(shown.status, 200);
    assert!(
        body(&shown).contains("value=\"ann\" readonly"),
        "{}",
        body(&shown)
    );
    let set = house.claim(&path, GOOD);
    assert_eq!(set.status, 200);
    assert!(body(&set).contains("Your password is set"));
    // The link is good once.
    for answer in [house.claim(&path, OTHER), house.ask("GET", &path, "", "")] {
        assert_eq!(answer.status, 403);
        assert!(body(&answer).contains("is used or has ended"));
    }
    // A step to a page leads to the form and back, and everything else gets 401.
    let sent = house.ask("GET", "/app/a?b=c", "Sec-Fetch-Mode: navigate\r\n", "");
    assert_eq!(
        (sent.status, field(&sent, "location")),
        (303, "/.vouchsafe/sign-in?to=/app/a%3Fb%3Dc")
    );
    assert_eq!(
        house
            .ask("GET", "/app", "Accept: application/json\r\n", "")
            .status,
        401
    );
    let shown = house.ask("GET", field(&sent, "location"), "", "");
    assert!(body(&shown).contains("name=\"to\" value=\"/app/a?b=c\""));
    let pairs = [("name", "Ann"), ("password", GOOD), ("to", "/app/a?b=c")];
    let back = house.fill_in(SIGN_IN, &pairs);
    assert_eq!(field(&back, "location"), "/app/a?b=c");
    let session = session_of(&back);
    for path in ["/app/a?b=c", "/lead"] {
        assert_eq!(house.visit(path, &session).status, 200);
    }
    let seen = house.upstream.seen();
    let head = &seen.last().unwrap().head;
    assert!(!head.contains("__Host-vouchsafe"), "{head}");
    let assertion = head
        .lines()
        .find_map(|line| line.strip_prefix("X-Vouchsafe-Assertion: "));
    let claims = assertion.unwrap().trim().split('.').nth(1).unwrap();
    let claims = seal::encode::unbase64url(claims).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(
        (&claims["sub"], &claims["roles"]),
        (&json!("user:ann"), &json!(["lead"]))
    );
    // Out again.
    let cookie = format!("Cookie: __Host-vouchsafe={session}\r\n{OURS}");
    let out = house.ask("POST", "/.vouchsafe/logout", &cookie, "");
    assert_eq!((out.status, field(&out, "location")), (303, "/"));
    assert_eq!(house.visit("/app", &session).status, 303);
    let kinds: Vec<Value> = house
        .events()
        .iter()
        .map(|event| event["kind"].clone())
        .collect();
    for kind in [
        "account.create",
        "account.claim",
        "session.login",
        "session.logout",
        "auth.failure",
    ] {
        assert!(kinds.contains(&json!(kind)), "{kind}");
    }
    house.gate.stop();
}

#[test]
fn a_weak_password_is_refused_with_every_rule_it_breaks() {
    let house = house();
    let path = house.add("ann.smith", &[]);
    for (password, said) in [
        (
            "123456789",
            &["fewer than 12", "digits alone", "most common"][..],
        ),
        ("ann.smith2024", &["too much like"]),
        ("passwordpassword", &["most common"]),
        ("583920175623", &["digits alone"]),
        ("", &["empty"]),
    ] {
        let refused = house.claim(&path, password);
        assert_eq!(refused.status, 422, "{password}");
        let page = body(&refused);
        assert_eq!(
            page.matches("<li>").count(),
            said.len(),
            "{password}: {page}"
        );
        for part in said {
            assert!(page.contains(part), "{password}: {page}");
        }
        assert!(password.is_empty() || !page.contains(&format!(">{password}<")));
    }
    let (place, link) = path.split_once("?link=").unwrap();
    let unlike = [("link", link), ("password", GOOD), ("repeat", OTHER)];
    let refused = house.fill_in(place, &unlike);
    assert_eq!(refused.status, 422);
    assert!(body(&refused).contains("not the same"));
    // The link is still good.
    assert_eq!(house.claim(&path, GOOD).status, 200);
    assert_eq!(house.sign_in("ann.smith", GOOD).status, 303);
    house.gate.stop();
}

#[test]
fn wrong_unknown_and_locked_get_one_answer_and_a_lock_is_in_the_ledger() {
    let house = house();
    for name in ["ann", "ben"] {
        house.claimed(name, &[]);
    }
    let unknown = house.sign_in("nobody", GOOD);
    let wrong: Vec<Answer> = (0..5).map(|_| house.sign_in("ann", OTHER)).collect();
    let locked = house.sign_in("ann", GOOD);
    let kept = |answer: &Answer| {
        let fields = answer.fields.iter().filter(|(name, _)| {
            !["date", "x-request-id"].contains(&name.to_ascii_lowercase().as_str())
        });
        (
            answer.status,
            fields.cloned().collect::<Vec<_>>(),
            body(answer),
        )
    };
    assert_eq!(unknown.status, 401);
    for answer in wrong.iter().chain([&locked]) {
        assert_eq!(kept(answer), kept(&unknown));
    }
    assert!(unknown.field("set-cookie").is_none());
    assert_eq!(house.sign_in("ben", GOOD).status, 303, "another account");
    let events = house.events();
    let locks: Vec<&Value> = events
        .iter()
        .filter(|event| event["kind"] == "account.lock")
        .collect();
    assert_eq!(locks.len(), 1, "{locks:?}");
    assert_eq!(
        (&locks[0]["what"], &locks[0]["seconds"]),
        (&json!("account"), &json!(900))
    );
    assert!(locks[0]["principal"].is_string());
    // Those of different cores stand in no order within a batch.
    let mut reasons: Vec<&str> = events
        .iter()
        .filter(|event| event["kind"] == "auth.failure")
        .map(|event| event["reason"].as_str().unwrap())
        .collect();
    reasons.sort_unstable();
    let wrong = "password-wrong";
    assert_eq!(
        reasons,
        [
            "account-locked",
            "account-unknown",
            wrong,
            wrong,
            wrong,
            wrong,
            wrong
        ]
    );
    house.user("unlock", &["ann"]).exits(0);
    assert_eq!(house.sign_in("ann", GOOD).status, 303);
    house.gate.stop();
}

#[test]
fn an_address_that_guesses_is_locked_and_another_is_not() {
    let upstream = Upstream::start();
    let text = configuration(&upstream, "attempts = 3\naddress_attempts = 4\n").replace(
        "public_url",
        "trusted_proxies = [\"127.0.0.1\"]\npublic_url",
    );
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    let house = House {
        upstream,
        deployment,
        gate,
    };
    house.claimed("ann", &[]);
    let from = |address: &str, name: &str| {
        let fields = format!("{FORM}{OURS}X-Forwarded-For: {address}\r\n");
        let filled = form(&[("name", name), ("password", GOOD)]);
        house.ask("POST", SIGN_IN, &fields, &filled).status
    };
    for guess in ["a", "b", "c", "d"] {
        assert_eq!(from("192.0.2.1", guess), 401);
    }
    assert_eq!(from("192.0.2.1", "ann"), 401);
    assert_eq!(from("192.0.2.2", "ann"), 303);
    house.gate.stop();
}

#[test]
fn the_pages_run_no_script_and_are_filled_in_by_our_own_site_alone() {
    let house = house();
    let path = house.add("ann", &[]);
    for path in [SIGN_IN, &path, "/.vouchsafe/sign-in?to=/app"] {
        let shown = house.ask("GET", path, "", "");
        assert_eq!(shown.status, 200);
        let policy = field(&shown, "content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src 'sha256-"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"));
        assert_eq!(field(&shown, "content-type"), "text/html; charset=utf-8");
        assert_eq!(field(&shown, "cache-control"), "no-store");
        assert_eq!(field(&shown, "x-frame-options"), "DENY");
        assert_eq!(field(&shown, "referrer-policy"), "same-origin");
        let page = body(&shown);
        assert!(!page.contains("<script") && !page.contains(" style=") && !page.contains(" on"));
        let fields = page.matches("<input id=").count();
        assert_eq!(page.matches("<label for=").count(), fields, "{page}");
    }
    house.claim(&path, GOOD);
    let filled = form(&[("name", "ann"), ("password", GOOD)]);
    for (fields, expected) in [
        (OURS, 303),
        (
            "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.test\r\n",
            403,
        ),
        (
            "Sec-Fetch-Site: same-site\r\nOrigin: http://localhost\r\n",
            403,
        ),
        ("Origin: null\r\n", 403),
        ("", 403),
    ] {
        let answer = house.ask("POST", SIGN_IN, &format!("{FORM}{fields}"), &filled);
        assert_eq!(answer.status, expected, "{fields}");
        assert_eq!(answer.field("set-cookie").is_some(), expected == 303);
    }
    let json = format!("Content-Type: application/json\r\n{OURS}");
    assert_eq!(house.ask("POST", SIGN_IN, &json, &filled).status, 400);
    let ours = format!("{FORM}{OURS}");
    let twice = format!("{filled}&name=ben");
    assert_eq!(house.ask("POST", SIGN_IN, &ours, &twice).status, 400);
    let long = format!("{filled}&x={}", "a".repeat(8 * 1024));
    assert_eq!(house.ask("POST", SIGN_IN, &ours, &long).status, 413);
    for elsewhere in ["//evil.test", "https://evil.test/", "/.vouchsafe/logout"] {
        let pairs = [("name", "ann"), ("password", GOOD), ("to", elsewhere)];
        assert_eq!(house.fill_in(SIGN_IN, &pairs).status, 400, "{elsewhere}");
        let shown = form(&[("to", elsewhere)]);
        assert_eq!(
            house
                .ask("GET", &format!("{SIGN_IN}?{shown}"), "", "")
                .status,
            400
        );
    }
    for (method, path) in [("PUT", SIGN_IN), ("DELETE", CLAIM)] {
        let answer = house.ask(method, path, OURS, "");
        assert_eq!((answer.status, field(&answer, "allow")), (405, "GET, POST"));
    }
    house.gate.stop();
}

#[test]
fn an_operator_lists_disables_resets_and_ends() {
    let house = house();
    house.claimed("ann", &["--role", "lead"]);
    house.add("ben", &[]);
    house
        .user("add", &["ANN"])
        .exits(2)
        .says(&["account of that name already", "hint"]);
    house.user("add", &["a\nb"]).exits(2);
    let users = house.user("list", &["--format", "json"]).exits(0).json();
    let names: Vec<&Value> = users["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["name"])
        .collect();
    assert_eq!(names, ["ann", "ben"]);
    assert!(!users.to_string().contains("argon2"));
    house.user("list", &[]).exits(0).silent_about("argon2");
    let (one, two) = (house.session("ann"), house.session("ann"));
    let listed = |more: &[&str]| {
        let arguments = [&["--format", "json"], more].concat();
        let listed = house
            .deployment
            .run(&["session", "list"], &arguments)
            .exits(0)
            .json();
        listed["sessions"].as_array().unwrap().clone()
    };
    assert_eq!(listed(&[]).len(), 2);
    assert_eq!(listed(&["--user", "ann"]).len(), 2);
    assert_eq!(listed(&["--user", "ben"]).len(), 0);
    let latest = listed(&[])[0]["id"].as_str().unwrap().to_owned();
    let end = |arguments: &[&str], code| {
        house
            .deployment
            .run(&["session", "end"], arguments)
            .exits(code);
    };
    end(&[&latest], 0);
    end(&[&latest], 1);
    end(&[], 2);
    let open = |session: &str| house.visit("/app", session).status;
    let mut left = [open(&one), open(&two)];
    left.sort_unstable();
    assert_eq!(left, [200, 303]);
    house
        .user("disable", &["ann"])
        .exits(0)
        .says(&["1 sessions ended"]);
    assert_eq!([open(&one), open(&two)], [303, 303]);
    assert_eq!(house.sign_in("ann", GOOD).status, 401);
    house.user("enable", &["ann"]).exits(0);
    let third = house.session("ann");
    let made = house
        .user("reset", &["ann", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(open(&third), 303);
    assert_eq!(house.sign_in("ann", GOOD).status, 401);
    assert_eq!(house.claim(&path_of(&made), OTHER).status, 200);
    assert_eq!(house.sign_in("ann", OTHER).status, 303);
    end(&["--user", "ann"], 0);
    for verb in ["disable", "enable", "reset"] {
        house
            .user(verb, &["nobody"])
            .exits(2)
            .says(&["no account of that name"]);
    }
    let kinds: Vec<String> = house
        .events()
        .iter()
        .map(|event| event["kind"].as_str().unwrap().to_owned())
        .collect();
    for kind in [
        "account.disable",
        "account.enable",
        "account.reset",
        "account.list",
        "session.list",
        "session.end",
    ] {
        assert!(kinds.iter().any(|it| it == kind), "{kind}");
    }
    house.gate.stop();
    house
        .deployment
        .run(&["user", "list"], &[])
        .could_not_ask(&["nothing runs"]);
}

#[test]
fn a_proof_has_an_account_for_a_minute_that_opens_nothing_without_a_ticket() {
    let house = house();
    let made = house
        .gate
        .admin
        .post("/v1/prove/account", &json!({}))
        .unwrap();
    let (name, link) = (
        made["name"].as_str().unwrap(),
        made["link"].as_str().unwrap(),
    );
    let filled = form(&[("link", link), ("password", GOOD), ("repeat", GOOD)]);
    let ours = format!("{FORM}{OURS}");
    assert_eq!(house.ask("POST", CLAIM, &ours, &filled).status, 403);
    let ticketed = |path: &str, filled: &str| {
        let wish = json!({
            "method": "POST", "target": path,
            "body_sha256": seal::encode::hex(&seal::sha256(filled.as_bytes())),
        });
        let ticket = house.gate.admin.post("/v1/prove/ticket", &wish).unwrap();
        let fields = format!(
            "{ours}X-Vouchsafe-Ticket: {}\r\n",
            ticket["ticket"].as_str().unwrap()
        );
        house.ask("POST", path, &fields, filled)
    };
    assert_eq!(ticketed(CLAIM, &filled).status, 200);
    let filled = form(&[("name", name), ("password", GOOD)]);
    assert_eq!(house.ask("POST", SIGN_IN, &ours, &filled).status, 401);
    let session = session_of(&ticketed(SIGN_IN, &filled));
    assert_eq!(
        house.visit("/app", &session).status,
        403,
        "without a ticket"
    );
    assert!(house.upstream.seen().is_empty());
    // A person's account is none of a proof's.
    house.claimed("ann", &[]);
    let anns = form(&[("name", "ann"), ("password", GOOD)]);
    assert_eq!(ticketed(SIGN_IN, &anns).status, 401);
    assert_eq!(house.sign_in("ann", GOOD).status, 303);
    let removed = json!({ "name": name });
    let removed = house
        .gate
        .admin
        .post("/v1/prove/account/remove", &removed)
        .unwrap();
    assert_eq!(removed["removed"], true);
    assert_eq!(ticketed(SIGN_IN, &filled).status, 401);
    house.gate.stop();
}

#[test]
fn no_password_and_no_link_lies_in_a_file() {
    let house = house();
    let path = house.add("ann", &[]);
    let (_, link) = path.split_once("?link=").unwrap();
    let kept = house.add("ben", &[]);
    house.claim(&path, GOOD);
    house.sign_in("ann", GOOD);
    house.sign_in("ann", OTHER);
    let said = house.gate.stop();
    let mut bytes = said.stderr.into_bytes();
    let mut folders = vec![house.deployment.data()];
    while let Some(folder) = folders.pop() {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() {
                bytes.extend(std::fs::read(path).unwrap());
            }
        }
    }
    let holds = |needle: &str| {
        bytes
            .windows(needle.len())
            .any(|it| it == needle.as_bytes())
    };
    assert!(holds("$argon2id$v=19$m=19456,t=2,p=1$"), "the search finds");
    let (_, second) = kept.split_once("?link=").unwrap();
    for secret in [
        GOOD,
        OTHER,
        link,
        second,
        "copper+lantern",
        "copper%20lantern",
    ] {
        assert!(!holds(secret), "{secret}");
    }
    // What was claimed outlives a restart, and so does an open link.
    let again = House {
        gate: house.deployment.up(),
        ..house
    };
    assert_eq!(again.sign_in("ann", GOOD).status, 303);
    assert_eq!(again.claim(&kept, GOOD).status, 200);
    again.gate.stop();
}

#[test]
fn accounts_change_with_a_restart_alone_and_without_them_there_is_no_form() {
    let house = house();
    let text = configuration(&house.upstream, "attempts = 4\n");
    house.deployment.configure(&text);
    house
        .deployment
        .run(&["reload"], &[])
        .exits(1)
        .says(&["[accounts]", "restart"]);
    house.gate.stop();
    let plain = site(house.upstream.address) + &crate::support::open_route("/");
    house.deployment.configure(&plain);
    let gate = house.deployment.up();
    for path in [SIGN_IN, CLAIM, "/.vouchsafe/logout"] {
        assert_eq!(status(gate.address, request("GET", path, "", "")), 404);
    }
    house
        .deployment
        .run(&["user", "list"], &[])
        .could_not_ask(&["no local accounts", "[accounts]"]);
    gate.stop();
}
