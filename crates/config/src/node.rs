//! The tree of a file, with the place of every key and value.
//!
//! Owns the step from the `toml` crate's borrowed tree to ours, which keeps the order of the file
//! and lives as long as the document. Refuses numbers outside 64 bits and nesting deeper than
//! [`DEPTH`]; what it refuses is left out of the tree and reported.

use std::thread;

use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use crate::fault::{Fault, Span};

/// Tables and lists inside each other beyond this are refused.
pub(crate) const DEPTH: usize = 64;

/// Keys of one table, or values of one list, beyond this are refused.
pub(crate) const BREADTH: usize = 2000;

/// Stack of the parser: the deepest text it takes needs less than a tenth of it. Only what is
/// touched costs memory.
const STACK: usize = 64 << 20;

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

    pub(crate) fn empty() -> Self {
        Self {
            span: Span::default(),
            entries: Vec::new(),
        }
    }
}

/// The tree of a file, as far as it could be read, and what is wrong with its syntax.
///
/// The parser and the wiping of its tree recurse: dotted keys inside inline tables inside each
/// other reach some thousand levels before its own limits stop them. So it runs on a stack of its
/// own, large enough for the deepest text it takes.
pub(crate) fn parse(text: &str) -> (Branch, Vec<Fault>) {
    let parsed = thread::scope(|scope| {
        let worker = thread::Builder::new()
            .name("configuration".to_owned())
            .stack_size(STACK)
            .spawn_scoped(scope, || {
                let (table, errors) = DeTable::parse_recoverable(text);
                let mut faults: Vec<Fault> = errors.iter().map(syntax).collect();
                let root = branch(Span::from(table.span()), table.get_ref(), 0, &mut faults);
                (root, faults)
            });
        worker.ok()?.join().ok()
    });
    parsed.unwrap_or_else(|| {
        let fault = Fault::new("config.syntax", "the file could not be parsed")
            .hint("free memory on this machine, or make the file simpler");
        (Branch::empty(), vec![fault])
    })
}

/// A complaint of the parser as a fault. Its words never quote the text.
fn syntax(error: &toml::de::Error) -> Fault {
    let message = error.message();
    let hint = if message.contains("duplicate") {
        "keep one of the two"
    } else if message.contains("invalid basic string") {
        "text stands between double quotes on one line"
    } else {
        "the file is TOML: `key = \"text\"` under a `[table]`; see https://toml.io/en/v1.1.0"
    };
    Fault::new("config.syntax", message.to_owned())
        .at(error.span().map(Span::from))
        .label("here")
        .hint(hint)
}

fn branch(span: Span, table: &DeTable<'_>, depth: usize, faults: &mut Vec<Fault>) -> Branch {
    refuse_breadth(span, table.len(), faults);
    let mut entries: Vec<Entry> = table
        .iter()
        .take(BREADTH)
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
        DeValue::Array(list) => {
            refuse_breadth(span, list.len(), faults);
            Node::List(
                list.iter()
                    .take(BREADTH)
                    .filter_map(|value| item(value, depth + 1, faults))
                    .collect(),
            )
        }
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

fn refuse_breadth(span: Span, length: usize, faults: &mut Vec<Fault>) {
    if length > BREADTH {
        faults.push(
            Fault::new("config.syntax", format!("this holds {length} entries"))
                .at(span)
                .hint(format!("keep to {BREADTH} entries in one table or list")),
        );
    }
}
