//! The tree of a file, with the place of every key and value.
//!
//! Owns the step from the `toml` crate's borrowed tree to ours, which keeps the order of the file
//! and lives as long as the document. Refuses numbers outside 64 bits and nesting deeper than
//! [`DEPTH`]; what it refuses is left out of the tree and reported.

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::fault::{Fault, Span};

/// Tables and lists inside each other beyond this are refused.
pub(crate) const DEPTH: usize = 64;

/// A value and its place.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) span: Span,
    pub(crate) node: Node,
}

/// A value.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Moment(toml::value::Datetime),
    List(Vec<Item>),
    Branch(Branch),
}

/// A table, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) span: Span,
    pub(crate) entries: Vec<Entry>,
}

/// A key with its value.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_span: Span,
    pub(crate) item: Item,
}

impl Node {
    /// What a person calls this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Flag(_) => "true or false",
            Self::Moment(_) => "a date or time",
            Self::List(_) => "a list",
            Self::Branch(_) => "a table",
        }
    }
}

impl Branch {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The tree of a parsed file, and what could not become part of it.
    pub(crate) fn plant(table: &Spanned<DeTable<'_>>) -> (Self, Vec<Fault>) {
        let mut faults = Vec::new();
        let span = Span::from(table.span());
        let branch = branch(span, table.get_ref(), 0, &mut faults);
        (branch, faults)
    }
}

fn branch(span: Span, table: &DeTable<'_>, depth: usize, faults: &mut Vec<Fault>) -> Branch {
    let mut entries: Vec<Entry> = table
        .iter()
        .filter_map(|(key, value)| entry(key, value, depth, faults))
        .collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Branch { span, entries }
}

fn entry(
    key: &Spanned<DeString<'_>>,
    value: &Spanned<DeValue<'_>>,
    depth: usize,
    faults: &mut Vec<Fault>,
) -> Option<Entry> {
    Some(Entry {
        key: key.get_ref().to_string(),
        key_span: Span::from(key.span()),
        item: item(value, depth + 1, faults)?,
    })
}

fn item(value: &Spanned<DeValue<'_>>, depth: usize, faults: &mut Vec<Fault>) -> Option<Item> {
    let span = Span::from(value.span());
    if depth > DEPTH {
        faults.push(
            Fault::new(
                "config.syntax",
                "tables and lists lie too deep in each other",
            )
            .at(span)
            .hint(format!("keep to {DEPTH} levels")),
        );
        return None;
    }
    let node = match value.get_ref() {
        DeValue::String(text) => Node::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Node::Integer(number),
            Err(_) => return refuse_number(span, faults),
        },
        DeValue::Float(number) => match number.as_str().parse::<f64>() {
            Ok(number) if number.is_finite() => Node::Float(number),
            _ => return refuse_number(span, faults),
        },
        DeValue::Boolean(flag) => Node::Flag(*flag),
        DeValue::Datetime(moment) => Node::Moment(*moment),
        DeValue::Array(list) => Node::List(
            list.iter()
                .filter_map(|value| item(value, depth + 1, faults))
                .collect(),
        ),
        DeValue::Table(table) => Node::Branch(branch(span, table, depth, faults)),
    };
    Some(Item { span, node })
}

fn refuse_number(span: Span, faults: &mut Vec<Fault>) -> Option<Item> {
    faults.push(
        Fault::new("config.syntax", "this number is out of range")
            .at(span)
            .hint("numbers lie between -2^63 and 2^63 - 1 and are finite"),
    );
    None
}
