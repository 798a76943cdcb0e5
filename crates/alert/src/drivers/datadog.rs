//! Datadog, whose body is a template of the operator's
//! (<https://docs.datadoghq.com/integrations/webhooks/>). This is what it is to hold:
//!
//! ```json
//! {"alert_id": "$ALERT_ID", "aggregation_key": "$AGGREG_KEY", "alert_transition": "$ALERT_TRANSITION",
//!  "alert_type": "$ALERT_TYPE", "priority": "$ALERT_PRIORITY", "title": "$ALERT_TITLE",
//!  "body": "$TEXT_ONLY_MSG", "hostname": "$HOSTNAME", "tags": "$TAGS", "date": "$DATE", "url": "$LINK"}
//! ```

use serde_json::Value;

use crate::{
    normal::{Alert, Gap, Severity, Status},
    value::{ended, first, priority, severity, started, tags, text},
};

const SOURCE: &str = "datadog";

pub(crate) fn fits(body: &Value) -> bool {
    ["alert_id", "alert_transition", "alert_type"]
        .iter()
        .all(|key| body.get(key).is_some())
}

pub(crate) fn alerts(body: &Value) -> Vec<Alert> {
    let mut alert = Alert::of(SOURCE);
    let group = text(body.get("aggregation_key"));
    alert.fingerprint = text(body.get("alert_id"))
        .map(|id| group.map_or_else(|| id.clone(), |group| format!("{id}/{group}")));
    alert.name = first(body, &["title", "event_title", "alert_title"]).unwrap_or_default();
    alert.description = first(body, &["body", "text", "event_msg"]);
    alert.labels = tags(body.get("tags"));
    if let Some(host) = text(body.get("hostname")) {
        alert.labels.insert("host".to_owned(), host);
    }
    if let Some(url) = first(body, &["url", "link"]) {
        alert.annotations.insert("url".to_owned(), url);
    }
    status(&mut alert, text(body.get("alert_transition")));
    match text(body.get("priority")).filter(|word| priority(&word.to_ascii_lowercase()).is_some()) {
        Some(word) => severity(&mut alert, Some(word), priority),
        None => severity(
            &mut alert,
            text(body.get("alert_type")),
            |word| match word {
                "error" => Some(Severity::Critical),
                "warning" => Some(Severity::Warning),
                "info" | "success" => Some(Severity::Info),
                _ => None,
            },
        ),
    }
    if alert.status == Some(Status::Resolved) {
        ended(&mut alert, body.get("date"));
    } else {
        started(&mut alert, body.get("date"));
    }
    vec![alert]
}

fn status(alert: &mut Alert, said: Option<String>) {
    alert.status = match said.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some(
            "triggered" | "re-triggered" | "warn" | "re-warn" | "no data" | "re-no data"
            | "renotify",
        ) => Some(Status::Firing),
        Some("recovered") => Some(Status::Resolved),
        _ => None,
    };
    if alert.status.is_none() {
        alert.gap(Gap::Status(said));
    }
}
