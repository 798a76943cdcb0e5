//! What a decision costs: local ones on one and two threads, and a table that is full.
//!
//! `cargo xtask bench limits` runs it: JSON on standard output, nanoseconds for each decision. Asserts
//! nothing.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "an example prints, and may fail loudly"
)]

use std::{hint::black_box, thread, time::Duration};

use control::{Clock as _, SystemClock};
use limits::{
    By, Counts, Measure, Pace, Rate, Rates, Who,
    rate::{Counted, Tally},
};

const DECISIONS: u32 = 1_000_000;
const BATCHES: u32 = 5;

/// A limit that nobody reaches, so that every decision charges.
fn rates() -> Rates {
    let pace = Pace::new(limits::pace::MOST, Duration::from_secs(1)).unwrap();
    Rates::new(vec![Rate::new(
        "api",
        By::Caller,
        Measure::Pace(pace, Counts::All),
    )])
}

/// Decisions for `callers` in turn, from one moment on.
fn decide(rates: &Rates, callers: u32, offset: u32) -> Duration {
    let clock = SystemClock::new();
    let begun = clock.monotonic();
    for number in 0..DECISIONS {
        let caller = offset + number % callers;
        let request = Counted {
            method: "GET",
            folded: "/api/things",
            now: 1_800_000_000_000_000_000 + i64::from(number) * 1000,
            shared: false,
        };
        let mut tally = Tally::default();
        let who = |_: By| Some(Who::at(std::net::Ipv4Addr::from(caller).into()));
        let _ = black_box(rates.count(&mut tally, &request, who));
    }
    clock.monotonic().saturating_sub(begun)
}

/// The least of some batches, as one row.
fn row(what: &str, decisions: u32, mut batch: impl FnMut() -> Duration) -> String {
    let least = (0..BATCHES).map(|_| batch()).min().unwrap();
    let nanos = least.as_nanos() as f64 / f64::from(decisions);
    format!("{{\"what\": \"{what}\", \"nanos\": {nanos:.2}}}")
}

fn main() {
    let mut rows = Vec::new();
    for (what, callers) in [
        ("one caller", 1),
        ("a thousand callers", 1000),
        ("30,000 callers, nearly as many as places", 30_000),
        ("300,000 callers, ten times as many as places", 300_000),
    ] {
        let table = rates();
        rows.push(row(what, DECISIONS, || decide(&table, callers, 0)));
    }
    for (what, callers) in [
        ("one caller on two threads", 1),
        ("a thousand callers on two threads", 1000),
    ] {
        let table = rates();
        let clock = SystemClock::new();
        rows.push(row(what, 2 * DECISIONS, || {
            let begun = clock.monotonic();
            thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(|| decide(&table, callers, 0));
                }
            });
            clock.monotonic().saturating_sub(begun)
        }));
    }
    println!("{{\"rows\": [{}]}}", rows.join(", "));
}
