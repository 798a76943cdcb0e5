//! Files beneath a root, and nothing beside it.
//!
//! Owns names of files as requests give them, roots that are opened once, opening beneath them, lists of
//! what lies there, and what HTTP says of a file: its type, its tag, its dates and its parts. Refuses
//! names that two readers could take for two files, and whatever the kernel would have to leave the root
//! for: links, `..`, other file systems. Trusts the kernel's `openat2` for the confinement and nothing
//! else: where it is missing, nothing is opened. Synchronous and without network; only [`root`] and
//! [`listing`] touch a disk.
//!
//! Read in this order:
//!
//! 1. [`name`]: which names there are;
//! 2. [`root`]: what is opened by them, and [`listing`]: what is said of a folder;
//! 3. [`media`], [`date`], [`condition`] and [`range`]: what HTTP says of a file.

pub mod condition;
pub mod date;
#[doc(hidden)]
pub mod fuzz;
pub mod listing;
pub mod media;
pub mod name;
pub mod range;
pub mod root;

pub use name::{Name, NameFault};
pub use root::{Facts, Found, Missed, Root, RootFault, Settings};
