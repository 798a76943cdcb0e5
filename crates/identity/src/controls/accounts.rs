//! Local accounts, as a control.
//!
//! Owns what `[accounts]` takes, and what it must say for the sentences about passwords to be true.

use std::time::Duration;

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use super::{amend, falls, unreadable};
use crate::account;

/// What holds where nothing is set; a test holds it to `account::Settings`.
const ATTEMPTS: u64 = 5;
const ADDRESS_ATTEMPTS: u64 = 25;
const SHORTEST_PASSWORD: u64 = 12;

/// Local accounts, and what guessing a password costs.
#[derive(Clone, Copy, Debug)]
pub struct LocalAccounts;

const ACCOUNT_KEYS: &[Key] = &[
    Key {
        path: "[accounts] attempts",
        takes: "3 to 20",
        default: "5",
        about: "How many failed sign-ins lock an account, for the right password too. Without the table [accounts] there are no local accounts.",
    },
    Key {
        path: "[accounts] address_attempts",
        takes: "3 to 1000",
        default: "25",
        about: "How many failed sign-ins lock an address, for IPv6 its network of 64 bits, whatever accounts it tries.",
    },
    Key {
        path: "[accounts] window",
        takes: "1m to 24h",
        default: "\"15m\"",
        about: "Within what time they count together.",
    },
    Key {
        path: "[accounts] lock",
        takes: "1m to 24h",
        default: "\"15m\"",
        about: "How long the first lock holds. Each further one holds twice as long, to a day.",
    },
    Key {
        path: "[accounts] link",
        takes: "10m to 7d",
        default: "\"24h\"",
        about: "How long the link is good by which a person sets a password, once.",
    },
    Key {
        path: "[accounts] shortest",
        takes: "8 to 64",
        default: "12",
        about: "Fewest characters of a new password.",
    },
    Key {
        path: "[accounts] documented",
        takes: "list of texts, up to 100",
        default: "[]",
        about: "Passwords that stand in documentation or in a demo: nobody can choose one, with something hung on neither, and whoever has one since before does not come in.",
    },
    Key {
        path: "[accounts] idle",
        takes: "1m to 24h",
        default: "\"30m\"",
        about: "How long a session may be without a request.",
    },
    Key {
        path: "[accounts] longest",
        takes: "1m to 7d",
        default: "\"8h\"",
        about: "How long a session lasts, however busy it is.",
    },
];

static ACCOUNTS_CARD: Card = Card {
    id: account::fault::ACCOUNT,
    title: "People who have a password here",
    summary: "An operator makes an account and gets a link that is good once; its person sets the \
              password, which nobody else ever has. Passwords are kept as Argon2id alone, weak ones \
              are refused with every rule they break, and who fails too often is locked, by account \
              and by address. Unknown name, wrong password and lock get one answer.",
    promises: &[
        "account.lockout",
        "account.monitored",
        "account.one-answer",
        "password.rules",
        "password.none-documented",
    ],
    keys: ACCOUNT_KEYS,
};

/// How soon a failed sign-in is surely in the ledger: a proof looks for it for this long.
const MONITORED_WITHIN: Duration = Duration::from_secs(2);

/// What the other account of a proof needs before its address is locked, besides the attempts that lock
/// the first.
const BESIDE: u64 = 5;

impl Control for LocalAccounts {
    fn card(&self) -> &'static Card {
        &ACCOUNTS_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let Some(accounts) = configuration.get("accounts") else {
            return falls(
                "there are no local accounts".to_owned(),
                "[accounts]\n".to_owned(),
            );
        };
        let set = |name: &str, default: u64| {
            let set = accounts.get(name).and_then(Value::as_u64);
            set.unwrap_or(default)
        };
        match asked.promise.as_str() {
            "account.lockout" => fit_lockout(
                asked,
                set("attempts", ATTEMPTS),
                set("address_attempts", ADDRESS_ATTEMPTS),
            ),
            "account.monitored" => fit_monitored(asked),
            "password.rules" => {
                let shortest = set("shortest", SHORTEST_PASSWORD);
                match number(asked, "shortest") {
                    Some(promised) if promised == shortest => Fit::Fits,
                    Some(promised) => falls(
                        format!("a password has at least {shortest} characters"),
                        format!("[accounts]\nshortest = {promised}\n"),
                    ),
                    None => unreadable(asked, "shortest", "shortest=12"),
                }
            }
            "password.none-documented" => fit_documented(accounts, asked),
            _ => Fit::Fits,
        }
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let accounts = configuration
            .get_mut("accounts")
            .and_then(Value::as_object_mut);
        let set = |values: &[(&str, u64)]| {
            if let Some(accounts) = accounts {
                for (name, value) in values {
                    accounts.insert((*name).to_owned(), (*value).into());
                }
            }
        };
        match asked.promise.as_str() {
            "account.lockout" => {
                set(&[("attempts", 20), ("address_attempts", 1000)]);
                Weakening::Configured("an account is locked after 20 attempts".to_owned())
            }
            "password.rules" => {
                set(&[("shortest", 8)]);
                Weakening::Configured("a password has at least 8 characters".to_owned())
            }
            "account.monitored" => Weakening::Sham("sign-in-dropped"),
            "password.none-documented" => Weakening::Sham("documented-taken"),
            _ => Weakening::Sham("names-told"),
        }
    }
}

fn fit_lockout(asked: &Asked, attempts: u64, address_attempts: u64) -> Fit {
    let Some(promised) = number(asked, "attempts") else {
        return unreadable(asked, "attempts", "attempts=5");
    };
    if attempts != promised {
        return falls(
            format!("{attempts} failed sign-ins lock an account"),
            format!("[accounts]\nattempts = {promised}\n"),
        );
    }
    if address_attempts < attempts + BESIDE {
        return falls(
            format!(
                "{address_attempts} failed sign-ins lock an address, and with it other accounts"
            ),
            format!("[accounts]\naddress_attempts = {ADDRESS_ATTEMPTS}\n"),
        );
    }
    Fit::Fits
}

fn fit_monitored(asked: &Asked) -> Fit {
    match asked.value("within").and_then(config::quantity::duration) {
        Some(within) if within >= MONITORED_WITHIN => Fit::Fits,
        Some(_) => falls(
            "a failed sign-in is looked for for two seconds, not less".to_owned(),
            amend(asked, "within=2s"),
        ),
        None => unreadable(asked, "within", "within=2s"),
    }
}

/// Whether every login that the promise names is one of name and documented password.
fn fit_documented(accounts: &Value, asked: &Asked) -> Fit {
    let listed = accounts.get("documented").and_then(Value::as_array);
    let is_listed = |password: &str| {
        let listed = listed.into_iter().flatten();
        listed.into_iter().any(|it| it.as_str() == Some(password))
    };
    for login in asked.list("login") {
        let Some((_, password)) = login.split_once(':') else {
            return unreadable(asked, "login", "login=demo:its-password");
        };
        if !is_listed(password) {
            return falls(
                "a password of the promise is not one that nobody may have".to_owned(),
                "[accounts]\ndocumented = [\"the password after the colon\"]\n".to_owned(),
            );
        }
    }
    Fit::Fits
}

fn number(asked: &Asked, name: &str) -> Option<u64> {
    asked.value(name)?.parse().ok()
}
