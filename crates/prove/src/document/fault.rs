//! What is wrong with a document, with its line.
//!
//! Owns the faults that stop a proof before it starts. A document that cannot be read as its author
//! meant it proves nothing, so none of them is a warning.

use std::fmt;

/// More faults than this help nobody.
const SHOWN: usize = 50;

/// One fault of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Stable code, such as `document.unknown-promise`.
    pub code: &'static str,
    /// Line from 1.
    pub line: usize,
    /// What is wrong, without a final period.
    pub message: String,
    /// What to do next.
    pub hint: String,
}

/// Everything wrong with a document, by line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Faults {
    /// Name of the file as the caller gave it.
    pub file: String,
    /// At least one.
    pub faults: Vec<Fault>,
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.faults.iter().take(SHOWN).enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            writeln!(
                f,
                "{}:{}: {} [{}]",
                self.file, fault.line, fault.message, fault.code
            )?;
            write!(f, "  hint: {}", fault.hint)?;
        }
        if let Some(more) = self
            .faults
            .len()
            .checked_sub(SHOWN)
            .filter(|more| *more > 0)
        {
            write!(f, "\nand {more} more")?;
        }
        Ok(())
    }
}

/// The known name nearest to `name`, if one is near enough to be meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
