//! How deep a value may be before a schema costs too much.
//!
//! Owns the count of how often one place of a value is looked at. A schema that refers to itself
//! from two branches of an `anyOf` looks twice at every child, four times at every grandchild, and
//! so on: a body of a few hundred bytes would keep a core for hours. Counting is an upper bound:
//! branches that end early are counted too.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::{json::DEEPEST, pointer::unescape};

/// How often one place may be looked at.
const MOST: u64 = 5_000;
/// Longest chain of keywords that stays at one place.
const CHAIN: usize = 64;

/// Schemas that look at one place, by their address, and how often each does.
type Looks<'s> = BTreeMap<usize, (&'s Map<String, Value>, u64)>;

/// The depth to which values may be judged by the schema `start` of `file`; at most [`DEEPEST`].
pub(super) fn deepest(file: &Value, start: &Value) -> usize {
    let mut looks = Looks::new();
    add(&mut looks, start, 1);
    let mut here = at_one_place(file, looks);
    let mut seen: BTreeSet<Vec<(usize, u64)>> = BTreeSet::new();
    for depth in 0..DEEPEST {
        let sum = here
            .values()
            .fold(0_u64, |sum, (_, count)| sum.saturating_add(*count));
        if sum > MOST {
            // The place at this depth is the first that is looked at too often.
            return depth.saturating_sub(1);
        }
        // A level that was there before leads to the levels that followed it, and none grew.
        let counts = here.iter().map(|(address, (_, count))| (*address, *count));
        if here.is_empty() || !seen.insert(counts.collect()) {
            break;
        }
        here = below(file, &here);
    }
    DEEPEST
}

fn add<'s>(looks: &mut Looks<'s>, schema: &'s Value, count: u64) {
    if let Value::Object(object) = schema {
        let address = std::ptr::from_ref(object).addr();
        let (_, known) = looks.entry(address).or_insert((object, 0));
        *known = known.saturating_add(count);
    }
}

/// All schemas that look at a place where `first` do.
fn at_one_place<'s>(file: &'s Value, first: Looks<'s>) -> Looks<'s> {
    let mut all = first.clone();
    let mut fresh = first;
    for _ in 0..CHAIN {
        let mut next = Looks::new();
        for (object, count) in fresh.values() {
            for (keyword, inner) in *object {
                match (keyword.as_str(), inner) {
                    ("allOf" | "anyOf" | "oneOf", Value::Array(branches)) => {
                        branches.iter().for_each(|it| add(&mut next, it, *count));
                    }
                    ("dependentSchemas" | "dependencies", Value::Object(named)) => {
                        named.values().for_each(|it| add(&mut next, it, *count));
                    }
                    ("not" | "if" | "then" | "else", inner) => add(&mut next, inner, *count),
                    ("$ref" | "$dynamicRef" | "$recursiveRef", Value::String(to)) => {
                        add(&mut next, target(file, to), *count);
                    }
                    _ => {}
                }
            }
        }
        for (address, (object, count)) in &next {
            let (_, known) = all.entry(*address).or_insert((object, 0));
            *known = known.saturating_add(*count);
        }
        let is_enough = all.values().any(|(_, count)| *count > MOST);
        if next.is_empty() || is_enough {
            break;
        }
        fresh = next;
    }
    all
}

/// The schema that a reference within the file leads to. A name that is no pointer is taken for
/// the whole file.
fn target<'s>(file: &'s Value, to: &str) -> &'s Value {
    let pointer = to.split_once('#').map_or("", |(_, pointer)| pointer);
    let mut at = file;
    for segment in pointer.split('/').skip(1) {
        let name = decoded(segment)
            .and_then(|it| unescape(&it))
            .unwrap_or_default();
        let inner = match at {
            Value::Array(items) => name.parse().ok().and_then(|it: usize| items.get(it)),
            other => other.get(&name),
        };
        at = inner.unwrap_or(file);
    }
    at
}

fn decoded(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes().iter();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => crate::form::digit(rest.next())? << 4 | crate::form::digit(rest.next())?,
            other => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

/// How often a child is looked at: of all children that the schemas can tell apart, the most for
/// each schema.
fn below<'s>(file: &'s Value, here: &Looks<'s>) -> Looks<'s> {
    let names: BTreeSet<&str> = here
        .values()
        .filter_map(|(object, _)| object.get("properties")?.as_object())
        .flat_map(|named| named.keys().map(String::as_str))
        .collect();
    let mut most = Looks::new();
    let kinds = names.into_iter().map(Some).chain([None]);
    for looks in kinds.map(|name| of_key(here, name)).chain([of_items(here)]) {
        for (address, (object, count)) in at_one_place(file, looks) {
            let (_, known) = most.entry(address).or_insert((object, 0));
            *known = (*known).max(count);
        }
    }
    most
}

/// Looks at the value under a key; `None` is a key that no schema names.
fn of_key<'s>(here: &Looks<'s>, name: Option<&str>) -> Looks<'s> {
    let mut looks = Looks::new();
    for (object, count) in here.values() {
        let named = object.get("properties").zip(name);
        let named = named.and_then(|(properties, name)| properties.get(name));
        if let Some(schema) = named {
            add(&mut looks, schema, *count);
        } else {
            for keyword in ["additionalProperties", "unevaluatedProperties"] {
                if let Some(schema) = object.get(keyword) {
                    add(&mut looks, schema, *count);
                }
            }
        }
        if let Some(Value::Object(patterns)) = object.get("patternProperties") {
            patterns.values().for_each(|it| add(&mut looks, it, *count));
        }
    }
    looks
}

fn of_items<'s>(here: &Looks<'s>) -> Looks<'s> {
    let mut looks = Looks::new();
    for (object, count) in here.values() {
        for keyword in [
            "items",
            "prefixItems",
            "additionalItems",
            "unevaluatedItems",
            "contains",
        ] {
            match object.get(keyword) {
                Some(Value::Array(items)) => {
                    items.iter().for_each(|it| add(&mut looks, it, *count));
                }
                Some(schema) => add(&mut looks, schema, *count),
                None => {}
            }
        }
    }
    looks
}

/// How many objects and arrays lie inside one another, at most `limit` of them counted.
pub(super) fn depth(value: &Value, limit: usize) -> usize {
    let Some(left) = limit.checked_sub(1) else {
        return 0;
    };
    let inner = match value {
        Value::Object(object) => object.values().map(|it| depth(it, left)).max(),
        Value::Array(items) => items.iter().map(|it| depth(it, left)).max(),
        _ => return 0,
    };
    1 + inner.unwrap_or(0)
}
