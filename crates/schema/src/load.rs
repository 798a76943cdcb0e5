//! Why rules could not be made.
//!
//! Owns the faults that an operator meets when a configuration is read. They may quote the
//! operator's own files; no request has been seen yet.

/// Why a rule, a schema or an API description is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A pointer that is none.
    #[error("`{pointer}` is not a pointer: {why}")]
    Pointer {
        /// As it was written.
        pointer: Box<str>,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Too many of something.
    #[error("there are more than {limit} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The most there may be.
        limit: usize,
    },
    /// A limit beyond what this crate can keep.
    #[error("`{name}` must be {least} to {most}")]
    Limit {
        /// Its name.
        name: &'static str,
        /// The least it may be.
        least: u64,
        /// The most it may be.
        most: u64,
    },
    /// A media type that is none.
    #[error("`{0}` is not a media type of the form `type/subtype`")]
    MediaType(Box<str>),
    /// The same thing is said twice.
    #[error("{what} `{name}` stands twice")]
    Twice {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: Box<str>,
    },
    /// A field that is blocked and known.
    #[error("field `{0}` is both known and blocked")]
    KnownAndBlocked(Box<str>),
    /// The file is not JSON as we read it.
    #[error("{what} is not JSON: {why}")]
    NotJson {
        /// Which file.
        what: &'static str,
        /// Place and fault.
        why: Box<str>,
    },
    /// A schema that is none.
    #[error("the schema at `{at}` is not one: {why}")]
    Schema {
        /// Pointer into the file.
        at: Box<str>,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// A reference that leads out of the file.
    #[error(
        "`{at}` refers to `{to}`, which is not in this file; references lead to places of the same file"
    )]
    Remote {
        /// Pointer into the file.
        at: Box<str>,
        /// Where it leads.
        to: Box<str>,
    },
    /// A pattern that needs backtracking, or is none.
    #[error("the pattern at `{at}` cannot be matched in linear time: {why}")]
    Pattern {
        /// Pointer into the file.
        at: Box<str>,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// An API description that is none, or says what we do not read.
    #[error("the API description at `{at}`: {why}")]
    Api {
        /// Pointer into the file.
        at: Box<str>,
        /// What is wrong with it.
        why: Box<str>,
    },
    /// A route that takes nothing.
    #[error("a route needs at least one kind of body, or to say that it takes none")]
    NoBody,
}

/// Checks that a limit lies between bounds.
pub(crate) fn within(
    name: &'static str,
    value: usize,
    least: usize,
    most: usize,
) -> Result<(), LoadError> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(LoadError::Limit {
        name,
        least: crate::count(least),
        most: crate::count(most),
    })
}
