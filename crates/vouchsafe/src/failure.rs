//! Why a command could not do what it was asked.
//!
//! Owns the one rendering of failures: what happened, and behind a blank line what to do next.
//! Every failure has a hint. Exit code 2 in all cases: an answer of "no" is not a failure.

use std::{
    io::{ErrorKind, Write as _},
    process::ExitCode,
};

/// A command could not ask: usage, configuration or environment.
#[derive(Debug)]
pub(crate) struct Failure {
    text: String,
    /// Whoever read our output has enough of it, as `head` does: nothing failed.
    enough: bool,
}

impl Failure {
    /// The exit code of every failure.
    pub(crate) const EXIT: u8 = 2;

    /// What happened and what to do next.
    pub(crate) fn new(what: impl AsRef<str>, hint: impl AsRef<str>) -> Self {
        Self {
            text: format!(
                "error: {}\n\nhint: {}",
                what.as_ref().trim_end(),
                hint.as_ref()
            ),
            enough: false,
        }
    }

    /// A message that was rendered with its hints elsewhere.
    pub(crate) fn rendered(text: String) -> Self {
        Self {
            text,
            enough: false,
        }
    }

    /// Tells it and ends.
    pub(crate) fn end(&self) -> ExitCode {
        if self.enough {
            return ExitCode::SUCCESS;
        }
        // A closed stderr leaves nobody to tell.
        let _ = writeln!(std::io::stderr().lock(), "{}", self.text.trim_end());
        ExitCode::from(Self::EXIT)
    }

    /// The message as it is printed.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// An input or output error with what was tried.
pub(crate) fn io(
    doing: impl AsRef<str>,
    hint: impl AsRef<str>,
) -> impl FnOnce(std::io::Error) -> Failure {
    move |cause| Failure {
        enough: cause.kind() == ErrorKind::BrokenPipe,
        ..Failure::new(format!("{}: {cause}", doing.as_ref()), hint.as_ref())
    }
}
