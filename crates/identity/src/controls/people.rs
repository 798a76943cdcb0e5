//! People who log in, as a control.
//!
//! Owns what `[login]` takes. No promise names it yet.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use super::falls;
use crate::oidc;

/// People who log in, and their sessions.
#[derive(Clone, Copy, Debug)]
pub struct People;

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
    summary: "People log in at their team's OpenID Connect provider and get a session that the gate \
              keeps: a step to a page without one leads to the login, everything else gets 401. The \
              store holds digests alone, a session ends when it is idle, old, logged out or ended by \
              the provider, and what changes something must come from a page of this site.",
    promises: &[],
    keys: LOGIN_KEYS,
};

impl Control for People {
    fn card(&self) -> &'static Card {
        &PEOPLE_CARD
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        if configuration.get("login").is_some() {
            return Fit::Fits;
        }
        falls(
            "nobody logs in".to_owned(),
            "[login]\nissuer = \"https://login.school.example\"\nclient_id = \"vouchsafe\"\n"
                .to_owned(),
        )
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        // No promise names it yet.
        Weakening::Sham("session-endless")
    }
}
