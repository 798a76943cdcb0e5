//! PagerDuty, webhooks v3
//! (<https://developer.pagerduty.com/docs/webhooks/v3-overview/>).

use serde_json::Value;

use crate::{
    driver::Unreadable,
    normal::{Alert, Gap, Severity, Status},
    value::{ended, priority, severity, started, text},
};

const SOURCE: &str = "pagerduty";

pub(crate) fn fits(body: &Value) -> bool {
    let said = |pointer: &str| body.pointer(pointer).is_some_and(Value::is_string);
    said("/event/event_type") && said("/event/resource_type")
}

pub(crate) fn alerts(body: &Value) -> Result<Vec<Alert>, Unreadable> {
    let event = body.get("event").ok_or(Unreadable::OtherShape)?;
    let kind = text(event.get("event_type")).ok_or(Unreadable::OtherShape)?;
    // What the console sends when a person asks whether it works.
    if kind == "pagey.ping" {
        return Ok(Vec::new());
    }
    let data = event.get("data").ok_or(Unreadable::OtherShape)?;
    let mut alert = Alert::of(SOURCE);
    alert.fingerprint = text(data.get("id"));
    alert.name = text(data.get("title")).unwrap_or_default();
    status(&mut alert, &kind, data);
    how_bad(&mut alert, data);
    for (label, pointer) in [
        ("service", "/service/summary"),
        ("escalation_policy", "/escalation_policy/summary"),
        ("incident_key", "/incident_key"),
        ("number", "/number"),
    ] {
        if let Some(value) = text(data.pointer(pointer)) {
            alert.labels.insert(label.to_owned(), value);
        }
    }
    for (name, key) in [("url", "html_url"), ("resolve_reason", "resolve_reason")] {
        if let Some(value) = text(data.get(key)) {
            alert.annotations.insert(name.to_owned(), value);
        }
    }
    alert.annotations.insert("event_type".to_owned(), kind);
    started(&mut alert, data.get("created_at"));
    if alert.status == Some(Status::Resolved) {
        ended(&mut alert, event.get("occurred_at"));
    }
    Ok(vec![alert])
}

/// The event says what happened; where it changes nothing, such as a note, the incident says how it is.
fn status(alert: &mut Alert, kind: &str, data: &Value) {
    let said = text(data.get("status"));
    alert.status = match kind.rsplit('.').next() {
        Some("triggered" | "reopened" | "unacknowledged") => Some(Status::Firing),
        Some("acknowledged") => Some(Status::Acknowledged),
        Some("resolved") => Some(Status::Resolved),
        _ => match said.as_deref() {
            Some("triggered") => Some(Status::Firing),
            Some("acknowledged") => Some(Status::Acknowledged),
            Some("resolved") => Some(Status::Resolved),
            _ => None,
        },
    };
    if alert.status.is_none() {
        alert.gap(Gap::Status(said.or_else(|| Some(kind.to_owned()))));
    }
}

/// A priority has its word in `summary`; where there is none, the urgency is what there is.
fn how_bad(alert: &mut Alert, data: &Value) {
    match text(data.pointer("/priority/summary")) {
        Some(word) => severity(alert, Some(word), priority),
        None => severity(alert, text(data.get("urgency")), |word| match word {
            "high" => Some(Severity::High),
            "low" => Some(Severity::Low),
            _ => None,
        }),
    }
}
