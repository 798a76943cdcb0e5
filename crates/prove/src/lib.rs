//! The proof: what SECURITY.md says, attacked on the running deployment.
//!
//! Owns the reading of the document, the running of probes, the probes themselves, the peers they
//! are tried on, and the reports. Refuses to conclude anything from a probe that tried nothing,
//! from a twin that failed or from a dependency that was down. Trusts the addresses and expected
//! numbers of the configuration, and holds no secret of the deployment.
//!
//! Read in this order:
//!
//! 1. [`document`]: sentences, anchors and their numbers;
//! 2. [`settings`]: waivers and observers;
//! 3. [`runner`]: from a document to an [`outcome`];
//! 4. [`report`]: how people and programs read it;
//! 5. [`target`]: the running instance, a child, and shams with one fault each;
//! 6. [`http`] and [`admin`]: how they are spoken to;
//! 7. [`observers`] and [`search`]: where canaries are looked for;
//! 8. [`probes`]: one attack after another;
//! 9. [`self_test`]: whether the probes can fail at all.
//!
//! Plain blocking code throughout: an attack reads from top to bottom.

pub mod admin;
mod dates;
pub mod document;
mod files;
#[doc(hidden)]
pub mod fuzz;
pub mod http;
mod ledgers;
mod observed;
pub mod observers;
pub mod outcome;
pub mod probes;
pub mod report;
mod rights;
pub mod runner;
pub mod search;
pub mod self_test;
pub mod settings;
pub mod target;

pub use document::Document;
pub use outcome::{Outcome, Report, Summary};
pub use probes::PROBES;
pub use runner::{Plan, run};
pub use settings::Settings;
