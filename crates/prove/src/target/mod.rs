//! What probes are aimed at.
//!
//! Owns the implementations of [`control::Target`]: the running [`Instance`], a [`child`] that is
//! started for one proof, and [`sham`]s that add one named fault to a good child. Resolves no secret
//! of the deployment: tickets and canary keys come from the instance itself.

pub mod child;
pub mod dial;
#[cfg(test)]
pub(crate) mod double;
pub mod echo;
pub mod facts;
pub mod instance;
pub(crate) mod provider;
mod server;
pub mod sham;
pub(crate) mod sink;

pub use child::Starter;
pub use instance::{Instance, Reach, ReachError};
pub use sham::{FURTHER, Flaw, Sense, Sham, UnknownFlaw};
