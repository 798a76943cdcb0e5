//! People who log in, as a control.
//!
//! Owns what `[login]` takes, and what it must say for the sentences about logins and sessions to be
//! true.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use super::{asks_for, falls};
use crate::{oidc, session};

/// People who log in.
#[derive(Clone, Copy, Debug)]
pub struct People;

/// Their sessions.
#[derive(Clone, Copy, Debug)]
pub struct KeptSessions;

const LOGIN_KEYS: &[Key] = &[
    Key {
        path: "[login] issuer",
        takes: "URL",
        default: "required",
        about: "The OpenID Connect provider that people log in at, as it writes its own name. Without the table [login] nobody logs in.",
    },
    Key {
        path: "[login] client_id",
        takes: "text",
        default: "required",
        about: "What the provider calls this deployment. Its redirect URI is public_url with /.vouchsafe/callback behind it.",
    },
    Key {
        path: "[login] client_secret",
        takes: "reference to a secret",
        default: "none",
        about: "What the deployment proves its client id with; a public client has none.",
    },
    Key {
        path: "[login] scopes",
        takes: "list of scopes",
        default: "[]",
        about: "What is asked for besides openid, such as email, profile or groups.",
    },
    Key {
        path: "[login] domains",
        takes: "list of domains",
        default: "[]",
        about: "Domains of which a person must be, by the claim hd or a verified e-mail address; none named, whoever the provider lets in.",
    },
    Key {
        path: "[login] role_claim",
        takes: "name of a claim",
        default: "none",
        about: "The claim of the ID token that lists groups or roles; a dot leads into an object.",
    },
    Key {
        path: "[login.roles]",
        takes: "value of the claim = role",
        default: "empty",
        about: "What each value of that claim is called here. What is not listed is no role.",
    },
    Key {
        path: "[login] tenant",
        takes: "tenant",
        default: "\"default\"",
        about: "The tenant of the people who log in.",
    },
];

const SESSION_KEYS: &[Key] = &[
    Key {
        path: "[login] idle",
        takes: "1m to 24h",
        default: "\"30m\"",
        about: "How long a session may be without a request. What goes over an open WebSocket counts as none. On several nodes, or after a crash, a session can end half a minute earlier, never later.",
    },
    Key {
        path: "[login] longest",
        takes: "1m to 7d",
        default: "\"8h\"",
        about: "How long a session lasts, however busy it is.",
    },
];

static PEOPLE_CARD: Card = Card {
    id: oidc::fault::LOGIN,
    title: "People who log in",
    summary: "People log in at their team's OpenID Connect provider. An answer counts once, in the \
              browser that asked for it, and only with an ID token that the provider signed for this \
              login; with an allowed domain where some are named.",
    promises: &["login.genuine"],
    keys: LOGIN_KEYS,
};

static SESSIONS_CARD: Card = Card {
    id: session::fault::SESSION,
    title: "Sessions",
    summary: "Who has logged in has a session that the gate keeps: a step to a page without one leads \
              to the login, everything else gets 401. The store holds digests alone, and a session \
              ends when it is idle, old, logged out or ended by the provider.",
    promises: &[
        "session.idle",
        "session.longest",
        "session.isolated",
        "session.cookie",
    ],
    keys: SESSION_KEYS,
};

impl Control for People {
    fn card(&self) -> &'static Card {
        &PEOPLE_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let Some(login) = configuration.get("login") else {
            return nobody();
        };
        if asked.value("domains").is_none() {
            return Fit::Fits;
        }
        let mut promised = asked.list("domains");
        let mut named: Vec<&str> = match login.get("domains").and_then(Value::as_array) {
            Some(named) => named.iter().filter_map(Value::as_str).collect(),
            None => Vec::new(),
        };
        promised.sort_unstable();
        named.sort_unstable();
        if named == promised {
            return Fit::Fits;
        }
        let wrong = match named.as_slice() {
            [] => "people of any domain log in".to_owned(),
            named => format!("people of {} log in", named.join(", ")),
        };
        let quoted: Vec<String> = promised.iter().map(|name| format!("\"{name}\"")).collect();
        falls(
            wrong,
            format!("[login]\ndomains = [{}]\n", quoted.join(", ")),
        )
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("login-forged")
    }
}

impl Control for KeptSessions {
    fn card(&self) -> &'static Card {
        &SESSIONS_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let ways: Vec<(&str, &Value)> = WAYS
            .into_iter()
            .filter_map(|way| Some((way, configuration.get(way)?)))
            .collect();
        if ways.is_empty() {
            return nobody();
        }
        if !asks_for(configuration, "session", None) {
            return falls(
                "no route takes sessions".to_owned(),
                "[[route]]\npath = \"/\"\nauth = [\"session\"]\n".to_owned(),
            );
        }
        let limits = ways
            .iter()
            .flat_map(|(way, table)| LIMITS.map(|(name, default)| (way, table, name, default)));
        for (way, table, name, default) in limits {
            let set = table.get(name).and_then(Value::as_str).unwrap_or(default);
            let duration = config::quantity::duration;
            if let Some(promised) = asked.value(name)
                && duration(promised) != duration(set)
            {
                return falls(
                    format!("{name} of a session is {set}"),
                    format!("[{way}]\n{name} = \"{promised}\"\n"),
                );
            }
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let mut set = |name: &str, value: &str| {
            for way in WAYS {
                let table = configuration.get_mut(way).and_then(Value::as_object_mut);
                if let Some(table) = table {
                    table.insert(name.to_owned(), value.into());
                }
            }
            Weakening::Configured(format!("{name} of a session is {value}"))
        };
        match asked.promise.as_str() {
            "session.idle" => set("idle", "24h"),
            "session.longest" => set("longest", "7d"),
            "session.cookie" => Weakening::Sham("cookie-readable"),
            _ => Weakening::Sham("session-mixed"),
        }
    }
}

/// The tables by which people come to sessions.
const WAYS: [&str; 2] = ["login", "accounts"];

/// The limits of a session, and what holds where none is set.
const LIMITS: [(&str, &str); 2] = [("idle", "30m"), ("longest", "8h")];

fn nobody() -> Fit {
    falls(
        "nobody logs in".to_owned(),
        "[login]\nissuer = \"https://login.school.example\"\nclient_id = \"vouchsafe\"\n"
            .to_owned(),
    )
}
