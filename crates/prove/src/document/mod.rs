//! The security document: which sentences are promises, and what they say in numbers.
//!
//! Owns the reading of anchors, the check that a sentence's numbers are its anchor's, and the status
//! block. Refuses, with a line, every anchor that does not read, names no known promise or key, or
//! covers no words. Trusts nothing in the file: it has a size, a count and a length limit.

mod anchor;
mod fault;
pub mod numbers;
pub mod quantity;
mod reader;
pub mod status;
mod words;

use control::{
    Asked, Catalogue, Promise, Timestamp,
    catalogue::{Kind, Takes},
};

pub(crate) use self::fault::nearest;
pub use self::fault::{Fault, Faults};
use self::{
    anchor::{Word, Written},
    quantity::Quantity,
    reader::Covered,
};

/// Bytes a document may have.
pub const LARGEST: usize = 1 << 20;
/// Anchors a document may carry.
pub const MOST_ANCHORS: usize = 500;
/// Characters of the words one anchor covers.
const LONGEST_SENTENCE: usize = 4000;

/// A document that reads.
#[derive(Clone, Debug)]
pub struct Document {
    /// Name of the file as the caller gave it.
    pub file: String,
    /// Its promises, in order.
    pub sentences: Vec<Sentence>,
}

/// One sentence with its anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// What it asks for.
    pub asked: Asked,
    /// Who answers for it, where that is a person.
    pub attested: Option<Attested>,
    /// Amounts in its words that no value of its anchors equals: `30 days`.
    pub disagreeing: Vec<String>,
}

/// A person's word for a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attested {
    /// Who answers for it.
    pub by: String,
    /// The moment from which it no longer counts: the end of the day written, in UTC.
    pub until: Timestamp,
}

impl Document {
    /// Reads a document. `file` is its name for messages.
    pub fn read(file: &str, text: &str, catalogue: &Catalogue) -> Result<Self, Faults> {
        let mut reading = Reading {
            text,
            catalogue,
            faults: Vec::new(),
        };
        let sentences = reading.sentences();
        if reading.faults.is_empty() {
            return Ok(Self {
                file: file.to_owned(),
                sentences,
            });
        }
        reading.faults.sort_by_key(|fault| fault.line);
        Err(Faults {
            file: file.to_owned(),
            faults: reading.faults,
        })
    }

    /// Reads a document from disk, never more than [`LARGEST`] bytes of it.
    pub fn load(path: &std::path::Path, catalogue: &Catalogue) -> Result<Self, Faults> {
        let file = path.display().to_string();
        let unreadable = |message: String| Faults {
            file: file.clone(),
            faults: vec![Fault {
                code: "document.unreadable",
                line: 1,
                message,
                hint: "name the security document with --document".to_owned(),
            }],
        };
        let text = crate::files::read_text(path, LARGEST).map_err(unreadable)?;
        Self::read(&file, &text, catalogue)
    }
}

struct Reading<'a> {
    text: &'a str,
    catalogue: &'a Catalogue,
    faults: Vec<Fault>,
}

impl Reading<'_> {
    fn sentences(&mut self) -> Vec<Sentence> {
        if self.text.len() > LARGEST {
            self.fault(
                "document.too-long",
                0,
                format!("the document has more than {LARGEST} bytes"),
                "split it and prove each part",
            );
            return Vec::new();
        }
        let walk = reader::walk(self.text);
        for at in walk.unclosed {
            self.fault(
                "document.open-anchor",
                at,
                "something here starts like an anchor and is no comment",
                "write `<!-- promise: id -->`, or put it in backticks if it is an example",
            );
        }
        if let Some(at) = walk.open_fence {
            self.fault(
                "document.open-fence",
                at,
                "this code fence is never closed, so no anchor behind it counts",
                "close the fence",
            );
        }
        if walk.anchors.len() > MOST_ANCHORS {
            self.fault(
                "document.too-many",
                0,
                format!("the document carries more than {MOST_ANCHORS} anchors"),
                "split it and prove each part",
            );
            return Vec::new();
        }
        let mut read: Vec<(usize, Sentence)> = Vec::new();
        for covered in walk.anchors {
            let run = covered.run;
            if let Some(sentence) = self.sentence(covered) {
                read.push((run, sentence));
            }
        }
        let values: Vec<(usize, Vec<Quantity>)> = read
            .iter()
            .map(|(run, sentence)| (*run, self.quantities(&sentence.asked)))
            .collect();
        for (run, sentence) in &mut read {
            // A person answers for their own words; only what is proven must be what is said.
            if sentence.attested.is_none() {
                let shared = values.iter().filter(|(other, _)| other == run);
                let known: Vec<Quantity> = shared.flat_map(|(_, values)| values.clone()).collect();
                sentence.disagreeing = disagreeing(&sentence.asked.sentence, &known);
            }
        }
        read.into_iter().map(|(_, sentence)| sentence).collect()
    }

    fn sentence(&mut self, covered: Covered) -> Option<Sentence> {
        let at = covered.at;
        let written = match covered.written {
            Ok(written) => written,
            Err(cause) => {
                self.fault("document.malformed-anchor", at, cause.to_string(), "write `<!-- promise: id key=value -->` or `<!-- attested: id by=\"…\" until=YYYY-MM-DD -->`");
                return None;
            }
        };
        if covered.words.is_empty() {
            self.fault(
                "document.no-words",
                at,
                "no words stand before this anchor",
                "put the anchor right behind the sentence it belongs to",
            );
        }
        if covered.words.chars().count() > LONGEST_SENTENCE {
            self.fault(
                "document.long-sentence",
                at,
                format!("this anchor covers more than {LONGEST_SENTENCE} characters"),
                "put it behind the one sentence that is the promise",
            );
        }
        let Some(promise) = self.catalogue.get(&written.id) else {
            let near = nearest(&written.id, self.catalogue.iter().map(|p| p.id.as_str()));
            let hint = near.map_or_else(
                || "see the list of promises in the reference".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            self.fault(
                "document.unknown-promise",
                at,
                format!("no promise is called `{}`", written.id),
                hint,
            );
            return None;
        };
        let attested = match (written.word, promise.kind) {
            (Word::Attested, Kind::Attested) => Some(self.attested(&written, at)?),
            (Word::Promise, Kind::Attested) => {
                self.fault(
                    "document.attested-by-whom",
                    at,
                    format!("`{}` cannot be probed: a person answers for it", written.id),
                    format!("write `attested: {} by=\"…\" until=YYYY-MM-DD`", written.id),
                );
                return None;
            }
            (Word::Attested, _) => {
                self.fault(
                    "document.not-attestable",
                    at,
                    format!(
                        "`{}` is shown by the product, nobody's word can stand for it",
                        written.id
                    ),
                    format!("write `promise: {}`", written.id),
                );
                return None;
            }
            (Word::Promise, _) => None,
        };
        self.keys(&written, promise, at);
        let line = self.line(at);
        Some(Sentence {
            asked: Asked {
                promise: written.id,
                values: written.values,
                line,
                sentence: covered.words,
            },
            attested,
            disagreeing: Vec::new(),
        })
    }

    fn attested(&mut self, written: &Written, at: usize) -> Option<Attested> {
        let by = written.values.get("by");
        let until = written.values.get("until");
        let (Some(by), Some(until)) = (by, until) else {
            self.fault(
                "document.attested-by-whom",
                at,
                "an attestation needs `by` and `until`",
                "write `by=\"…\" until=YYYY-MM-DD`",
            );
            return None;
        };
        let Some(until) = crate::dates::end_of_day(until) else {
            self.fault(
                "document.bad-date",
                at,
                format!("`{until}` is not a date"),
                "write it as YYYY-MM-DD",
            );
            return None;
        };
        Some(Attested {
            by: by.clone(),
            until,
        })
    }

    fn keys(&mut self, written: &Written, promise: &Promise, at: usize) {
        let own: &[&str] = match written.word {
            Word::Promise => &[],
            Word::Attested => &["by", "until"],
        };
        for (key, value) in &written.values {
            if own.contains(&key.as_str()) {
                continue;
            }
            let Some(parameter) = promise.parameter(key) else {
                let known = promise.parameters.iter().map(|p| p.name.as_str());
                let hint = nearest(key, known.clone()).map_or_else(
                    || match known.collect::<Vec<_>>().as_slice() {
                        [] => "it takes no values".to_owned(),
                        all => format!("it takes {}", all.join(", ")),
                    },
                    |near| format!("did you mean `{near}`?"),
                );
                self.fault(
                    "document.unknown-key",
                    at,
                    format!("`{}` has no value called `{key}`", promise.id),
                    hint,
                );
                continue;
            };
            if let Some(hint) = misfit(parameter.takes, value) {
                self.fault(
                    "document.bad-value",
                    at,
                    format!("`{key}` cannot be `{value}`"),
                    hint,
                );
            }
        }
        for parameter in promise.parameters.iter().filter(|p| p.required) {
            if !written.values.contains_key(&parameter.name) {
                self.fault(
                    "document.missing-key",
                    at,
                    format!("`{}` needs `{}`", promise.id, parameter.name),
                    format!("add `{}=…` to the anchor", parameter.name),
                );
            }
        }
    }

    /// The values of an anchor that a number in its sentence may equal.
    fn quantities(&self, asked: &Asked) -> Vec<Quantity> {
        let promise = self.catalogue.get(&asked.promise);
        asked
            .values
            .iter()
            .filter_map(|(key, value)| match promise?.parameter(key)?.takes {
                Takes::Duration | Takes::Size => Quantity::read(value),
                Takes::Count => Quantity::count(value).or_else(|| Quantity::read(value)),
                Takes::Paths | Takes::Text => None,
            })
            .collect()
    }

    fn line(&self, at: usize) -> usize {
        1 + self
            .text
            .get(..at)
            .unwrap_or_default()
            .matches('\n')
            .count()
    }

    fn fault(
        &mut self,
        code: &'static str,
        at: usize,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let line = self.line(at);
        self.faults.push(Fault {
            code,
            line,
            message: message.into(),
            hint: hint.into(),
        });
    }
}

/// Why `value` cannot be read as its parameter takes it.
fn misfit(takes: Takes, value: &str) -> Option<&'static str> {
    use self::quantity::Dimension::{Months, Size, Time};
    let dimension = Quantity::read(value).map(|quantity| quantity.dimension);
    match takes {
        Takes::Paths => value
            .split(',')
            .any(|path| !path.trim().starts_with('/'))
            .then_some("write paths that start with a slash, separated by commas"),
        Takes::Duration => (!matches!(dimension, Some(Time | Months)))
            .then_some("write a number with a unit of time: 30d, 60m, 1s"),
        Takes::Size => {
            (dimension != Some(Size)).then_some("write a number with a unit of size: 10MiB, 500MB")
        }
        Takes::Count => {
            (!value.bytes().all(|b| b.is_ascii_digit())).then_some("write a whole number")
        }
        Takes::Text => None,
    }
}

fn disagreeing(sentence: &str, known: &[Quantity]) -> Vec<String> {
    numbers::amounts(sentence)
        .into_iter()
        .filter(|amount| {
            amount
                .quantity
                .is_none_or(|quantity| !known.contains(&quantity))
        })
        .map(|amount| amount.words)
        .collect()
}

#[cfg(test)]
mod tests;
