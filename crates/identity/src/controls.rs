//! The promises about keys and tokens, as controls.
//!
//! Owns what a configuration must say for the sentences `key.*` and `token.*` to be true. Most of what keeps them
//! is not a setting but how this crate is built, so there is nothing to switch off: a self-test
//! sends its probes to a sham with the fault named here.

use control::{Asked, Card, Control, ControlId, Fit, Mend, Weakening, card::Key};
use serde_json::Value;

use crate::{api_key, oidc, refusal};

/// The controls of this crate, in the order the binary lists them.
pub const CONTROLS: &[&dyn Control] = &[&Keys, &KeyScopes, &KeyDesk, &Tokens, &People];

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

const ROUTE_KEYS: &[Key] = &[
    Key {
        path: "[[route]] auth",
        takes: "list of \"api-key\", \"token\" and \"session\", or \"none\"",
        default: "required",
        about: "Who may pass the route: the holder of a key or of a token, a person who is logged in, or anyone for a stated reason.",
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
        takes: "{ file = \"jwks.json\" } or { secret = \"env:NAME\" }",
        default: "required",
        about: "Its public keys as a JSON Web Key Set, read at start and reload; for HS256 the secret, of 32 bytes or more.",
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
    promises: &["key.scoped"],
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
    promises: &["token.genuine", "token.expires"],
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
        let Some(tokens) = configuration.get("tokens") else {
            return falls("no tokens are issued".to_owned(), "[tokens]\n".to_owned());
        };
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

    fn weaken(&self, _configuration: &mut Value, asked: &Asked) -> Weakening {
        Weakening::Sham(match asked.promise.as_str() {
            "token.expires" => "token-endless",
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

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        if asks_for_keys(configuration) {
            Fit::Fits
        } else {
            no_route_asks()
        }
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("scope-ignored")
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
pub const REFUSES: [ControlId; 5] = [
    refusal::KEY,
    refusal::TOKEN,
    refusal::ISSUE,
    refusal::SCOPE,
    refusal::ROLE,
];

#[cfg(test)]
mod tests {
    use control::{Catalogue, catalogue::Kind};
    use serde_json::json;

    use super::*;

    fn asked(promise: &str, values: &[(&str, &str)]) -> Asked {
        Asked {
            promise: promise.to_owned(),
            values: values
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
            line: 12,
            sentence: String::new(),
        }
    }

    fn with_keys() -> Value {
        json!({ "route": [
            { "path": "/", "auth": "none", "reason": "public" },
            { "path": "/api", "auth": ["api-key"] },
        ] })
    }

    fn wrong(fit: Fit) -> Option<String> {
        match fit {
            Fit::Fits => None,
            Fit::Falls(mend) => {
                assert!(!mend.write.is_empty());
                Some(mend.wrong)
            }
        }
    }

    #[test]
    fn every_promise_stands_in_the_catalogue() {
        let catalogue = Catalogue::built_in().unwrap();
        for control in CONTROLS {
            for id in control.card().promises {
                assert!(catalogue.get(id).is_some(), "{id}");
            }
        }
    }

    #[test]
    fn a_route_that_asks_for_a_key_keeps_them_and_without_one_they_fall() {
        for (control, promise, values) in [
            (&CONTROLS[0], "key.digest-only", &[][..]),
            (&CONTROLS[0], "key.random", &[]),
            (&CONTROLS[0], "key.prefix-entropy", &[("bits", "112")]),
            (&CONTROLS[0], "key.revocable", &[("within", "1s")]),
            (&CONTROLS[1], "key.scoped", &[]),
        ] {
            let asked = asked(promise, values);
            assert_eq!(control.fit(&with_keys(), &asked), Fit::Fits, "{promise}");
            for bare in [
                json!({}),
                json!({ "route": [] }),
                json!({ "route": [{ "path": "/", "auth": "none" }] }),
                json!({ "route": [{ "path": "/", "auth": ["none"] }] }),
                json!({ "route": [{ "path": "/", "webhook": {} }] }),
            ] {
                assert!(wrong(control.fit(&bare, &asked)).is_some(), "{bare}");
            }
        }
    }

    #[test]
    fn numbers_beyond_what_is_built_fall() {
        let fit = |promise, key, value| Keys.fit(&with_keys(), &asked(promise, &[(key, value)]));
        for bits in ["112", "256"] {
            assert_eq!(fit("key.prefix-entropy", "bits", bits), Fit::Fits);
        }
        for bits in ["257", "-1", "many", ""] {
            assert!(wrong(fit("key.prefix-entropy", "bits", bits)).is_some());
        }
        for within in ["1s", "1000ms", "5m"] {
            assert_eq!(fit("key.revocable", "within", within), Fit::Fits);
        }
        for within in ["999ms", "0s", "soon", "1"] {
            assert!(wrong(fit("key.revocable", "within", within)).is_some());
        }
        let missing = asked("key.revocable", &[]);
        assert!(wrong(Keys.fit(&with_keys(), &missing)).is_some());
    }

    #[test]
    fn every_attacked_promise_has_a_sham_of_its_own() {
        let catalogue = Catalogue::built_in().unwrap();
        let mut faults = Vec::new();
        for control in CONTROLS {
            for id in control.card().promises {
                if catalogue.get(id).is_some_and(|p| p.kind == Kind::Probed) {
                    let before = with_keys();
                    let mut after = before.clone();
                    faults.push(control.weaken(&mut after, &asked(id, &[])));
                    assert_eq!(before, after, "a sham leaves the configuration alone");
                }
            }
        }
        let expected = [
            "key-stored-raw",
            "key-shown-whole",
            "revocation-ignored",
            "scope-ignored",
            "keys-for-anybody",
            "token-forged",
            "token-endless",
        ];
        assert_eq!(faults, expected.map(Weakening::Sham));
    }

    #[test]
    fn tokens_are_promised_where_they_are_taken_and_for_as_long_as_they_live() {
        let with = |tokens: Value, auth: Value| {
            let mut tree = json!({"route": [{"path": "/api", "auth": auth}]});
            if !tokens.is_null() {
                tree["tokens"] = tokens;
            }
            tree
        };
        let fits = |tree: &Value, age: &str| {
            let asked = asked("token.expires", &[("route", "/api"), ("age", age)]);
            Tokens.fit(tree, &asked) == Fit::Fits
        };
        let both = json!(["api-key", "token"]);
        assert!(fits(&with(json!({}), both.clone()), "60m"));
        assert!(fits(&with(json!({}), both.clone()), "1h"));
        assert!(fits(&with(json!({"life": "30m"}), json!(["token"])), "30m"));
        assert!(!fits(&with(json!({"life": "30m"}), both.clone()), "60m"));
        assert!(!fits(&with(Value::Null, both), "60m"));
        assert!(!fits(&with(json!({}), json!(["api-key"])), "60m"));
    }

    #[test]
    fn keys_are_made_where_and_by_whom_the_document_says() {
        let fits = |desk: Value, path: &str| {
            let asked = asked("key.issuing", &[("path", path), ("role", "admin")]);
            KeyDesk.fit(&json!({"keys": desk}), &asked) == Fit::Fits
        };
        assert!(fits(json!({}), "/.vouchsafe/keys"));
        assert!(fits(json!({"aliases": ["/auth/key"]}), "/auth/key"));
        assert!(!fits(json!({}), "/auth/key"));
        assert!(!fits(json!({"role": "owner"}), "/.vouchsafe/keys"));
        let asked = asked(
            "key.issuing",
            &[("path", "/.vouchsafe/keys"), ("role", "admin")],
        );
        assert!(matches!(KeyDesk.fit(&json!({}), &asked), Fit::Falls(_)));
    }
}
