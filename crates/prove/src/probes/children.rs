//! What can only be shown under another configuration: on a child of the same build.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{ChildStart, Guard, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{draft::Draft, method_of, named_route};

/// Attacks `auth.default-on`.
pub(super) struct DefaultOn;
/// Attacks `webhook.fail-closed`.
pub(super) struct FailClosed;
/// Attacks `webhook.documented-open`.
pub(super) struct DocumentedOpen;

/// Starts a child under a changed configuration, which must be refused, beside one that is not
/// changed, which must start.
fn refused_start(
    at: &dyn Target,
    sheet: &mut Sheet,
    attempt: &str,
    change: &mut dyn FnMut(&mut Value),
) -> Result<(), TargetError> {
    let twin = match at.child(&mut |_| {})? {
        ChildStart::Up(_) => Met::when(true, "an unchanged child started"),
        ChildStart::Refused { exit, .. } => {
            Met::when(false, format!("an unchanged child ended with {exit}"))
        }
    };
    let attack = match at.child(change)? {
        ChildStart::Up(_) => Met::when(false, "started"),
        ChildStart::Refused { exit: 2, .. } => Met::when(true, "refused to start, exit 2"),
        ChildStart::Refused { exit, .. } => Met::inconclusive(format!("ended with {exit}")),
    };
    sheet.pair(format!("{attempt} (on a child)"), attack, twin);
    Ok(())
}

fn routes(configuration: &mut Value) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
    configuration
        .get_mut("route")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

fn is(route: &serde_json::Map<String, Value>, path: &str) -> bool {
    route.get("path").and_then(Value::as_str) == Some(path)
}

impl Probe for DefaultOn {
    fn promise(&self) -> &'static str {
        "auth.default-on"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        for route in at.facts().routes.clone() {
            let attempt = format!("{} without a word on who may pass", route.path);
            refused_start(at, sheet, &attempt, &mut |configuration| {
                for entry in routes(configuration).filter(|entry| is(entry, &route.path)) {
                    for key in ["auth", "webhook", "reason", "roles"] {
                        entry.remove(key);
                    }
                }
            })?;
        }
        Ok(())
    }
}

impl Probe for FailClosed {
    fn promise(&self) -> &'static str {
        "webhook.fail-closed"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let path = named_route(at, asked, "route")?.path.clone();
        refused_start(
            at,
            sheet,
            "its signing secret is not set",
            &mut |configuration| {
                let names = secret_names(configuration, &path);
                if let Some(secrets) = configuration
                    .get_mut("secrets")
                    .and_then(Value::as_object_mut)
                {
                    for name in names {
                        secrets.insert(name, Value::from("env:VOUCHSAFE_PROBE_IS_NEVER_SET"));
                    }
                }
            },
        )?;
        refused_start(
            at,
            sheet,
            "it names no signing secret",
            &mut |configuration| {
                for entry in routes(configuration).filter(|entry| is(entry, &path)) {
                    if let Some(webhook) = entry.get_mut("webhook").and_then(Value::as_object_mut) {
                        webhook.insert("secret".to_owned(), Value::Array(Vec::new()));
                    }
                }
            },
        )
    }
}

fn secret_names(configuration: &mut Value, path: &str) -> Vec<String> {
    routes(configuration)
        .filter(|entry| is(entry, path))
        .filter_map(|entry| entry.get("webhook")?.get("secret"))
        .flat_map(|names| match names {
            Value::Array(names) => names.clone(),
            name => vec![name.clone()],
        })
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

impl Probe for DocumentedOpen {
    fn promise(&self) -> &'static str {
        "webhook.documented-open"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        for route in at.facts().routes.clone() {
            match &route.guard {
                Guard::Open(_) => {
                    let attempt = format!("{} is open without a reason", route.path);
                    refused_start(at, sheet, &attempt, &mut |configuration| {
                        for entry in routes(configuration).filter(|entry| is(entry, &route.path)) {
                            entry.remove("reason");
                        }
                    })?;
                }
                Guard::Key(roles) => {
                    let plain = Draft::new(at, method_of(&route), &route.path);
                    let key = super::keys::wide_key(at, roles)?;
                    let with_key = plain.clone().field("X-API-Key", &key).ticketed(at)?;
                    let twin = Met::status(&with_key.send(at)?, &[200]);
                    let attack = plain.ticketed(at)?.send(at)?;
                    let attempt = format!("{}, which states no reason, without a key", route.path);
                    sheet.pair(attempt, Met::status(&attack, &[401]), twin);
                }
                Guard::Token(_) if !super::tokens::can_be_had(at, &route, sheet) => {}
                Guard::Token(_) => {
                    let plain = Draft::new(at, method_of(&route), &route.path);
                    let twin = super::tokens::opens(at, &route, &plain)?;
                    let attack = plain.ticketed(at)?.send(at)?;
                    let attempt =
                        format!("{}, which states no reason, without a token", route.path);
                    sheet.pair(attempt, Met::status(&attack, &[401]), twin);
                }
                Guard::Session(roles) => {
                    let plain = Draft::new(at, method_of(&route), &route.path);
                    let twin = super::sessions::opens(at, &plain, roles)?;
                    let attack = plain.ticketed(at)?.send(at)?;
                    let attempt =
                        format!("{}, which states no reason, without a session", route.path);
                    sheet.pair(attempt, Met::status(&attack, &[401]), twin);
                }
                // No proof has a certificate that a listener believes.
                Guard::Certificate(_) => sheet.unproven(format!(
                    "{} is for programs with a certificate, and the proof has none",
                    route.path
                )),
                Guard::Webhook(_) => {}
            }
        }
        Ok(())
    }
}
