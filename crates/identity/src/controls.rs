//! The promises about keys, tokens and roles, as controls.
//!
//! Owns what a configuration must say for the sentences `key.*` and `token.*` to be true. Most of what
//! keeps them is not a setting but how this crate is built, so there is nothing to switch off: a
//! self-test sends its probes to a sham with the fault named here.

mod accounts;
mod certificates;
mod people;
mod roles;
mod rows;

use control::{Asked, Card, Control, ControlId, Fit, Mend, Weakening, card::Key};
use serde_json::Value;

pub use self::{
    accounts::LocalAccounts,
    certificates::Certificates,
    people::{KeptSessions, People},
    roles::Roles,
    rows::Rows,
};
use crate::{account::fault::ACCOUNT, api_key, refusal};

/// The controls of this crate, in the order the binary lists them.
pub const CONTROLS: &[&dyn Control] = &[
    &Keys,
    &KeyScopes,
    &Roles,
    &Rows,
    &KeyDesk,
    &Tokens,
    &People,
    &KeptSessions,
    &LocalAccounts,
    &Certificates,
];

/// A change made by this process counts at once; one made by another process within this.
const SEEN_WITHIN_MILLIS: u128 = 1000;

/// Digests, prefixes, revocation and generator of keys.
#[derive(Clone, Copy, Debug)]
pub struct Keys;

/// Scopes of keys.
#[derive(Clone, Copy, Debug)]
pub struct KeyScopes;

/// Who may have keys made.
#[derive(Clone, Copy, Debug)]
pub struct KeyDesk;

/// Tokens that the gate issues for keys.
#[derive(Clone, Copy, Debug)]
pub struct Tokens;

const ROUTE_KEYS: &[Key] = &[
    Key {
        path: "[[route]] auth",
        takes: "list of \"api-key\", \"token\", \"session\" and \"certificate\", or \"none\"",
        default: "required",
        about: "Who may pass the route: the holder of a key or of a token, a person who is logged in, a program with a certificate, or anyone for a stated reason.",
    },
    Key {
        path: "[[route]] roles",
        takes: "list of roles",
        default: "[]",
        about: "Roles of which a key must have one; none named, any key within its scope passes.",
    },
];

const DESK_KEYS: &[Key] = &[
    Key {
        path: "[keys] role",
        takes: "role",
        default: "\"admin\"",
        about: "The role whose holders may make keys with POST /.vouchsafe/keys. Without the table [keys] that is not served.",
    },
    Key {
        path: "[keys] aliases",
        takes: "list of paths",
        default: "[]",
        about: "Further paths at which keys are made.",
    },
];

const TOKEN_KEYS: &[Key] = &[
    Key {
        path: "[tokens] life",
        takes: "1m to 60m",
        default: "\"60m\"",
        about: "How long a token lives that POST /.vouchsafe/token gives to the holder of a key. Without the table [tokens] that is not served.",
    },
    Key {
        path: "[tokens] passwords",
        takes: "true or false",
        default: "false",
        about: "Whether a token is also given to a person with a password, who sends username and password as a form. Needs [accounts].",
    },
    Key {
        path: "[tokens] aliases",
        takes: "list of paths",
        default: "[]",
        about: "Further paths at which tokens are given.",
    },
    Key {
        path: "[[issuer]] issuer",
        takes: "text",
        default: "required",
        about: "Somebody else whose tokens routes with \"token\" take: what these say in iss, byte for byte.",
    },
    Key {
        path: "[[issuer]] algorithms",
        takes: "list of HS256, RS256, PS256, ES256 and EdDSA",
        default: "required",
        about: "Algorithms its tokens may be signed with; HS256 stands alone.",
    },
    Key {
        path: "[[issuer]] keys",
        takes: "{ url = \"https://...\" }, { file = \"jwks.json\" } or { secret = \"env:NAME\" }",
        default: "required",
        about: "Its public keys as a JSON Web Key Set: asked for every hour and when a token names a new one, or read at start and reload; for HS256 the secret, of 32 bytes or more.",
    },
    Key {
        path: "[[issuer]] audience",
        takes: "list of texts",
        default: "required",
        about: "Audiences, of which a token must name one.",
    },
    Key {
        path: "[[issuer]] required",
        takes: "table of claims and texts",
        default: "{}",
        about: "Claims a token must have with exactly this text.",
    },
    Key {
        path: "[[issuer]] role_claim",
        takes: "claim",
        default: "none",
        about: "The claim that lists roles; a dot leads into an object.",
    },
    Key {
        path: "[[issuer]] roles",
        takes: "table of their roles and ours",
        default: "{}",
        about: "What a value of role_claim is called here; others are no roles.",
    },
    Key {
        path: "[[issuer]] tenant",
        takes: "tenant",
        default: "\"default\"",
        about: "The tenant of its subjects.",
    },
    Key {
        path: "[[issuer]] tenant_claim",
        takes: "claim",
        default: "none",
        about: "The claim that names the tenant, instead; a token without it is refused.",
    },
    Key {
        path: "[[issuer]] skew",
        takes: "0s to 5m",
        default: "\"30s\"",
        about: "How far its clock may be off.",
    },
    Key {
        path: "[[issuer]] longest",
        takes: "1m to 24h",
        default: "\"60m\"",
        about: "The longest life of a token.",
    },
    Key {
        path: "[[issuer]] once",
        takes: "true or false",
        default: "false",
        about: "Whether a token is good for one request: it then needs jti and iat.",
    },
];

static KEYS_CARD: Card = Card {
    id: refusal::KEY,
    title: "API keys",
    summary: "Every client has a key of its own, kept as a digest, shown once and revocable alone. \
              A request without a good key ends at the gate with 401.",
    promises: &[
        "key.digest-only",
        "key.prefix-entropy",
        "key.revocable",
        "key.random",
    ],
    keys: ROUTE_KEYS,
};

static SCOPES_CARD: Card = Card {
    id: refusal::SCOPE,
    title: "Scopes of keys",
    summary: "A key names the methods and the paths it is for; no scope is no access. A request \
              outside them ends at the gate with 403.",
    promises: &["key.scoped", "key.unrestricted"],
    keys: &[],
};

static DESK_CARD: Card = Card {
    id: refusal::ISSUE,
    title: "Keys for those who may make them",
    summary: "The holder of one role makes keys over HTTP, never with a role, a scope or a tenant \
              that is not theirs, and each of them is in the ledger before it is shown.",
    promises: &["key.issuing"],
    keys: DESK_KEYS,
};

static TOKENS_CARD: Card = Card {
    id: refusal::TOKEN,
    title: "Tokens",
    summary: "A key is exchanged for a signed token that ends by itself. It can do no more than its \
              key and ends with it; whatever else is presented as a token is refused with 401.",
    promises: &[
        "token.genuine",
        "token.expires",
        "token.revocable",
        "token.once",
    ],
    keys: TOKEN_KEYS,
};

impl Control for KeyDesk {
    fn card(&self) -> &'static Card {
        &DESK_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let promised = asked.value("role").unwrap_or_default();
        let write = format!("[keys]\nrole = \"{promised}\"\n");
        let Some(desk) = configuration.get("keys") else {
            return falls("no keys are made over HTTP".to_owned(), write);
        };
        let role = desk.get("role").and_then(Value::as_str).unwrap_or("admin");
        if role != promised {
            return falls(format!("keys are made for the role {role}"), write);
        }
        let aliases = desk.get("aliases").and_then(Value::as_array);
        let served = |path: &str| {
            let is = |alias: &Value| alias.as_str() == Some(path);
            path == "/.vouchsafe/keys" || aliases.is_some_and(|aliases| aliases.iter().any(is))
        };
        match asked.list("path").into_iter().find(|path| !served(path)) {
            None => Fit::Fits,
            Some(path) => falls(
                format!("no keys are made at {path}"),
                format!("[keys]\naliases = [\"{path}\"]\n"),
            ),
        }
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("keys-for-anybody")
    }
}

impl Control for Tokens {
    fn card(&self) -> &'static Card {
        &TOKENS_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        if asked.promise == "token.once" {
            return fit_once(configuration, asked);
        }
        let Some(tokens) = configuration.get("tokens") else {
            return falls("no tokens are issued".to_owned(), "[tokens]\n".to_owned());
        };
        if asked.promise == "token.revocable"
            && let falls @ Fit::Falls(_) = fit_within(asked)
        {
            return falls;
        }
        for wanted in asked.list("route") {
            if !asks_for(configuration, "token", Some(wanted)) {
                return falls(
                    format!("the route {wanted} takes no tokens"),
                    format!("[[route]]\npath = \"{wanted}\"\nauth = [\"api-key\", \"token\"]\n"),
                );
            }
        }
        let life = tokens.get("life").and_then(Value::as_str).unwrap_or("60m");
        match asked.value("age") {
            Some(age) if config::quantity::duration(age) != config::quantity::duration(life) => {
                falls(
                    format!("tokens live for {life}"),
                    format!("[tokens]\nlife = \"{age}\"\n"),
                )
            }
            _ => Fit::Fits,
        }
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        Weakening::Sham(match asked.promise.as_str() {
            "token.expires" => "token-endless",
            "token.revocable" => "token-revocation-ignored",
            "token.once" => {
                let issuers = configuration
                    .get_mut("issuer")
                    .and_then(Value::as_array_mut);
                for table in issuers.into_iter().flatten() {
                    if let Some(members) = table.as_object_mut() {
                        members.insert("once".to_owned(), false.into());
                    }
                }
                return Weakening::Configured("once of an issuer is false".to_owned());
            }
            _ => "token-forged",
        })
    }
}

impl Control for Keys {
    fn card(&self) -> &'static Card {
        &KEYS_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        if !asks_for_keys(configuration) {
            return no_route_asks();
        }
        match asked.promise.as_str() {
            "key.prefix-entropy" => fit_bits(asked),
            "key.revocable" => fit_within(asked),
            _ => Fit::Fits,
        }
    }

    fn weaken(&self, _configuration: &mut Value, asked: &Asked) -> Weakening {
        Weakening::Sham(match asked.promise.as_str() {
            "key.prefix-entropy" => "key-shown-whole",
            "key.revocable" => "revocation-ignored",
            // `key.random` is shown by a lint of the build and never attacked.
            _ => "key-stored-raw",
        })
    }
}

impl Control for KeyScopes {
    fn card(&self) -> &'static Card {
        &SCOPES_CARD
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        if !asks_for_keys(configuration) {
            return no_route_asks();
        }
        match asked.promise.as_str() {
            "key.unrestricted" => fit_most(asked),
            _ => Fit::Fits,
        }
    }

    fn weaken(&self, _configuration: &mut Value, asked: &Asked) -> Weakening {
        Weakening::Sham(match asked.promise.as_str() {
            "key.unrestricted" => "keys-unrestricted",
            _ => "scope-ignored",
        })
    }
}

fn fit_once(configuration: &Value, asked: &Asked) -> Fit {
    let wanted = asked.value("issuer").unwrap_or_default();
    let write = format!("[[issuer]]\nissuer = \"{wanted}\"\nonce = true\n");
    let issuers = configuration.get("issuer").and_then(Value::as_array);
    let named = |it: &&Value| it.get("issuer").and_then(Value::as_str) == Some(wanted);
    let Some(issuer) = issuers.and_then(|issuers| issuers.iter().find(named)) else {
        return falls(format!("no tokens of {wanted} are believed"), write);
    };
    if issuer.get("once").and_then(Value::as_bool) != Some(true) {
        return falls(format!("tokens of {wanted} are good until they end"), write);
    }
    let takes = |path: &&str| asks_for(configuration, "token", Some(path));
    match asked.list("route").into_iter().find(|path| !takes(path)) {
        None => Fit::Fits,
        Some(path) => falls(
            format!("the route {path} takes no tokens"),
            format!("[[route]]\npath = \"{path}\"\nauth = [\"token\"]\n"),
        ),
    }
}

fn asks_for_keys(configuration: &Value) -> bool {
    asks_for(configuration, "api-key", None)
}

/// Whether a route, or the one with this path, takes this kind of credential.
fn asks_for(configuration: &Value, kind: &str, path: Option<&str>) -> bool {
    let asks = |route: &Value| {
        let auth = route.get("auth").and_then(Value::as_array);
        let here = path.is_none_or(|path| route.get("path").and_then(Value::as_str) == Some(path));
        here && auth.is_some_and(|auth| auth.iter().any(|way| way.as_str() == Some(kind)))
    };
    let routes = configuration.get("route").and_then(Value::as_array);
    routes.is_some_and(|routes| routes.iter().any(asks))
}

fn no_route_asks() -> Fit {
    falls(
        "no route asks for a key, so nothing here is kept by keys".to_owned(),
        "[[route]]\npath = \"/api\"\nauth = [\"api-key\"]\n".to_owned(),
    )
}

fn fit_bits(asked: &Asked) -> Fit {
    let Some(bits) = asked
        .value("bits")
        .and_then(|text| text.parse::<u32>().ok())
    else {
        return unreadable(asked, "bits", "bits=112");
    };
    if bits <= api_key::SECRET_BITS {
        return Fit::Fits;
    }
    falls(
        format!(
            "{} bits of a key stay unknown, fewer than {bits}",
            api_key::SECRET_BITS
        ),
        amend(asked, &format!("bits={}", api_key::SECRET_BITS)),
    )
}

fn fit_within(asked: &Asked) -> Fit {
    let Some(within) = asked.value("within").and_then(config::quantity::duration) else {
        return unreadable(asked, "within", "within=1s");
    };
    if within.as_millis() >= SEEN_WITHIN_MILLIS {
        return Fit::Fits;
    }
    falls(
        "a revocation by another process counts within one second, not sooner".to_owned(),
        amend(asked, "within=1s"),
    )
}

/// Most keys without limit that a promise may speak of: more is no limit.
const UNRESTRICTED: u64 = 100;

fn fit_most(asked: &Asked) -> Fit {
    match asked
        .value("most")
        .and_then(|text| text.parse::<u64>().ok())
    {
        Some(most) if most <= UNRESTRICTED => Fit::Fits,
        Some(_) => falls(
            format!("a promise of more than {UNRESTRICTED} keys limits nothing"),
            amend(asked, "most=2"),
        ),
        None => unreadable(asked, "most", "most=2"),
    }
}

fn unreadable(asked: &Asked, name: &str, example: &str) -> Fit {
    falls(
        format!("the anchor's value for {name} does not read"),
        amend(asked, example),
    )
}

/// Where the configuration has no setting for it, only the document can change.
fn amend(asked: &Asked, value: &str) -> String {
    format!(
        "# in the document, line {}: promise: {} {value}\n",
        asked.line, asked.promise
    )
}

const fn falls(wrong: String, write: String) -> Fit {
    Fit::Falls(Mend { wrong, write })
}

/// Every control id this crate refuses under.
pub const REFUSES: [ControlId; 6] = [
    refusal::KEY,
    refusal::TOKEN,
    refusal::ISSUE,
    refusal::SCOPE,
    refusal::ROLE,
    ACCOUNT,
];

#[cfg(test)]
mod tests;
