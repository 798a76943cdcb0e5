//! Cookies of apps, as a control.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{falls, path_of, routes, routes_mut, texts};

/// `cookie.hardened`: cookies of an app keep to HTTPS, to their site and away from scripts.
#[derive(Clone, Copy, Debug)]
pub struct AppCookies;

impl Control for AppCookies {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("gate.cookies"),
            title: "Cookies of the app",
            summary: "Each cookie that an app sets becomes Secure where the public address is HTTPS, HttpOnly, and SameSite=Lax unless it is Strict already. A Domain that is no name of this deployment is taken out, so that no neighbour gets it; what is no cookie, or bears a name of the gate's own, is not set.",
            promises: &["cookie.hardened"],
            keys: &[
                Key {
                    path: "[[route]] cookies.readable",
                    takes: "a list of names",
                    default: "[]",
                    about: "Cookies that scripts of the app's own pages read.",
                },
                Key {
                    path: "[[route]] cookies.cross_site",
                    takes: "a list of names",
                    default: "[]",
                    about: "Cookies that may keep SameSite=None, because other sites embed the app.",
                },
                Key {
                    path: "[[route]] cookies.left",
                    takes: "true or false",
                    default: "false",
                    about: "Whether cookies pass as the app sets them.",
                },
                Key {
                    path: "[[route]] cookies.reason",
                    takes: "text",
                    default: "-",
                    about: "Why a cookie may be weaker; required where one may.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let public = configuration.pointer("/deployment/public_url");
        let public = public.and_then(Value::as_str).unwrap_or_default();
        if !public.starts_with("https://") {
            return falls(
                format!("{public} is plain HTTP, under which no cookie is Secure"),
                "public_url = \"https://...\"",
            );
        }
        let except = asked.value("except").unwrap_or_default();
        let except: Vec<&str> = except.split(',').map(str::trim).collect();
        for route in routes(configuration) {
            let left = route.pointer("/cookies/left").and_then(Value::as_bool);
            if left == Some(true) {
                let wrong = format!("{} leaves cookies as the app sets them", path_of(route));
                return falls(wrong, "remove cookies.left");
            }
            let weaker = ["/cookies/readable", "/cookies/cross_site"]
                .into_iter()
                .flat_map(|key| texts(route.pointer(key)));
            for name in weaker {
                if !except.contains(&name) {
                    return falls(
                        format!(
                            "{} lets {name} be weaker, which the sentence does not name",
                            path_of(route)
                        ),
                        "remove it from cookies.readable and cookies.cross_site",
                    );
                }
            }
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        for route in routes_mut(configuration) {
            let left = json!({ "left": true, "reason": "a self-test" });
            route.insert("cookies".to_owned(), left);
        }
        Weakening::Configured("cookies pass as the app sets them".to_owned())
    }
}
