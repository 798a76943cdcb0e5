//! Every stage over a real ledger, store and key table; only the sockets are missing.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::large_enum_variant,
    clippy::result_large_err,
    reason = "a test may fail loudly and move what is large"
)]

mod answers;
mod content;
mod cors;
mod cut_off;
mod downloads;
mod files;
mod house;
mod keys;
mod observe;
mod own;
mod proxies;
mod questions;
mod recording;
mod tickets;
mod tokens;
mod unwelcome;
mod webhooks;
