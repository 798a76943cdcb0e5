//! Why a command could not do what it was asked.
//!
//! Owns the one rendering of failures: what happened, and behind a blank line what to do next.
//! Every failure has a hint. Exit code 2 in all cases: an answer of "no" is not a failure.

use std::io::Write as _;

/// A command could not ask: usage, configuration or environment.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: String,
}

impl Failure {
    /// The exit code of every failure.
    pub(crate) const EXIT: u8 = 2;

    pub(crate) fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into() }
    }

    pub(crate) fn print(&self) {
        let mut stderr = std::io::stderr().lock();
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(stderr, "error: {}", self.what.trim_end());
        if !self.hint.is_empty() {
            let _ = writeln!(stderr, "\nhint: {}", self.hint);
        }
    }
}

/// An input or output error with the path or stream it happened on.
pub(crate) fn io(doing: impl Into<String>, hint: impl Into<String>) -> impl FnOnce(std::io::Error) -> Failure {
    let (doing, hint) = (doing.into(), hint.into());
    move |cause| Failure::new(format!("{doing}: {cause}"), hint)
}
