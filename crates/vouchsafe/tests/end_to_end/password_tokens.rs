//! Programs of people: a name and a password in, a token out.

use control::probe::Answer;
use serde_json::Value;

use crate::{
    accounts::{GOOD, House, OTHER, configuration},
    support::{Deployment, Upstream, body},
};

const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";

fn house(tokens: &str, accounts: &str) -> House {
    let upstream = Upstream::start();
    let route = |path: &str, more: &str| {
        format!("[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = [\"token\"]\n{more}\n")
    };
    let text = configuration(&upstream, accounts)
        + &format!("[tokens]\n{tokens}\n[keys]\n\n")
        + &route("/api", "")
        + &route("/leads", "roles = [\"lead\"]\n");
    House::of(upstream, Deployment::new(&text))
}

impl House {
    fn token_for(&self, name: &str, password: &str) -> Answer {
        let pairs = [
            ("grant_type", "password"),
            ("username", name),
            ("password", password),
        ];
        self.ask(
            "POST",
            "/.vouchsafe/token",
            FORM,
            &identity::form::write(&pairs),
        )
    }

    fn token_of(&self, name: &str) -> String {
        let answer = self.token_for(name, GOOD);
        assert_eq!(answer.status, 200, "{}", body(&answer));
        let said: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(said["token_type"], "Bearer");
        assert_eq!(said["expires_in"], 3600);
        said["access_token"].as_str().unwrap().to_owned()
    }

    fn with_token(&self, method: &str, path: &str, token: &str) -> u16 {
        let fields = format!("Authorization: Bearer {token}\r\n");
        self.ask(method, path, &fields, "").status
    }
}

#[test]
fn a_person_with_a_password_gets_a_token_that_ends_with_their_account() {
    let house = house("passwords = true", "");
    house.claimed("ann", &["--role", "lead"]);
    house.claimed("bob", &[]);
    let (ann, bob) = (house.token_of("ann"), house.token_of("bob"));
    for (token, path, status) in [
        (&ann, "/api", 200),
        (&ann, "/leads", 200),
        (&bob, "/api", 200),
        (&bob, "/leads", 403),
        // It is no session, and makes no keys and no tokens.
        (&ann, "/app", 401),
    ] {
        assert_eq!(house.with_token("GET", path, token), status, "{path}");
    }
    for desk in ["/.vouchsafe/keys", "/.vouchsafe/token"] {
        assert_eq!(house.with_token("POST", desk, &ann), 401, "{desk}");
    }
    assert_eq!(house.visit("/app", &ann).status, 303);
    let events = house.events();
    let whose = |kind: &str| -> Vec<String> {
        let of = events.iter().filter(|event| event["kind"] == kind);
        of.map(|event| event["principal"].as_str().unwrap().to_owned())
            .collect()
    };
    let owners = whose("token.issue");
    assert_eq!(owners.len(), 2);
    assert!(owners[0] != owners[1], "{owners:?}");
    // Disabled means now, for whoever is in by whichever door.
    house.user("disable", &["ann"]).exits(0);
    assert_eq!(house.with_token("GET", "/api", &ann), 401);
    assert_eq!(house.with_token("GET", "/api", &bob), 200);
    assert_eq!(house.token_for("ann", GOOD).status, 401);
    let log = house.gate.stop();
    log.silent_about(GOOD).silent_about(&ann[ann.len() - 20..]);
}

#[test]
fn guesses_at_the_desk_and_on_the_page_are_counted_together() {
    let house = house("passwords = true", "attempts = 3");
    house.claimed("ann", &[]);
    house.claimed("bob", &[]);
    let (wrong, unknown) = (
        house.token_for("ann", OTHER),
        house.token_for("nobody", OTHER),
    );
    assert_eq!((wrong.status, unknown.status), (401, 401));
    assert_eq!(
        body(&wrong).replace(id_in(&wrong), ""),
        body(&unknown).replace(id_in(&unknown), "")
    );
    assert_eq!(house.sign_in("ann", OTHER).status, 401);
    assert_eq!(house.token_for("ann", OTHER).status, 401);
    // Locked at both, for the right password too; nobody else is.
    assert_eq!(house.token_for("ann", GOOD).status, 401);
    assert_eq!(house.sign_in("ann", GOOD).status, 401);
    assert_eq!(house.token_for("bob", GOOD).status, 200);
    let locks = house.events();
    assert!(locks.iter().any(|event| event["kind"] == "account.lock"));
    house.gate.stop().silent_about(GOOD);
}

#[test]
fn without_being_told_to_the_desk_takes_no_password() {
    let house = house("", "");
    house.claimed("ann", &[]);
    assert_eq!(house.token_for("ann", GOOD).status, 401);
    house.gate.stop();
}

#[test]
fn what_is_no_form_of_a_program_gets_no_token() {
    let house = house("passwords = true", "");
    house.claimed("ann", &[]);
    let good = identity::form::write(&[("username", "ann"), ("password", GOOD)]);
    let foreign = format!("{FORM}Origin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n");
    for (fields, text, status) in [
        (FORM, "username=ann&username=bob&password=x".to_owned(), 400),
        (FORM, format!("grant_type=refresh_token&{good}"), 400),
        (FORM, "\u{fffd}=%zz".to_owned(), 400),
        (FORM, String::new(), 401),
        ("Content-Type: application/json\r\n", good.clone(), 401),
        (&foreign, good.clone(), 403),
        (FORM, good.clone(), 200),
    ] {
        let answer = house.ask("POST", "/.vouchsafe/token", fields, &text);
        assert_eq!(answer.status, status, "{fields} {text}");
    }
    house.gate.stop();
}

#[test]
fn passwords_without_accounts_refuse_to_start() {
    let upstream = Upstream::start();
    let text = crate::support::site(upstream.address)
        + "[tokens]\npasswords = true\n"
        + &crate::support::open_route("/");
    let refused = Deployment::new(&text);
    refused.refuses_to_start(&["tokens.passwords", "add an [accounts] table"]);
}

/// The id of the request as the refusal names it.
fn id_in(answer: &Answer) -> &'static str {
    let said: Value = serde_json::from_slice(&answer.body).unwrap();
    let id = said["request"].as_str().unwrap_or("-").to_owned();
    id.leak()
}
