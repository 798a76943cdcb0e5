//! Controls of who may pass which route.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{falls, path_of, routes, routes_mut, texts};
use crate::stages::own;

/// `auth.enforced`: nothing below the route without a credential.
#[derive(Clone, Copy, Debug)]
pub struct AuthEnforced;

/// `auth.default-on`: a route that says nothing is refused at start.
#[derive(Clone, Copy, Debug)]
pub struct AuthByDefault;

/// `auth.header-only`: keys in two header fields and nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct HeaderOnlyKeys;

/// `health.exact-path`: the health check on exactly one path.
#[derive(Clone, Copy, Debug)]
pub struct ExactHealth;

impl Control for AuthEnforced {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.auth"),
            title: "Authentication is enforced",
            summary: "A request on a guarded route without a valid credential ends at the gate; only a stated reason opens a route.",
            promises: &["auth.enforced"],
            keys: &[
                Key {
                    path: "[[route]] path",
                    takes: "\"/path\"",
                    default: "required",
                    about: "The path the route governs, with everything below it by whole segments; the longest wins.",
                },
                Key {
                    path: "[[route]] methods",
                    takes: "list of methods",
                    default: "[], which is all",
                    about: "Methods the route lists; any other on its paths is 405, never a shorter route.",
                },
                Key {
                    path: "[[route]] host",
                    takes: "\"name\"",
                    default: "none",
                    about: "The name the route is limited to; such routes are asked first.",
                },
                Key {
                    path: "[[route]] app",
                    takes: "\"name\"",
                    default: "required",
                    about: "The app its requests go to.",
                },
                Key {
                    path: "[[route]] body",
                    takes: "a size",
                    default: "[limits] body, or webhook_body",
                    about: "Longest body the route accepts.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        for wanted in asked.list("route") {
            if let Some(open) = routes(configuration)
                .filter(|route| below(path_of(route), wanted))
                .find(|route| !guarded(route))
            {
                return falls(
                    format!("the route {} asks for no credential", path_of(open)),
                    key_route(path_of(open)),
                );
            }
            let governing = routes(configuration)
                .filter(|route| !is_exact(route) && below(wanted, path_of(route)))
                .max_by_key(|route| path_of(route).len());
            let exact = routes(configuration).any(|route| path_of(route) == wanted);
            match governing {
                Some(route) if guarded(route) => {}
                _ if exact && governing.is_none() => {}
                Some(route) => {
                    return falls(
                        format!(
                            "{wanted} is governed by {}, which asks for no credential",
                            path_of(route)
                        ),
                        key_route(wanted),
                    );
                }
                None => {
                    return falls(format!("no route governs {wanted}"), key_route(wanted));
                }
            }
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let wanted = asked.list("route");
        // Nobody's rows are told apart where nobody is known.
        without_rows(configuration);
        for route in routes_mut(configuration) {
            let path = route
                .get("path")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if !wanted.iter().any(|wanted| below(path, wanted)) {
                continue;
            }
            for key in ["webhook", "roles", "bind"] {
                route.shift_remove(key);
            }
            route.insert("auth".to_owned(), json!("none"));
            route.insert("reason".to_owned(), json!("weakened by the self-test"));
        }
        Weakening::Configured(format!("{} asks for no credential", wanted.join(", ")))
    }
}

/// Takes out collections, and all that speaks of them.
fn without_rows(configuration: &mut Value) {
    for route in routes_mut(configuration) {
        route.shift_remove("rows");
        route.shift_remove("counts");
    }
    let Some(root) = configuration.as_object_mut() else {
        return;
    };
    root.shift_remove("collections");
    let roles = root.get_mut("roles").and_then(Value::as_object_mut);
    for role in roles.into_iter().flat_map(|roles| roles.values_mut()) {
        if let Some(role) = role.as_object_mut() {
            role.shift_remove("rows");
        }
    }
}

impl Control for AuthByDefault {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.auth-default"),
            title: "Authentication by default",
            summary: "A route that names neither a credential nor a reason to be open is a configuration fault, so nothing is served open by accident.",
            promises: &["auth.default-on"],
            keys: &[Key {
                path: "[[route]] reason",
                takes: "text",
                default: "required beside auth = \"none\"",
                about: "Why the route asks for no credential.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        let says_nothing =
            |route: &&Value| route.get("auth").is_none() && route.get("webhook").is_none();
        match routes(configuration).find(says_nothing) {
            Some(route) => falls(
                format!(
                    "the route {} says nothing about who may pass",
                    path_of(route)
                ),
                key_route(path_of(route)),
            ),
            None => Fit::Fits,
        }
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("auth-optional")
    }
}

impl Control for HeaderOnlyKeys {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.credentials"),
            title: "Keys in headers only",
            summary: "A key counts in Authorization or X-API-Key alone, is refused in an address or a cookie, and never goes upstream.",
            promises: &["auth.header-only"],
            keys: &[],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        for wanted in asked.list("route") {
            let asks = routes(configuration)
                .filter(|route| path_of(route) == wanted)
                .any(|route| texts(route.get("auth")).contains(&"api-key"));
            if !asks {
                return falls(
                    format!("the route {wanted} asks for no key"),
                    key_route(wanted),
                );
            }
        }
        Fit::Fits
    }

    fn weaken(&self, _configuration: &mut Value, _asked: &Asked) -> Weakening {
        Weakening::Sham("key-in-query")
    }
}

impl Control for ExactHealth {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.exact"),
            title: "The health check on one path",
            summary: "An exact route governs its path and nothing below or beside it; a spelling that a lenient app would take for it is refused.",
            promises: &["health.exact-path"],
            keys: &[Key {
                path: "[[route]] exact",
                takes: "true or false",
                default: "false",
                about: "Whether the route governs its path alone.",
            }],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        for wanted in asked.list("path") {
            if wanted == own::HEALTH {
                continue;
            }
            let write = format!(
                "[[route]]\npath = \"{wanted}\"\nexact = true\nmethods = [\"GET\"]\nauth = \"none\"\nreason = \"health check\"\n"
            );
            let entries: Vec<&Value> = routes(configuration)
                .filter(|route| path_of(route) == wanted)
                .collect();
            let Some(route) = entries.first() else {
                return falls(format!("there is no route {wanted}"), write);
            };
            if !entries
                .iter()
                .all(|route| is_exact(route) || guarded(route))
            {
                return falls(
                    format!("the route {wanted} governs more than its path"),
                    write,
                );
            }
            if texts(route.get("methods")) != ["GET"] {
                return falls(format!("the route {wanted} answers more than GET"), write);
            }
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let wanted = asked.list("path");
        let ours: Vec<&str> = wanted
            .iter()
            .copied()
            .filter(|path| *path == own::HEALTH)
            .collect();
        if !ours.is_empty() {
            return Weakening::Sham("health-by-prefix");
        }
        for route in routes_mut(configuration) {
            let path = route
                .get("path")
                .and_then(Value::as_str)
                .unwrap_or_default();
            if wanted.contains(&path) {
                route.insert("exact".to_owned(), json!(false));
            }
        }
        Weakening::Configured(format!("{} is not exact", wanted.join(", ")))
    }
}

/// Whether `path` is `above` or lies below it, by whole segments.
fn below(path: &str, above: &str) -> bool {
    above == "/"
        || path
            .strip_prefix(above)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn is_exact(route: &Value) -> bool {
    route.get("exact").and_then(Value::as_bool).unwrap_or(false)
}

/// Whether a route asks for a credential of any kind.
fn guarded(route: &Value) -> bool {
    let auth = texts(route.get("auth"));
    route.get("webhook").is_some()
        || ["api-key", "token", "session", "certificate"]
            .iter()
            .any(|way| auth.contains(way))
}

fn key_route(path: &str) -> String {
    format!("[[route]]\npath = \"{path}\"\nauth = [\"api-key\"]\n")
}
