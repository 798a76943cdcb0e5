//! What a schema may not say, looked for before it is compiled.
//!
//! Owns the two rules that compiling alone does not keep with a good message: references stay in
//! the file, and patterns match in linear time.

use serde_json::Value;

use crate::{load::LoadError, pointer::Vocabulary};

/// Keywords whose value is data, not a schema: a `$ref` in them refers to nothing.
const DATA: [&str; 5] = ["const", "enum", "default", "examples", "example"];

/// Keywords of JSON Schema and OpenAPI whose value is an object of names, not of keywords.
const MAPS: [&str; 20] = [
    "properties",
    "patternProperties",
    "dependentSchemas",
    "dependentRequired",
    "dependencies",
    "$defs",
    "definitions",
    "schemas",
    "responses",
    "requestBodies",
    "parameters",
    "headers",
    "links",
    "callbacks",
    "securitySchemes",
    "pathItems",
    "paths",
    "content",
    "encoding",
    "webhooks",
];

/// Whether the value of a keyword is an object of names.
pub(crate) fn is_map(keyword: &str) -> bool {
    MAPS.contains(&keyword)
}

/// Whether the value of a keyword is data.
pub(crate) fn is_data(keyword: &str) -> bool {
    DATA.contains(&keyword)
}

/// Looks through a schema and all schemas in it.
pub(crate) fn lint(value: &Value, at: &str) -> Result<(), LoadError> {
    walk(
        value,
        at,
        &mut |keyword, inner, at| match (keyword, inner) {
            ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(to))
                if !to.starts_with('#') =>
            {
                Err(LoadError::Remote {
                    at: at.into(),
                    to: to.as_str().into(),
                })
            }
            ("$id", _) if at.matches('/').count() > 1 => Err(LoadError::Schema {
                at: at.into(),
                why: "`$id` inside a schema moves its references; leave it out".into(),
            }),
            ("pattern", Value::String(pattern)) => linear(pattern, at),
            ("patternProperties", Value::Object(patterns)) => {
                patterns.keys().try_for_each(|pattern| linear(pattern, at))
            }
            _ => Ok(()),
        },
    )
}

/// Adds all names of properties.
pub(super) fn names(value: &Value, vocabulary: &mut Vocabulary) {
    let mut add = |keyword: &str, inner: &Value, _: &str| {
        match (keyword, inner) {
            ("properties" | "dependentRequired" | "dependentSchemas", Value::Object(named)) => {
                vocabulary.extend(named.keys().map(String::as_str));
            }
            ("required", Value::Array(named)) => {
                vocabulary.extend(named.iter().filter_map(Value::as_str));
            }
            _ => {}
        }
        Ok(())
    };
    // The walk fails only where its visitor does.
    let _ = walk(value, "", &mut add);
}

type Visit<'v> = dyn FnMut(&str, &Value, &str) -> Result<(), LoadError> + 'v;

/// Visits every keyword of every object; depth is that of the file, which the reader bounded.
fn walk(value: &Value, at: &str, visit: &mut Visit<'_>) -> Result<(), LoadError> {
    match value {
        Value::Object(object) => {
            for (keyword, inner) in object {
                let at = format!("{at}/{}", escape(keyword));
                visit(keyword, inner, &at)?;
                match inner {
                    Value::Object(named) if is_map(keyword) => {
                        for (name, inner) in named {
                            walk(inner, &format!("{at}/{}", escape(name)), visit)?;
                        }
                    }
                    _ if is_data(keyword) => {}
                    _ => walk(inner, &at, visit)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => items
            .iter()
            .enumerate()
            .try_for_each(|(index, inner)| walk(inner, &format!("{at}/{index}"), visit)),
        _ => Ok(()),
    }
}

/// A name as a segment of a pointer (RFC 6901 section 3).
pub(crate) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// Refuses patterns with groups that look around or refer back. In every dialect these begin with
/// `(?=`, `(?!`, `(?<=`, `(?<!`, or are `\1` to `\9` and `\k`.
fn linear(pattern: &str, at: &str) -> Result<(), LoadError> {
    let bad = |why: &str| {
        Err(LoadError::Pattern {
            at: at.into(),
            why: why.into(),
        })
    };
    let mut rest = pattern;
    let mut in_class = false;
    while let Some(character) = rest.chars().next() {
        let behind = rest.get(character.len_utf8()..).unwrap_or_default();
        match character {
            '\\' => {
                let escaped = behind.chars().next();
                if !in_class && matches!(escaped, Some('1'..='9' | 'k')) {
                    return bad("it refers back to a group");
                }
                let length = escaped.map_or(0, char::len_utf8);
                rest = behind.get(length..).unwrap_or_default();
                continue;
            }
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => {
                let looks = ["?=", "?!", "?<=", "?<!"];
                if looks.iter().any(|look| behind.starts_with(look)) {
                    return bad("it looks around");
                }
            }
            _ => {}
        }
        rest = behind;
    }
    Ok(())
}
