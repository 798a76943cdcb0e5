//! What bodies a route takes.
//!
//! Owns `accepts` of `[[route]]`: kinds of body, and what may stand in each. Refuses rules that
//! contradict each other, and schemas that are none, where they are named. What is judged is held in
//! memory until it is whole; types that are only named pass as they stream.

use std::{io::Read as _, path::Path, sync::Arc};

use config::{
    Fault, Table,
    secret::{Mode, Sources},
};
use schema::{
    Body, Judged, LoadError, Rules,
    document::{self, Schema},
    form::{Field, FormLimits, FormRules},
    inflate::Expansion,
    intake::Sizes,
    json::{self, JsonRules, Limits},
    media::MediaType,
    openapi::Api,
    text::{Lines, TextRules},
};

use super::{contract, described::Described};

/// Longest body that is judged, whatever the route's limit: it is held in memory.
pub const LARGEST_JUDGED: u64 = 64 << 20;

/// How far a compressed body may grow for each of its bytes.
pub(super) const RATIO: u32 = 100;

/// What a route takes.
#[derive(Debug)]
pub struct BodyRules {
    /// How bodies are judged that are read, where no description says so.
    rules: Rules,
    /// What describes requests, and with them their bodies.
    contract: Option<Arc<Api>>,
    /// What the description says of answers, where they are held against it.
    pub(super) answers: Option<Arc<Described>>,
    /// Types that pass unread.
    unread: Vec<MediaType>,
    /// Longest body that is judged, in bytes as sent.
    pub largest: u64,
}

impl BodyRules {
    /// The description that requests are held against, if there is one: then none passes unread.
    #[must_use]
    pub fn contract(&self) -> Option<&Api> {
        self.contract.as_deref()
    }

    /// How long a body may be, as sent and inflated.
    #[must_use]
    pub const fn sizes(&self) -> Sizes {
        self.rules.sizes()
    }

    /// Judges a whole body, already inflated.
    ///
    /// # Errors
    ///
    /// The first thing that the rules do not allow.
    pub fn judge(
        &self,
        content_type: Option<&[u8]>,
        body: &[u8],
    ) -> Result<Judged, schema::Refusal> {
        self.rules.judge(content_type, body)
    }

    /// Whether a body of this type passes without being read.
    #[must_use]
    pub fn passes_unread(&self, content_type: Option<&[u8]>) -> bool {
        MediaType::parse(content_type)
            .is_ok_and(|sent| self.unread.iter().any(|named| named.covers(&sent)))
    }

    /// Reads `accepts` of a route whose bodies may have `largest` bytes, if it is there.
    pub(super) fn read(route: &mut Table<'_>, sources: &Sources, largest: u64) -> Option<Self> {
        let mut table = route.optional_table("accepts")?;
        if table.has("openapi") {
            let contract = contract::read(&mut table, sources, largest)?;
            return Some(Self {
                rules: contract.rules,
                contract: Some(contract.api),
                answers: contract.answers,
                unread: Vec::new(),
                largest: largest.min(LARGEST_JUDGED),
            });
        }
        let unread = table
            .parse_each("types", "a media type such as image/png", MediaType::new)
            .unwrap_or_default();
        let unread: Vec<MediaType> = unread.into_iter().map(|found| found.value).collect();
        let empty = table.flag("empty", false);
        let inflated = table.size_in("inflated", 1..=LARGEST_JUDGED);
        let mut bodies: Vec<Result<Body, LoadError>> = Vec::new();
        if let Some(mut json) = table.optional_table("json") {
            bodies.extend(read_json(&mut json, sources));
        }
        if let Some(mut form) = table.optional_table("form") {
            bodies.push(read_form(&mut form));
        }
        if let Some(mut text) = table.optional_table("text") {
            let rules = read_text(&mut text, TextRules::PROSE);
            bodies.push(Body::text(rules));
        }
        if !unread.is_empty() {
            let types = unread.clone();
            bodies.push(Ok(Body::Any { types }));
        }
        let example = table.text("example");
        let largest = largest.min(LARGEST_JUDGED);
        let sizes = Sizes {
            sent: largest,
            inflated: inflated.map(|found| Expansion {
                bytes: found.value,
                ratio: RATIO,
            }),
        };
        let rules = bodies
            .into_iter()
            .collect::<Result<Vec<Body>, LoadError>>()
            .and_then(|bodies| match bodies.as_slice() {
                [] if empty => Ok(Rules::none()),
                _ => Rules::new(sizes, empty, bodies),
            });
        if let (Some(example), Ok(rules)) = (&example, &rules)
            && sources.mode() != Mode::Unresolved
            && let Err(refusal) = judge_example(&mut table, rules, &example.value)
        {
            table.fault(
                Fault::new(
                    "accepts.example",
                    format!("the example is refused: {refusal}"),
                )
                .at(example.span)
                .label("this example")
                .hint("write a body that the rules beside it take"),
            );
        }
        match rules {
            Ok(rules) => Some(Self {
                rules,
                contract: None,
                answers: None,
                unread,
                largest,
            }),
            Err(fault) => {
                table.fault(
                    Fault::new("accepts.rules", fault.to_string())
                        .at(table.span())
                        .hint("write json = {}, form = {}, text = {} or types = [\"...\"]; empty = true for no body at all"),
                );
                None
            }
        }
    }
}

/// Judges the example of a good body as the first kind that is read.
fn judge_example(
    table: &mut Table<'_>,
    rules: &Rules,
    example: &str,
) -> Result<(), schema::Refusal> {
    let kinds = [
        ("json", "application/json"),
        ("form", "application/x-www-form-urlencoded"),
        ("text", "text/plain"),
    ];
    // Where nothing is read, any example will do.
    let Some((_, content_type)) = kinds.iter().find(|(kind, _)| table.has(kind)) else {
        return Ok(());
    };
    let judged = rules.judge(Some(content_type.as_bytes()), example.as_bytes());
    judged.map(drop)
}

/// Nothing where a fault was noted.
fn read_json(table: &mut Table<'_>, sources: &Sources) -> Option<Result<Body, LoadError>> {
    let mut count = |key, most: usize, otherwise: usize| {
        let found = table.count_in(key, 1..=u64::try_from(most).unwrap_or(u64::MAX));
        let value = found.and_then(|found| usize::try_from(found.value).ok());
        value.unwrap_or(otherwise)
    };
    let limits = Limits {
        depth: count("depth", json::DEEPEST, Limits::DEFAULT.depth),
        keys: count("keys", 1_000_000, Limits::DEFAULT.keys),
        array: count("items", 1_000_000, Limits::DEFAULT.array),
        ..Limits::DEFAULT
    };
    let blocked = table.texts("blocked").unwrap_or_default();
    let file = table.text("schema");
    let text = read_text(table, TextRules::PROSE);
    let schema = match &file {
        Some(file) if sources.mode() != Mode::Unresolved => {
            match load(&sources.locate(Path::new(&file.value))) {
                Ok(schema) => Some(Arc::new(schema)),
                Err(what) => {
                    table.fault(
                        Fault::new("accepts.schema", what)
                            .at(file.span)
                            .label("this schema")
                            .hint("write a JSON Schema, draft 2020-12 or 7, in a file of its own"),
                    );
                    return None;
                }
            }
        }
        _ => None,
    };
    let blocked = blocked.iter().map(|found| found.value.as_str());
    let rules = JsonRules::new(limits, text).and_then(|rules| rules.with_blocked(blocked));
    Some(rules.and_then(|rules| Body::json(rules, schema)))
}

/// Reads a schema of a file.
pub(super) fn load(path: &Path) -> Result<Schema, String> {
    let file = config::files::open_regular(path).map_err(|cause| cause.to_string())?;
    let most = u64::try_from(document::LARGEST).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|cause| cause.to_string())?;
    Schema::load(&bytes).map_err(|fault| fault.to_string())
}

fn read_form(table: &mut Table<'_>) -> Result<Body, LoadError> {
    let known = table.texts("fields");
    let required = table.texts("required").unwrap_or_default();
    let blocked = table.texts("blocked").unwrap_or_default();
    let text = read_text(table, TextRules::PROSE);
    let required: Vec<&str> = required.iter().map(|found| found.value.as_str()).collect();
    let field = |name: &str| Field {
        name: name.into(),
        required: required.contains(&name),
        repeats: false,
        text: text.clone(),
    };
    let known: Option<Vec<&str>> = known
        .as_ref()
        .map(|known| known.iter().map(|found| found.value.as_str()).collect());
    let mut fields: Vec<Field> = known.iter().flatten().map(|name| field(name)).collect();
    let further = required
        .iter()
        .filter(|name| !known.iter().flatten().any(|it| it == *name));
    fields.extend(further.map(|name| field(name)));
    let rules = FormRules::new(FormLimits::DEFAULT, text.clone())?
        .with_fields(fields, known.is_none())?
        .with_blocked(blocked.iter().map(|found| found.value.as_str()))?;
    Ok(Body::Form { rules })
}

/// What one text may hold: `shortest` and `longest` in characters, and whether it has several lines.
fn read_text(table: &mut Table<'_>, otherwise: TextRules) -> TextRules {
    let mut length = |key, otherwise: usize| {
        let found = table.count_in(key, 0..=LARGEST_JUDGED);
        let value = found.and_then(|found| usize::try_from(found.value).ok());
        value.unwrap_or(otherwise)
    };
    let (shortest, longest) = (length("shortest", 0), length("longest", usize::MAX));
    if shortest > longest {
        table.fault(
            Fault::new(
                "accepts.length",
                "the shortest text is longer than the longest",
            )
            .at(table.span())
            .hint("swap shortest and longest"),
        );
    }
    let lines = table.flag("lines", otherwise.lines == Lines::Many);
    let rules = otherwise.length(shortest, longest);
    TextRules {
        lines: if lines { Lines::Many } else { Lines::One },
        ..rules
    }
}

#[cfg(test)]
mod tests {

    use crate::testing::{OPEN, read, site, text};

    fn with(accepts: &str) -> String {
        OPEN.replacen("[[route]]", &format!("[[route]]\naccepts = {accepts}"), 1)
    }

    fn judges(accepts: &str, content_type: &str, body: &str) -> Result<(), &'static str> {
        let site = site(&with(accepts));
        let accepts = site.routes()[0].accepts.as_ref().unwrap();
        let judged = accepts
            .rules
            .judge(Some(content_type.as_bytes()), body.as_bytes());
        judged.map(drop).map_err(|refusal| refusal.code())
    }

    #[test]
    fn each_kind_of_body_has_rules_of_its_own() {
        let json = "{ json = { depth = 2, longest = 5, blocked = [\"/host\"] } }";
        let type_of = "application/json";
        assert_eq!(judges(json, type_of, "{\"a\":[1]}"), Ok(()));
        for bad in ["{\"a\":[[1]]}", "{\"a\":\"sixsix\"}", "{\"Host\":1}", "{"] {
            assert!(judges(json, type_of, bad).is_err(), "{bad}");
        }
        assert!(judges(json, "text/plain", "a").is_err());
        let text = "{ text = { shortest = 1, longest = 3, lines = false } }";
        assert_eq!(judges(text, "text/plain", "abc"), Ok(()));
        for bad in ["", "abcd", "a\nb", "a\u{202e}"] {
            assert!(judges(text, "text/plain", bad).is_err(), "{bad}");
        }
        let form = "{ form = { fields = [\"a\", \"b\"], required = [\"a\"] } }";
        let type_of = "application/x-www-form-urlencoded";
        assert_eq!(judges(form, type_of, "a=1&b=2"), Ok(()));
        for bad in ["b=1", "a=1&c=2", "a=1&a=2"] {
            assert!(judges(form, type_of, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_type_that_is_only_named_is_not_read() {
        let site = site(&with("{ types = [\"image/*\"], json = {} }"));
        let accepts = site.routes()[0].accepts.as_ref().unwrap();
        for (content_type, unread) in [
            (Some("image/png"), true),
            (Some("application/json"), false),
            (Some("image"), false),
            (None, false),
        ] {
            let content_type = content_type.map(str::as_bytes);
            assert_eq!(accepts.passes_unread(content_type), unread);
        }
    }

    #[test]
    fn rules_that_are_none_are_refused() {
        for bad in [
            "{}",
            "{ json = { depth = 0 } }",
            "{ json = { blocked = [\"host\"] } }",
            "{ json = {}, types = [\"application/json\"] }",
            "{ form = { fields = [\"a\"], blocked = [\"/a\"] } }",
            "{ text = { shortest = 3, longest = 2 } }",
            "{ types = [\"png\"] }",
            "{ jsno = {} }",
        ] {
            assert!(read(&text(&with(bad))).is_err(), "{bad}");
        }
        let none = read(&text(&with("{ empty = true }")));
        assert!(none.is_ok(), "{:?}", none.err());
    }
}
