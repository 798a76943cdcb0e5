//! What came of a run.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::histogram::Histogram;

/// What one thread saw in one phase.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// Requests whose time had come.
    pub(crate) due: u64,
    pub(crate) statuses: BTreeMap<u16, u64>,
    /// Answers of the right status with a body of the wrong length.
    pub(crate) wrong: u64,
    /// Requests that a broken connection left without an answer.
    pub(crate) broken: u64,
    /// Handshakes that resumed a session, and those that did not.
    pub(crate) resumed: u64,
    pub(crate) full: u64,
    /// Times of good answers.
    pub(crate) good: Histogram,
    /// Times of all other answers.
    pub(crate) other: Histogram,
}

impl Seen {
    pub(crate) fn add(&mut self, more: &Self) {
        self.due += more.due;
        self.wrong += more.wrong;
        self.broken += more.broken;
        self.resumed += more.resumed;
        self.full += more.full;
        for (status, count) in &more.statuses {
            *self.statuses.entry(*status).or_default() += count;
        }
        self.good.add(&more.good);
        self.other.add(&more.other);
    }
}

/// What all threads saw.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) phases: Vec<Phase>,
    /// Connections that could not be made, over the whole run.
    pub(crate) refused_connections: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Phase {
    seconds: f64,
    due: u64,
    /// 2xx, 101 and echoed messages, of the right length.
    good: u64,
    per_second: f64,
    statuses: BTreeMap<String, u64>,
    wrong: u64,
    broken: u64,
    /// Due, and neither answered nor broken when the run ended.
    unanswered: u64,
    resumed: u64,
    full: u64,
    times: Times,
    other_times: Times,
}

/// Percentiles in microseconds.
#[derive(Debug, Serialize)]
struct Times {
    p50: f64,
    p90: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Times {
    fn of(histogram: &Histogram) -> Self {
        let at = |share| histogram.percentile(share).as_secs_f64() * 1e6;
        Self {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: histogram.greatest().as_secs_f64() * 1e6,
        }
    }
}

impl Phase {
    pub(crate) fn of(seen: &Seen, seconds: f64) -> Self {
        let answered: u64 = seen.statuses.values().sum();
        Self {
            seconds,
            due: seen.due,
            good: seen.good.total(),
            per_second: seen.good.total() as f64 / seconds.max(f64::EPSILON),
            statuses: seen
                .statuses
                .iter()
                .map(|(status, count)| (status.to_string(), *count))
                .collect(),
            wrong: seen.wrong,
            broken: seen.broken,
            unanswered: seen.due.saturating_sub(answered + seen.broken),
            resumed: seen.resumed,
            full: seen.full,
            times: Times::of(&seen.good),
            other_times: Times::of(&seen.other),
        }
    }
}
