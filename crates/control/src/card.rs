//! What a control says of itself.
//!
//! Owns the [`Control`] trait: a card for people, a table of configuration keys, a check that a
//! configuration keeps a promise, and the one way to weaken that configuration for a self-test.
//! The binary holds one ordered list of controls; references, schemas, first documents and tables
//! are generated from it.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ControlId;

/// A control as people see it.
#[derive(Clone, Copy, Debug)]
pub struct Card {
    /// Its stable name.
    pub id: ControlId,
    /// A few words: `Signed webhooks`.
    pub title: &'static str,
    /// One or two full sentences saying what it does and why.
    pub summary: &'static str,
    /// The catalogue ids of the promises it keeps.
    pub promises: &'static [&'static str],
    /// Where it is configured, for the reference; empty for controls without a setting.
    pub keys: &'static [Key],
}

/// One configuration key of a control, for the generated reference.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Where it stands, as a person would write it: `[ledger] durability`, `[[route]] webhook`.
    pub path: &'static str,
    /// What it takes: `"batched" or "sync"`, `list of paths`.
    pub takes: &'static str,
    /// What holds when it is absent, as written in the file; `required` if it must be there.
    pub default: &'static str,
    /// One sentence on what it changes.
    pub about: &'static str,
}

/// A promise as one sentence of a document asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Catalogue id.
    pub promise: String,
    /// The anchor's values by key; lists are still one string.
    pub values: BTreeMap<String, String>,
    /// Line of the anchor in the document, from 1.
    pub line: usize,
    /// The author's sentence, without the anchor.
    pub sentence: String,
}

impl Asked {
    /// The anchor's value for `key`.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// The anchor's value for `key` as a list, split at commas and trimmed; empty when absent.
    #[must_use]
    pub fn list(&self, key: &str) -> Vec<&str> {
        self.value(key)
            .map(|text| {
                text.split(',')
                    .map(str::trim)
                    .filter(|part| !part.is_empty())
                    .collect()
            })
            .unwrap_or_default()
    }
}

/// Whether a configuration keeps a promise, as far as reading it can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It says what the sentence says; now it must be attacked.
    Fits,
    /// It does not: the promise is broken before any byte is sent.
    Falls(Mend),
}

/// What is wrong with a configuration and the line that mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mend {
    /// What is wrong, one sentence without a final period.
    pub wrong: String,
    /// The configuration to write, as TOML.
    pub write: String,
}

/// How a self-test takes a control away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weakening {
    /// The configuration was changed in place; one sentence says how.
    Configured(String),
    /// The control has no setting: a sham peer with this named fault stands in.
    Sham(&'static str),
}

/// A control: code that keeps promises.
pub trait Control: Sync {
    /// What it says of itself.
    fn card(&self) -> &'static Card;

    /// Checks that `configuration` says what the sentence asks for. Only validates.
    ///
    /// `configuration` is the file as a tree: tables are objects, arrays of tables are arrays.
    fn fit(&self, configuration: &Value, asked: &Asked) -> Fit;

    /// Takes this control away from `configuration` for the promise `asked`, or names the fault of
    /// a sham where no setting exists. Used by the self-test alone, on a copy.
    fn weaken(&self, configuration: &mut Value, asked: &Asked) -> Weakening;
}
