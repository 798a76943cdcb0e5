//! New Relic, whose body is a template of the operator's
//! (<https://docs.newrelic.com/docs/alerts/get-notified/notification-integrations/>): the fields of its
//! workflows, and those of the channels before them.

use serde_json::Value;

use crate::{
    normal::{Alert, Gap, Status},
    value::{common_severity, ended, first, labels, severity, started, text},
};

const SOURCE: &str = "newrelic";

pub(crate) fn fits(body: &Value) -> bool {
    let has = |key: &str| body.get(key).is_some();
    has("issueId") || (has("condition_id") && has("incident_id") && has("current_state"))
}

pub(crate) fn alerts(body: &Value) -> Vec<Alert> {
    let mut alert = Alert::of(SOURCE);
    alert.fingerprint = first(body, &["issueId", "incident_id"]);
    alert.name = first(
        body,
        &["title", "issueTitle", "condition_name", "conditionName"],
    )
    .unwrap_or_default();
    alert.description = first(body, &["details", "description"]);
    alert.labels = labels(body.get("labels"));
    for (label, names) in [
        ("policy", ["policy_name", "policyName"]),
        ("condition", ["condition_name", "conditionName"]),
        ("account", ["account_id", "accountId"]),
    ] {
        if let Some(value) = first(body, &names) {
            alert.labels.insert(label.to_owned(), value);
        }
    }
    if let Some(url) = first(body, &["issueUrl", "issuePageUrl", "incident_url"]) {
        alert.annotations.insert("url".to_owned(), url);
    }
    status(&mut alert, first(body, &["state", "current_state"]));
    let word = first(body, &["priority", "severity"]);
    severity(&mut alert, word, common_severity);
    started(&mut alert, started_in(body));
    if alert.status == Some(Status::Resolved) {
        let closed = ["closedAt", "updatedAt"];
        let at = closed
            .iter()
            .find_map(|key| body.get(key).filter(|it| text(Some(it)).is_some()));
        ended(&mut alert, at);
    }
    vec![alert]
}

fn started_in(body: &Value) -> Option<&Value> {
    ["createdAt", "activatedAt", "timestamp"]
        .iter()
        .find_map(|key| body.get(key).filter(|it| text(Some(it)).is_some()))
}

fn status(alert: &mut Alert, said: Option<String>) {
    alert.status = match said.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("created" | "activated" | "open" | "opened") => Some(Status::Firing),
        Some("acknowledged") => Some(Status::Acknowledged),
        Some("closed") => Some(Status::Resolved),
        _ => None,
    };
    if alert.status.is_none() {
        alert.gap(Gap::Status(said));
    }
}
