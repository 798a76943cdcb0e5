//! Prometheus Alertmanager, `webhook_config` version 4
//! (<https://prometheus.io/docs/alerting/latest/configuration/#webhook_config>).

use serde_json::Value;

use crate::{
    driver::{Unreadable, list},
    normal::{Alert, Gap, Severity, Status},
    value::{common_severity, ended, labels, severity, started, text},
};

const SOURCE: &str = "alertmanager";

/// Whether the keys are those of a group of alerts, which Grafana sends as well.
pub(crate) fn fits(body: &Value) -> bool {
    body.get("alerts").is_some_and(Value::is_array)
        && ["status", "groupKey", "receiver"]
            .iter()
            .all(|key| body.get(key).is_some_and(Value::is_string))
        && text(body.get("version")).as_deref() == Some("4")
}

pub(crate) fn alerts(body: &Value) -> Result<Vec<Alert>, Unreadable> {
    group(SOURCE, body)
}

/// The alerts of a group, in the shape that Alertmanager and Grafana share.
pub(super) fn group(source: &'static str, body: &Value) -> Result<Vec<Alert>, Unreadable> {
    let alerts = list(body.get("alerts"))?;
    let mut read: Vec<Alert> = alerts.iter().map(|it| one(source, it)).collect();
    let left_out = text(body.get("truncatedAlerts")).and_then(|it| it.parse::<u64>().ok());
    if let Some(count) = left_out.filter(|count| *count > 0) {
        for alert in &mut read {
            alert.gap(Gap::LeftOut(Some(count)));
        }
    }
    Ok(read)
}

fn one(source: &'static str, said: &Value) -> Alert {
    let mut alert = Alert::of(source);
    alert.labels = labels(said.get("labels"));
    alert.annotations = labels(said.get("annotations"));
    alert.fingerprint = text(said.get("fingerprint"));
    alert.name = alert.labels.get("alertname").cloned().unwrap_or_default();
    alert.description = ["description", "summary", "message"]
        .iter()
        .find_map(|key| alert.annotations.get(*key).cloned());
    let status = text(said.get("status"));
    alert.status = match status.as_deref() {
        Some("firing") => Some(Status::Firing),
        Some("resolved") => Some(Status::Resolved),
        _ => None,
    };
    if alert.status.is_none() {
        alert.gap(Gap::Status(status));
    }
    let word = alert.labels.get("severity").cloned();
    severity(&mut alert, word, |word| match word {
        // The rules that come with Prometheus call so what is not to wake anybody.
        "none" => Some(Severity::Info),
        word => common_severity(word),
    });
    started(&mut alert, said.get("startsAt"));
    // While it fires this is the moment at which it will be forgotten if nobody repeats it.
    if alert.status == Some(Status::Resolved) {
        ended(&mut alert, said.get("endsAt"));
    }
    alert
}
