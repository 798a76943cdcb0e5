//! Controls of the front door: framing, names, proxies, identity fields, and no way around.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::Value;

use super::{falls, texts};
use crate::stages;

/// `wire.framing`: nothing that two parsers could read differently.
#[derive(Clone, Copy, Debug)]
pub struct Framing;

/// `host.allow-list`: our own names and no other.
#[derive(Clone, Copy, Debug)]
pub struct HostAllowList;

/// `proxy.trusted`: forwarding fields only from configured proxies.
#[derive(Clone, Copy, Debug)]
pub struct TrustedProxies;

/// `identity.headers-stripped`: nobody tells the app who they are.
#[derive(Clone, Copy, Debug)]
pub struct HeadersStripped;

/// `app.only-behind-gate`: no way around.
#[derive(Clone, Copy, Debug)]
pub struct BehindGate;

impl Control for Framing {
    fn card(&self) -> &'static Card {
        &Card {
            id: wire::refusal::FRAMING,
            title: "Strict framing",
            summary: "A request that two HTTP parsers could read differently is refused before any policy runs, and its connection is closed.",
            promises: &["wire.framing"],
            keys: &[],
        }
    }

    fn fit(&self, _configuration: &Value, _asked: &Asked) -> Fit {
        Fit::Fits
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("framing-lenient")
    }
}

impl Control for HostAllowList {
    fn card(&self) -> &'static Card {
        &Card {
            id: stages::host::HOST,
            title: "Host allow-list",
            summary: "Only the names of the deployment are served. A stranger's name never reaches a link, a mail or a cache key.",
            promises: &["host.allow-list"],
            keys: &[
                Key {
                    path: "[deployment] public_url",
                    takes: "\"https://name\"",
                    default: "required",
                    about: "The address people and providers use; its name is served, and webhooks are verified against it.",
                },
                Key {
                    path: "[deployment] hosts",
                    takes: "list of names",
                    default: "[]",
                    about: "Further names the gate answers to, compared whole and without port.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let named = asked.list("names");
        if named.is_empty() {
            return Fit::Fits;
        }
        let deployment = configuration.get("deployment");
        let url = deployment
            .and_then(|table| table.get("public_url"))
            .and_then(Value::as_str)
            .unwrap_or_default();
        let mut served = vec![host_of(url)];
        served.extend(texts(deployment.and_then(|table| table.get("hosts"))));
        let missing = |from: &[&str], of: &[&str]| {
            of.iter()
                .find(|name| !from.iter().any(|other| other.eq_ignore_ascii_case(name)))
                .map(|name| (*name).to_owned())
        };
        if let Some(name) = missing(&served, &named) {
            return falls(
                format!("the sentence names {name}, which is not served"),
                format!("[deployment]\nhosts = [\"{name}\"]\n"),
            );
        }
        if let Some(name) = missing(&named, &served) {
            let kept: Vec<String> = named.iter().map(|name| format!("\"{name}\"")).collect();
            return falls(
                format!("{name} is served, and the sentence does not name it"),
                format!("[deployment]\nhosts = [{}]\n", kept.join(", ")),
            );
        }
        Fit::Fits
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("any-host")
    }
}

/// The host of a URL, without scheme, port and path.
fn host_of(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('/').next().unwrap_or_default();
    if rest.starts_with('[') {
        return rest.split_inclusive(']').next().unwrap_or_default();
    }
    rest.split(':').next().unwrap_or_default()
}

impl Control for TrustedProxies {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.client"),
            title: "Trusted proxies",
            summary: "Forwarding fields are believed from configured proxies alone; from anyone else they are removed and the connection's own address counts.",
            promises: &["proxy.trusted"],
            keys: &[
                Key {
                    path: "[deployment] trusted_proxies",
                    takes: "list of addresses or networks",
                    default: "[]",
                    about: "Proxies in front of the gate whose X-Forwarded-For, Forwarded and X-Forwarded-Host are believed.",
                },
                Key {
                    path: "[deployment] proxies_write",
                    takes: "\"x-forwarded-for\" or \"forwarded\"",
                    default: "either; where both stand there they must agree",
                    about: "The field in which they name the client. Most proxies write one and pass the other on as the client sent it: name theirs, and it changes nothing. Where they disagree and none is named, the request counts as the proxy's.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let Some(from) = asked.value("from") else {
            return Fit::Fits;
        };
        let trusted = texts(
            configuration
                .get("deployment")
                .and_then(|table| table.get("trusted_proxies")),
        );
        let named = if from.trim() == "none" {
            Vec::new()
        } else {
            asked.list("from")
        };
        let quoted: Vec<String> = named.iter().map(|net| format!("\"{net}\"")).collect();
        let write = format!("[deployment]\ntrusted_proxies = [{}]\n", quoted.join(", "));
        if let Some(extra) = trusted.iter().find(|net| !named.contains(net)) {
            return falls(
                format!("{extra} is trusted, and the sentence does not name it"),
                write,
            );
        }
        if let Some(missing) = named.iter().find(|net| !trusted.contains(net)) {
            return falls(
                format!("the sentence names {missing}, which is not trusted"),
                write,
            );
        }
        Fit::Fits
    }

    /// A child that trusts its prober's own network could not be attacked from outside it.
    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("forwarded-believed")
    }
}

impl Control for HeadersStripped {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.identity"),
            title: "Identity fields are ours",
            summary: "Every identity and forwarding field of the client is removed in any spelling before ours are set, last and signed.",
            promises: &["identity.headers-stripped"],
            keys: &[Key {
                path: "[[route]] bind",
                takes: "\"request\"",
                default: "none",
                about: "Gives each request a signed assertion of its own, bound to its method and path, instead of one a minute.",
            }],
        }
    }

    fn fit(&self, _configuration: &Value, _asked: &Asked) -> Fit {
        Fit::Fits
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("headers-kept")
    }
}

impl Control for BehindGate {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.exposure"),
            title: "The app only behind the gate",
            summary: "Everything else here is worth nothing if the app answers elsewhere. Its port must be closed on every interface but loopback.",
            promises: &["app.only-behind-gate"],
            keys: &[Key {
                path: "[[app]] upstream",
                takes: "\"http://host:port\"",
                default: "required",
                about: "Where the app listens; loopback, unless it runs on another machine.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        let apps = configuration.get("app").and_then(Value::as_array);
        if apps.is_some_and(|apps| !apps.is_empty()) {
            Fit::Fits
        } else {
            falls(
                "no app stands behind the gate",
                "[[app]]\nname = \"app\"\nupstream = \"http://127.0.0.1:8000\"\n",
            )
        }
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("app-exposed")
    }
}
