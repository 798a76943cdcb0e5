//! The client against real servers: plain, under TLS, and hostile ones.
//!
//! Owns the servers and names of the tests. Everything listens on loopback, which exceptions open for
//! the hosts of the tests; what they do not open stays closed here as anywhere.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod names;
mod plain;
mod server;
mod tls;
