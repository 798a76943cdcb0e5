//! What an app may answer on a route.
//!
//! Owns `answers` of `[[route]]`: a schema for the JSON of answers that succeed, and how long they may be,
//! because they are held until they are judged. Refuses schemas that are none, where they are named.

use std::{path::Path, sync::Arc};

use config::{
    Fault, Table,
    secret::{Mode, Sources},
};
use schema::{
    AnswerRefusal, AnswerRules, Body, Judged, LoadError, Rules,
    document::Schema,
    intake::Sizes,
    json::{JsonRules, Limits},
    openapi::{Api, Place},
    text::TextRules,
};

use super::accepts::{LARGEST_JUDGED, load};

/// Longest answer, where nothing is said.
const LONGEST: u64 = 1 << 20;

/// Rules for the answers of a route.
#[derive(Clone, Debug)]
pub struct Described {
    pub(super) rules: By,
    /// Longest answer that is judged, in bytes.
    pub largest: u64,
}

/// What answers are held against.
#[derive(Clone, Debug)]
pub(super) enum By {
    /// Rules by status.
    Rules(AnswerRules),
    /// The description that requests of the route are held against as well.
    Contract(Arc<Api>),
}

impl Described {
    /// Whether it is the description of an API, by which an answer is judged as that of an operation.
    #[must_use]
    pub const fn is_contract(&self) -> bool {
        matches!(self.rules, By::Contract(_))
    }

    /// Judges a whole answer to a request that was found to be this operation.
    ///
    /// # Errors
    ///
    /// The first thing that the rules do not allow; whatever was asked that no description has.
    pub fn judge(
        &self,
        operation: Option<Place>,
        status: u16,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Judged, AnswerRefusal> {
        match &self.rules {
            By::Rules(rules) => rules.judge_answer(status, content_type, body),
            By::Contract(api) => api.judge_answer(operation, status, content_type, body),
        }
    }

    /// Reads `answers` of a route, if it is there.
    pub(super) fn read(route: &mut Table<'_>, sources: &Sources) -> Option<Arc<Self>> {
        let mut table = route.optional_table("answers")?;
        let file = table.required_text("schema");
        let largest = table.size_in("largest", 1..=LARGEST_JUDGED);
        let largest = largest.map_or(LONGEST, |found| found.value);
        let example = table.text("example");
        let refuse = table.flag("refuse", true);
        let reason = table.text("reason");
        if !refuse && reason.is_none() {
            let fault = Fault::new(
                "answers.no-reason",
                format!("{} refuses no answer without saying why", table.title()),
            );
            table.fault(
                fault
                    .at(table.span())
                    .hint("add reason = \"...\" beside it"),
            );
        }
        let file = file?;
        let schema = match sources.mode() {
            Mode::Unresolved => None,
            _ => match load(&sources.locate(Path::new(&file.value))) {
                Ok(schema) => Some(schema),
                Err(what) => {
                    let fault = Fault::new("answers.schema", what);
                    let hint = "write a JSON Schema, draft 2020-12 or 7, in a file of its own";
                    table.fault(fault.at(file.span).label("this schema").hint(hint));
                    return None;
                }
            },
        };
        match rules(schema, largest) {
            Ok(rules) => {
                let json: &[u8] = b"application/json";
                if let Some(example) = &example
                    && sources.mode() != Mode::Unresolved
                    && let Err(refusal) =
                        rules.judge_answer(200, Some(json), example.value.as_bytes())
                {
                    let fault = Fault::new("answers.example", refusal.to_string());
                    let hint = "write an answer that the schema beside it takes";
                    table.fault(fault.at(example.span).label("this example").hint(hint));
                }
                // Where nothing is refused nothing need be held.
                let rules = By::Rules(rules);
                refuse.then(|| Arc::new(Self { rules, largest }))
            }
            Err(fault) => {
                let fault = Fault::new("answers.rules", fault.to_string());
                table.fault(
                    fault
                        .at(table.span())
                        .hint("write answers = { schema = \"...\" }"),
                );
                None
            }
        }
    }
}

/// Answers that succeed are JSON and keep `schema`; what others say is not ours to know.
fn rules(schema: Option<Schema>, largest: u64) -> Result<AnswerRules, LoadError> {
    // What people wrote before there was a gate is not refused for its marks.
    let text = TextRules {
        bidi: true,
        invisible: true,
        ..TextRules::PROSE
    };
    let json = JsonRules::new(Limits::DEFAULT, text)?;
    let body = Body::json(json, schema.map(Arc::new))?;
    let sizes = Sizes {
        sent: largest,
        inflated: None,
    };
    AnswerRules::new(
        vec![(200..=299, Rules::new(sizes, false, vec![body])?)],
        true,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{OPEN, read, site, text};

    #[test]
    fn answers_that_succeed_keep_the_schema_and_others_are_not_read() {
        let schema = Schema::load(br#"{"type":"object","required":["name"]}"#).unwrap();
        let rules = rules(Some(schema), 100).unwrap();
        let judge = |status, body: &str| {
            let judged = rules.judge_answer(status, Some(b"application/json"), body.as_bytes());
            judged.is_ok()
        };
        assert!(judge(200, "{\"name\":1}") && judge(404, "{}") && judge(204, ""));
        assert!(!judge(200, "{}") && !judge(201, "{\"name\":") && !judge(200, ""));
    }

    #[test]
    fn a_route_names_a_file_that_is_a_schema() {
        let with = |line: &str| OPEN.replacen("[[route]]", &format!("[[route]]\n{line}"), 1);
        let site = site(&with("answers = { schema = \"people.json\" }"));
        let described = site.routes()[0].output.described.as_ref().unwrap();
        assert_eq!(described.largest, LONGEST);
        for bad in [
            "answers = {}",
            "answers = { schema = 1 }",
            "answers = { schema = \"a.json\", largest = \"1GiB\" }",
            "answers = { schema = \"a.json\", refuse = false }",
            "answers = { shema = \"a.json\" }",
        ] {
            assert!(read(&text(&with(bad))).is_err(), "{bad}");
        }
    }
}
