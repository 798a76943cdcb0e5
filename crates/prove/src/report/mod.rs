//! How a report is read.
//!
//! Owns three renderings of the same data: a table for people, JSON for programs, Markdown for pages
//! and for the status block. Says everything in words: marks and colour only repeat them.

mod json;
mod markdown;
mod self_test;
mod table;

pub use json::json;
pub use markdown::{Detail, markdown, status};
pub use self_test::{self_test_json, self_test_table};
pub use table::table;

#[cfg(test)]
mod tests;
