//! Controls of what answers tell a browser.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{falls, path_of, routes, routes_mut};
use crate::site::headers::ONE_YEAR;

/// `headers.nosniff`.
#[derive(Clone, Copy, Debug)]
pub struct NosniffHeader;

/// `headers.frame`.
#[derive(Clone, Copy, Debug)]
pub struct FrameHeader;

/// `headers.referrer`.
#[derive(Clone, Copy, Debug)]
pub struct ReferrerHeader;

/// `transport.hsts`.
#[derive(Clone, Copy, Debug)]
pub struct StrictTransport;

impl Control for NosniffHeader {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("headers.nosniff"),
            title: "No content-type sniffing",
            summary: "Every answer says X-Content-Type-Options: nosniff, our own refusals included.",
            promises: &["headers.nosniff"],
            keys: &[Key {
                path: "[headers] nosniff",
                takes: "true or false",
                default: "true",
                about: "Whether browsers are told to believe the content type.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        everywhere(configuration, "nosniff", "true", |value| {
            value.as_bool() == Some(true)
        })
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        everywhere_off(configuration, "nosniff", &json!(false))
    }
}

impl Control for FrameHeader {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("headers.frame"),
            title: "No framing by other sites",
            summary: "Every answer forbids other sites to frame it, by X-Frame-Options and frame-ancestors.",
            promises: &["headers.frame"],
            keys: &[Key {
                path: "[headers] frame",
                takes: "\"deny\", \"same-origin\" or \"off\"",
                default: "\"same-origin\"",
                about: "Who may put an answer into a frame.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        everywhere(configuration, "frame", "\"same-origin\"", |value| {
            matches!(value.as_str(), Some("deny" | "same-origin"))
        })
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        everywhere_off(configuration, "frame", &json!("off"))
    }
}

impl Control for ReferrerHeader {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("headers.referrer"),
            title: "The referrer stays at home",
            summary: "Every answer keeps the referrer within the same origin.",
            promises: &["headers.referrer"],
            keys: &[
                Key {
                    path: "[headers] referrer",
                    takes: "\"no-referrer\", \"same-origin\", \"strict-origin\" or \"off\"",
                    default: "\"same-origin\"",
                    about: "What browsers tell other sites of where a visitor came from.",
                },
                Key {
                    path: "[headers] reason",
                    takes: "text",
                    default: "none",
                    about: "Why anything here differs from its default; required then. A route's headers table takes the same keys.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        everywhere(configuration, "referrer", "\"same-origin\"", |value| {
            matches!(value.as_str(), Some("same-origin" | "no-referrer"))
        })
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        everywhere_off(configuration, "referrer", &json!("off"))
    }
}

impl Control for StrictTransport {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("headers.hsts"),
            title: "Browsers insist on TLS",
            summary: "Every answer over TLS has browsers come back over TLS alone, sub-domains included.",
            promises: &["transport.hsts"],
            keys: &[
                Key {
                    path: "[headers] hsts",
                    takes: "a duration; 0s says nothing",
                    default: "\"365d\"",
                    about: "How long browsers insist on TLS, sub-domains included; only said under TLS.",
                },
                Key {
                    path: "[headers] hsts_preload",
                    takes: "true or false",
                    default: "false",
                    about: "Whether browsers may ship with the name, so that whoever comes for the first time comes over TLS. Hard to take back: every sub-domain must speak TLS, for good.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let listeners = configuration.get("listen").and_then(Value::as_array);
        let mut listeners = listeners.into_iter().flatten();
        if !listeners.any(|listen| listen.get("tls").is_some()) {
            return falls(
                "no listener speaks TLS, without which nothing is said",
                "[[listen]]\ntls = { self_signed = true }\n",
            );
        }
        let wanted = asked.value("age").and_then(config::quantity::duration);
        let Some(wanted) = wanted else {
            return falls(
                "the anchor's age does not read",
                "# promise: transport.hsts age=365d\n",
            );
        };
        if asked.value("preload").is_some()
            && configuration.pointer("/headers/hsts_preload") != Some(&json!(true))
        {
            return falls(
                "browsers may not ship with the name",
                "[headers]\nhsts_preload = true\n",
            );
        }
        if wanted > ONE_YEAR && configuration.pointer("/headers/hsts").is_none() {
            return falls(
                "browsers insist for a year",
                "[headers]\nhsts = \"730d\"\nreason = \"...\"\n",
            );
        }
        everywhere(configuration, "hsts", "\"365d\"", |value| {
            let set = value.as_str().and_then(config::quantity::duration);
            set.is_some_and(|set| set >= wanted)
        })
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        everywhere_off(configuration, "hsts", &json!("0s"))
    }
}

/// Whether `key` is strict enough wherever it is written.
pub(super) fn everywhere(
    configuration: &Value,
    key: &str,
    strict: &str,
    good: impl Fn(&Value) -> bool,
) -> Fit {
    let bad = |holder: &Value| {
        holder
            .get("headers")
            .and_then(|headers| headers.get(key))
            .is_some_and(|value| !good(value))
    };
    if bad(configuration) {
        return falls(
            format!("[headers] {key} is switched off or weakened"),
            format!("[headers]\n{key} = {strict}\n"),
        );
    }
    match routes(configuration).find(|route| bad(route)) {
        Some(route) => falls(
            format!(
                "the route {} switches {key} off or weakens it",
                path_of(route)
            ),
            format!(
                "[[route]]\npath = \"{}\"\nheaders = {{ {key} = {strict} }}\n",
                path_of(route)
            ),
        ),
        None => Fit::Fits,
    }
}

/// Switches `key` off for the site, as an operator could, and for each route that sets it.
pub(super) fn everywhere_off(configuration: &mut Value, key: &str, off: &Value) -> Weakening {
    if let Some(root) = configuration.as_object_mut() {
        let headers = root.entry("headers").or_insert_with(|| json!({}));
        if let Some(headers) = headers.as_object_mut() {
            headers.insert(key.to_owned(), off.clone());
            headers.insert("reason".to_owned(), json!("weakened by the self-test"));
        }
    }
    for route in routes_mut(configuration) {
        if let Some(headers) = route.get_mut("headers").and_then(Value::as_object_mut)
            && headers.contains_key(key)
        {
            headers.insert(key.to_owned(), off.clone());
        }
    }
    Weakening::Configured(format!("[headers] {key} is switched off"))
}
