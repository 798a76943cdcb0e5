//! The control that refuses what there is no room or no time for.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::Value;

use crate::serve::refusals::OVERLOAD;

/// `[limits]`: how much and how long. No sentence of the catalogue speaks of it yet.
#[derive(Clone, Copy, Debug)]
pub struct Limits;

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
            promises: &[],
            keys: KEYS,
        }
    }

    fn fit(&self, _: &Value, _: &Asked) -> Fit {
        Fit::Fits
    }

    /// No sentence asks for it, so nothing is weakened.
    fn weaken(&self, _: &mut Value, _: &Asked) -> Weakening {
        Weakening::Configured("nothing: no promise speaks of limits".to_owned())
    }
}
