//! Opsgenie, outgoing webhooks
//! (<https://support.atlassian.com/opsgenie/docs/opsgenie-edge-connector-alert-action-data/>).

use serde_json::Value;

use crate::{
    driver::Unreadable,
    normal::{Alert, Gap, Status},
    value::{ended, labels, priority, severity, started, tags, text},
};

const SOURCE: &str = "opsgenie";

/// The sender cuts a description at so many characters, and does not say that it did.
const CUT_AT: usize = 1000;

pub(crate) fn fits(body: &Value) -> bool {
    body.pointer("/alert/alertId").is_some()
        && body.get("action").is_some_and(Value::is_string)
        && body.get("integrationId").is_some()
}

pub(crate) fn alerts(body: &Value) -> Result<Vec<Alert>, Unreadable> {
    let said = body.get("alert").ok_or(Unreadable::OtherShape)?;
    let mut alert = Alert::of(SOURCE);
    alert.fingerprint = text(said.get("alertId")).or_else(|| text(said.get("alias")));
    alert.name = text(said.get("message")).unwrap_or_default();
    alert.description = text(said.get("description"));
    if alert
        .description
        .as_ref()
        .is_some_and(|text| text.chars().count() >= CUT_AT)
    {
        alert.gap(Gap::Truncated("description, by the sender"));
    }
    alert.labels = labels(said.get("details"));
    alert.labels.extend(tags(said.get("tags")));
    for (label, key) in [
        ("alias", "alias"),
        ("entity", "entity"),
        ("source", "source"),
    ] {
        if let Some(value) = text(said.get(key)) {
            alert.labels.insert(label.to_owned(), value);
        }
    }
    let action = text(body.get("action"));
    alert.status = match action.as_deref() {
        Some("Create" | "UnAcknowledge") => Some(Status::Firing),
        Some("Acknowledge") => Some(Status::Acknowledged),
        Some("Close") => Some(Status::Resolved),
        Some("Snooze") => Some(Status::Suppressed),
        _ => None,
    };
    if alert.status.is_none() {
        alert.gap(Gap::Status(action));
    }
    severity(&mut alert, text(said.get("priority")), priority);
    started(&mut alert, said.get("createdAt"));
    if alert.status == Some(Status::Resolved) {
        ended(&mut alert, said.get("updatedAt"));
    }
    Ok(vec![alert])
}
