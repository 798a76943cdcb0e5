//! HTTP/2 from clients: judged as over HTTP/1.1, and what a hostile peer gets.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may fail loudly"
)]

mod floods;
mod malformed;
mod peer;
mod requests;
mod smuggling;
#[path = "../support/mod.rs"]
mod support;
