//! The demo of a system: its stage, its traffic and the attacks on it.
//!
//! Owns processes and a temporary folder for as long as the demo runs, and ends them by their ids.

mod account;
pub(crate) mod attacks;
mod browser;
pub(crate) mod helpline;
pub(crate) mod outreach;
mod provider;
pub(crate) mod savings;
pub(crate) mod stage;
pub(crate) mod system;
pub(crate) mod traffic;
