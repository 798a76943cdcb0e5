//! What bodies routes take, as a control.
//!
//! Owns whether the rules of a route keep a sentence, and what is taken away for a self-test.

use control::{Asked, Card, Control, Fit, Weakening, card::Key};
use serde_json::{Map, Value, json};

use super::{falls, path_of, routes, routes_mut};

/// `body.checked` and `body.text`: what stands in a body is judged before the app reads it.
#[derive(Clone, Copy, Debug)]
pub struct Bodies;

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
        "[[route]] accepts.types",
        "a list of media types",
        "[]",
        "Types whose bodies pass as they stream, unread; `image/*` is all of a kind.",
    ),
    key(
        "[[route]] accepts.empty",
        "true or false",
        "false",
        "Whether no body is as good as one. GET, HEAD, OPTIONS and DELETE need none anyway.",
    ),
    key(
        "[[route]] accepts.inflated",
        "a size",
        "-",
        "How large a compressed body (gzip, deflate) may become; without it none is taken.",
    ),
    key(
        "[[route]] accepts.example",
        "a body",
        "-",
        "A good body, which `check` judges and a proof changes for its attempts.",
    ),
    key(
        "[[route]] accepts.json.schema",
        "a file",
        "-",
        "A JSON Schema (draft 2020-12, or 7 where it says so) that bodies keep.",
    ),
    key(
        "[[route]] accepts.json.depth",
        "a number",
        "32",
        "Objects and arrays inside one another.",
    ),
    key(
        "[[route]] accepts.json.keys",
        "a number",
        "20000",
        "Keys of all objects together.",
    ),
    key(
        "[[route]] accepts.json.items",
        "a number",
        "10000",
        "Items of one array.",
    ),
    key(
        "[[route]] accepts.json.blocked",
        "a list of JSON Pointers",
        "[]",
        "Fields that nobody may send, whatever their spelling; `*` is any one step, `**` any number.",
    ),
    key(
        "[[route]] accepts.json.shortest",
        "a number",
        "0",
        "Fewest characters of each string, blanks at its ends not counted.",
    ),
    key(
        "[[route]] accepts.json.longest",
        "a number",
        "-",
        "Most characters of each string.",
    ),
    key(
        "[[route]] accepts.json.lines",
        "true or false",
        "true",
        "Whether a string may have several lines.",
    ),
    key(
        "[[route]] accepts.form.fields",
        "a list of names",
        "any, once",
        "The fields a form may have.",
    ),
    key(
        "[[route]] accepts.form.required",
        "a list of names",
        "[]",
        "The fields a form must have.",
    ),
    key(
        "[[route]] accepts.form.blocked",
        "a list of JSON Pointers",
        "[]",
        "Fields that nobody may send: `/user/role` is `user[role]` and `user.role`.",
    ),
    key(
        "[[route]] accepts.form.shortest",
        "a number",
        "0",
        "Fewest characters of each value.",
    ),
    key(
        "[[route]] accepts.form.longest",
        "a number",
        "-",
        "Most characters of each value.",
    ),
    key(
        "[[route]] accepts.form.lines",
        "true or false",
        "true",
        "Whether a value may have several lines.",
    ),
    key(
        "[[route]] accepts.text.shortest",
        "a number",
        "0",
        "Fewest characters of a plain text.",
    ),
    key(
        "[[route]] accepts.text.longest",
        "a number",
        "-",
        "Most characters of a plain text.",
    ),
    key(
        "[[route]] accepts.text.lines",
        "true or false",
        "true",
        "Whether a plain text may have several lines.",
    ),
];

impl Control for Bodies {
    fn card(&self) -> &'static Card {
        &Card {
            id: schema::refusal::BODY,
            title: "What stands in a body",
            summary: "A route that says what it accepts takes nothing else: other types, broken grammar, keys that stand twice, nesting and numbers without end, control and bidirectional characters, fields that are blocked and whatever its schema does not allow are refused before the app reads a byte, with the place and the rule and nothing of the body.",
            promises: &["body.checked", "body.text"],
            keys: KEYS,
        }
    }

    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit {
        let on = asked.value("on").unwrap_or_default();
        let accepts = routes(configuration)
            .find(|route| path_of(route) == on)
            .and_then(|route| route.get("accepts"));
        let mend =
            "accepts = { json = { shortest = 1, longest = 10000 }, example = '{\"text\": \"a\"}' }";
        let Some(accepts) = accepts else {
            return falls(format!("{on} does not say what it accepts"), mend);
        };
        if accepts.get("example").is_none() {
            let wrong = format!("{on} has no example of a good body, which a proof needs");
            return falls(wrong, mend);
        }
        if kinds(accepts).next().is_none() {
            return falls(format!("nothing is read of what {on} accepts"), mend);
        }
        if asked.promise != "body.text" {
            return Fit::Fits;
        }
        let promised = |key| asked.value(key).and_then(|text| text.parse::<u64>().ok());
        let (shortest, longest) = (promised("shortest").unwrap_or(1), promised("longest"));
        let keeps = kinds(accepts).any(|rules| {
            let number = |key| rules.get(key).and_then(Value::as_u64);
            number("shortest").unwrap_or(0) >= shortest
                && number("longest").is_some_and(|most| longest.is_some_and(|it| most <= it))
        });
        if keeps {
            return Fit::Fits;
        }
        let longest = longest.unwrap_or_default();
        falls(
            format!("texts on {on} may be shorter or longer"),
            format!("accepts = {{ json = {{ shortest = {shortest}, longest = {longest} }} }}"),
        )
    }

    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening {
        let on = asked.value("on").unwrap_or_default().to_owned();
        let at = |route: &Map<String, Value>| {
            route.get("path").and_then(Value::as_str) == Some(on.as_str())
        };
        let whole = asked.promise == "body.checked";
        for route in routes_mut(configuration).filter(|route| at(route)) {
            if whole {
                // The example stays: without it a proof would have nothing to change.
                let example = route
                    .get("accepts")
                    .and_then(|it| it.get("example"))
                    .cloned();
                let mut accepts = json!({ "types": ["*/*"] });
                if let (Some(accepts), Some(example)) = (accepts.as_object_mut(), example) {
                    accepts.insert("example".to_owned(), example);
                }
                route.insert("accepts".to_owned(), accepts);
            } else if let Some(accepts) = route.get_mut("accepts").and_then(Value::as_object_mut) {
                for rules in accepts.values_mut().filter_map(Value::as_object_mut) {
                    rules.remove("shortest");
                    rules.remove("longest");
                }
            }
        }
        Weakening::Configured(if whole {
            format!("{on} accepts anything")
        } else {
            format!("texts on {on} have any length")
        })
    }
}

/// The rules of each kind of body that is read.
fn kinds(accepts: &Value) -> impl Iterator<Item = &Value> {
    ["json", "form", "text"]
        .into_iter()
        .filter_map(|kind| accepts.get(kind))
}
