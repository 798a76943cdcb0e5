//! The control that refuses what there is no room or no time for.

use std::time::Duration;

use config::quantity;
use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::falls;
use crate::serve::refusals::OVERLOAD;

/// `[limits]`: how much and how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits;

/// How long a head may take where the file says nothing.
const HEADER_TIME: Duration = Duration::from_secs(10);

const fn key(
    path: &'static str,
    takes: &'static str,
    default: &'static str,
    about: &'static str,
) -> Key {
    Key {
        path,
        takes,
        default,
        about,
    }
}

const KEYS: &[Key] = &[
    key(
        "[limits] request_line",
        "a size",
        "8KiB",
        "Longest request line.",
    ),
    key(
        "[limits] header_block",
        "a size",
        "32KiB",
        "Longest header block.",
    ),
    key(
        "[limits] header_fields",
        "a number",
        "100",
        "Most fields of a header block.",
    ),
    key(
        "[limits] header_time",
        "a duration",
        "10s",
        "Time until the header is complete.",
    ),
    key(
        "[limits] body",
        "a size",
        "10MiB",
        "Longest body, where a route says nothing else.",
    ),
    key(
        "[limits] webhook_body",
        "a size",
        "1MiB",
        "Longest webhook body, which is held in memory until its signature is checked.",
    ),
    key(
        "[limits] keep_alive",
        "a duration",
        "60s",
        "How long an idle connection is kept.",
    ),
    key(
        "[limits] stream_idle",
        "a duration",
        "10m",
        "How long a WebSocket or an event stream may be silent; a route may say otherwise.",
    ),
    key(
        "[limits] connect",
        "a duration",
        "5s",
        "Time to connect to an app, over all of its addresses; a route may say otherwise.",
    ),
    key(
        "[limits] answer",
        "a duration",
        "60s",
        "Longest silence of an app before and within its answer; a route may say otherwise.",
    ),
    key(
        "[limits] answer_stall",
        "a duration",
        "60s",
        "How long a client may take nothing of its answer.",
    ),
    key(
        "[limits] body_rate",
        "a size",
        "240B",
        "Slowest body, in bytes a second over each `body_grace`.",
    ),
    key(
        "[limits] body_grace",
        "a duration",
        "10s",
        "How long a body may stand still.",
    ),
    key(
        "[limits] drain",
        "a duration",
        "30s",
        "How long requests under way may take once the gate is told to stop.",
    ),
    key(
        "[limits] body_time",
        "a duration",
        "10m",
        "Longest time a body may take in all; a route may say otherwise.",
    ),
    key(
        "[limits] requests",
        "a number",
        "1024",
        "Most requests at once, over all apps, that their apps have not begun to answer.",
    ),
    key(
        "[limits] connections",
        "a number",
        "10000",
        "Most connections at once; fewer where the limit on open files allows no more.",
    ),
    key(
        "[limits] connections_per_address",
        "a number",
        "1000",
        "Most connections at once from one address, or one IPv6 /64. Trusted proxies are not counted.",
    ),
    key(
        "[limits] requests_per_address",
        "a number",
        "1000",
        "Most requests at once from one client behind trusted proxies or over HTTP/2: an address, or one IPv6 /64.",
    ),
    key(
        "[limits] streams",
        "a number",
        "100",
        "Most requests at once on one HTTP/2 connection; more are refused.",
    ),
    key(
        "[limits] stream_resets",
        "a number",
        "200",
        "Most requests of one HTTP/2 connection that may break off within ten seconds; more end it.",
    ),
    key(
        "[[app]] requests",
        "a number",
        "256",
        "Most requests the app is given at once that it has not begun to answer.",
    ),
    key(
        "[[app]] connections",
        "a number",
        "4096",
        "Most connections to the app in use at once, WebSockets and event streams included.",
    ),
];

impl Control for Limits {
    fn card(&self) -> &'static Card {
        &Card {
            id: OVERLOAD,
            title: "Room for everybody",
            summary: "Size, time and number of everything that comes from outside are limited. What \
                      there is no room for is refused at once with 503 and Retry-After, so that what \
                      was admitted is served as quickly as ever.",
            promises: &["overload.slow"],
            keys: KEYS,
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let within = asked.value("within").and_then(quantity::duration);
        let said = configuration
            .pointer("/limits/header_time")
            .and_then(Value::as_str);
        let time = said.map_or(Some(HEADER_TIME), quantity::duration);
        match (within, time) {
            (Some(within), Some(time)) if time <= within => Fit::Fits,
            (Some(within), _) => falls(
                format!(
                    "a head may take {}",
                    said.unwrap_or("longer than the sentence says")
                ),
                format!(
                    "[limits] header_time = \"{}\"",
                    quantity::write_duration(within)
                ),
            ),
            (None, _) => falls("the anchor does not say within what time", ""),
        }
    }

    fn weaken(&self, configuration: &mut Value, _: &Asked) -> Weakening {
        if let Some(root) = configuration.as_object_mut() {
            let limits = root.entry("limits").or_insert_with(|| json!({}));
            if let Some(limits) = limits.as_object_mut() {
                limits.insert("header_time".to_owned(), json!("1h"));
            }
        }
        Weakening::Configured("with an hour for each head".to_owned())
    }
}
