//! Parameters of paths and queries.
//!
//! Owns the turning of text into the value a schema speaks of, and the counting of repeats. Values
//! are one line of text without control, direction or invisible characters, whatever their schema.

use serde_json::Value;

use crate::{
    document::Schema,
    refusal::{Fault, Place, Refusal},
    text::TextRules,
};

use super::path::decode;

/// Most parameters of one query.
const MOST: usize = 500;

/// A parameter of an operation.
pub(super) struct Parameter {
    pub(super) name: Box<str>,
    pub(super) place: In,
    pub(super) required: bool,
    /// Types that the schema names, for the turning of text into values.
    pub(super) types: Types,
    pub(super) list: List,
    pub(super) schema: Option<Schema>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum In {
    Path,
    Query,
}

/// How a parameter holds more than one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    /// It does not.
    One,
    /// `a=1&a=2`
    Repeated,
    /// `a=1,2`, with the character between.
    Joined(char),
}

/// What text may be turned into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Types {
    pub(super) number: bool,
    pub(super) boolean: bool,
}

impl Types {
    /// The value that text stands for; text that is none of these stays text, and the schema
    /// refuses it.
    pub(super) fn value(self, text: &str) -> Value {
        if self.boolean && matches!(text, "true" | "false") {
            return Value::Bool(text == "true");
        }
        let begins = text.starts_with(|it: char| it == '-' || it.is_ascii_digit());
        if self.number
            && begins
            && let Ok(Value::Number(number)) = serde_json::from_str(text)
        {
            return Value::Number(number);
        }
        Value::String(text.to_owned())
    }
}

impl Parameter {
    fn refuse(&self, fault: Fault) -> Refusal {
        Refusal {
            fault,
            place: Place::Parameter(self.name.clone()),
        }
    }

    /// Judges the texts that were given for it; at least one.
    fn judge(&self, texts: &[&str]) -> Result<(), Refusal> {
        for text in texts {
            TextRules::LINE
                .check(text)
                .map_err(|(fault, _)| self.refuse(fault))?;
        }
        let value = match (self.list, texts) {
            (List::Repeated, _) => texts.iter().map(|text| self.types.value(text)).collect(),
            (List::Joined(between), [text]) => text
                .split(between)
                .map(|text| self.types.value(text))
                .collect(),
            (List::One, [text]) => self.types.value(text),
            _ => return Err(self.refuse(Fault::ParameterDuplicate)),
        };
        match &self.schema {
            Some(schema) => schema.judge(&value).map_err(|it| self.refuse(it.fault)),
            None => Ok(()),
        }
    }
}

/// Judges the parameters of a path.
pub(super) fn judge_path(parameters: &[Parameter], values: &[(&str, &str)]) -> Result<(), Refusal> {
    let of_path = parameters.iter().filter(|it| it.place == In::Path);
    for parameter in of_path {
        let value = values.iter().find(|(name, _)| **name == *parameter.name);
        let (_, value) = value.ok_or_else(|| parameter.refuse(Fault::ParameterMissing))?;
        parameter.judge(&[*value])?;
    }
    Ok(())
}

/// Judges a query.
pub(super) fn judge_query(
    parameters: &[Parameter],
    query: &[u8],
    unknown: bool,
    credentials: &[Box<str>],
) -> Result<(), Refusal> {
    let mut given: Vec<(String, String)> = Vec::new();
    let pairs = query.split(|byte| *byte == b'&');
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        if given.len() == MOST {
            let limit = crate::count(MOST);
            return Err(Refusal::whole(Fault::ParameterCount { limit }));
        }
        let equals = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = match equals {
            Some(at) => (
                pair.get(..at).unwrap_or_default(),
                pair.get(at + 1..).unwrap_or_default(),
            ),
            None => (pair, &b""[..]),
        };
        given.push((decode(name, true)?, decode(value, true)?));
    }
    let of_query = || parameters.iter().filter(|it| it.place == In::Query);
    for parameter in of_query() {
        let texts: Vec<&str> = given
            .iter()
            .filter(|(name, _)| **name == *parameter.name)
            .map(|(_, value)| value.as_str())
            .collect();
        match texts.as_slice() {
            [] if parameter.required => return Err(parameter.refuse(Fault::ParameterMissing)),
            [] => {}
            texts => parameter.judge(texts)?,
        }
    }
    let known = |name: &str| {
        of_query().any(|it| *it.name == *name) || credentials.iter().any(|it| **it == *name)
    };
    if !unknown && !given.iter().all(|(name, _)| known(name)) {
        return Err(Refusal::whole(Fault::ParameterUnknown));
    }
    Ok(())
}
