//! How much and how long.
//!
//! Owns `[limits]`, whose defaults are the strict ones of the design, and the two that a route may
//! set for itself: the body limit and the timeouts. Refuses zero and values beyond what the engine
//! can hold.

use std::time::Duration;

use config::Table;

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
    /// Slowest body in bytes a second, over each `body_grace`.
    pub body_rate: u64,
    /// How long a body may stand still.
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
    /// How long a client may take nothing of what is sent to it.
    pub answer_stall: Duration,
    /// How long requests under way may take once the gate is told to stop.
    pub drain: Duration,
    /// Longest time a body may take in all.
    pub body_time: Duration,
    /// Most requests at once, over all apps, that their apps have not begun to answer.
    pub requests: usize,
    /// Most connections at once, over all cores.
    pub connections: usize,
    /// Most connections that one client address holds at once; an IPv6 client is its /64.
    pub connections_per_address: usize,
    /// Most requests at once of one client address behind trusted proxies or over HTTP/2; an IPv6 client
    /// is its /64.
    pub requests_per_address: usize,
    /// Most requests at once on one HTTP/2 connection.
    pub streams: usize,
    /// Most of them that may break off within ten seconds.
    pub stream_resets: usize,
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
            answer_stall: Duration::from_secs(60),
            drain: Duration::from_secs(30),
            body_time: Duration::from_secs(600),
            requests: 1024,
            connections: 10_000,
            connections_per_address: 1000,
            requests_per_address: 1000,
            streams: 100,
            stream_resets: 200,
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
    /// Longest time a body may take in all.
    pub body_time: Duration,
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Largest body that may stream, and largest that may be held in memory.
const LARGEST_BODY: u64 = 1 << 40;
const LARGEST_HELD_BODY: u64 = 64 << 20;

impl Limits {
    /// What holds where no route says otherwise.
    #[must_use]
    pub const fn of_route(&self) -> RouteLimits {
        RouteLimits {
            body: self.body,
            connect: self.connect,
            answer: self.answer,
            stream_idle: self.stream_idle,
            body_time: self.body_time,
        }
    }

    /// Reads `[limits]`.
    pub(super) fn read(root: &mut Table<'_>) -> Self {
        let mut table = root.table("limits");
        let otherwise = Self::default();
        let mut size = |key, most: u64, default: u64| {
            table
                .size_in(key, 1..=most)
                .map_or(default, |found| found.value)
        };
        let request_line = size("request_line", 64 << 10, otherwise.request_line as u64);
        let header_block = size("header_block", 256 << 10, otherwise.header_block as u64);
        let body = size("body", LARGEST_BODY, otherwise.body);
        let webhook_body = size("webhook_body", LARGEST_HELD_BODY, otherwise.webhook_body);
        let body_rate = size("body_rate", 1 << 30, otherwise.body_rate);
        let mut count = |key, most: u64, default: usize| {
            table
                .count_in(key, 1..=most)
                .and_then(|found| usize::try_from(found.value).ok())
                .unwrap_or(default)
        };
        let most_fields = wire::fields::MAX_FIELDS as u64;
        let header_fields = count("header_fields", most_fields, otherwise.header_fields);
        let requests = count("requests", 1 << 20, otherwise.requests);
        let connections = count("connections", 1 << 20, otherwise.connections);
        let connections_per_address = count(
            "connections_per_address",
            1 << 20,
            otherwise.connections_per_address,
        );
        let requests_per_address = count(
            "requests_per_address",
            1 << 20,
            otherwise.requests_per_address,
        );
        let streams = count("streams", 1000, otherwise.streams);
        let stream_resets = count("stream_resets", 1 << 20, otherwise.stream_resets);
        let mut time = |key, most: Duration, default: Duration| {
            table
                .duration_in(key, SECOND..=most)
                .map_or(default, |found| found.value)
        };
        Self {
            request_line: usize::try_from(request_line).unwrap_or(otherwise.request_line),
            header_block: usize::try_from(header_block).unwrap_or(otherwise.header_block),
            header_fields,
            header_time: time("header_time", HOUR, otherwise.header_time),
            body_rate,
            body_grace: time("body_grace", HOUR, otherwise.body_grace),
            body,
            webhook_body,
            keep_alive: time("keep_alive", HOUR, otherwise.keep_alive),
            stream_idle: time("stream_idle", DAY, otherwise.stream_idle),
            connect: time("connect", HOUR, otherwise.connect),
            answer: time("answer", DAY, otherwise.answer),
            answer_stall: time("answer_stall", HOUR, otherwise.answer_stall),
            drain: time("drain", HOUR, otherwise.drain),
            body_time: time("body_time", DAY, otherwise.body_time),
            requests,
            connections,
            connections_per_address,
            requests_per_address,
            streams,
            stream_resets,
        }
    }
}

impl RouteLimits {
    /// Reads `body`, `body_time`, `connect`, `answer` and `stream_idle` of a route; the site's limits hold where
    /// it names none. `held` is whether the body is held in memory before the app sees it.
    pub(super) fn read(table: &mut Table<'_>, site: &Limits, held: bool) -> Self {
        let (most, otherwise) = if held {
            (LARGEST_HELD_BODY, site.webhook_body)
        } else {
            (LARGEST_BODY, site.body)
        };
        let body = table
            .size_in("body", 1..=most)
            .map_or(otherwise, |found| found.value);
        let mut time = |key, most: Duration, default: Duration| {
            table
                .duration_in(key, SECOND..=most)
                .map_or(default, |found| found.value)
        };
        Self {
            body,
            connect: time("connect", HOUR, site.connect),
            answer: time("answer", DAY, site.answer),
            stream_idle: time("stream_idle", DAY, site.stream_idle),
            body_time: time("body_time", DAY, site.body_time),
        }
    }
}
