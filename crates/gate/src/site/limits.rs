//! How much and how long.
//!
//! Owns `[limits]`, whose defaults are the strict ones of the design, and the two that a route may
//! set for itself: the body limit and the timeouts. Refuses zero and values beyond what the engine
//! can hold.

use std::time::Duration;

/// Limits of the whole site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line in bytes, without its line end.
    pub request_line: usize,
    /// Longest header block in bytes.
    pub header_block: usize,
    /// Most fields in a header block.
    pub header_fields: usize,
    /// Time until the header is complete.
    pub header_time: Duration,
    /// Slowest body in bytes a second, once `body_grace` has passed.
    pub body_rate: u64,
    /// How long a body may be slower than that.
    pub body_grace: Duration,
    /// Longest body in bytes, where a route says nothing else.
    pub body: u64,
    /// Longest webhook body in bytes, which is held in memory until its signature is checked.
    pub webhook_body: u64,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// How long a WebSocket or an event stream may be silent.
    pub stream_idle: Duration,
    /// Time to connect to an upstream.
    pub connect: Duration,
    /// Time until an upstream's answer begins.
    pub answer: Duration,
    /// Most connections at once, over all cores.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_line: 8 * 1024,
            header_block: 32 * 1024,
            header_fields: 100,
            header_time: Duration::from_secs(10),
            body_rate: 240,
            body_grace: Duration::from_secs(10),
            body: 10 * 1024 * 1024,
            webhook_body: 1024 * 1024,
            keep_alive: Duration::from_secs(60),
            stream_idle: Duration::from_secs(600),
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(60),
            connections: 10_000,
        }
    }
}

/// What holds on one route: the site's limits or its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteLimits {
    /// Longest body in bytes.
    pub body: u64,
    /// Time to connect to the upstream.
    pub connect: Duration,
    /// Time until the upstream's answer begins.
    pub answer: Duration,
    /// How long a WebSocket or an event stream may be silent.
    pub stream_idle: Duration,
}
