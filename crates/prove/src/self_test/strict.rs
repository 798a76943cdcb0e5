//! A gate of a few lines that keeps every promise, to try the real probes and shams on without a
//! process. It shares no code with the gate it stands for, except the webhook schemes.

mod target;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
};

use control::{
    Clock as _, Secret, SystemClock, Timestamp,
    probe::{ChildStart, Facts, Guard, KeyWish, RouteFact},
    rng::{self, CountingRng},
};
use hooks::{Delivery, Scheme};
use serde_json::Value;
use tempfile::TempDir;

use crate::target::facts;

struct Pass {
    method: String,
    target: String,
    body: Vec<u8>,
    source: Option<(String, Secret)>,
}

struct Held {
    id: String,
    wish: KeyWish,
    revoked: bool,
}

#[derive(Default)]
struct State {
    passes: BTreeMap<String, Pass>,
    keys: BTreeMap<String, Held>,
    events: Vec<Value>,
    delivered: BTreeSet<[u8; 32]>,
}

/// A gate that keeps every promise its configuration states.
pub(super) struct Strict {
    facts: Facts,
    rng: CountingRng,
    folder: TempDir,
    state: RefCell<State>,
}

/// Control and status of a refusal.
type Refused = (&'static str, u16);

struct Asked {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Strict {
    /// Starts under `configuration`, or is refused.
    pub(super) fn start(configuration: &Value) -> ChildStart {
        let refused = || ChildStart::Refused {
            exit: 2,
            stderr: "refused".to_owned(),
        };
        let unset = |name: &Value| {
            let secret = name
                .as_str()
                .and_then(|name| configuration["secrets"][name].as_str());
            secret.is_none_or(|secret| secret.contains("NEVER_SET"))
        };
        for route in configuration["route"].as_array().unwrap() {
            let fine = match (route.get("webhook"), route.get("auth")) {
                (Some(webhook), _) => {
                    let names = webhook["secret"].as_array().unwrap();
                    !names.is_empty() && !names.iter().any(unset)
                }
                (None, Some(Value::String(_))) => route.get("reason").is_some(),
                (None, auth) => auth.is_some(),
            };
            if !fine {
                return refused();
            }
        }
        let gate = vec![SocketAddr::from(([127, 0, 0, 1], 1))];
        ChildStart::Up(Box::new(Self {
            facts: facts::read(configuration, gate, Timestamp::default()).unwrap(),
            rng: CountingRng::from_seed(3),
            folder: tempfile::tempdir().unwrap(),
            state: RefCell::default(),
        }))
    }

    fn random(&self) -> String {
        seal::encode::hex(&rng::array::<16>(&self.rng).unwrap())
    }

    fn stored(&self) -> PathBuf {
        self.folder.path().join("store.db")
    }

    fn judge(&self, bytes: &[u8]) -> Result<(Asked, Option<String>), Refused> {
        let asked = read(bytes).ok_or(("wire.framing", 400))?;
        let host = one(&asked, "host").ok_or(("wire.framing", 400))?;
        if host != self.facts.public_host {
            return Err(("gate.host", 400));
        }
        let path = asked.target.split('?').next().unwrap_or_default();
        let route = self.route(path).ok_or(("gate.route", 404))?;
        if !route.methods.is_empty() && !route.methods.contains(&asked.method) {
            return Err(("gate.method", 405));
        }
        let pass = match one(&asked, "x-vouchsafe-ticket") {
            Some(ticket) => {
                let pass = self.state.borrow_mut().passes.remove(ticket);
                Some(pass.ok_or(("gate.ticket", 403))?)
            }
            None => None,
        };
        let principal = match &route.guard {
            Guard::Open(_) => None,
            Guard::Key(roles) => {
                let principal = self.authorise(&asked, path, roles)?;
                // Every key here is one of a proof.
                pass.as_ref().ok_or(("gate.ticket", 403))?;
                Some(principal)
            }
            Guard::Token(_) => return Err(("identity.token", 401)),
            Guard::Session(_) => return Err(("identity.session", 401)),
            Guard::Certificate(_) => return Err(("identity.certificate", 401)),
            Guard::Webhook(fact) => {
                Some(self.verify(&asked, route, &fact.scheme, pass.as_ref())?)
            }
        };
        let genuine = pass.is_none_or(|pass| {
            pass.method == asked.method && pass.target == asked.target && pass.body == asked.body
        });
        if !genuine {
            return Err(("gate.ticket", 403));
        }
        Ok((asked, principal))
    }

    fn route(&self, path: &str) -> Option<&RouteFact> {
        let governs = |route: &&RouteFact| {
            let below = format!("{}/", route.path.trim_end_matches('/'));
            route.path == path || (!route.exact && path.starts_with(&below))
        };
        self.facts
            .routes
            .iter()
            .filter(governs)
            .max_by_key(|route| route.path.len())
    }

    fn authorise(&self, asked: &Asked, path: &str, roles: &[String]) -> Result<String, Refused> {
        let bearer = one(asked, "authorization").and_then(|value| value.strip_prefix("Bearer "));
        let key = one(asked, "x-api-key").or(bearer).unwrap_or_default();
        let state = self.state.borrow();
        let held = state.keys.get(key).filter(|held| !held.revoked);
        let held = held.ok_or(("identity.key", 401))?;
        let opens = held.wish.scopes.iter().any(|scope| {
            let (methods, prefix) = scope.split_once(' ').unwrap();
            let below = format!("{}/", prefix.trim_end_matches('/'));
            methods.split(',').any(|method| method == asked.method)
                && (path == prefix || path.starts_with(&below))
        });
        if !opens || !(roles.is_empty() || roles.iter().any(|role| held.wish.roles.contains(role)))
        {
            return Err(("identity.scope", 403));
        }
        Ok(held.id.clone())
    }

    fn verify(
        &self,
        asked: &Asked,
        route: &RouteFact,
        scheme: &str,
        pass: Option<&Pass>,
    ) -> Result<String, Refused> {
        const NO: Refused = ("hooks.signature", 403);
        let (_, secret) = pass
            .and_then(|pass| pass.source.as_ref())
            .filter(|(path, _)| *path == route.path)
            .ok_or(NO)?;
        let headers: Vec<(&[u8], &[u8])> = asked
            .fields
            .iter()
            .map(|(n, v)| (n.as_bytes(), v.as_bytes()))
            .collect();
        let delivery = Delivery {
            method: &asked.method,
            public_url: &format!("{}://{}", self.facts.scheme, self.facts.public_host),
            target: asked.target.as_bytes(),
            headers: &headers,
            body: &asked.body,
            now: SystemClock::new().now(),
        };
        let scheme = Scheme::find(scheme).unwrap();
        let verified =
            hooks::verify(scheme, std::slice::from_ref(secret), &delivery).map_err(|_| NO)?;
        if self
            .state
            .borrow_mut()
            .delivered
            .insert(*verified.fact().digest())
        {
            Ok(route.path.clone())
        } else {
            Err(("hooks.replay", 204))
        }
    }
}

fn one<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let mut all = asked
        .fields
        .iter()
        .filter(|(n, _)| n.eq_ignore_ascii_case(name));
    match (all.next(), all.next()) {
        (Some((_, value)), None) => Some(value),
        _ => None,
    }
}

/// A request without anything that could be read in two ways.
fn read(bytes: &[u8]) -> Option<Asked> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    if head.contains('\0') || head.replace("\r\n", "").contains(['\r', '\n']) {
        return None;
    }
    let mut lines = head.split("\r\n");
    let [method, target, version] = lines.next()?.split(' ').collect::<Vec<_>>()[..] else {
        return None;
    };
    let strange = ["//", "/.", "#", "%", ";", "\\"];
    let path = target.split('?').next()?;
    if !target.starts_with('/') || target.contains('#') || strange.iter().any(|s| path.contains(s))
    {
        return None;
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        if name.is_empty() || name.contains([' ', '\t']) {
            return None;
        }
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    let asked = Asked {
        method: method.to_owned(),
        target: target.to_owned(),
        fields,
        body: body.into(),
    };
    let count = |name: &str| {
        asked
            .fields
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .count()
    };
    let length = one(&asked, "content-length");
    let length_fits = match (count("content-length"), length) {
        (0, _) => body.is_empty(),
        (1, Some(length)) => {
            length.bytes().all(|b| b.is_ascii_digit()) && length.parse() == Ok(body.len())
        }
        _ => false,
    };
    let framed = count("transfer-encoding") == 0 && count("upgrade") == 0 && length_fits;
    (framed && version == "HTTP/1.1" && count("host") == 1).then_some(asked)
}
