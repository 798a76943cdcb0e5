//! Zabbix, whose body is made by the script of a media type
//! (<https://www.zabbix.com/documentation/current/en/manual/config/notifications/media/webhook>). This is
//! what it is to send:
//!
//! ```json
//! {"event_id": "{EVENT.ID}", "trigger_id": "{TRIGGER.ID}", "event_value": "{EVENT.VALUE}",
//!  "event_severity": "{EVENT.SEVERITY}", "event_name": "{EVENT.NAME}", "host": "{HOST.NAME}",
//!  "event_ack": "{EVENT.ACK.STATUS}", "event_timestamp": "{EVENT.TIMESTAMP}",
//!  "recovery_timestamp": "{EVENT.RECOVERY.TIMESTAMP}", "event_tags": "{EVENT.TAGS}"}
//! ```

use serde_json::Value;

use crate::{
    normal::{Alert, Gap, Severity, Status},
    value::{common_severity, ended, first, severity, started, tags, text},
};

const SOURCE: &str = "zabbix";

pub(crate) fn fits(body: &Value) -> bool {
    ["event_id", "trigger_id", "event_value"]
        .iter()
        .all(|key| body.get(key).is_some())
}

pub(crate) fn alerts(body: &Value) -> Vec<Alert> {
    let mut alert = Alert::of(SOURCE);
    // The event keeps its id when it recovers; a trigger stands for all of its events.
    alert.fingerprint = text(body.get("event_id"))
        .or_else(|| text(body.get("trigger_id")).map(|id| format!("trigger/{id}")));
    alert.name = first(body, &["event_name", "trigger_name", "name"]).unwrap_or_default();
    alert.description = first(body, &["event_opdata", "trigger_description", "message"]);
    alert.labels = tags(body.get("event_tags"));
    for (label, names) in [
        ("host", ["host", "host_name"]),
        ("trigger", ["trigger_id", ""]),
    ] {
        if let Some(value) = first(body, &names) {
            alert.labels.insert(label.to_owned(), value);
        }
    }
    let value = text(body.get("event_value"));
    let taken = first(body, &["event_ack", "event_ack_status"])
        .is_some_and(|it| it.eq_ignore_ascii_case("yes") || it == "1");
    alert.status = match value.as_deref() {
        Some("0") => Some(Status::Resolved),
        Some("1") if taken => Some(Status::Acknowledged),
        Some("1") => Some(Status::Firing),
        _ => None,
    };
    if alert.status.is_none() {
        alert.gap(Gap::Status(value));
    }
    let word = first(body, &["event_severity", "trigger_severity", "severity"]);
    severity(&mut alert, word, |word| match word {
        "disaster" => Some(Severity::Critical),
        "average" => Some(Severity::Warning),
        word => common_severity(word),
    });
    started(&mut alert, body.get("event_timestamp"));
    if alert.status == Some(Status::Resolved) {
        ended(&mut alert, body.get("recovery_timestamp"));
    }
    vec![alert]
}
