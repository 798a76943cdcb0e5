//! The walk over one body.
//!
//! Owns the stack of open objects and arrays, the keys seen in each, and the places of refusals.
//! Memory grows with the keys of the objects that are open at one time.

use std::borrow::Cow;

use crate::{
    pointer::{Step, Walk},
    refusal::{Fault, Place, Refusal},
    text::TextRules,
};

use super::{JsonRules, number, string};

/// Objects with at most so many keys are compared pair by pair.
const FEW: usize = 8;

enum Frame {
    /// An object; its keys begin at `first` in the reader's list.
    Object { first: usize },
    /// An array, and how many of its items have begun.
    Array { items: usize },
}

impl Frame {
    /// Where the keys of an object begin.
    const fn first(&self) -> Option<usize> {
        match self {
            Self::Object { first } => Some(*first),
            Self::Array { .. } => None,
        }
    }
}

struct Key<'t> {
    name: Cow<'t, str>,
    at: usize,
}

/// What may stand at the next token.
enum Next {
    Value,
    /// A key, or the end of an object that is still empty.
    FirstKey,
    /// An item, or the end of an array that is still empty.
    FirstItem,
    /// A comma or the end of what is open.
    Behind,
    End,
}

struct Reader<'t, 'r> {
    rules: &'r JsonRules,
    text: &'t str,
    at: usize,
    frames: Vec<Frame>,
    keys: Vec<Key<'t>>,
    values: usize,
    all_keys: usize,
    blocked: Walk<'r>,
    overrides: Walk<'r>,
}

/// Judges `body`.
pub(super) fn read(rules: &JsonRules, body: &[u8]) -> Result<(), Refusal> {
    if body.is_empty() {
        return Err(Refusal::whole(Fault::Empty));
    }
    if body.starts_with(b"\xef\xbb\xbf") {
        return Err(Refusal {
            fault: Fault::ByteOrderMark,
            place: Place::Byte(0),
        });
    }
    let text = std::str::from_utf8(body).map_err(|error| Refusal {
        fault: Fault::NotUtf8,
        place: Place::Byte(crate::count(error.valid_up_to())),
    })?;
    let mut reader = Reader {
        rules,
        text,
        at: 0,
        frames: Vec::new(),
        keys: Vec::new(),
        values: 0,
        all_keys: 0,
        blocked: Walk::new(&rules.blocked),
        overrides: Walk::new(&rules.overrides),
    };
    let outcome = reader.document();
    outcome.map_err(|(fault, at)| Refusal {
        fault,
        place: reader.place(at),
    })
}

type Outcome<T = ()> = Result<T, (Fault, usize)>;

impl<'t> Reader<'t, '_> {
    fn document(&mut self) -> Outcome {
        let mut next = Next::Value;
        loop {
            self.space();
            next = match next {
                Next::Value => self.value()?,
                Next::FirstKey if self.take(b'}') => self.close_object()?,
                Next::FirstKey => self.key()?,
                Next::FirstItem if self.take(b']') => self.close_array(),
                Next::FirstItem => self.item()?,
                Next::Behind => self.behind()?,
                Next::End => break,
            };
        }
        if self.at < self.text.len() {
            return Err((Fault::JsonTrailing, self.at));
        }
        Ok(())
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at += 1;
        }
    }

    fn expected<T>(&self, expected: &'static str) -> Outcome<T> {
        Err((Fault::JsonSyntax { expected }, self.at))
    }

    fn value(&mut self) -> Outcome<Next> {
        let limits = &self.rules.limits;
        self.values += 1;
        if self.values > limits.values {
            let limit = crate::count(limits.values);
            return Err((Fault::JsonValues { limit }, self.at));
        }
        match self.peek() {
            Some(b'{') => {
                let first = self.keys.len();
                self.open(Frame::Object { first })?;
                return Ok(Next::FirstKey);
            }
            Some(b'[') => {
                self.open(Frame::Array { items: 0 })?;
                return Ok(Next::FirstItem);
            }
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.at = number::scan(self.text, self.at, limits)?,
            Some(b't') => self.literal("true")?,
            Some(b'f') => self.literal("false")?,
            Some(b'n') => self.literal("null")?,
            _ => return self.expected("a value"),
        }
        Ok(self.after_value())
    }

    fn open(&mut self, frame: Frame) -> Outcome {
        let most = self.rules.limits.depth;
        if self.frames.len() >= most {
            let limit = crate::count(most);
            return Err((Fault::JsonDepth { limit }, self.at));
        }
        self.frames.push(frame);
        self.at += 1;
        Ok(())
    }

    fn literal(&mut self, literal: &'static str) -> Outcome {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if !rest.starts_with(literal) {
            return self.expected("a value");
        }
        self.at += literal.len();
        Ok(())
    }

    fn string(&mut self) -> Outcome {
        let start = self.at;
        let scanned = string::scan(self.text, start + 1)?;
        let most = self.rules.limits.string;
        if scanned.text.len() > most {
            let limit = crate::count(most);
            return Err((Fault::JsonString { limit }, start));
        }
        let found = self.overrides.found();
        let text = found
            .and_then(|at| self.rules.override_rules.get(at))
            .unwrap_or(&self.rules.text);
        let plain = matches!(scanned.text, Cow::Borrowed(_));
        text.check(&scanned.text)
            .map_err(|(fault, at)| (fault, inside(plain, start, at)))?;
        self.at = scanned.end;
        Ok(())
    }

    /// A key and its colon.
    fn key(&mut self) -> Outcome<Next> {
        let limits = &self.rules.limits;
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.expected("a key in quotes");
        }
        self.all_keys += 1;
        if self.all_keys > limits.keys {
            let limit = crate::count(limits.keys);
            return Err((Fault::JsonKeys { limit }, start));
        }
        if let Some(Frame::Object { first }) = self.frames.last()
            && self.keys.len().saturating_sub(*first) >= limits.object
        {
            let limit = crate::count(limits.object);
            return Err((Fault::JsonObject { limit }, start));
        }
        let scanned = string::scan(self.text, start + 1)?;
        if scanned.text.len() > limits.key {
            let limit = crate::count(limits.key);
            return Err((Fault::JsonKey { limit }, start));
        }
        let plain = matches!(scanned.text, Cow::Borrowed(_));
        TextRules::LINE
            .check(&scanned.text)
            .map_err(|(fault, at)| (fault, inside(plain, start, at)))?;
        self.at = scanned.end;
        self.blocked.key(&scanned.text);
        self.overrides.key(&scanned.text);
        self.keys.push(Key {
            name: scanned.text,
            at: start,
        });
        self.blocked_here(start)?;
        self.space();
        if !self.take(b':') {
            return self.expected("a colon");
        }
        Ok(Next::Value)
    }

    /// The beginning of an item of the innermost array.
    fn item(&mut self) -> Outcome<Next> {
        let most = self.rules.limits.array;
        if let Some(Frame::Array { items }) = self.frames.last_mut() {
            if *items >= most {
                let limit = crate::count(most);
                return Err((Fault::JsonArray { limit }, self.at));
            }
            self.blocked.index(*items);
            self.overrides.index(*items);
            *items += 1;
        }
        self.blocked_here(self.at)?;
        Ok(Next::Value)
    }

    fn blocked_here(&self, at: usize) -> Outcome {
        match self.blocked.found() {
            None => Ok(()),
            Some(found) => {
                let rule = self.rules.blocked.written(found).into();
                Err((Fault::Blocked { rule }, at))
            }
        }
    }

    fn after_value(&mut self) -> Next {
        if self.frames.is_empty() {
            return Next::End;
        }
        self.blocked.leave();
        self.overrides.leave();
        Next::Behind
    }

    fn behind(&mut self) -> Outcome<Next> {
        let Some(frame) = self.frames.last() else {
            return Ok(Next::End);
        };
        let in_object = frame.first().is_some();
        if self.take(b',') {
            self.space();
            return if in_object { self.key() } else { self.item() };
        }
        match in_object {
            true if self.take(b'}') => self.close_object(),
            true => self.expected("a comma or the end of the object"),
            false if self.take(b']') => Ok(self.close_array()),
            false => self.expected("a comma or the end of the array"),
        }
    }

    fn close_array(&mut self) -> Next {
        self.frames.pop();
        self.after_value()
    }

    fn close_object(&mut self) -> Outcome<Next> {
        if let Some(Frame::Object { first }) = self.frames.last() {
            let first = *first;
            if let Some(twin) = twin(self.keys.get(first..).unwrap_or_default()) {
                let at = self.keys.get(first + twin).map_or(self.at, |key| key.at);
                // What is left last is the key that the place names.
                self.keys.truncate(first + twin + 1);
                return Err((Fault::JsonDuplicate, at));
            }
            self.keys.truncate(first);
        }
        self.frames.pop();
        Ok(self.after_value())
    }

    /// Where `at` is, for people. The body is read again, which only a refusal pays for.
    fn place(&self, at: usize) -> Place {
        let (line, column) = crate::line_and_column(self.text, at);
        let mut steps = Vec::new();
        for (depth, frame) in self.frames.iter().enumerate() {
            match frame {
                Frame::Array { items: 0 } => {}
                Frame::Array { items } => steps.push(Step::Index(items - 1)),
                Frame::Object { first } => {
                    let inner = self.frames.iter().skip(depth + 1).find_map(Frame::first);
                    let keys = self.keys.get(*first..inner.unwrap_or(self.keys.len()));
                    let open = keys.and_then(<[Key<'_>]>::last);
                    steps.extend(open.map(|key| Step::Key(&key.name)));
                }
            }
        }
        Place::Json {
            line,
            column,
            pointer: self.rules.vocabulary.show(steps),
        }
    }
}

/// The byte of the body for byte `at` of a string that begins at `start`; the start itself where the
/// string has escapes, and is not `plain`: the two do not run in step.
const fn inside(plain: bool, start: usize, at: usize) -> usize {
    if plain && at > 0 {
        start + 1 + at
    } else {
        start
    }
}

/// The later of two keys that are equal, by its number. Many are sorted, so that nobody can choose
/// keys that take long to compare; no table of hashes is kept.
fn twin(keys: &[Key<'_>]) -> Option<usize> {
    if keys.len() <= FEW {
        return (1..keys.len()).find(|at| {
            let (before, from) = keys.split_at_checked(*at).unwrap_or_default();
            let name = from.first().map(|key| &key.name);
            before.iter().any(|key| Some(&key.name) == name)
        });
    }
    let mut sorted: Vec<(&str, usize)> = keys.iter().map(|key| &*key.name).zip(0..).collect();
    sorted.sort_unstable();
    sorted
        .array_windows()
        .filter(|[(one, _), (other, _)]| one == other)
        .map(|[_, (_, later)]| *later)
        .min()
}
