//! A good child with one named fault.
//!
//! Owns the peers on which probes are tried: everything passes through to the child, except that one
//! flaw alters it. A probe that does not notice its flaw proves nothing about a deployment either.

use control::Target;

/// A named fault. Control code names them as text in `Weakening::Sham`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Requests that two parsers could read differently are answered as if they were fine.
    FramingLenient,
}

/// A child with one flaw.
pub struct Sham<'a> {
    /// The good child.
    pub child: &'a dyn Target,
    /// Its fault.
    pub flaw: Flaw,
}
