//! Pages of other sites that want to read answers.
//!
//! The echo, where a request with a ticket ends, repeats any origin it is sent, as careless apps do: what
//! comes back has been taken out by the gate, or it has not.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Answer, Reply, RouteFact, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{draft::Draft, method_of, sessions, visitor::Visitor};

/// Attacks `cors.named`.
pub(super) struct Named;

/// The field by which a browser lets a page read an answer.
const ALLOWED: &str = "Access-Control-Allow-Origin";

impl Probe for Named {
    fn promise(&self) -> &'static str {
        "cors.named"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        // Everything is tried on each route that names somebody, and on one that names nobody.
        let mut nobody = false;
        for route in &at.facts().routes {
            let named = origins(at, route);
            if named.is_empty() && nobody {
                continue;
            }
            let Some(visitor) = Visitor::new(at, route, method_of(route))? else {
                continue;
            };
            // What changes something is refused to a session from elsewhere, whoever may read.
            if !sessions::reads(method_of(route)) && matches!(visitor, Visitor::Person(_)) {
                continue;
            }
            nobody |= named.is_empty();
            on_route(at, route, &visitor, &named, sheet)?;
            if let Some(ours) = named.first() {
                preflights(at, route, ours, sheet)?;
            }
        }
        Ok(())
    }
}

/// The origins that a route names in the file.
fn origins(at: &dyn Target, route: &RouteFact) -> Vec<String> {
    let texts = |value: Option<&Value>| -> Vec<String> {
        let all = value.and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let is = |entry: &&Value| {
        entry.get("path").and_then(Value::as_str) == Some(&route.path)
            && texts(entry.get("methods")) == route.methods
    };
    let routes = at.facts().configuration.get("route");
    let mut routes = routes.and_then(Value::as_array).into_iter().flatten();
    texts(
        routes
            .find(is)
            .and_then(|entry| entry.pointer("/cors/origins")),
    )
}

/// Origins that are none of those named, and like them.
fn foreign(named: &[String]) -> Vec<String> {
    let mut all = vec!["https://other.invalid".to_owned(), "null".to_owned()];
    for origin in named.iter().take(2) {
        all.push(format!("{origin}.other.invalid"));
        if let Some(host) = origin.strip_prefix("https://") {
            all.push(format!("https://other-{host}"));
            all.push(format!("http://{host}"));
            all.push(format!("https://www.{host}"));
        }
        all.push(format!("{origin}:444"));
        all.push(origin.to_ascii_uppercase());
    }
    all.retain(|origin| !named.contains(origin));
    all
}

fn on_route(
    at: &dyn Target,
    route: &RouteFact,
    visitor: &Visitor,
    named: &[String],
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let (method, path) = (method_of(route), &route.path);
    let from = |origin: &str| -> Result<Reply, TargetError> {
        let draft = Draft::new(at, method, path).field("Origin", origin);
        visitor.sends(at, &draft)
    };
    for origin in foreign(named) {
        let attack = from(&origin)?;
        let twin = match named.first() {
            Some(ours) => lets(&from(ours)?, ours),
            None => {
                let plain = visitor.sends(at, &Draft::new(at, method, path))?;
                Met::status(&plain, &[200])
            }
        };
        sheet.pair(
            format!("{method} {path} by a page of {origin}"),
            silent(&attack),
            twin,
        );
    }
    Ok(())
}

/// What a browser asks before it lets a page send a request with a key. Nobody has shown any yet.
fn preflights(
    at: &dyn Target,
    route: &RouteFact,
    ours: &str,
    sheet: &mut Sheet,
) -> Result<(), TargetError> {
    let from = |origin: &str| {
        Draft::new(at, "OPTIONS", &route.path)
            .field("Origin", origin)
            .field("Access-Control-Request-Method", method_of(route))
            .field("Access-Control-Request-Headers", "x-api-key")
            .send(at)
    };
    for origin in foreign(&[ours.to_owned()]) {
        sheet.pair(
            format!("a preflight for {} by a page of {origin}", route.path),
            silent(&from(&origin)?),
            lets(&from(ours)?, ours),
        );
    }
    Ok(())
}

fn values(answer: &Answer) -> Vec<&str> {
    let named = |name: &str| name.eq_ignore_ascii_case(ALLOWED);
    let fields = answer.fields.iter().filter(|(name, _)| named(name));
    fields.map(|(_, value)| value.as_str()).collect()
}

/// No page is let read it.
fn silent(reply: &Reply) -> Met {
    let Some(answer) = reply.answer() else {
        return Met::inconclusive("no answer");
    };
    match values(answer).as_slice() {
        [] => Met::when(true, "no origin is let in"),
        values => Met::when(false, format!("{ALLOWED}: {}", values.join(", "))),
    }
}

/// Pages of `origin` are let read it, and no others.
fn lets(reply: &Reply, origin: &str) -> Met {
    let Some(answer) = reply.answer() else {
        return Met::inconclusive("no answer");
    };
    let good = (200..300).contains(&answer.status) && values(answer) == [origin];
    Met::when(
        good,
        format!("{}, {} let in", answer.status, values(answer).join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use control::Verdict;
    use serde_json::json;

    use super::*;
    use crate::target::double::Double;

    const OURS: &str = "https://app.example";

    /// A gate that lets in the origins that `lets` says so of.
    fn gate(lets: fn(&str) -> bool) -> Double {
        let mut at = Double::answering(move |request| {
            let origin = request
                .lines()
                .find_map(|line| line.strip_prefix("Origin: "));
            let field = |origin: &str| (ALLOWED.to_owned(), origin.to_owned());
            Reply::Answer(Answer {
                status: 200,
                fields: origin
                    .filter(|it| lets(it))
                    .map(field)
                    .into_iter()
                    .collect(),
                ..Answer::default()
            })
        });
        at.facts.routes.truncate(1);
        let path = at.facts.routes[0].path.clone();
        let methods = at.facts.routes[0].methods.clone();
        at.facts.configuration =
            json!({"route": [{"path": path, "methods": methods, "cors": {"origins": [OURS]}}]});
        at
    }

    fn verdict(at: &Double) -> Verdict {
        let asked = Asked {
            promise: "cors.named".to_owned(),
            values: std::collections::BTreeMap::new(),
            line: 1,
            sentence: String::new(),
        };
        let mut sheet = Sheet::new();
        Named.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn whoever_looks_at_a_part_of_an_origin_is_found_out() {
        assert_eq!(verdict(&gate(|origin| origin == OURS)), Verdict::Kept);
        let careless: [fn(&str) -> bool; 6] = [
            |_| true,
            |origin| origin == OURS || origin == "null",
            |origin| origin.starts_with(OURS),
            |origin| origin.ends_with("app.example"),
            |origin| origin.contains("app.example"),
            |origin| origin.eq_ignore_ascii_case(OURS),
        ];
        for lets in careless {
            assert_eq!(verdict(&gate(lets)), Verdict::Broken);
        }
        assert_eq!(
            verdict(&gate(|_| false)),
            Verdict::Error,
            "nobody is let in"
        );
    }

    #[test]
    fn where_nobody_is_named_nobody_is_let_in() {
        let nobody = |lets: fn(&str) -> bool| {
            let mut at = gate(lets);
            at.facts.configuration = json!({});
            verdict(&at)
        };
        assert_eq!(nobody(|_| false), Verdict::Kept);
        assert_eq!(nobody(|_| true), Verdict::Broken);
    }
}
