//! A child whose people log in at a provider of the proof's own.
//!
//! Owns the change to the configuration and both sides of a login, so that a probe says only in what
//! its answer differs from a right one.

use control::{
    Clock as _, SystemClock, Target,
    probe::{ChildStart, Reply, TargetError},
    rng,
    sheet::Met,
};
use seal::{encode::base64url, hmac, p256::SigningKey};
use serde_json::{Map, Value, json};

use crate::{
    probes::{draft::Draft, method_of, sessions, tokens::roles_of},
    target::{
        child::open_loopback,
        provider::{KEY_ID, Provider, new_key},
    },
};

const DOING: &str = "log in on a child";

const LOGIN: &str = "/.vouchsafe/login";
const CALLBACK: &str = "/.vouchsafe/callback";
pub(super) const LOGOUT: &str = "/.vouchsafe/logout";

/// The cookie of a session, and that of a browser that logs in.
pub(super) const SESSION: &str = "__Host-vouchsafe";
const BINDING: &str = "__Host-vouchsafe-login";

/// Whom the provider of the proof knows.
const SUBJECT: &str = "proof-person";

/// A child and its provider.
pub(in crate::probes) struct House {
    pub(in crate::probes) child: Box<dyn Target>,
    provider: Provider,
    client_id: String,
    /// What a person of a right domain, who may open the first route for people, is said to be.
    person: Map<String, Value>,
    /// Whether people must be of a domain.
    pub(in crate::probes) by_domain: bool,
}

/// A browser that was sent to the provider.
#[derive(Clone)]
pub(in crate::probes) struct Away {
    state: String,
    nonce: String,
    challenge: String,
    binding: String,
    /// What set the cookie of that.
    pub(in crate::probes) reply: Reply,
}

/// How an answer of the provider differs from a right one.
#[derive(Default)]
pub(in crate::probes) struct Forged {
    /// Members of the ID token; null leaves one out.
    pub(in crate::probes) claims: Value,
    /// Who signs the ID token instead.
    pub(in crate::probes) signer: Signer,
}

/// Who signs an ID token.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::probes) enum Signer {
    /// The provider.
    #[default]
    Provider,
    /// Somebody else, under the name of the provider's key.
    Stranger,
    /// Nobody: `alg` is `none`.
    Nobody,
    /// Whoever knows the public key, as a shared secret.
    Public,
}

impl House {
    /// Starts both.
    pub(in crate::probes) fn start(at: &dyn Target) -> Result<Self, TargetError> {
        let provider = Provider::start(at.rng())?;
        let login = at.facts().configuration.get("login").cloned();
        let login = login.ok_or_else(|| TargetError::new(DOING, "nobody logs in here"))?;
        let started = at.child(&mut |tree| log_in_at(&provider, tree))?;
        let child = match started {
            ChildStart::Up(child) => child,
            ChildStart::Refused { exit, .. } => {
                return Err(TargetError::new(
                    DOING,
                    format!("the child ended with {exit}"),
                ));
            }
        };
        let client_id = login.get("client_id").and_then(Value::as_str);
        Ok(Self {
            child,
            client_id: client_id.unwrap_or_default().to_owned(),
            by_domain: first_domain(&login).is_some(),
            person: person(&login, role_of_first(at)),
            provider,
        })
    }

    pub(in crate::probes) fn at(&self) -> &dyn Target {
        self.child.as_ref()
    }

    /// Sends a browser to the provider.
    pub(in crate::probes) fn leave(&self) -> Result<Away, TargetError> {
        let at = self.at();
        let reply = Draft::new(at, "GET", LOGIN).send(at)?;
        let location = reply.answer().and_then(|answer| answer.field("Location"));
        let query = location.and_then(|place| place.split_once('?'));
        let query = query
            .map(|(_, query)| query.to_owned())
            .ok_or_else(|| TargetError::new(DOING, "nobody was sent to the provider"))?;
        let value = |name: &str| {
            let found = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(&format!("{name}=")));
            found.unwrap_or_default().to_owned()
        };
        Ok(Away {
            state: value("state"),
            nonce: value("nonce"),
            challenge: value("code_challenge"),
            binding: cookie(&reply, BINDING).unwrap_or_default(),
            reply,
        })
    }

    /// A code of the provider for that browser, good for an ID token that differs as told.
    pub(in crate::probes) fn code(
        &self,
        away: &Away,
        forged: &Forged,
    ) -> Result<String, TargetError> {
        let code = self.random()?;
        let token = self.token(away, forged)?;
        self.provider.give(&code, &away.challenge, token);
        Ok(code)
    }

    /// The browser comes back: with this state and code, and with the cookie it was given, or none.
    pub(in crate::probes) fn back(
        &self,
        (state, code): (&str, &str),
        binding: Option<&Away>,
    ) -> Result<Reply, TargetError> {
        let at = self.at();
        let place = format!("{CALLBACK}?code={code}&state={state}");
        let mut draft = Draft::new(at, "GET", &place);
        if let Some(away) = binding {
            draft = draft.field("Cookie", &format!("{BINDING}={}", away.binding));
        }
        draft.send(at)
    }

    /// A whole login, with an answer that differs as told.
    pub(in crate::probes) fn log_in(&self, forged: &Forged) -> Result<Reply, TargetError> {
        let away = self.leave()?;
        let code = self.code(&away, forged)?;
        self.back((&away.state, &code), Some(&away))
    }

    /// A right login, whose session opens what sessions open.
    pub(in crate::probes) fn right_login(&self) -> Result<Met, TargetError> {
        self.opens(&self.log_in(&Forged::default())?)
    }

    /// Whether an answer of the callback brought a session that the gate takes.
    pub(in crate::probes) fn opens(&self, back: &Reply) -> Result<Met, TargetError> {
        let at = self.at();
        let (Some(id), Some(route)) = (session(back), sessions::routes(at).next()) else {
            return Ok(Met::when(false, "a right login brought no session"));
        };
        let draft = Draft::new(at, method_of(route), &route.path);
        let draft = sessions::with_cookie(at, &draft, &format!("{SESSION}={id}"));
        let reply = draft.send(at)?;
        Ok(match sessions::subject(&reply) {
            Some(subject) if subject == format!("user:{SUBJECT}") => {
                Met::when(true, "a right login brought a session that opens")
            }
            _ => Met::status(&reply, &[]),
        })
    }

    /// Ends the session that an answer of the callback brought.
    pub(in crate::probes) fn log_out(&self, back: &Reply) -> Result<Reply, TargetError> {
        let at = self.at();
        let id = session(back).unwrap_or_default();
        let draft = Draft::new(at, "POST", LOGOUT);
        sessions::with_cookie(at, &draft, &format!("{SESSION}={id}")).send(at)
    }

    /// Text that nobody can guess, in the form of a state.
    pub(in crate::probes) fn random(&self) -> Result<String, TargetError> {
        let bytes: [u8; 32] =
            rng::array(self.child.rng()).map_err(|cause| TargetError::new(DOING, cause))?;
        Ok(base64url(&bytes))
    }

    fn token(&self, away: &Away, forged: &Forged) -> Result<String, TargetError> {
        let now = SystemClock::new().now().seconds();
        let mut claims = self.person.clone();
        for (name, value) in [
            ("iss", json!(self.provider.issuer())),
            ("sub", json!(SUBJECT)),
            ("aud", json!(self.client_id)),
            ("iat", json!(now - 1)),
            ("exp", json!(now + 300)),
            ("nonce", json!(away.nonce)),
        ] {
            claims.insert(name.to_owned(), value);
        }
        for (name, value) in forged.claims.as_object().into_iter().flatten() {
            if value.is_null() {
                claims.remove(name);
            } else {
                claims.insert(name.clone(), value.clone());
            }
        }
        self.signed(&Value::Object(claims).to_string(), forged.signer)
    }

    fn signed(&self, claims: &str, signer: Signer) -> Result<String, TargetError> {
        let algorithm = match signer {
            Signer::Provider | Signer::Stranger => "ES256",
            Signer::Nobody => "none",
            Signer::Public => "HS256",
        };
        let head = json!({ "alg": algorithm, "typ": "JWT", "kid": KEY_ID }).to_string();
        let text = format!(
            "{}.{}",
            base64url(head.as_bytes()),
            base64url(claims.as_bytes())
        );
        let by = |key: &SigningKey| {
            let signature = key.sign(text.as_bytes());
            signature.map_err(|cause| TargetError::new(DOING, cause))
        };
        let signature = match signer {
            Signer::Provider => by(self.provider.key())?,
            Signer::Stranger => by(&new_key(self.child.rng())?)?,
            Signer::Nobody => Vec::new(),
            Signer::Public => {
                let (x, y) = self.provider.key().public();
                let key = hmac::Key::new(hmac::Algorithm::Sha256, &[&x[..], &y[..]].concat());
                key.sign(&[text.as_bytes()]).as_ref().to_vec()
            }
        };
        Ok(format!("{text}.{}", base64url(&signature)))
    }
}

impl Away {
    /// State of its login.
    pub(in crate::probes) fn state(&self) -> &str {
        &self.state
    }
}

/// The session that an answer sets.
pub(in crate::probes) fn session(reply: &Reply) -> Option<String> {
    cookie(reply, SESSION).filter(|value| !value.is_empty())
}

fn cookie(reply: &Reply, name: &str) -> Option<String> {
    let fields = reply.answer()?.fields.iter();
    let mut set = fields.filter(|(field, _)| field.eq_ignore_ascii_case("set-cookie"));
    set.find_map(|(_, value)| {
        let pair = value.split(';').next()?;
        let value = pair.strip_prefix(name)?.strip_prefix('=')?;
        Some(value.to_owned())
    })
}

/// Has a configuration's people log in at `provider`.
fn log_in_at(provider: &Provider, tree: &mut Value) {
    let Some(root) = tree.as_object_mut() else {
        return;
    };
    if let Some(login) = root.get_mut("login").and_then(Value::as_object_mut) {
        login.insert("issuer".to_owned(), json!(provider.issuer()));
    }
    let port = provider.address().port();
    open_loopback(root, port, "the provider of a proof");
}

fn first_domain(login: &Value) -> Option<&str> {
    login.pointer("/domains/0")?.as_str()
}

/// The role of somebody who may open the first route for people.
fn role_of_first(at: &dyn Target) -> Option<&str> {
    let route = sessions::routes(at).next()?;
    roles_of(route).first().map(String::as_str)
}

/// What a provider would say of somebody of a right domain with this role and no other.
fn person(login: &Value, role: Option<&str>) -> Map<String, Value> {
    let mut said = Map::new();
    if let Some(domain) = first_domain(login) {
        said.insert("email".to_owned(), json!(format!("proof@{domain}")));
        said.insert("email_verified".to_owned(), json!(true));
    }
    let roles = login.get("roles").and_then(Value::as_object);
    let is = |(_, called): &(&String, &Value)| called.as_str() == role && role.is_some();
    let one = roles.into_iter().flatten().find(is);
    let values: Vec<&String> = one.map(|(value, _)| value).into_iter().collect();
    if let Some(claim) = login.get("role_claim").and_then(Value::as_str) {
        // A dot leads into an object.
        let (first, rest) = claim
            .split_once('.')
            .map_or((claim, None), |(a, b)| (a, Some(b)));
        let value = rest.into_iter().flat_map(|rest| rest.rsplit('.'));
        let value = value.fold(json!(values), |inner, name| json!({ name: inner }));
        said.insert(first.to_owned(), value);
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_has_one_role_under_the_claim_that_names_them() {
        let login = json!({
            "domains": ["school.test"], "role_claim": "realm.access.roles",
            "roles": { "g-lead": "lead", "g-sales": "sales" },
        });
        assert_eq!(
            Value::Object(person(&login, Some("sales"))),
            json!({
                "email": "proof@school.test", "email_verified": true,
                "realm": { "access": { "roles": ["g-sales"] } },
            })
        );
        let flat = person(&json!({ "role_claim": "groups" }), None);
        assert_eq!(Value::Object(flat), json!({ "groups": [] }));
    }
}
