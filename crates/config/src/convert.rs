//! From the file to JSON and back to TOML.
//!
//! Owns the tree that controls are fitted and weakened on, and the writing of a changed tree as a
//! configuration again. Refuses to carry what must not be shown.

use serde_json::{Map, Number, Value};

use crate::{
    fault::Span,
    node::{Branch, Item, Node},
};

/// A tree cannot be written as TOML.
#[derive(Debug, thiserror::Error)]
#[error("the tree cannot be written as TOML: {0}")]
pub struct NotToml(#[from] toml::ser::Error);

/// Writes a tree as TOML; the inverse of [`crate::Document::tree`], without comments.
///
/// # Errors
///
/// When the tree is not an object or holds a null inside a list.
pub fn to_toml(tree: &Value) -> Result<String, NotToml> {
    Ok(toml::to_string(&without_nulls(tree))?)
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => map
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect::<Map<_, _>>()
            .into(),
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

pub(crate) fn to_json(branch: &Branch, hidden: &[Span]) -> Value {
    branch
        .entries
        .iter()
        .map(|entry| (entry.key.clone(), item(&entry.item, hidden)))
        .collect::<Map<_, _>>()
        .into()
}

fn item(item_: &Item, hidden: &[Span]) -> Value {
    if hidden.contains(&item_.span) {
        return Value::from("***");
    }
    match &item_.node {
        Node::Text(text) => Value::from(text.as_str()),
        Node::Integer(number) => Value::from(*number),
        Node::Float(number) => Number::from_f64(*number).map_or(Value::Null, Value::Number),
        Node::Flag(flag) => Value::from(*flag),
        Node::Moment(moment) => Value::from(moment.to_string()),
        Node::List(items) => items.iter().map(|one| item(one, hidden)).collect(),
        Node::Branch(branch) => to_json(branch, hidden),
    }
}
