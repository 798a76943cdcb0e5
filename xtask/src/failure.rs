//! Why a chore stopped, and what to do next.

use std::{fmt, io, path::Path};

/// A chore stopped.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    hint: String,
    exit: u8,
}

impl Failure {
    /// The answer is no: the source is not as it must be.
    pub(crate) fn no(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            hint: hint.into(),
            exit: 1,
        }
    }

    /// The question could not be asked.
    pub(crate) fn stuck(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            exit: 2,
            ..Self::no(what, hint)
        }
    }

    /// A file could not be read or written.
    pub(crate) fn io(path: &Path, cause: &io::Error) -> Self {
        Self::stuck(
            format!("{}: {cause}", path.display()),
            "check that the path exists and may be used",
        )
    }

    pub(crate) fn exit(&self) -> u8 {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n  help: {}", self.what, self.hint)
    }
}
