//! What a decision costs: local ones on one and two threads, and a table that is full.
//!
//! Run with `cargo run --profile bench -p limits --example measure`. Prints a line for each; asserts
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

const DECISIONS: u32 = 4_000_000;

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
    clock.monotonic()
}

fn tell(what: &str, decisions: u32, took: Duration) {
    let each = took.as_nanos() as f64 / f64::from(decisions);
    println!(
        "{what:40} {each:8.1} ns each, {:8.2} million a second",
        1000.0 / each
    );
}

fn main() {
    let table = rates();
    for (what, callers) in [
        ("one caller", 1),
        ("a thousand callers", 1000),
        ("as many as places", 30_000),
        ("ten times as many as places", 300_000),
    ] {
        tell(what, DECISIONS, decide(&table, callers, 0));
    }
    let shared = rates();
    for (what, callers) in [
        ("one caller, two threads", 1),
        ("a thousand, two threads", 1000),
    ] {
        let clock = SystemClock::new();
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| decide(&shared, callers, 0));
            }
        });
        tell(what, 2 * DECISIONS, clock.monotonic());
    }
}
