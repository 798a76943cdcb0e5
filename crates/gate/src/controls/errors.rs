//! What an app says of its faults, as a control.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{falls, path_of, routes, routes_mut};
use crate::stages::output::ERRORS;

/// `errors.hidden`: an error of the app is told in our own words.
#[derive(Clone, Copy, Debug)]
pub struct Errors;

impl Control for Errors {
    fn card(&self) -> &'static Card {
        &Card {
            id: ERRORS,
            title: "Errors in our own words",
            summary: "When the app answers with 500 to 599, the status stays and everything else is replaced: by a short page where the app had one, by JSON otherwise, each with the number of the request. Traces, settings and queries that an app shows in debug mode stay here; when to come again passes, and so do cookies.",
            promises: &["errors.hidden"],
            keys: &[
                Key {
                    path: "[[route]] errors.hide",
                    takes: "\"server\", \"all\" or \"nothing\"",
                    default: "\"server\"",
                    about: "Which errors are replaced: 500 to 599, 400 to 599, or none.",
                },
                Key {
                    path: "[[route]] errors.reason",
                    takes: "text",
                    default: "-",
                    about: "Why nothing is hidden; required then.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        let shows = |route: &&Value| {
            let hide = route.pointer("/errors/hide").and_then(Value::as_str);
            hide == Some("nothing")
        };
        match routes(configuration).find(shows) {
            None => Fit::Fits,
            Some(route) => falls(
                format!("{} shows what the app says of its faults", path_of(route)),
                "errors = { hide = \"server\" }",
            ),
        }
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        for route in routes_mut(configuration) {
            let errors = json!({ "hide": "nothing", "reason": "a self-test" });
            route.insert("errors".to_owned(), errors);
        }
        Weakening::Configured("what the app says of its faults passes".to_owned())
    }
}
