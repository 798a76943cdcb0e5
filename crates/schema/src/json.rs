//! A strict reader of one JSON body.
//!
//! Owns the grammar (RFC 8259), the limits, and the walk in which text rules and blocked fields are
//! judged: one pass, on an explicit stack, building nothing. Refuses what two parsers could read
//! differently: keys that are equal once unescaped, halves of surrogate pairs, byte order marks,
//! numbers a double cannot hold. Trusts the caller to have bounded the size of the body.

mod number;
mod reader;
mod string;

use crate::{
    load::{LoadError, within},
    pointer::{Pointers, Vocabulary},
    refusal::Refusal,
    text::TextRules,
};

/// Deepest nesting that any rules may allow; `serde_json`, which reads for schemas, stops at 127.
pub const DEEPEST: usize = 100;
/// Furthest exponent that any rules may allow.
pub const FURTHEST: usize = 308;

/// Bounds on the shape of a JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Objects and arrays inside one another, 1 to [`DEEPEST`]; a scalar has depth 0.
    pub depth: usize,
    /// Values of every kind. Memory that a schema check takes grows with them.
    pub values: usize,
    /// Keys in all objects together.
    pub keys: usize,
    /// Keys in one object.
    pub object: usize,
    /// Items in one array.
    pub array: usize,
    /// Bytes of one key, unescaped.
    pub key: usize,
    /// Bytes of one string, unescaped.
    pub string: usize,
    /// Digits of one number, before and behind the point.
    pub digits: usize,
    /// Largest exponent, either way; 0 to [`FURTHEST`].
    pub exponent: usize,
}

impl Limits {
    /// Enough for what APIs exchange.
    pub const DEFAULT: Self = Self {
        depth: 32,
        values: 100_000,
        keys: 20_000,
        object: 500,
        array: 10_000,
        key: 256,
        string: 1_048_576,
        digits: 32,
        exponent: FURTHEST,
    };

    /// Nothing that could be counted is bounded, except depth.
    pub(crate) const WIDE: Self = Self {
        depth: DEEPEST,
        values: usize::MAX,
        keys: usize::MAX,
        object: usize::MAX,
        array: usize::MAX,
        key: usize::MAX,
        string: usize::MAX,
        digits: usize::MAX,
        exponent: FURTHEST,
    };
}

/// What a JSON body may say, apart from its schema.
#[derive(Clone, Debug)]
pub struct JsonRules {
    limits: Limits,
    text: TextRules,
    overrides: Pointers,
    override_rules: Vec<TextRules>,
    blocked: Pointers,
    pub(crate) vocabulary: Vocabulary,
}

impl JsonRules {
    /// Rules with these limits, where every string keeps `text`. Keys are always one line without
    /// control, direction and invisible characters.
    ///
    /// # Errors
    ///
    /// A depth or exponent beyond what can be kept.
    pub fn new(limits: Limits, text: TextRules) -> Result<Self, LoadError> {
        within("depth", limits.depth, 1, DEEPEST)?;
        within("exponent", limits.exponent, 0, FURTHEST)?;
        Ok(Self {
            limits,
            text,
            overrides: Pointers::default(),
            override_rules: Vec::new(),
            blocked: Pointers::default(),
            vocabulary: Vocabulary::default(),
        })
    }

    /// The same rules with others for the strings at some pointers; the first that fits holds.
    ///
    /// # Errors
    ///
    /// A pointer that is none, or too many.
    pub fn with_text<'a>(
        mut self,
        rules: impl IntoIterator<Item = (&'a str, TextRules)>,
    ) -> Result<Self, LoadError> {
        let (pointers, rules): (Vec<&str>, Vec<TextRules>) = rules.into_iter().unzip();
        self.overrides = Pointers::exact(pointers)?;
        self.override_rules = rules;
        self.vocabulary.extend(self.overrides.names());
        Ok(self)
    }

    /// The same rules with fields whose presence refuses the body, whatever their value. Names are
    /// compared by [`crate::text::fold`].
    ///
    /// # Errors
    ///
    /// A pointer that is none, or too many.
    pub fn with_blocked<'a>(
        mut self,
        pointers: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, LoadError> {
        let pointers: Vec<&str> = pointers.into_iter().collect();
        self.vocabulary
            .extend(Pointers::exact(pointers.iter().copied())?.names());
        self.blocked = Pointers::folded(pointers)?;
        Ok(self)
    }

    /// The limits.
    #[must_use]
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Judges a whole body. Time grows with its length, and with the pointers of the rules; an
    /// object with many keys is sorted.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, or near it: equal keys are found at the end of their object.
    pub fn judge(&self, body: &[u8]) -> Result<(), Refusal> {
        reader::read(self, body)
    }
}

/// Reads a file of the operator's: the grammar and equal keys, nothing else.
///
/// # Errors
///
/// Place and fault, in words.
pub(crate) fn strict(bytes: &[u8]) -> Result<serde_json::Value, Box<str>> {
    let text = TextRules {
        lines: crate::text::Lines::Many,
        bidi: true,
        invisible: true,
        ..TextRules::PROSE
    };
    let rules = JsonRules::new(Limits::WIDE, text).map_err(|error| error.to_string())?;
    rules.judge(bytes).map_err(|refusal| refusal.to_string())?;
    serde_json::from_slice(bytes).map_err(|error| error.to_string().into())
}

#[cfg(test)]
mod tests;
