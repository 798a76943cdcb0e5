//! The promises kept here, as controls.
//!
//! Owns what each control says of itself, how a configuration is checked against a sentence and how
//! it is weakened for a self-test. Checks only: what enforces is wired into the stages. A control
//! without a setting of its own names the fault of a sham that stands in for it.

mod answers;
mod bodies;
mod contract;
mod cookies;
mod cors;
mod csrf;
mod errors;
mod exports;
mod files;
mod front;
mod headers;
mod inside;
mod limits;
mod listeners;
mod observe;
mod output;
mod pages;
mod request_ids;
mod routes;
mod uploads;

use control::{Control, Fit, Mend};
use serde_json::Value;

pub use self::{
    answers::Answers,
    bodies::Bodies,
    contract::Contract,
    cookies::AppCookies,
    cors::NamedOrigins,
    csrf::SameSite,
    errors::Errors,
    exports::Exports,
    files::Files,
    front::{BehindGate, Framing, HeadersStripped, HostAllowList, TrustedProxies},
    headers::{FrameHeader, NosniffHeader, ReferrerHeader, StrictTransport},
    inside::InsideFields,
    limits::Limits,
    listeners::Listeners,
    observe::Observation,
    output::OwnOutput,
    pages::{Downloads, PageScripts},
    request_ids::RequestIds,
    routes::{AuthByDefault, AuthEnforced, ExactHealth, HeaderOnlyKeys},
    uploads::Uploads,
};

/// The controls of this crate, in the order the binary lists them: the order of the stages.
pub const CONTROLS: &[&dyn Control] = &[
    &Listeners,
    &Framing,
    &TrustedProxies,
    &HostAllowList,
    &ExactHealth,
    &AuthByDefault,
    &AuthEnforced,
    &HeaderOnlyKeys,
    &HeadersStripped,
    &RequestIds,
    &SameSite,
    &NamedOrigins,
    &Bodies,
    &Contract,
    &Observation,
    &Uploads,
    &Files,
    &BehindGate,
    &Errors,
    &Exports,
    &Answers,
    &AppCookies,
    &InsideFields,
    &NosniffHeader,
    &FrameHeader,
    &PageScripts,
    &Downloads,
    &ReferrerHeader,
    &StrictTransport,
    &OwnOutput,
    &Limits,
];

fn falls(wrong: impl Into<String>, write: impl Into<String>) -> Fit {
    Fit::Falls(Mend {
        wrong: wrong.into(),
        write: write.into(),
    })
}

/// The routes of a configuration, in order.
fn routes(configuration: &Value) -> impl Iterator<Item = &Value> {
    configuration
        .get("route")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn routes_mut(
    configuration: &mut Value,
) -> impl Iterator<Item = &mut serde_json::Map<String, Value>> {
    configuration
        .get_mut("route")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object_mut)
}

fn path_of(route: &Value) -> &str {
    route
        .get("path")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The texts of a list, or the one text that stands in its place.
fn texts(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
