//! From the schemas of OpenAPI to JSON Schema 2020-12, once for requests and once for answers.
//!
//! Owns what 3.0 writes in its own way (`nullable`, `exclusiveMinimum: true`, `$ref` whose
//! neighbours do not count), the sizes behind `int32` and `int64`, and what `readOnly` and
//! `writeOnly` mean on either side.

use serde_json::{Map, Value, json};

use crate::document::lint::{is_data, is_map};

/// For whom schemas are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side {
    /// Whether the description is 3.0.
    pub(super) old: bool,
    /// Properties with this keyword may not be there, and need not.
    pub(super) banned: Option<&'static str>,
    /// Properties with this keyword need not be there.
    pub(super) excused: Option<&'static str>,
}

/// Rewrites all schemas of a description. Depth is that of the file, which the reader bounded.
pub(super) fn convert(value: &mut Value, side: Side) {
    // What stands behind a reference is looked up in the description as it was.
    let file = value.clone();
    walk(value, side, &file);
}

fn walk(value: &mut Value, side: Side, file: &Value) {
    match value {
        Value::Object(object) => {
            properties(object, side, file);
            if side.old {
                reference(object);
                nullable(object);
                bounds(object, "exclusiveMinimum", "minimum");
                bounds(object, "exclusiveMaximum", "maximum");
            }
            integer(object);
            for (keyword, inner) in object.iter_mut() {
                match inner {
                    Value::Object(named) if is_map(keyword) => {
                        named.values_mut().for_each(|it| walk(it, side, file));
                    }
                    _ if is_data(keyword) => {}
                    _ => walk(inner, side, file),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| walk(it, side, file)),
        _ => {}
    }
}

/// Bans and excuses properties by `readOnly` and `writeOnly`.
fn properties(object: &mut Map<String, Value>, side: Side, file: &Value) {
    let Some(Value::Object(named)) = object.get_mut("properties") else {
        return;
    };
    let mut excused = Vec::new();
    for (name, schema) in named.iter_mut() {
        let says = |keyword: Option<&str>| keyword.is_some_and(|it| says(schema, it, file));
        let banned = says(side.banned);
        if banned || says(side.excused) {
            excused.push(name.clone());
        }
        if banned {
            *schema = Value::Bool(false);
        }
    }
    if let Some(Value::Array(required)) = object.get_mut("required") {
        required.retain(|name| {
            let name = name.as_str();
            !excused.iter().any(|it| Some(it.as_str()) == name)
        });
    }
}

/// Whether a schema, or the one it refers to, says `keyword: true`.
fn says(schema: &Value, keyword: &str, file: &Value) -> bool {
    let mut schema = schema;
    for _ in 0..8 {
        if schema.get(keyword) == Some(&Value::Bool(true)) {
            return true;
        }
        let target = schema.get("$ref").and_then(Value::as_str);
        let target = target.and_then(|to| file.pointer(to.strip_prefix('#')?));
        match target {
            Some(target) => schema = target,
            None => return false,
        }
    }
    false
}

fn reference(object: &mut Map<String, Value>) {
    if object.get("$ref").is_some_and(Value::is_string) {
        object.retain(|keyword, _| keyword == "$ref");
    }
}

fn nullable(object: &mut Map<String, Value>) {
    if object.remove("nullable") != Some(Value::Bool(true)) {
        return;
    }
    if let Some(kind) = object.get_mut("type")
        && kind.is_string()
    {
        *kind = json!([kind.take(), "null"]);
        if let Some(Value::Array(options)) = object.get_mut("enum")
            && !options.contains(&Value::Null)
        {
            options.push(Value::Null);
        }
    }
}

fn bounds(object: &mut Map<String, Value>, exclusive: &str, inclusive: &str) {
    match object.get(exclusive) {
        Some(Value::Bool(true)) => {
            match object.remove(inclusive) {
                Some(limit) => object.insert(exclusive.to_owned(), limit),
                None => object.remove(exclusive),
            };
        }
        Some(Value::Bool(false)) => {
            object.remove(exclusive);
        }
        _ => {}
    }
}

/// Gives `int32` and `int64` the bounds they mean.
fn integer(object: &mut Map<String, Value>) {
    let is_integer = match object.get("type") {
        Some(Value::String(kind)) => kind == "integer",
        Some(Value::Array(kinds)) => kinds.iter().any(|it| it == "integer"),
        _ => false,
    };
    let (least, most) = match object.get("format").and_then(Value::as_str) {
        Some("int32") if is_integer => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("int64") if is_integer => (i64::MIN, i64::MAX),
        _ => return,
    };
    for (keyword, exclusive, limit) in [
        ("minimum", "exclusiveMinimum", least),
        ("maximum", "exclusiveMaximum", most),
    ] {
        if !object.contains_key(keyword) && !object.contains_key(exclusive) {
            object.insert(keyword.to_owned(), json!(limit));
        }
    }
}
