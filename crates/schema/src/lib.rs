//! What a body that says something may say.
//!
//! Owns the judging of bodies: their type, coding, size, grammar, text, fields and schema, of
//! requests and of the app's answers; and the one rewriting we do, of formulas in CSV files that
//! people download. Refuses what the rules of a route do not allow, and what two parsers could read
//! differently. Trusts the rules, which are the operator's, and the caller to say which route it is.
//! Pure and synchronous: no clock, no file, no network.
//!
//! Read in this order:
//!
//! 1. [`rules`]: all that a route says about bodies, and the judging of one;
//! 2. [`media`] and [`intake`]: the type of a body, and taking it in with its bounds;
//!    [`inflate`]: compressed ones;
//! 3. [`json`], [`form`] and [`text`]: the three kinds that are read; [`mod@pointer`]: places in them;
//! 4. [`document`] and [`openapi`]: schemas; [`answers`]: what an app may answer;
//! 5. [`csv_export`]: formulas made harmless;
//! 6. [`refusal`], and [`load`] for rules that are none.

pub mod answers;
pub mod csv_export;
pub mod document;
pub mod form;
#[doc(hidden)]
pub mod fuzz;
pub mod inflate;
pub mod intake;
pub mod json;
pub mod load;
pub mod media;
pub mod openapi;
pub mod pointer;
pub mod refusal;
pub mod rules;
pub mod text;

pub use answers::{AnswerRefusal, AnswerRules};
pub use load::LoadError;
pub use refusal::{Fault, Place, Refusal};
pub use rules::{Body, Judged, Kind, Rules};

/// A number of things in memory, as refusals count them.
pub(crate) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

/// Line and character of a byte, both from 1. Lines end with LF.
pub(crate) fn line_and_column(text: &str, at: usize) -> (u64, u64) {
    let before = text.as_bytes().get(..at).unwrap_or(text.as_bytes());
    let breaks = memchr::memchr_iter(b'\n', before).count();
    let line = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
    let is_first = |byte: &&u8| **byte & 0xc0 != 0x80;
    let column = before.get(line..).unwrap_or_default();
    let column = column.iter().filter(is_first).count();
    (count(breaks + 1), count(column + 1))
}
