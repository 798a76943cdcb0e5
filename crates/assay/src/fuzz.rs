//! Bodies that need an independent parser, or more than one crate.
//!
//! Owns what a second opinion says of the engine: [`mod@reference`] decides the same questions by
//! other means, as plainly as can be. Trusts neither side; where they differ, one of them is wrong.

pub mod answers;
mod connection;
pub mod grammar;
pub mod http2;
pub mod policy;
pub mod pool;
pub mod reference;
pub mod requests;
pub mod urls;
