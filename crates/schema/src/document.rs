//! JSON Schema: drafts 2020-12 and 7, compiled once and checked against read bodies.
//!
//! Owns what a schema file may be: bounded in size, strict JSON, references within the file alone,
//! patterns that match in linear time. Owns the translation of a violation into a place, a keyword
//! and the schema's own limit; the value never leaves. Trusts `jsonschema` for the keywords.

use std::{borrow::Cow, fmt, sync::Arc};

use jsonschema::{
    Draft, PatternOptions, Registry, ValidationError, ValidationOptions, Validator,
    error::ValidationErrorKind as Violation,
};
use serde_json::{Value, json};

use crate::{
    json,
    load::LoadError,
    pointer::{Step, Vocabulary, unescape},
    refusal::{Fault, Place, Refusal},
};

mod growth;
pub(crate) mod lint;

/// Largest schema file, in bytes.
pub const LARGEST: usize = 1_048_576;
/// Longest limit of a schema that a refusal repeats, in bytes.
const LONGEST_LIMIT: usize = 120;
/// Largest compiled pattern, in bytes.
const LARGEST_PATTERN: usize = 1_048_576;

/// A compiled schema.
pub struct Schema {
    validator: Validator,
    vocabulary: Arc<Vocabulary>,
    /// Deepest value that is judged.
    deepest: usize,
}

impl fmt::Debug for Schema {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Schema").finish_non_exhaustive()
    }
}

impl Schema {
    /// Compiles a schema file: draft 2020-12, or draft 7 where `$schema` says so. `format` is
    /// checked, and a format that nobody defines is refused.
    ///
    /// # Errors
    ///
    /// A file that is too large, no JSON or no schema, that refers to another file, or that has a
    /// pattern which needs backtracking.
    pub fn load(bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() > LARGEST {
            return Err(LoadError::TooMany {
                what: "bytes in the schema",
                limit: LARGEST,
            });
        }
        let value = json::strict(bytes).map_err(|why| LoadError::NotJson {
            what: "the schema",
            why,
        })?;
        Self::compile(&value, "")
    }

    /// Compiles a schema that is already read; faults are shown as lying under `at`.
    pub(crate) fn compile(value: &Value, at: &str) -> Result<Self, LoadError> {
        lint::lint(value, at)?;
        let draft = draft(value, at)?;
        let mut vocabulary = Vocabulary::default();
        lint::names(value, &mut vocabulary);
        let validator = options(draft)
            .build(value)
            .map_err(|error| LoadError::Schema {
                at: format!("{at}{}", error.instance_path()).into(),
                why: error.to_string().into(),
            })?;
        Ok(Self {
            validator,
            vocabulary: Arc::new(vocabulary),
            deepest: growth::deepest(value, value),
        })
    }

    /// The deepest value that is judged, in objects and arrays inside one another. Less than
    /// [`json::DEEPEST`] where the schema refers to itself from more than one branch, so that each
    /// level costs a multiple of the one above it.
    #[must_use]
    pub const fn deepest(&self) -> usize {
        self.deepest
    }

    /// The names that the schema gives to properties.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.vocabulary.names()
    }

    /// Judges a body that [`json::JsonRules`] let through.
    ///
    /// # Errors
    ///
    /// The first rule of the schema that is not kept.
    pub(crate) fn judge_read(&self, body: &[u8]) -> Result<(), Refusal> {
        let value: Value = serde_json::from_slice(body).map_err(|_| {
            let expected = "a value";
            Refusal::whole(Fault::JsonSyntax { expected })
        })?;
        self.judge(&value)
    }

    /// Judges a value.
    ///
    /// # Errors
    ///
    /// The first rule of the schema that is not kept, or a value deeper than [`Schema::deepest`].
    pub fn judge(&self, value: &Value) -> Result<(), Refusal> {
        if growth::depth(value, self.deepest + 1) > self.deepest {
            let limit = crate::count(self.deepest);
            return Err(Refusal::whole(Fault::JsonDepth { limit }));
        }
        self.validator.validate(value).map_err(|error| Refusal {
            fault: fault(&error),
            place: Place::Json {
                line: 0,
                column: 0,
                pointer: self.place(value, error.instance_path().as_str()),
            },
        })
    }

    /// `pointer` with the names that the schema does not use taken out. The value tells an index
    /// from a key.
    fn place(&self, value: &Value, pointer: &str) -> Box<str> {
        let mut at = Some(value);
        let names: Vec<String> = pointer
            .split('/')
            .skip(1)
            .map(|segment| unescape(segment).unwrap_or_default())
            .collect();
        let steps = names.iter().map(|name| {
            let here = at;
            at = match here {
                Some(Value::Array(items)) => name.parse().ok().and_then(|it: usize| items.get(it)),
                Some(Value::Object(object)) => object.get(name),
                _ => None,
            };
            match (here, name.parse()) {
                (Some(Value::Array(_)), Ok(index)) => Step::Index(index),
                _ => Step::Key(name),
            }
        });
        self.vocabulary.show(steps)
    }
}

/// How every schema is compiled.
fn options<'i>(draft: Draft) -> ValidationOptions<'i> {
    jsonschema::options()
        .with_draft(draft)
        .offline()
        .should_validate_formats(true)
        .should_ignore_unknown_formats(true)
        .with_pattern_options(PatternOptions::regex().size_limit(LARGEST_PATTERN))
}

/// A file that holds many schemas, such as an API description.
pub(crate) struct Library {
    file: Value,
    registry: Registry<'static>,
    vocabulary: Arc<Vocabulary>,
}

const LIBRARY: &str = "urn:vouchsafe:api";

impl Library {
    /// A file that was read and linted.
    pub(crate) fn new(file: Value) -> Result<Self, LoadError> {
        let mut vocabulary = Vocabulary::default();
        lint::names(&file, &mut vocabulary);
        let registry = Registry::new()
            .add(LIBRARY, file.clone())
            .and_then(jsonschema::RegistryBuilder::prepare)
            .map_err(|error| LoadError::Schema {
                at: "".into(),
                why: error.to_string().into(),
            })?;
        Ok(Self {
            file,
            registry,
            vocabulary: Arc::new(vocabulary),
        })
    }

    /// Compiles the schema at a pointer.
    pub(crate) fn schema(&self, pointer: &str) -> Result<Schema, LoadError> {
        let reference = reference(pointer);
        let validator = options(Draft::Draft202012)
            .with_registry(&self.registry)
            .build(&reference)
            .map_err(|error| LoadError::Schema {
                at: pointer.into(),
                why: error.to_string().into(),
            })?;
        Ok(Schema {
            validator,
            vocabulary: Arc::clone(&self.vocabulary),
            deepest: growth::deepest(&self.file, &reference),
        })
    }

    /// The names that all schemas give to properties.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.vocabulary.names()
    }
}

/// A schema that refers into the library.
fn reference(pointer: &str) -> Value {
    json!({"$ref": format!("{LIBRARY}#{}", fragment(pointer))})
}

/// Whether a schema in a library keeps the grammar of its draft, which compiling a reference to it
/// does not tell.
pub(crate) fn check_schema(schema: &Value, at: &str) -> Result<(), LoadError> {
    jsonschema::draft202012::meta::validate(schema).map_err(|error| LoadError::Schema {
        at: format!("{at}{}", error.instance_path()).into(),
        why: error.to_string().into(),
    })
}

/// A pointer as the fragment of a URI (RFC 6901 section 6).
fn fragment(pointer: &str) -> String {
    let mut fragment = String::with_capacity(pointer.len());
    for byte in pointer.bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => fragment.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => fragment.push(char::from(byte)),
            byte => fragment.push_str(&format!("%{byte:02X}")),
        }
    }
    fragment
}

/// The draft a schema is written in.
fn draft(value: &Value, at: &str) -> Result<Draft, LoadError> {
    match value.get("$schema").map(Value::as_str) {
        None => Ok(Draft::Draft202012),
        Some(Some(uri)) => match uri.trim_end_matches('#') {
            "https://json-schema.org/draft/2020-12/schema" => Ok(Draft::Draft202012),
            "http://json-schema.org/draft-07/schema" => Ok(Draft::Draft7),
            _ => Err(LoadError::Schema {
                at: format!("{at}/$schema").into(),
                why: "only the drafts 2020-12 and 7 are read".into(),
            }),
        },
        Some(None) => Err(LoadError::Schema {
            at: format!("{at}/$schema").into(),
            why: "it is not a string".into(),
        }),
    }
}

/// Keyword and limit of a violation. Only what stands in the schema is repeated.
fn fault(error: &ValidationError<'_>) -> Fault {
    let kind = error.kind();
    let limit = match kind {
        Violation::AdditionalItems { limit } => limit.to_string(),
        Violation::MaxItems { limit }
        | Violation::MaxLength { limit }
        | Violation::MaxProperties { limit }
        | Violation::MinItems { limit }
        | Violation::MinLength { limit }
        | Violation::MinProperties { limit } => limit.to_string(),
        Violation::ExclusiveMaximum { limit }
        | Violation::ExclusiveMinimum { limit }
        | Violation::Maximum { limit }
        | Violation::Minimum { limit } => limit.to_string(),
        Violation::MultipleOf { multiple_of } => multiple_of.to_string(),
        Violation::Constant { expected_value } => expected_value.to_string(),
        Violation::Enum { options } => options.to_string(),
        Violation::Format { format } => format.clone(),
        Violation::Pattern { pattern } => pattern.clone(),
        Violation::Required { property } => property.to_string(),
        Violation::Type { kind } => types(kind),
        _ => String::new(),
    };
    let keyword = match kind {
        // The keyword of a violation inside `propertyNames` would be read as one of the value.
        Violation::PropertyNames { .. } => Cow::Borrowed("propertyNames"),
        other => Cow::Owned(other.keyword().to_owned()),
    };
    Fault::Schema {
        keyword,
        limit: shortened(limit),
    }
}

fn types(kind: &jsonschema::error::TypeKind) -> String {
    match kind {
        jsonschema::error::TypeKind::Single(one) => one.to_string(),
        jsonschema::error::TypeKind::Multiple(set) => {
            let names: Vec<String> = set.iter().map(|one| one.to_string()).collect();
            names.join(" or ")
        }
    }
}

fn shortened(mut limit: String) -> Box<str> {
    if limit.len() > LONGEST_LIMIT {
        let end = (0..=LONGEST_LIMIT)
            .rev()
            .find(|at| limit.is_char_boundary(*at));
        limit.truncate(end.unwrap_or(0));
        limit.push('…');
    }
    limit.into()
}

#[cfg(test)]
mod tests;
