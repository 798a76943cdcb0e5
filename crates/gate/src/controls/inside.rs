//! Fields that tell what an app is made of, as a control.

use control::{Asked, Card, Control, ControlId, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{falls, routes_mut};

/// `headers.inside`: no answer names server, framework or version.
#[derive(Clone, Copy, Debug)]
pub struct InsideFields;

impl Control for InsideFields {
    fn card(&self) -> &'static Card {
        &Card {
            id: ControlId("headers.inside"),
            title: "Nothing of the inside",
            summary: "Fields by which servers and frameworks introduce themselves are taken out of answers: Server, Via, X-Powered-By, X-AspNet-Version, X-Runtime, X-Generator, X-Debug- and the like. Whoever looks for a version with a known hole reads them first.",
            promises: &["headers.inside"],
            keys: &[
                Key {
                    path: "[headers] remove",
                    takes: "a list of field names",
                    default: "[]",
                    about: "Further fields that are taken out; x-internal- stands for all that begin so.",
                },
                Key {
                    path: "[headers] keep",
                    takes: "a list of field names",
                    default: "[]",
                    about: "Fields that stay all the same, as the list that is built in writes them; needs a reason.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, _asked: &Asked) -> Fit {
        let keeps = |table: &Value| {
            let kept = table.pointer("/headers/keep").and_then(Value::as_array);
            kept.is_some_and(|kept| !kept.is_empty())
        };
        if keeps(configuration) || super::routes(configuration).any(keeps) {
            return falls(
                "fields that tell of the inside are kept",
                "remove headers.keep",
            );
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, _asked: &Asked) -> Weakening {
        let kept = json!(["server", "x-powered-by", "x-debug-", "via"]);
        let put = |table: &mut serde_json::Map<String, Value>| {
            let headers = table.entry("headers").or_insert_with(|| json!({}));
            if let Some(headers) = headers.as_object_mut() {
                headers.insert("keep".to_owned(), kept.clone());
                headers.insert("reason".to_owned(), json!("a self-test"));
            }
        };
        if let Some(root) = configuration.as_object_mut() {
            put(root);
        }
        routes_mut(configuration).for_each(put);
        Weakening::Configured("fields that tell of the inside are kept".to_owned())
    }
}
