//! What the gate counts.
//!
//! Owns the one list of metrics with unit and description, the counters of each core, and their
//! rendering as Prometheus text. Refuses labels that come from a request: the only label is a
//! control's id. A counter is written by its core alone, without a lock.

mod observed;

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use control::{ControlId, Reason};

pub use self::observed::Row;
use self::observed::Rows;
use crate::stages::observe::OBSERVABLE;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each is described in METRICS, which people read"
)]
pub enum Metric {
    ConnectionsAccepted,
    ConnectionsOpen,
    ConnectionsGivenUp,
    ConnectionsTurnedAway,
    DescriptorsLacking,
    Panics,
    Requests,
    Forwarded,
    Answered,
    UpstreamConnections,
    UpstreamReused,
    UpstreamFailures,
    BytesReceived,
    BytesSent,
    WebSocketsOpen,
    TicketsRedeemed,
    AssertionsSigned,
    LedgerRefusals,
    MicrosecondsServing,
    LimitsAlone,
    Http2Connections,
    Http2Requests,
}

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moves {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// One metric as people see it.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    /// Which.
    pub metric: Metric,
    /// Its name; ends in its unit.
    pub name: &'static str,
    /// How it moves.
    pub moves: Moves,
    /// What it counts and in which unit.
    pub help: &'static str,
}

/// Every metric, in the order of [`Metric`].
pub const METRICS: &[Described] = &[
    counter(
        Metric::ConnectionsAccepted,
        "vouchsafe_connections_accepted_total",
        "Connections accepted from clients.",
    ),
    gauge(
        Metric::ConnectionsOpen,
        "vouchsafe_connections_open",
        "Connections from clients that are open now.",
    ),
    counter(
        Metric::ConnectionsGivenUp,
        "vouchsafe_connections_given_up_total",
        "Idle connections closed because there was no place for another.",
    ),
    counter(
        Metric::ConnectionsTurnedAway,
        "vouchsafe_connections_turned_away_total",
        "Connections there was no place for.",
    ),
    counter(
        Metric::DescriptorsLacking,
        "vouchsafe_descriptors_lacking_total",
        "Times a socket was wanted and no descriptor was left.",
    ),
    counter(
        Metric::Panics,
        "vouchsafe_panics_total",
        "Connections that a defect of ours ended.",
    ),
    counter(
        Metric::Requests,
        "vouchsafe_requests_total",
        "Requests whose head was read whole.",
    ),
    counter(
        Metric::Forwarded,
        "vouchsafe_requests_forwarded_total",
        "Requests that passed every stage and were sent to an upstream.",
    ),
    counter(
        Metric::Answered,
        "vouchsafe_requests_answered_total",
        "Requests answered by the gate itself without a refusal.",
    ),
    counter(
        Metric::UpstreamConnections,
        "vouchsafe_upstream_connections_total",
        "Connections made to upstreams.",
    ),
    counter(
        Metric::UpstreamReused,
        "vouchsafe_upstream_reused_total",
        "Requests sent on a kept upstream connection.",
    ),
    counter(
        Metric::UpstreamFailures,
        "vouchsafe_upstream_failures_total",
        "Requests whose upstream was down, too slow or answered what must not be relayed.",
    ),
    counter(
        Metric::BytesReceived,
        "vouchsafe_received_bytes_total",
        "Body bytes received from clients.",
    ),
    counter(
        Metric::BytesSent,
        "vouchsafe_sent_bytes_total",
        "Body bytes sent to clients.",
    ),
    gauge(
        Metric::WebSocketsOpen,
        "vouchsafe_websockets_open",
        "WebSockets that are open now.",
    ),
    counter(
        Metric::TicketsRedeemed,
        "vouchsafe_tickets_redeemed_total",
        "Proof requests that were sent to the echo.",
    ),
    counter(
        Metric::AssertionsSigned,
        "vouchsafe_assertions_signed_total",
        "Identity assertions signed, cached ones counted once.",
    ),
    counter(
        Metric::LedgerRefusals,
        "vouchsafe_ledger_refusals_total",
        "Events the ledger could not take.",
    ),
    counter(
        Metric::MicrosecondsServing,
        "vouchsafe_serving_microseconds_total",
        "Time from the first byte of each request to the last of its answer, in microseconds.",
    ),
    counter(
        Metric::LimitsAlone,
        "vouchsafe_limits_alone_total",
        "Requests whose limits this process counted alone, because the shared server did not answer.",
    ),
    counter(
        Metric::Http2Connections,
        "vouchsafe_http2_connections_total",
        "Connections from clients that speak HTTP/2.",
    ),
    counter(
        Metric::Http2Requests,
        "vouchsafe_http2_requests_total",
        "Requests that came by HTTP/2.",
    ),
];

const fn counter(metric: Metric, name: &'static str, help: &'static str) -> Described {
    Described {
        metric,
        name,
        moves: Moves::Counter,
        help,
    }
}

const fn gauge(metric: Metric, name: &'static str, help: &'static str) -> Described {
    Described {
        metric,
        name,
        moves: Moves::Gauge,
        help,
    }
}

/// Controls whose refusals are counted, each under its own label.
pub const REFUSING: &[ControlId] = &[
    ControlId("wire.framing"),
    ControlId("gate.host"),
    ControlId("gate.route"),
    ControlId("gate.method"),
    ControlId("gate.path"),
    ControlId("gate.body"),
    ControlId("gate.upload"),
    ControlId("gate.time"),
    ControlId("gate.ticket"),
    ControlId("gate.upstream"),
    ControlId("gate.overload"),
    ControlId("gate.defect"),
    ControlId("identity.key"),
    ControlId("identity.token"),
    ControlId("identity.issue"),
    ControlId("identity.scope"),
    ControlId("identity.role"),
    ControlId("identity.rows"),
    ControlId("identity.session"),
    ControlId("identity.login"),
    ControlId("identity.account"),
    ControlId("gate.csrf"),
    ControlId("gate.cors"),
    ControlId("gate.exports"),
    ControlId("gate.answers"),
    ControlId("gate.files"),
    ControlId("gate.redirect"),
    ControlId("limits.rate"),
    ControlId("schema.body"),
    ControlId("hooks.signature"),
    ControlId("hooks.replay"),
    ControlId("ledger.durable"),
    ControlId("ledger.space"),
];

/// The counters of one core, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    values: [AtomicU64; METRICS.len()],
    refusals: [AtomicU64; REFUSING.len()],
    observed: [AtomicU64; REFUSING.len()],
    rows: Rows,
}

impl Counters {
    fn new() -> Self {
        Self {
            values: [const { AtomicU64::new(0) }; METRICS.len()],
            refusals: [const { AtomicU64::new(0) }; REFUSING.len()],
            observed: [const { AtomicU64::new(0) }; REFUSING.len()],
            rows: Rows::default(),
        }
    }

    /// Adds `by`.
    pub fn add(&self, metric: Metric, by: u64) {
        if let Some(value) = self.values.get(metric as usize) {
            // Only this core writes, so a load and a store do without a locked instruction.
            value.store(
                value.load(Ordering::Relaxed).wrapping_add(by),
                Ordering::Relaxed,
            );
        }
    }

    /// Takes one from a gauge.
    pub fn lower(&self, metric: Metric) {
        self.add(metric, u64::MAX);
    }

    /// Counts a refusal by `control`.
    pub fn refused(&self, control: ControlId) {
        one_more(&self.refusals, control);
    }

    /// Counts what `control` would have refused on `route`, which is observed.
    pub fn observed(&self, route: &str, control: ControlId, reason: Reason) {
        one_more(&self.observed, control);
        self.rows.count(route, control, reason);
    }
}

fn one_more(counts: &[AtomicU64; REFUSING.len()], control: ControlId) {
    let mut known = REFUSING.iter().zip(counts);
    if let Some((_, value)) = known.find(|(known, _)| **known == control) {
        value.store(
            value.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
    }
}

/// The counters of all cores.
#[derive(Debug, Default)]
pub struct Metrics {
    cores: Mutex<Vec<Arc<Counters>>>,
}

impl Metrics {
    /// Counters for one more core.
    pub fn core(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::new());
        self.cores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&counters));
        counters
    }

    /// The sum of `metric` over all cores.
    #[must_use]
    pub fn total(&self, metric: Metric) -> u64 {
        self.sum(|counters| counters.values.get(metric as usize))
    }

    /// All refusals by `control`.
    #[must_use]
    pub fn refusals(&self, control: ControlId) -> u64 {
        let at = REFUSING.iter().position(|known| *known == control);
        at.map_or(0, |at| self.sum(|counters| counters.refusals.get(at)))
    }

    /// All that `control` would have refused on routes that are observed.
    #[must_use]
    pub fn observed(&self, control: ControlId) -> u64 {
        let at = REFUSING.iter().position(|known| *known == control);
        at.map_or(0, |at| self.sum(|counters| counters.observed.get(at)))
    }

    /// The same by route, control and reason, most first.
    #[must_use]
    pub fn observed_rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        for core in &*self.cores.lock().unwrap_or_else(PoisonError::into_inner) {
            core.rows.add_to(&mut rows);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.requests));
        rows
    }

    fn sum(&self, of: impl Fn(&Counters) -> Option<&AtomicU64>) -> u64 {
        self.cores
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .filter_map(|counters| of(counters))
            .fold(0, |sum, value| {
                sum.wrapping_add(value.load(Ordering::Relaxed))
            })
    }

    /// Everything, in Prometheus text exposition format 0.0.4.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(4096);
        for described in METRICS {
            let moves = match described.moves {
                Moves::Counter => "counter",
                Moves::Gauge => "gauge",
            };
            let _ = writeln!(
                text,
                "# HELP {name} {help}\n# TYPE {name} {moves}\n{name} {value}",
                name = described.name,
                help = described.help,
                value = self.total(described.metric)
            );
        }
        text.push_str(
            "# HELP vouchsafe_refusals_total Requests turned away, by control.\n\
             # TYPE vouchsafe_refusals_total counter\n",
        );
        for control in REFUSING {
            let _ = writeln!(
                text,
                "vouchsafe_refusals_total{{control=\"{control}\"}} {}",
                self.refusals(*control)
            );
        }
        text.push_str(
            "# HELP vouchsafe_observed_total Requests let pass that an observed route would turn away, by control.\n\
             # TYPE vouchsafe_observed_total counter\n",
        );
        for control in OBSERVABLE {
            let _ = writeln!(
                text,
                "vouchsafe_observed_total{{control=\"{control}\"}} {}",
                self.observed(*control)
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_stands_in_the_order_of_the_metrics() {
        for (at, described) in METRICS.iter().enumerate() {
            assert_eq!(described.metric as usize, at, "{}", described.name);
        }
    }

    #[test]
    fn cores_are_added_up() {
        let metrics = Metrics::default();
        let (one, two) = (metrics.core(), metrics.core());
        one.add(Metric::Requests, 2);
        two.add(Metric::Requests, 3);
        two.refused(ControlId("gate.host"));
        assert_eq!(metrics.total(Metric::Requests), 5);
        assert_eq!(metrics.refusals(ControlId("gate.host")), 1);
        assert_eq!(metrics.refusals(ControlId("gate.route")), 0);
    }

    #[test]
    fn a_gauge_may_go_down_on_another_core_than_it_went_up() {
        let metrics = Metrics::default();
        let (one, two) = (metrics.core(), metrics.core());
        one.add(Metric::ConnectionsOpen, 1);
        two.lower(Metric::ConnectionsOpen);
        assert_eq!(metrics.total(Metric::ConnectionsOpen), 0);
    }

    #[test]
    fn what_is_observed_is_counted_beside_what_is_refused() {
        let metrics = Metrics::default();
        let (one, two) = (metrics.core(), metrics.core());
        let key = ControlId("identity.key");
        for core in [&one, &two, &two] {
            core.observed("/api", key, Reason("key-missing"));
        }
        two.observed("/api", key, Reason("key-revoked"));
        assert_eq!((metrics.observed(key), metrics.refusals(key)), (4, 0));
        let rows = metrics.observed_rows();
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.reason.0, row.requests))
            .collect();
        assert_eq!(rows, [("key-missing", 3), ("key-revoked", 1)]);
        let text = metrics.render();
        assert!(text.contains("vouchsafe_observed_total{control=\"identity.key\"} 4\n"));
        for control in OBSERVABLE {
            assert!(REFUSING.contains(control), "{control} has no count");
        }
    }

    #[test]
    fn every_metric_is_rendered_with_its_help() {
        let metrics = Metrics::default();
        metrics.core().refused(ControlId("gate.host"));
        let text = metrics.render();
        for described in METRICS {
            assert!(text.contains(&format!("# HELP {} {}", described.name, described.help)));
        }
        assert!(text.contains("vouchsafe_refusals_total{control=\"gate.host\"} 1\n"));
    }
}
