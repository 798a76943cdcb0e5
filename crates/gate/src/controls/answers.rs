//! What an app may answer, as a control.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Value, json};

use super::{falls, path_of, routes, routes_mut};
use crate::stages::output::ANSWERS;

/// `answer.described`: answers of an app are held against a schema.
#[derive(Clone, Copy, Debug)]
pub struct Answers;

impl Control for Answers {
    fn card(&self) -> &'static Card {
        &Card {
            id: ANSWERS,
            title: "Answers as described",
            summary: "On a route with a schema for answers, those that succeed are held until they are whole and must be JSON that keeps it. Another answer does not leave: the client gets 502, and the ledger the rule that was broken and nothing of the answer.",
            promises: &["answer.described"],
            keys: &[
                Key {
                    path: "[[route]] answers.schema",
                    takes: "a file",
                    default: "required",
                    about: "A JSON Schema (draft 2020-12, or 7 where it says so) that answers keep.",
                },
                Key {
                    path: "[[route]] answers.largest",
                    takes: "a size",
                    default: "1MiB",
                    about: "Longest answer that is judged; a longer one is refused.",
                },
                Key {
                    path: "[[route]] answers.example",
                    takes: "a body",
                    default: "-",
                    about: "A good answer, which `check` judges and a proof changes for its attempts.",
                },
                Key {
                    path: "[[route]] answers.refuse",
                    takes: "true or false",
                    default: "true",
                    about: "Whether an answer that is something else is refused; false passes all, and needs a reason.",
                },
                Key {
                    path: "[[route]] answers.reason",
                    takes: "text",
                    default: "-",
                    about: "Why nothing is refused; required then.",
                },
            ],
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let on = asked.value("on").unwrap_or_default();
        let mend = "answers = { schema = \"answer.json\", example = '{\"name\": \"a\"}' }";
        let route = routes(configuration).find(|route| path_of(route) == on);
        let Some(answers) = route.and_then(|route| route.get("answers")) else {
            return falls(format!("{on} does not say what its app answers"), mend);
        };
        if answers.get("refuse").and_then(Value::as_bool) == Some(false) {
            return falls(
                format!("any answer passes on {on}"),
                "remove answers.refuse",
            );
        }
        if answers.get("example").is_none() {
            let wrong = format!("{on} has no example of a good answer, which a proof needs");
            return falls(wrong, mend);
        }
        Fit::Fits
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let on = asked.value("on").unwrap_or_default().to_owned();
        for route in routes_mut(configuration) {
            if route.get("path").and_then(Value::as_str) != Some(on.as_str()) {
                continue;
            }
            if let Some(answers) = route.get_mut("answers").and_then(Value::as_object_mut) {
                answers.insert("refuse".to_owned(), json!(false));
                answers.insert("reason".to_owned(), json!("a self-test"));
            }
        }
        Weakening::Configured(format!("any answer passes on {on}"))
    }
}
