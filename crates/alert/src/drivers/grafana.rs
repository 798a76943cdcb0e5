//! Grafana: unified alerting
//! (<https://grafana.com/docs/grafana/latest/alerting/configure-notifications/manage-contact-points/integrations/webhook-notifier/>)
//! and the alerting before it, whose bodies have one rule each.

use serde_json::Value;

use super::alertmanager;
use crate::{
    driver::Unreadable,
    normal::{Alert, Gap, Severity, Status},
    value::{labels, severity, text},
};

const SOURCE: &str = "grafana";

/// Whether the keys are Grafana's own: a body of Alertmanager has none of them.
pub(crate) fn fits(body: &Value) -> bool {
    is_unified(body) || is_legacy(body)
}

fn is_unified(body: &Value) -> bool {
    let has = |key: &str| body.get(key).is_some();
    body.get("alerts").is_some_and(Value::is_array) && has("orgId") && has("title") && has("state")
}

fn is_legacy(body: &Value) -> bool {
    ["evalMatches", "ruleId", "state"]
        .iter()
        .all(|key| body.get(key).is_some())
}

pub(crate) fn alerts(body: &Value) -> Result<Vec<Alert>, Unreadable> {
    if is_legacy(body) && !is_unified(body) {
        return Ok(vec![legacy(body)]);
    }
    alertmanager::group(SOURCE, body)
}

fn legacy(body: &Value) -> Alert {
    let mut alert = Alert::of(SOURCE);
    let rule = text(body.get("ruleId"));
    alert.fingerprint = rule.map(|rule| {
        let organisation = text(body.get("orgId")).unwrap_or_default();
        format!("{organisation}/{rule}")
    });
    alert.name = text(body.get("ruleName"))
        .or_else(|| text(body.get("title")))
        .unwrap_or_default();
    alert.description = text(body.get("message"));
    alert.labels = labels(body.get("tags"));
    let state = text(body.get("state"));
    alert.status = match state.as_deref() {
        Some("alerting") => Some(Status::Firing),
        Some("ok") => Some(Status::Resolved),
        Some("paused") => Some(Status::Suppressed),
        _ => None,
    };
    if alert.status.is_none() {
        alert.gap(Gap::Status(state.clone()));
    }
    // These bodies say nothing else of how bad it is.
    match alert.labels.get("severity").cloned() {
        Some(word) => severity(&mut alert, Some(word), crate::value::common_severity),
        None => severity(&mut alert, state, |word| {
            (word == "alerting").then_some(Severity::Critical)
        }),
    }
    if alert.status == Some(Status::Resolved) {
        // What is over need not say how bad it was.
        alert
            .mapping_gaps
            .retain(|gap| !matches!(gap, Gap::Severity(_)));
    }
    alert
}
