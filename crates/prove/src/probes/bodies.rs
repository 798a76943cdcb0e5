//! Bodies that no app should have to read.
//!
//! Each is the deployment's own example of a good one, changed in one way.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Reply, RouteFact, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{draft::Draft, named_route, visitor::Visitor};

/// Attacks `body.checked`.
pub(super) struct Checked;
/// Attacks `body.text`.
pub(super) struct Text;

/// What a body that is not taken is answered with.
const REFUSED: &[u16] = &[400, 413, 415, 422];

/// The good body of a route, and its type.
pub(super) struct Example {
    content_type: &'static str,
    body: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Form,
    Text,
}

/// What the configuration says of the route that governs `target`.
pub(super) fn entry<'t>(at: &'t dyn Target, target: &str) -> Option<&'t Value> {
    let path = target.split('?').next()?;
    let routes = at.facts().configuration.get("route");
    let routes = routes.and_then(Value::as_array).into_iter().flatten();
    let path_of = |entry: &Value| entry.get("path").and_then(Value::as_str).map(str::to_owned);
    let above = |entry: &&Value| {
        path_of(entry).is_some_and(|above| {
            let rest = path.strip_prefix(above.trim_end_matches('/'));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    routes
        .filter(above)
        .max_by_key(|entry| path_of(entry).map_or(0, |path| path.len()))
}

/// The example that the configuration gives for the bodies of the route that governs `target`, where it
/// takes some alone.
pub(super) fn example(at: &dyn Target, target: &str) -> Option<Example> {
    let route = entry(at, target)?;
    let accepts = route.get("accepts")?;
    let body = accepts.get("example").and_then(Value::as_str)?.to_owned();
    let kinds = [
        ("json", "application/json", Kind::Json),
        ("form", "application/x-www-form-urlencoded", Kind::Form),
        ("text", "text/plain", Kind::Text),
    ];
    // Where the route reads nothing, the example says what it is.
    let said = kinds.iter().find(|(name, ..)| accepts.get(*name).is_some());
    let looks = match serde_json::from_str::<Value>(&body) {
        Ok(_) => &kinds[0],
        Err(_) => &kinds[2],
    };
    let (_, content_type, kind) = *said.unwrap_or(looks);
    Some(Example {
        content_type,
        body,
        kind,
    })
}

impl Example {
    /// `draft` with the good body.
    pub(super) fn on(&self, draft: Draft) -> Draft {
        draft.body(self.content_type, self.body.as_bytes())
    }

    /// The body with `change` made to its first text; none where it has no text.
    fn with_text(&self, change: &dyn Fn(&str) -> String) -> Option<String> {
        match self.kind {
            Kind::Text => Some(change(&self.body)),
            Kind::Form => {
                let (name, rest) = self.body.split_once('=')?;
                let (_, more) = rest.split_once('&').unwrap_or((rest, ""));
                let value = escaped(&change("a"));
                let more = if more.is_empty() {
                    String::new()
                } else {
                    format!("&{more}")
                };
                Some(format!("{name}={value}{more}"))
            }
            Kind::Json => {
                let mut value: Value = serde_json::from_str(&self.body).ok()?;
                let text = first_text(&mut value)?;
                *text = change(text);
                Some(value.to_string())
            }
        }
    }
}

fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(one).collect()
}

fn first_text(value: &mut Value) -> Option<&mut String> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(items) => items.iter_mut().find_map(first_text),
        Value::Object(fields) => fields.values_mut().find_map(first_text),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

impl Probe for Checked {
    fn promise(&self) -> &'static str {
        "body.checked"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let stage = Stage::new(asked, at)?;
        let example = &stage.example;
        let typed = example.content_type;
        let mut tries: Vec<(&str, &str, Vec<u8>)> = vec![
            ("of another type", "text/html", example.body.clone().into()),
            ("of no type", "", example.body.clone().into()),
            (
                "that is not UTF-8",
                typed,
                [example.body.as_bytes(), b"\xff"].concat(),
            ),
        ];
        for (attempt, mark) in [
            ("with a NUL", "\0"),
            ("with a control character", "\u{1b}"),
            ("with text that runs backwards", "\u{202e}"),
        ] {
            let marked = example.with_text(&|text| format!("{text}{mark}a"));
            tries.extend(marked.map(|body| (attempt, typed, body.into())));
        }
        if example.kind == Kind::Json {
            tries.extend(
                grammar(&example.body).map(|(attempt, body)| (attempt, typed, body.into())),
            );
        }
        for (attempt, content_type, body) in tries {
            stage.pair(at, attempt, content_type, &body, sheet)?;
        }
        Ok(())
    }
}

/// Bodies that are no JSON, or JSON that two readers read differently.
fn grammar(good: &str) -> impl Iterator<Item = (&'static str, String)> {
    let cut: String = good.chars().take(good.chars().count() / 2).collect();
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let mut all = vec![
        ("cut short", cut),
        ("with more behind its end", format!("{good} {good}")),
        ("nested without end", deep),
        ("without anything", " ".to_owned()),
    ];
    if let Some(inner) = good.trim().strip_prefix('{') {
        all.push((
            "with a key that stands twice",
            format!("{{\"vsc\":1,\"vsc\":2,{inner}"),
        ));
        all.push((
            "with a number beyond any",
            format!("{{\"vsc\":1e999999,{inner}"),
        ));
    }
    all.into_iter()
}

impl Probe for Text {
    fn promise(&self) -> &'static str {
        "body.text"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let number = |key: &str| asked.value(key).and_then(|text| text.parse::<usize>().ok());
        let longest = number("longest")
            .filter(|longest| *longest <= 50_000)
            .ok_or_else(|| TargetError::new("read the anchor", "longest is not 1 to 50,000"))?;
        let shortest = number("shortest").unwrap_or(1);
        let stage = Stage::new(asked, at)?;
        let typed = stage.example.content_type;
        let of = |length: usize| stage.example.with_text(&|_| "a".repeat(length));
        let mut tries = vec![("a text with one character too many", of(longest + 1))];
        if shortest > 0 {
            tries.push(("a text with one too few", of(shortest - 1)));
            tries.push((
                "a text of blanks",
                stage.example.with_text(&|_| " ".repeat(shortest)),
            ));
        }
        for (attempt, body) in tries {
            let body =
                body.ok_or_else(|| TargetError::new("change the example", "no text in it"))?;
            stage.pair(at, attempt, typed, body.as_bytes(), sheet)?;
        }
        Ok(())
    }
}

/// A route with somebody who may use it.
struct Stage<'t> {
    route: &'t RouteFact,
    method: &'t str,
    visitor: Visitor,
    example: Example,
}

impl<'t> Stage<'t> {
    fn new(asked: &Asked, at: &'t dyn Target) -> Result<Self, TargetError> {
        let route = named_route(at, asked, "on")?;
        let missing = |what: &str| TargetError::new("find a good request", what);
        let sends = |method: &&String| !matches!(method.as_str(), "GET" | "HEAD" | "OPTIONS");
        let method = route
            .methods
            .iter()
            .find(sends)
            .map_or("POST", String::as_str);
        let example = example(at, &route.path)
            .ok_or_else(|| missing("the route gives no example of a good body"))?;
        let visitor = Visitor::new(at, route, method)?
            .ok_or_else(|| missing("nobody can be made who may use the route"))?;
        Ok(Self {
            route,
            method,
            visitor,
            example,
        })
    }

    fn sends(&self, at: &dyn Target, draft: &Draft) -> Result<Reply, TargetError> {
        self.visitor.sends(at, draft)
    }

    fn pair(
        &self,
        at: &dyn Target,
        attempt: &str,
        content_type: &str,
        body: &[u8],
        sheet: &mut Sheet,
    ) -> Result<(), TargetError> {
        let plain = || Draft::new(at, self.method, &self.route.path);
        let mut bad = plain().body(content_type, body);
        if content_type.is_empty() {
            bad.fields.clear();
        }
        let attack = self.sends(at, &bad)?;
        let twin = self.sends(at, &self.example.on(plain()))?;
        sheet.pair(
            format!("{} {} with a body {attempt}", self.method, self.route.path),
            Met::status(&attack, REFUSED),
            Met::status(&twin, &[200]),
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use control::{Verdict, probe::Guard};
    use serde_json::json;

    use super::*;
    use crate::target::double::{Double, answer, echo};

    const GOOD: &str = "{\"text\":\"good\"}";

    /// A gate that takes the bodies that `takes` says so of.
    fn gate(takes: impl Fn(&str, &str) -> bool + 'static) -> Double {
        let mut at = Double::answering(move |request| {
            let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
            match takes(head, body) {
                true => echo(&[]),
                false => answer(422, &json!({})),
            }
        });
        at.facts.routes.truncate(1);
        at.facts.routes[0].guard = Guard::Open("test".to_owned());
        "/app".clone_into(&mut at.facts.routes[0].path);
        at.facts.configuration = json!({"route": [
            {"path": "/app", "accepts": {"json": {"longest": 4}, "example": GOOD}}
        ]});
        at
    }

    fn verdict(probe: &dyn Probe, at: &Double) -> Verdict {
        let pairs = [("on", "/app"), ("longest", "4")];
        let asked = Asked {
            promise: probe.promise().to_owned(),
            values: pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        probe.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn a_gate_that_overlooks_one_kind_of_bad_body_is_found_out() {
        let strict = |_: &str, body: &str| body == GOOD;
        let typed = |head: &str| head.contains("Content-Type: application/json");
        let all = move |head: &str, body: &str| typed(head) && strict(head, body);
        assert_eq!(verdict(&Checked, &gate(all)), Verdict::Kept);
        let careless: [fn(&str, &str) -> bool; 5] = [
            |_, body| body == GOOD,
            |_, body| body == GOOD || body.starts_with("[["),
            |_, body| body == GOOD || body.contains("\"vsc\":2"),
            |_, body| body == GOOD || body.contains("\\u0000"),
            |_, body| body == GOOD || body.contains('\u{202e}'),
        ];
        for takes in careless {
            assert_eq!(verdict(&Checked, &gate(takes)), Verdict::Broken);
        }
        assert_eq!(verdict(&Checked, &gate(|_, _| false)), Verdict::Error);
    }

    #[test]
    fn texts_are_tried_on_both_sides_of_their_bounds() {
        let length = |body: &str| {
            let value: Value = serde_json::from_str(body).unwrap();
            value["text"].as_str().unwrap().trim().chars().count()
        };
        let within = move |_: &str, body: &str| (1..=4).contains(&length(body));
        assert_eq!(verdict(&Text, &gate(within)), Verdict::Kept);
        let long = move |_: &str, body: &str| (1..=5).contains(&length(body));
        assert_eq!(verdict(&Text, &gate(long)), Verdict::Broken);
        let empty = move |_: &str, body: &str| length(body) <= 4;
        assert_eq!(verdict(&Text, &gate(empty)), Verdict::Broken);
    }

    #[test]
    fn the_first_text_of_an_example_is_changed_and_nothing_else() {
        let of = |kind, body: &str| Example {
            content_type: "",
            body: body.to_owned(),
            kind,
        };
        let changed = |example: Example| example.with_text(&|_| "b c".to_owned());
        assert_eq!(
            changed(of(Kind::Json, "{\"n\":1,\"t\":[\"a\",\"b\"]}")).unwrap(),
            "{\"n\":1,\"t\":[\"b c\",\"b\"]}"
        );
        assert_eq!(changed(of(Kind::Form, "a=1&b=2")).unwrap(), "a=b%20c&b=2");
        assert_eq!(changed(of(Kind::Text, "a")).unwrap(), "b c");
        assert_eq!(changed(of(Kind::Json, "[1]")), None);
    }
}
