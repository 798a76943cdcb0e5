//! Local accounts, as a control.
//!
//! Owns what `[accounts]` takes, and what it must say for the sentences about passwords to be true.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use super::falls;
use crate::account;

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
    promises: &[],
    keys: ACCOUNT_KEYS,
};

impl Control for LocalAccounts {
    fn card(&self) -> &'static Card {
        &ACCOUNTS_CARD
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        if configuration.get("accounts").is_some() {
            return Fit::Fits;
        }
        falls(
            "there are no local accounts".to_owned(),
            "[accounts]\n".to_owned(),
        )
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        // No promise names it yet.
        Weakening::Sham("session-endless")
    }
}
