//! Cutting an answer down to what may be seen of it.
//!
//! Owns the one walk over an answer's JSON. What passes is copied as the app wrote it, digit for digit;
//! what does not is left out. Refuses what two readers could understand differently, an object with two
//! fields of one name, and nesting beyond what anybody needs. Trusts `serde_json` for the grammar.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{Counts, LABEL, Narrow, What};

/// Deepest nesting that is looked into.
const DEEPEST: usize = 24;

/// Why nothing of an answer is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unseen {
    /// The one row it holds is not theirs to see, or its group is too small.
    #[error("the row is not theirs to see")]
    NotTheirs,
    /// It is not JSON, or holds no rows where the collection says.
    #[error("the answer is not what its collection says")]
    NoRows,
    /// An object has two fields of one name.
    #[error("an object in the answer has two fields of one name")]
    Ambiguous,
    /// It is nested too deeply.
    #[error("the answer is nested more than {DEEPEST} deep")]
    TooDeep,
}

impl Narrow {
    /// What may be seen of `answer`, which is JSON.
    pub fn cut(&self, answer: &[u8]) -> Result<Vec<u8>, Unseen> {
        let text = std::str::from_utf8(answer).map_err(|_| Unseen::NoRows)?;
        let answer: &RawValue = serde_json::from_str(text).map_err(|_| Unseen::NoRows)?;
        let mut out = Vec::with_capacity(text.len());
        match &self.what {
            What::Rows { .. } => {
                let way = &self.collection.at.0;
                self.envelope(answer, way, &self.collection.beside, &mut out)?;
            }
            What::Counts => {
                let counts = self.collection.counts.as_ref().ok_or(Unseen::NoRows)?;
                self.envelope(answer, &counts.at.0, &[], &mut out)?;
            }
        }
        Ok(out)
    }

    /// What lies around the rows: the fields that lead to them, and those that may stand beside.
    fn envelope(
        &self,
        value: &RawValue,
        way: &[Box<str>],
        beside: &[Box<str>],
        out: &mut Vec<u8>,
    ) -> Result<(), Unseen> {
        let Some((first, rest)) = way.split_first() else {
            return self.rows(value, out);
        };
        if !is_object(value) {
            return Err(Unseen::NoRows);
        }
        let object = Object::read(value)?;
        if !object.0.iter().any(|(name, _)| **name == **first) {
            // Where the way leads nowhere, the answer is one row.
            return self.rows(value, out);
        }
        let mut object_out = Fields::begin(out);
        for (name, inner) in &object.0 {
            if **name == **first {
                object_out.name(name);
                self.envelope(inner, rest, beside, object_out.out)?;
            } else if is_scalar(inner) && beside.iter().any(|listed| **listed == **name) {
                object_out.name(name);
                object_out.out.extend_from_slice(inner.get().as_bytes());
            }
        }
        object_out.end();
        Ok(())
    }

    /// A list of rows, or one.
    fn rows(&self, value: &RawValue, out: &mut Vec<u8>) -> Result<(), Unseen> {
        match value.get().as_bytes().first() {
            Some(b'[') => {
                let rows: Vec<&RawValue> =
                    serde_json::from_str(value.get()).map_err(|_| Unseen::NoRows)?;
                out.push(b'[');
                let mut first = true;
                for row in rows {
                    let start = out.len();
                    if !first {
                        out.push(b',');
                    }
                    if self.row(row, out)? {
                        first = false;
                    } else {
                        out.truncate(start);
                    }
                }
                out.push(b']');
                Ok(())
            }
            Some(b'{') => {
                if self.row(value, out)? {
                    Ok(())
                } else {
                    Err(Unseen::NotTheirs)
                }
            }
            Some(b'n') => {
                out.extend_from_slice(b"null");
                Ok(())
            }
            _ => Err(Unseen::NoRows),
        }
    }

    /// One row; `false` where it is not to be seen, whatever was written of it.
    fn row(&self, row: &RawValue, out: &mut Vec<u8>) -> Result<bool, Unseen> {
        if !is_object(row) {
            return Ok(false);
        }
        let object = Object::read(row)?;
        match &self.what {
            What::Rows { all, own, me, hide } => {
                let theirs = *all
                    || me.as_deref().is_some_and(|me| {
                        own.iter().any(|field| {
                            object.get(field).is_some_and(|value| is_called(value, me))
                        })
                    });
                if theirs {
                    without(row, hide, DEEPEST, out)?;
                }
                Ok(theirs)
            }
            What::Counts => match &self.collection.counts {
                Some(counts) => group(&object, counts, out),
                None => Ok(false),
            },
        }
    }
}

/// The fields of a group that pass; `false` where it is too small or nobody knows how large.
fn group(object: &Object<'_>, counts: &Counts, out: &mut Vec<u8>) -> Result<bool, Unseen> {
    let count = object
        .get(&counts.count)
        .map(|value| value.get().parse::<u64>());
    if !matches!(count, Some(Ok(count)) if count >= counts.least) {
        return Ok(false);
    }
    let mut fields = Fields::begin(out);
    for (name, value) in &object.0 {
        if counts.show.iter().any(|shown| **shown == **name) && is_label(value) {
            fields.name(name);
            fields.out.extend_from_slice(value.get().as_bytes());
        }
    }
    fields.end();
    Ok(true)
}

/// Whether a value may stand in an answer of counts.
fn is_label(value: &RawValue) -> bool {
    if !is_scalar(value) {
        return false;
    }
    match text_of(value) {
        Some(text) => text.chars().count() <= LABEL,
        None => true,
    }
}

/// Whether `value` is the text `me`, or the number that is written so.
fn is_called(value: &RawValue, me: &str) -> bool {
    match value.get().as_bytes().first() {
        Some(b'"') => text_of(value).is_some_and(|text| text == me),
        Some(b'-' | b'0'..=b'9') => value.get() == me,
        _ => false,
    }
}

/// Copies `value` without the fields in `hide`, at any depth.
fn without(
    value: &RawValue,
    hide: &[Box<str>],
    depth: usize,
    out: &mut Vec<u8>,
) -> Result<(), Unseen> {
    if hide.is_empty() || is_scalar(value) {
        out.extend_from_slice(value.get().as_bytes());
        return Ok(());
    }
    let depth = depth.checked_sub(1).ok_or(Unseen::TooDeep)?;
    if is_object(value) {
        let object = Object::read(value)?;
        let mut fields = Fields::begin(out);
        for (name, inner) in &object.0 {
            if !hide.iter().any(|hidden| is_same_name(hidden, name)) {
                fields.name(name);
                without(inner, hide, depth, fields.out)?;
            }
        }
        fields.end();
        return Ok(());
    }
    let items: Vec<&RawValue> = serde_json::from_str(value.get()).map_err(|_| Unseen::NoRows)?;
    out.push(b'[');
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        without(item, hide, depth, out)?;
    }
    out.push(b']');
    Ok(())
}

/// Whether two names differ in the case of their letters at most.
fn is_same_name(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || (!one.is_ascii() && one.to_lowercase() == other.to_lowercase())
}

fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

fn is_scalar(value: &RawValue) -> bool {
    !value.get().starts_with(['{', '['])
}

/// The text that `value` is, where it is one.
fn text_of(value: &RawValue) -> Option<Cow<'_, str>> {
    let text: Text<'_> = serde_json::from_str(value.get()).ok()?;
    Some(text.0)
}

/// An object as it is written.
struct Fields<'o> {
    out: &'o mut Vec<u8>,
    first: bool,
}

impl<'o> Fields<'o> {
    fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, first: true }
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(b',');
        }
        // A text can always be written, and memory does not fail.
        let _ = serde_json::to_writer(&mut *self.out, name);
        self.out.push(b':');
    }

    fn end(self) {
        self.out.push(b'}');
    }
}

/// An object as it was read: its fields in their order, none named twice.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    fn read(value: &'a RawValue) -> Result<Self, Unseen> {
        let object: Self = serde_json::from_str(value.get()).map_err(|_| Unseen::NoRows)?;
        let mut names: Vec<&str> = object.0.iter().map(|(name, _)| &**name).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair.first() == pair.last()) {
            return Err(Unseen::Ambiguous);
        }
        Ok(object)
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        let found = self.0.iter().find(|(known, _)| **known == *name);
        found.map(|(_, value)| *value)
    }
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    fields.push((name.0, value));
                }
                Ok(Object(fields))
            }
        }
        from.deserialize_map(Reader)
    }
}

/// A text that is borrowed where it holds no escapes.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Reader)
    }
}
