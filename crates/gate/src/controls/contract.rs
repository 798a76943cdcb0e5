//! What an API is described to be, as a control.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{falls, path_of, routes, routes_mut};

/// `api.contract`: requests and answers are held against a description.
#[derive(Clone, Copy, Debug)]
pub struct Contract;

impl Control for Contract {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("schema.contract"),
            title: "An API as it is described",
            summary: "A route that names an OpenAPI description takes the paths, methods, parameters and bodies it has, and nothing else; what the app answers with success must be what the description says, or does not leave. Requests are refused with the place and the rule and nothing of what was sent.",
            promises: &["api.contract"],
            keys: &[
                Key {
                    path: "[[route]] accepts.openapi",
                    takes: "a file",
                    default: "-",
                    about: "An OpenAPI description (3.0 or 3.1, as JSON) of what the route takes and answers, instead of the other rules for bodies. Header and cookie parameters are not judged, nor are bodies beyond JSON and forms; their types are.",
                },
                Key {
                    path: "[[route]] accepts.base",
                    takes: "a path",
                    default: "\"\"",
                    about: "What stands before the paths of the description, such as /v1.",
                },
                Key {
                    path: "[[route]] accepts.unknown_query",
                    takes: "true or false",
                    default: "false",
                    about: "Whether a query may have parameters that the description does not.",
                },
                Key {
                    path: "[[route]] accepts.answers",
                    takes: "true or false",
                    default: "true",
                    about: "Whether answers that succeed are held against the description as well. They are then held until they are whole.",
                },
                Key {
                    path: "[[route]] accepts.largest_answer",
                    takes: "a size",
                    default: "\"1MiB\"",
                    about: "The longest answer that is judged; a longer one does not leave.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let on = asked.value("on").unwrap_or_default();
        let accepts = routes(configuration)
            .find(|route| path_of(route) == on)
            .and_then(|route| route.get("accepts"));
        let mend = "accepts = { openapi = \"openapi.json\" }";
        let Some(accepts) = accepts.filter(|it| it.get("openapi").is_some()) else {
            return falls(format!("{on} is held to no description"), mend);
        };
        if accepts.get("answers") == Some(&json!(false)) {
            return falls(format!("answers of {on} are not held to it"), mend);
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let on = asked.value("on").unwrap_or_default();
        for route in routes_mut(configuration) {
            if route.get("path").and_then(Value::as_str) == Some(on) {
                route.remove("accepts");
            }
        }
        Weakening::Configured(format!("{on} takes and answers anything"))
    }
}
