//! What leaves of an app's answers.
//!
//! The echo, where a request with a ticket ends, answers as it is asked to: with a trace as an app in debug
//! mode does, or with formulas as an app does that exports what people wrote.

use control::{
    Asked, Probe, Sheet, Target,
    probe::{Answer, Reply, RouteFact, TargetError},
    sheet::Met,
};
use serde_json::Value;

use super::{
    draft::{Draft, canary},
    method_of, named_route,
    visitor::Visitor,
};

/// Attacks `errors.hidden`.
pub(super) struct Hidden;
/// Attacks `export.formulas`.
pub(super) struct Formulas;
/// Attacks `answer.described`.
pub(super) struct Described;

/// The field in which the echo is told what to answer.
const ANSWER: &str = "X-Echo-Answer";

/// The field in which it is told the head: a status, then a field in each line.
const HEAD: &str = "X-Echo-Head";

/// Somebody who may use a route, and what they have the app answer there.
pub(super) struct Stage<'t> {
    at: &'t dyn Target,
    route: &'t RouteFact,
    visitor: Visitor,
}

impl<'t> Stage<'t> {
    pub(super) fn new(
        at: &'t dyn Target,
        route: &'t RouteFact,
    ) -> Result<Option<Self>, TargetError> {
        let visitor = Visitor::new(at, route, method_of(route))?;
        Ok(visitor.map(|visitor| Self { at, route, visitor }))
    }

    /// What comes back when the app answers with this head and body.
    pub(super) fn answered(&self, head: &str, body: &str) -> Result<Reply, TargetError> {
        let encoded = |text: &str| seal::encode::base64(text.as_bytes());
        let draft = Draft::new(self.at, method_of(self.route), &self.route.path)
            .field(HEAD, &encoded(head))
            .field(ANSWER, &encoded(body));
        self.visitor.sends(self.at, &draft)
    }

    /// What comes back when a good answer of the app has this field.
    pub(super) fn told(&self, field: &str) -> Result<Reply, TargetError> {
        let head = format!("200\nContent-Type: application/json\n{field}");
        let draft = Draft::new(self.at, method_of(self.route), &self.route.path)
            .field(HEAD, &seal::encode::base64(head.as_bytes()));
        self.visitor.sends(self.at, &draft)
    }

    pub(super) fn plainly(&self) -> Result<Reply, TargetError> {
        let draft = Draft::new(self.at, method_of(self.route), &self.route.path);
        self.visitor.sends(self.at, &draft)
    }
}

impl Probe for Hidden {
    fn promise(&self) -> &'static str {
        "errors.hidden"
    }

    fn run(&self, _: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let tables = at
            .facts()
            .configuration
            .get("route")
            .and_then(Value::as_array);
        let tables = tables.map(Vec::as_slice).unwrap_or_default();
        for (number, route) in at.facts().routes.iter().enumerate() {
            let Some(stage) = Stage::new(at, route)? else {
                continue;
            };
            // Where answers are cut to what somebody may see, a good one that shows all is none.
            let cut = tables.get(number).is_some_and(|table| {
                ["/rows", "/counts", "/answers", "/accepts/openapi"]
                    .iter()
                    .any(|place| table.pointer(place).is_some())
            });
            for (status, content_type) in [
                (500, "text/html"),
                (500, "application/json"),
                (503, "text/plain"),
                (599, "application/problem+json"),
            ] {
                let mark = canary(at)?;
                let fields = format!("Content-Type: {content_type}\nX-Exception: {mark}");
                let trace = format!(
                    "Traceback (most recent call last): {mark}\nDATABASE_URL=postgres://{mark}\n\
                     SELECT * FROM people WHERE name = '{mark}'"
                );
                let attack = stage.answered(&format!("{status}\n{fields}"), &trace)?;
                let twin = if cut {
                    Met::status(&stage.plainly()?, &[200])
                } else {
                    let fields = "Content-Type: application/json";
                    let good = format!("{{\"mark\":\"{mark}\"}}");
                    holds(&stage.answered(&format!("200\n{fields}"), &good)?, &mark)
                };
                sheet.pair(
                    format!("{} that fails with {status} as {content_type}", route.path),
                    hidden(&attack, status, &mark),
                    twin,
                );
            }
        }
        Ok(())
    }
}

/// The error is told with its status and a number, and without `mark`.
fn hidden(reply: &Reply, status: u16, mark: &str) -> Met {
    let Some(answer) = reply.answer() else {
        return Met::inconclusive("no answer");
    };
    if answer.status != status {
        return Met::inconclusive(format!("{} and not {status}", answer.status));
    }
    if let Some((name, _)) = answer.fields.iter().find(|(_, value)| value.contains(mark)) {
        return Met::when(
            false,
            format!("what the app said of its fault stands in {name}"),
        );
    }
    let body = text(answer);
    if body.contains(mark) {
        return Met::when(false, "the body shows what the app said of its fault");
    }
    let numbered = answer
        .field("X-Request-Id")
        .is_some_and(|id| body.contains(id));
    let saw = if numbered {
        "our own words and a number"
    } else {
        "nothing to ask about"
    };
    Met::when(numbered, saw)
}

fn holds(reply: &Reply, mark: &str) -> Met {
    let held = reply
        .answer()
        .is_some_and(|answer| answer.status == 200 && text(answer).contains(mark));
    Met::when(
        held,
        if held {
            "a good answer passes"
        } else {
            "a good answer was lost"
        },
    )
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

impl Probe for Formulas {
    fn promise(&self) -> &'static str {
        "export.formulas"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "on")?;
        let Some(stage) = Stage::new(at, route)? else {
            return Err(TargetError::new(
                "find a caller",
                "nobody can ask for a table",
            ));
        };
        for (said, head) in [
            ("a table", "200\nContent-Type: text/csv; charset=utf-8"),
            (
                "a file called a table",
                "200\nContent-Type: application/octet-stream\n\
                 Content-Disposition: attachment; filename=\"export.csv\"",
            ),
        ] {
            for begins in [
                "=",
                "+",
                "-",
                "@",
                "\t=",
                "\r=",
                "\u{feff}=",
                " =",
                "\u{ff1d}",
            ] {
                for delimiter in [',', ';'] {
                    let mark = canary(at)?;
                    let table = |begins: &str| {
                        format!("name{delimiter}note\nAsha{delimiter}\"{begins}{mark}(1)\"\n")
                    };
                    let plain = table("");
                    let attack = stage.answered(head, &table(begins))?;
                    let twin = stage.answered(head, &plain)?;
                    sheet.pair(
                        format!(
                            "{said} with {} before a cell, split by {delimiter}",
                            begins.escape_unicode()
                        ),
                        harmless(&attack, delimiter, &mark),
                        unchanged(&twin, &plain),
                    );
                }
            }
        }
        Ok(())
    }
}

impl Probe for Described {
    fn promise(&self) -> &'static str {
        "answer.described"
    }

    fn run(&self, asked: &Asked, at: &dyn Target, sheet: &mut Sheet) -> Result<(), TargetError> {
        let route = named_route(at, asked, "on")?;
        let Some(stage) = Stage::new(at, route)? else {
            return Err(TargetError::new("find a caller", "nobody can ask there"));
        };
        let place = at
            .facts()
            .routes
            .iter()
            .position(|it| it.path == route.path);
        let pointer = format!("/route/{}/answers/example", place.unwrap_or_default());
        let example = at.facts().configuration.pointer(&pointer);
        let Some(example) = example.and_then(Value::as_str) else {
            return Err(TargetError::new("find an example", "answers has none"));
        };
        let json = "200\nContent-Type: application/json";
        for (attempt, head, changed) in [
            ("cut short", json, cut(example)),
            ("with more behind it", json, format!("{example} {example}")),
            ("inside a list", json, format!("[[{example}]]")),
            ("as a text", json, "\"vsc\"".to_owned()),
            ("that is empty", json, String::new()),
            ("with a NUL", json, format!("{example}\0")),
            (
                "called a page",
                "200\nContent-Type: text/html",
                example.to_owned(),
            ),
            ("of no type", "200\nX-Vsc: 1", example.to_owned()),
            (
                "called compressed",
                "200\nContent-Type: application/json\nContent-Encoding: gzip",
                example.to_owned(),
            ),
        ] {
            let attack = stage.answered(head, &changed)?;
            let twin = stage.answered(json, example)?;
            sheet.pair(
                format!("an answer {attempt}"),
                Met::status(&attack, &[502]),
                unchanged(&twin, example),
            );
        }
        Ok(())
    }
}

/// A body without its last character.
fn cut(body: &str) -> String {
    let mut body = body.trim_end().to_owned();
    body.pop();
    body
}

/// The cell with `mark` is there, and begins as no formula does.
fn harmless(reply: &Reply, delimiter: char, mark: &str) -> Met {
    let Some(answer) = reply.answer() else {
        return Met::inconclusive("no answer");
    };
    let body = text(answer);
    let cells = cells(&body, delimiter);
    match cells.iter().find(|cell| cell.contains(mark)) {
        None => Met::inconclusive(format!("{} without the cell", answer.status)),
        Some(cell) => {
            let runs = is_formula(cell);
            let saw = if runs { "a formula" } else { "text" };
            Met::when(!runs, format!("the cell is {saw}"))
        }
    }
}

fn unchanged(reply: &Reply, table: &str) -> Met {
    let same = reply
        .answer()
        .is_some_and(|answer| answer.status == 200 && text(answer) == table);
    Met::when(
        same,
        if same {
            "a good one passes"
        } else {
            "a good one was changed"
        },
    )
}

/// The cells of a table as a spreadsheet reads them (RFC 4180): quotes go, doubled ones are one.
fn cells(table: &str, delimiter: char) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut quoted = false;
    let mut characters = table.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                push(&mut all, '"');
            }
            '"' => quoted = !quoted,
            '\n' | '\r' if !quoted => all.push(String::new()),
            other if other == delimiter && !quoted => all.push(String::new()),
            other => push(&mut all, other),
        }
    }
    all
}

fn push(all: &mut [String], character: char) {
    if let Some(last) = all.last_mut() {
        last.push(character);
    }
}

/// Whether a spreadsheet runs a cell: by its first character, behind what some of them skip.
fn is_formula(cell: &str) -> bool {
    if cell.starts_with(['\t', '\r']) {
        return true;
    }
    let skipped = |character: char| character.is_whitespace() || character == '\u{feff}';
    let formula = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    cell.trim_start_matches(skipped).starts_with(formula)
}

#[cfg(test)]
mod tests {
    use control::Verdict;
    use serde_json::json;

    use super::*;
    use crate::target::double::Double;

    fn asked(promise: &str, on: &str) -> Asked {
        Asked {
            promise: promise.to_owned(),
            values: std::collections::BTreeMap::from([("on".to_owned(), on.to_owned())]),
            line: 1,
            sentence: String::new(),
        }
    }

    fn wish(request: &str, name: &str) -> String {
        let field = request.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            (found == name).then(|| value.to_owned())
        });
        let bytes = seal::encode::unbase64(field.unwrap_or_default()).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// A gate that makes `change` of the status, the fields and the body that the echo answers with.
    fn gate(change: fn(u16, &str, String) -> (String, String)) -> Double {
        let mut at = Double::answering(move |request| {
            let head = wish(request, HEAD);
            let (status, fields) = head.split_once('\n').unwrap_or((&head, ""));
            let status: u16 = status.parse().unwrap();
            let (exception, body) = change(status, fields, wish(request, ANSWER));
            Reply::Answer(Answer {
                status,
                fields: vec![
                    ("X-Request-Id".to_owned(), "0123".to_owned()),
                    ("X-Exception".to_owned(), exception),
                ],
                body: body.into_bytes(),
                ..Answer::default()
            })
        });
        at.facts.routes.truncate(1);
        at.facts.configuration = json!({});
        at
    }

    fn verdict(probe: &dyn Probe, at: &Double) -> Verdict {
        let asked = asked(probe.promise(), &at.facts.routes[0].path);
        let mut sheet = Sheet::new();
        probe.run(&asked, at, &mut sheet).unwrap();
        sheet.verdict()
    }

    #[test]
    fn whoever_shows_a_part_of_an_error_is_found_out() {
        type Change = fn(u16, &str, String) -> (String, String);
        let ours: Change = |status, _, body| match status {
            500.. => (String::new(), "failed; ask about 0123".to_owned()),
            _ => (String::new(), body),
        };
        let shown: Change = |_, _, body| (String::new(), format!("{body} 0123"));
        let half: Change = |status, _, body| match status {
            500.. => (String::new(), format!("{} 0123", &body[..80])),
            _ => (String::new(), body),
        };
        let field: Change = |status, fields, body| match status {
            500.. => (fields.to_owned(), "failed; ask about 0123".to_owned()),
            _ => (String::new(), body),
        };
        let numberless: Change = |status, _, body| match status {
            500.. => (String::new(), "failed".to_owned()),
            _ => (String::new(), body),
        };
        let nothing: Change = |_, _, _| (String::new(), "0123".to_owned());
        assert_eq!(verdict(&Hidden, &gate(ours)), Verdict::Kept);
        for careless in [shown, half, field, numberless] {
            assert_eq!(verdict(&Hidden, &gate(careless)), Verdict::Broken);
        }
        assert_eq!(
            verdict(&Hidden, &gate(nothing)),
            Verdict::Error,
            "good answers are lost"
        );
    }

    #[test]
    fn whoever_leaves_one_kind_of_formula_is_found_out() {
        type Change = fn(u16, &str, String) -> (String, String);
        let none: Change = |_, _, body| (String::new(), body);
        let all: Change = |_, _, body| (String::new(), safe(&body, &[]));
        let typed: Change = |_, fields, body| {
            let body = if fields.contains("csv;") {
                safe(&body, &[])
            } else {
                body
            };
            (String::new(), body)
        };
        let tabs: Change = |_, _, body| (String::new(), safe(&body, &['\t']));
        let ats: Change = |_, _, body| (String::new(), safe(&body, &['@']));
        let everything: Change = |_, _, body| (String::new(), body.replace('"', "\"'"));
        assert_eq!(verdict(&Formulas, &gate(all)), Verdict::Kept);
        for careless in [none, typed, tabs, ats] {
            assert_eq!(verdict(&Formulas, &gate(careless)), Verdict::Broken);
        }
        assert_eq!(
            verdict(&Formulas, &gate(everything)),
            Verdict::Error,
            "plain cells change"
        );
    }

    /// `table` with an apostrophe before each formula but those that begin with one of `but`.
    fn safe(table: &str, but: &[char]) -> String {
        match table.split_once('"') {
            Some((before, cell)) if is_formula(cell) && !cell.starts_with(but) => {
                format!("{before}\"'{cell}")
            }
            _ => table.to_owned(),
        }
    }

    #[test]
    fn cells_are_read_as_spreadsheets_read_them() {
        assert_eq!(cells("a;\"b;\"\"c\"\nd", ';'), ["a", "b;\"c", "d"]);
        assert!(is_formula("\u{feff} =1") && is_formula("\tx") && !is_formula("'=1"));
    }
}
