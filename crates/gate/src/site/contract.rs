//! The description of an API that a route is held to, both ways.
//!
//! Owns `openapi` of `accepts`, and what goes with it. Refuses a description that would leave something
//! unjudged, rules for bodies beside it, and uploads, whose paths nobody would judge. Trusts `schema` for
//! what a description means.

use std::{io::Read as _, path::Path, sync::Arc};

use config::{
    Fault, Table,
    secret::{Mode, Sources},
};
use schema::{
    Body, LoadError, Rules,
    inflate::Expansion,
    intake::Sizes,
    json::{JsonRules, Limits},
    media::MediaType,
    openapi::{self, Api, ApiOptions},
    text::TextRules,
};

use super::{
    accepts::{BodyRules, LARGEST_JUDGED, RATIO},
    described::{By, Described},
    output::Output,
};

/// Longest answer that is judged, where nothing is said.
const LONGEST: u64 = 1 << 20;

/// What says of bodies what a description says already.
const BESIDE: [&str; 6] = ["json", "form", "text", "types", "empty", "example"];

/// A description that was read.
pub(super) struct Contract {
    pub(super) api: Arc<Api>,
    /// How long bodies may be; what they are is the description's to say.
    pub(super) rules: Rules,
    /// What answers are held against, where they are.
    pub(super) answers: Option<Arc<Described>>,
}

/// Reads `accepts` of a route whose bodies may have `largest` bytes; nothing where a fault was noted, or
/// where files are not looked at.
pub(super) fn read(table: &mut Table<'_>, sources: &Sources, largest: u64) -> Option<Contract> {
    let file = table.required_text("openapi")?;
    let base = table.text("base").map(|found| found.value);
    let unknown_query = table.flag("unknown_query", false);
    let inflated = table.size_in("inflated", 1..=LARGEST_JUDGED);
    if let Some(beside) = BESIDE.iter().find(|key| table.has(key)) {
        table.fault(
            Fault::new(
                "accepts.both",
                format!("a description says what bodies are, and so does {beside}"),
            )
            .at(table.span())
            .hint("leave one of them out, or make two routes"),
        );
    }
    let read = options(base.unwrap_or_default(), unknown_query)
        .map_err(|fault| fault.to_string())
        .and_then(|options| match sources.mode() {
            // Nothing is judged by what is only looked at.
            Mode::Unresolved => Api::load(NOTHING, options).map_err(|fault| fault.to_string()),
            _ => load(&sources.locate(Path::new(&file.value)), options),
        });
    let (judged, most) = (
        table.flag("answers", true),
        table.size_in("largest_answer", 1..=LARGEST_JUDGED),
    );
    let sizes = Sizes {
        sent: largest.min(LARGEST_JUDGED),
        inflated: inflated.map(|found| Expansion {
            bytes: found.value,
            ratio: RATIO,
        }),
    };
    let read = read.and_then(|api| -> Result<Contract, String> {
        let rules = any_type(sizes).map_err(|fault| fault.to_string())?;
        let api = Arc::new(api);
        let answers = judged.then(|| {
            Arc::new(Described {
                rules: By::Contract(Arc::clone(&api)),
                largest: most.map_or(LONGEST, |found| found.value),
            })
        });
        Ok(Contract {
            api,
            rules,
            answers,
        })
    });
    let told = |what| {
        Fault::new("accepts.openapi", what)
            .at(file.span)
            .label("this description")
            .hint("write OpenAPI 3.0 or 3.1 as JSON, in a file of its own")
    };
    read.map_err(|what| table.fault(told(what))).ok()
}

/// Has `output` hold answers against the description of `accepts`, where it says so. What else a route says
/// of answers, or of bodies, would leave a request to two rules, or to none.
pub(super) fn agree(
    route: &mut Table<'_>,
    accepts: &BodyRules,
    uploads: bool,
    output: &mut Output,
) {
    let beside = match (accepts.contract(), &accepts.answers, &output.described) {
        (None, ..) => None,
        (Some(_), ..) if uploads => Some("uploads"),
        (Some(_), Some(_), Some(_)) => Some("answers"),
        _ => None,
    };
    if let Some(beside) = beside {
        let hint = match beside {
            "answers" => "leave it out, or write accepts.answers = false",
            _ => "make two routes of it: one for uploads, one for what is described",
        };
        route.fault(
            Fault::new(
                "accepts.beside",
                format!("a route is held to a description, and has {beside} of its own"),
            )
            .at(route.span())
            .hint(hint),
        );
    }
    if let Some(answers) = &accepts.answers {
        output.described = Some(Arc::clone(answers));
    }
}

/// A description of nothing, for whoever looks at a configuration without its files.
const NOTHING: &[u8] =
    br#"{"openapi":"3.1.0","info":{"title":"-","version":"1"},"paths":{"/":{"get":{"responses":{}}}}}"#;

fn options(base: String, unknown_query: bool) -> Result<ApiOptions, LoadError> {
    // What people wrote before there was a gate is not refused for its marks.
    let shown = TextRules {
        bidi: true,
        invisible: true,
        ..TextRules::PROSE
    };
    Ok(ApiOptions {
        base: base.trim_end_matches('/').into(),
        unknown_query,
        set_read_only: false,
        requests: JsonRules::new(Limits::DEFAULT, TextRules::PROSE)?,
        answers: JsonRules::new(Limits::DEFAULT, shown)?,
    })
}

fn any_type(sizes: Sizes) -> Result<Rules, LoadError> {
    let types = vec![MediaType::new("*/*")?];
    Rules::new(sizes, true, vec![Body::Any { types }])
}

fn load(path: &Path, options: ApiOptions) -> Result<Api, String> {
    let file = config::files::open_regular(path).map_err(|cause| cause.to_string())?;
    let most = u64::try_from(openapi::LARGEST).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|cause| cause.to_string())?;
    Api::load(&bytes, options).map_err(|fault| fault.to_string())
}
