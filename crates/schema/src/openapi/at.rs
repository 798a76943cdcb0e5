//! Finding one's way in a description: values with the place where they stand.
//!
//! Owns the following of references within the file, and the saying of where something is wrong.

use serde_json::Value;

use crate::{document::lint, load::LoadError};

/// Longest chain of references.
const CHAIN: usize = 16;

/// A value of the description and where it stands.
#[derive(Clone)]
pub(super) struct At<'f> {
    pub(super) value: &'f Value,
    pub(super) pointer: String,
}

pub(super) fn bad(at: &str, why: impl Into<Box<str>>) -> LoadError {
    LoadError::Api {
        at: at.into(),
        why: why.into(),
    }
}

impl<'f> At<'f> {
    pub(super) const fn root(value: &'f Value) -> Self {
        Self {
            value,
            pointer: String::new(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<Self> {
        Some(Self {
            value: self.value.get(name)?,
            pointer: format!("{}/{}", self.pointer, lint::escape(name)),
        })
    }

    /// Name and value of each member of an object.
    pub(super) fn members(&self) -> Vec<Result<(String, Self), LoadError>> {
        let Value::Object(object) = self.value else {
            return vec![Err(bad(&self.pointer, "it is not an object"))];
        };
        let member = |name: &String| {
            let inner = self.get(name);
            inner
                .map(|inner| (name.clone(), inner))
                .ok_or_else(|| bad(&self.pointer, "it is not an object"))
        };
        object.keys().map(member).collect()
    }

    pub(super) fn items(&self) -> Vec<Self> {
        let items = self.value.as_array().map(Vec::as_slice).unwrap_or_default();
        let item = |(index, value)| Self {
            value,
            pointer: format!("{}/{index}", self.pointer),
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(super) fn text(&self, name: &str) -> Option<&'f str> {
        self.value.get(name).and_then(Value::as_str)
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.value.get(name) == Some(&Value::Bool(true))
    }

    /// Follows `$ref` within the file.
    pub(super) fn resolved(self, file: &'f Value) -> Result<Self, LoadError> {
        let mut at = self;
        for _ in 0..CHAIN {
            let Some(to) = at.text("$ref") else {
                return Ok(at);
            };
            let pointer = to.strip_prefix('#').unwrap_or_default();
            let value = file.pointer(pointer);
            at = Self {
                value: value.ok_or_else(|| bad(&at.pointer, "its `$ref` leads nowhere"))?,
                pointer: pointer.to_owned(),
            };
        }
        Err(bad(&at.pointer, "its `$ref` leads on and on"))
    }
}
