//! The promises kept here, as controls: `webhook.*`.
//!
//! Owns what each control says of itself, how a configuration is checked against a sentence and
//! how it is weakened for a self-test. Checks only: what enforces is wired into the gate, and no
//! setting here switches it off.

use control::{
    Asked, Card, Control, ControlId, Fit, Weakening,
    card::{Key, Mend},
};
use serde_json::{Value, json};

use crate::scheme::{Integrity, Scheme};

/// The controls of this crate, in the order the binary lists them.
pub const CONTROLS: &[&dyn Control] = &[
    &Signed,
    &FailClosed,
    &ConstantTime,
    &RawBody,
    &DocumentedOpen,
    &NoReplay,
    &crate::alerts::control::Alerts,
];

/// The test that shows the constant-time comparison: what `webhook.constant-time` names.
pub const CONSTANT_TIME_SHOWN_BY: &str =
    "hooks::constant_time secrets_are_compared_in_one_way_only";

const SETTING: Key = Key {
    path: "[[route]] webhook",
    takes: "{ scheme = \"twilio\", secret = [\"name\"], token = [\"name\"], options = { … } }",
    default: "none",
    about: "Deliveries to the route are verified under this scheme with any of these secrets; `token` names what the provider shows when it asks something, `options` what was chosen there.",
};

/// `webhook.signed`: nothing unsigned reaches the app.
#[derive(Clone, Copy, Debug)]
pub struct Signed;

/// `webhook.fail-closed`: no secret, no service.
#[derive(Clone, Copy, Debug)]
pub struct FailClosed;

/// `webhook.constant-time`: a comparison tells nothing by its duration.
#[derive(Clone, Copy, Debug)]
pub struct ConstantTime;

/// `webhook.raw-body`: the received bytes count, under the source's own secret.
#[derive(Clone, Copy, Debug)]
pub struct RawBody;

/// `webhook.documented-open`: an open route says why.
#[derive(Clone, Copy, Debug)]
pub struct DocumentedOpen;

/// `webhook.replay`: an accepted delivery is accepted once.
#[derive(Clone, Copy, Debug)]
pub struct NoReplay;

impl Control for Signed {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("hooks.signature"),
            title: "Signed webhooks",
            summary: "A delivery is forwarded only after its provider's signature over the received bytes was verified.",
            promises: &["webhook.signed"],
            keys: &[SETTING],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        every_route_verifies_bodies(configuration, asked)
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        open_routes(configuration, asked)
    }
}

impl Control for FailClosed {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("hooks.secret"),
            title: "No secret, no service",
            summary: "A webhook route whose signing secret is missing is refused at start, and a source without a secret holds nothing genuine.",
            promises: &["webhook.fail-closed"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        every_route_verifies(configuration, asked)
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("unsigned-without-secret")
    }
}

impl Control for ConstantTime {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("hooks.compare"),
            title: "Comparison in constant time",
            summary: "Bytes derived from a secret are compared by one primitive whose duration does not depend on them; the types allow no other.",
            promises: &["webhook.constant-time"],
            keys: &[],
        }
    }

    fn fit(&self, _configuration: &Value, _asked: &Asked) -> Fit {
        Fit::Fits
    }

    /// Nothing attacks what only a test of the build can show; the fault has a name all the same.
    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("compare-byte-by-byte")
    }
}

impl Control for RawBody {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("hooks.raw-body"),
            title: "Received bytes, own secret",
            summary: "The signature is checked over the bytes as they came, under secrets of that source alone.",
            promises: &["webhook.raw-body"],
            keys: &[SETTING],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let verifies = every_route_verifies_bodies(configuration, asked);
        if verifies != Fit::Fits {
            return verifies;
        }
        for path in asked.list("route") {
            for other in asked.list("other") {
                if let Some(fall) = shares_a_secret(configuration, path, other) {
                    return fall;
                }
            }
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        open_routes(configuration, asked)
    }
}

impl Control for DocumentedOpen {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("hooks.documented-open"),
            title: "Open routes say why",
            summary: "A route without a credential is refused at start unless it says auth = \"none\" with a reason.",
            promises: &["webhook.documented-open"],
            keys: &[Key {
                path: "[[route]] reason",
                takes: "a sentence",
                default: "required with auth = \"none\"",
                about: "Why the route asks for no credential; reports print it.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        let silent = routes(configuration).find(|route| !says_who_may_pass(route));
        silent.map_or(Fit::Fits, |route| {
            let path = path_of(route);
            falls(
                format!("the route {path} neither asks for a credential nor says why not"),
                format!("[[route]]\npath = \"{path}\"\nauth = \"none\"\nreason = \"why anyone may pass\""),
            )
        })
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("open-without-reason")
    }
}

impl Control for NoReplay {
    fn card(&self) -> &'static Card {
        &Card {
            id: crate::replay::REPLAY,
            title: "No delivery twice",
            summary: "A delivery the app accepted is acknowledged when it comes again and not forwarded; told apart by what is signed alone.",
            promises: &["webhook.replay"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        every_route_verifies(configuration, asked)
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("replay-forwarded")
    }
}

fn routes(configuration: &Value) -> impl Iterator<Item = &Value> {
    configuration
        .get("route")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn path_of(route: &Value) -> &str {
    route.get("path").and_then(Value::as_str).unwrap_or("/")
}

fn falls(wrong: String, write: String) -> Fit {
    Fit::Falls(Mend { wrong, write })
}

fn webhook_to_write(path: &str, scheme: &str) -> String {
    format!(
        "[[route]]\npath = \"{path}\"\nmethods = [\"POST\"]\nwebhook = {{ scheme = \"{scheme}\", secret = [\"name\"] }}"
    )
}

/// Whether every route that the sentence names verifies deliveries under the scheme it names. All
/// entries of one path count: a second one, for another method, would be a way past the first.
fn every_route_verifies(configuration: &Value, asked: &Asked) -> Fit {
    let scheme = asked.value("scheme");
    let wanted = scheme.unwrap_or("twilio");
    let paths = asked.list("route");
    if paths.is_empty() {
        return falls(
            "the sentence names no route".to_owned(),
            webhook_to_write("/webhook", wanted),
        );
    }
    for path in paths {
        let entries: Vec<&Value> = routes(configuration)
            .filter(|route| path_of(route) == path)
            .collect();
        if entries.is_empty() {
            return falls(
                format!("there is no route {path}"),
                webhook_to_write(path, wanted),
            );
        }
        for route in entries {
            if let Some(wrong) = unverified(route, scheme) {
                return falls(
                    format!("the route {path} {wrong}"),
                    webhook_to_write(path, wanted),
                );
            }
        }
    }
    Fit::Fits
}

/// The same, under schemes that sign what they deliver: a fixed secret says nothing of a body.
fn every_route_verifies_bodies(configuration: &Value, asked: &Asked) -> Fit {
    let fit = every_route_verifies(configuration, asked);
    let paths = asked.list("route");
    let named = routes(configuration)
        .filter(|route| paths.iter().any(|path| path_of(route) == *path))
        .filter_map(|route| route.get("webhook")?.get("scheme")?.as_str())
        .filter_map(Scheme::find)
        .find(|scheme| scheme.integrity == Integrity::None);
    match (fit, named) {
        (Fit::Fits, Some(scheme)) => falls(
            format!("the scheme {} signs nothing of a body", scheme.name),
            "use a scheme that signs, or take the promise back for this route".to_owned(),
        ),
        (fit, _) => fit,
    }
}

/// What keeps `route` from verifying deliveries.
fn unverified(route: &Value, scheme: Option<&str>) -> Option<String> {
    let Some(webhook) = route.get("webhook") else {
        return Some("verifies no signature".to_owned());
    };
    let named = webhook.get("scheme").and_then(Value::as_str).unwrap_or("");
    if Scheme::find(named).is_none() {
        return Some("names a scheme this build does not have".to_owned());
    }
    if let Some(scheme) = scheme.filter(|scheme| *scheme != named) {
        return Some(format!(
            "uses the scheme {named}, and the sentence says {scheme}"
        ));
    }
    secrets_of(route)
        .is_empty()
        .then(|| "has no signing secret".to_owned())
}

fn secrets_of(route: &Value) -> Vec<&str> {
    match route
        .get("webhook")
        .and_then(|webhook| webhook.get("secret"))
    {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// A sentence that speaks of another source's secret needs two sources with secrets of their own.
fn shares_a_secret(configuration: &Value, path: &str, other: &str) -> Option<Fit> {
    let of = |wanted: &str| -> Vec<&str> {
        routes(configuration)
            .filter(|route| path_of(route) == wanted)
            .flat_map(secrets_of)
            .collect()
    };
    let (mine, theirs) = (of(path), of(other));
    if theirs.is_empty() {
        return Some(falls(
            format!("the route {other} verifies no signature"),
            webhook_to_write(other, "standard-webhooks"),
        ));
    }
    // The same reference under two names is the same secret.
    let secrets = configuration.get("secrets");
    let behind = |name: &str| {
        secrets
            .and_then(|table| table.get(name))
            .and_then(Value::as_str)
    };
    mine.iter()
        .find(|name| {
            theirs.iter().any(|their| {
                their == *name || behind(name).is_some_and(|place| behind(their) == Some(place))
            })
        })
        .map(|name| {
            falls(
                format!("the routes {path} and {other} share the secret `{name}`"),
                format!("[secrets]\n{name} = \"env:A_SECRET_OF_ITS_OWN\""),
            )
        })
}

fn says_who_may_pass(route: &Value) -> bool {
    if route.get("webhook").is_some() {
        return true;
    }
    match route.get("auth") {
        Some(Value::String(auth)) if auth == "none" => route
            .get("reason")
            .and_then(Value::as_str)
            .is_some_and(|reason| !reason.trim().is_empty()),
        Some(Value::String(auth)) => !auth.is_empty(),
        Some(Value::Array(ways)) => !ways.is_empty(),
        _ => false,
    }
}

/// Takes signature checking away from the routes the sentence names, as an operator could.
fn open_routes(configuration: &mut Value, asked: &Asked) -> Weakening {
    let paths = asked.list("route");
    let all = configuration.get_mut("route").and_then(Value::as_array_mut);
    for route in all.into_iter().flatten() {
        if !paths.contains(&path_of(route)) {
            continue;
        }
        if let Some(route) = route.as_object_mut() {
            route.shift_remove("webhook");
            route.insert("auth".to_owned(), json!("none"));
            route.insert("reason".to_owned(), json!("weakened by the self-test"));
        }
    }
    Weakening::Configured(format!("{} verifies no signature", paths.join(", ")))
}

#[cfg(test)]
mod tests;
