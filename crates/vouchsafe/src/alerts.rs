//! Alerts, from the gate's queue to the team's receiver and into the ledger.
//!
//! Owns the task that sends them, on the service runtime, and what is written down of each. Refuses to
//! be silent: what reached nobody is in the ledger, in the log and in the counts of `healthcheck` and
//! the metrics.

use std::{fmt::Write as _, sync::Arc};

use control::{Clock, Rng};
use hooks::alerts::{Alert, Counts, Queue, Sender, Told, Undelivered};
use ledger::{Kind, Notice, PrincipalId, RequestId};
use serde_json::{Value, json};
use tokio::task::spawn_blocking;

use crate::{admin::Instance, failure::Failure, load::Loaded, people};

/// The sender that `[alerts]` asks for, if any.
pub(crate) fn sender(
    loaded: &Loaded,
    origin: &str,
    clock: &Arc<dyn Clock>,
    rng: &Arc<dyn Rng>,
) -> Result<Option<Sender>, Failure> {
    let Some(settings) = loaded.alerts.clone() else {
        return Ok(None);
    };
    let client = people::client(loaded, clock)?;
    let (clock, rng) = (Arc::clone(clock), Arc::clone(rng));
    let sender = Sender::new(client, settings, origin.to_owned(), clock, rng);
    Ok(Some(sender))
}

/// Sends what is raised, one after the other: a receiver that takes none takes no other either.
pub(crate) async fn run(instance: Arc<Instance>, queue: Arc<Queue>, sender: Sender) {
    loop {
        let alert = queue.next().await;
        let told = sender.deliver(&alert).await;
        queue.done(told.failed.is_none());
        let mut notices = vec![of(&instance, &alert, told)];
        let dropped = queue.dropped();
        if dropped > 0 {
            notices.push(lost(&instance, dropped, "too-many"));
        }
        if let Some(failed) = told.failed {
            let (why, tries) = (why(failed), told.tries.to_string());
            let fields = [("why", why.as_str()), ("tries", &tries)];
            instance.log.warn("alert.not-delivered", &fields);
        }
        for notice in notices {
            note(&instance, notice).await;
        }
    }
}

async fn note(instance: &Arc<Instance>, notice: Notice) {
    let held = Arc::clone(instance);
    let noted = spawn_blocking(move || held.note(notice)).await;
    if let Ok(Err(fault)) = noted {
        let why = fault.to_string();
        instance.log.warn("ledger.not-durable", &[("why", &why)]);
    }
}

/// What is written down of an alert.
fn of(instance: &Instance, alert: &Alert, told: Told) -> Notice {
    let kind = match told.failed {
        None => Kind::ALERT_SENT,
        Some(_) => Kind::ALERT_FAILED,
    };
    let mut notice = Notice::new(instance.clock.now(), kind)
        .text("alert", alert.what.kind())
        .text("what", alert.what.subject())
        .count("count", alert.count.into())
        .count("tries", told.tries.into());
    if let Some(failed) = told.failed {
        notice = notice.text("why", failed.word());
        if let Undelivered::Status(status) = failed {
            notice = notice.count("status", status.into());
        }
    }
    notice.request = Some(RequestId(alert.request));
    notice.principal = alert.principal.as_deref().and_then(PrincipalId::new);
    notice
}

/// What is written down of alerts that nobody was told of.
fn lost(instance: &Instance, count: u64, why: &'static str) -> Notice {
    Notice::new(instance.clock.now(), Kind::ALERT_FAILED)
        .count("count", i64::try_from(count).unwrap_or(i64::MAX))
        .text("why", why)
}

fn why(failed: Undelivered) -> String {
    match failed {
        Undelivered::Status(status) => format!("the receiver answered {status}"),
        other => other.word().to_owned(),
    }
}

/// Takes no more alerts, and writes down those that will not be sent any more. Blocks.
pub(crate) fn close(instance: &Instance) {
    let left = instance.alerts.as_ref().map_or(0, |queue| queue.close());
    if left == 0 {
        return;
    }
    if let Err(fault) = instance.note(lost(instance, left, "stopped")) {
        let why = fault.to_string();
        instance.log.warn("ledger.not-durable", &[("why", &why)]);
    }
}

/// How alerts have fared, for `healthcheck`; nothing where none are sent.
pub(crate) fn health(queue: Option<&Arc<Queue>>) -> Value {
    queue.map_or(Value::Null, |queue| {
        let Counts {
            sent,
            failed,
            dropped,
            waiting,
        } = queue.counts();
        json!({ "sent": sent, "failed": failed, "dropped": dropped, "waiting": waiting })
    })
}

/// The same as Prometheus text, behind what the gate counts.
pub(crate) fn metrics(queue: Option<&Arc<Queue>>, text: &mut String) {
    let Some(queue) = queue else {
        return;
    };
    let counts = queue.counts();
    for (name, moves, help, value) in [
        (
            "vouchsafe_alerts_sent_total",
            "counter",
            "Alerts that the receiver took.",
            counts.sent,
        ),
        (
            "vouchsafe_alerts_failed_total",
            "counter",
            "Alerts that were given up.",
            counts.failed,
        ),
        (
            "vouchsafe_alerts_dropped_total",
            "counter",
            "Alerts dropped because too many waited.",
            counts.dropped,
        ),
        (
            "vouchsafe_alerts_waiting",
            "gauge",
            "Alerts on their way or waiting.",
            counts.waiting,
        ),
    ] {
        let _ = writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} {moves}\n{name} {value}"
        );
    }
}
