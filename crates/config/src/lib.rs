//! Reading `vouchsafe.toml`: positions, every fault at once, hints, and secrets by reference.
//!
//! Owns the way from a file to values that know where they stand, the rendering of what is wrong
//! with it, and the places a secret may come from. Refuses unknown keys, wrong types, secrets and
//! passwords written into the file, secret files that others can read, and files above one
//! mebibyte. Trusts the operating system's word on who may read a file, and nothing in the file:
//! what a section means is the business of the crate that owns the section.
//!
//! ```
//! let mut document = config::Document::parse("vouchsafe.toml", "[deployment]\nname = \"coach\"\n");
//! let mut root = document.root();
//! let mut deployment = root.table("deployment");
//! let name = deployment.required_text("name");
//! deployment.done();
//! root.done();
//! document.finish()?;
//! assert_eq!(name.map(|found| found.value).as_deref(), Some("coach"));
//! # Ok::<(), config::Faults>(())
//! ```
//!
//! Read in this order:
//!
//! 1. [`Document`]: a file, its tree and its faults;
//! 2. [`Table`]: the cursor with which the owner of a section reads it;
//! 3. [`Fault`] and [`Faults`]: what is wrong, where, and what to do;
//! 4. [`quantity`]: durations and sizes as people write them;
//! 5. [`secret`]: references to secrets and the sources that resolve them;
//! 6. [`files`]: creating and reading files that hold secrets.

mod convert;
mod document;
mod dotenv;
mod fault;
pub mod files;
#[doc(hidden)]
pub mod fuzz;
mod mask;
mod node;
pub mod quantity;
pub mod secret;
mod suggest;
mod table;
mod value;

pub use convert::{NotToml, to_toml};
pub use document::{Document, FILE_LIMIT};
pub use fault::{Fault, Faults, Look, Span};
pub use suggest::nearest;
pub use table::{Found, Table};
