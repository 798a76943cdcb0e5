//! Bodies as senders send them, and what receivers of them got wrong.

use control::Timestamp;
use serde_json::{Value, json};

use crate::{
    driver::{Driver, Unreadable, read},
    normal::{Alert, Gap, Severity, Status},
    sniff::{Attribution, attribute},
};

fn all(driver: Driver, body: &Value) -> Vec<Alert> {
    read(driver, body.to_string().as_bytes()).unwrap()
}

fn one(driver: Driver, body: &Value) -> Alert {
    let mut alerts = all(driver, body);
    assert_eq!(alerts.len(), 1, "{alerts:?}");
    alerts.remove(0)
}

/// `body` with `value` at `pointer`.
fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    *body.pointer_mut(pointer).unwrap() = value;
    body
}

fn alertmanager() -> Value {
    json!({
        "version": "4", "groupKey": "{}:{alertname=\"DiskFull\"}", "truncatedAlerts": 0,
        "status": "firing", "receiver": "vouchsafe", "groupLabels": {"alertname": "DiskFull"},
        "commonLabels": {"alertname": "DiskFull"}, "commonAnnotations": {},
        "externalURL": "http://alertmanager:9093",
        "alerts": [{
            "status": "firing",
            "labels": {"alertname": "DiskFull", "instance": "web-1:9100", "severity": "critical"},
            "annotations": {"summary": "The disk is full", "description": "/ is at 98 %"},
            "startsAt": "2023-11-14T22:13:20.000Z", "endsAt": "0001-01-01T00:00:00Z",
            "generatorURL": "http://prometheus:9090/graph", "fingerprint": "c4a7c5c4e0f7b1d2",
        }],
    })
}

fn grafana() -> Value {
    let mut body = alertmanager();
    let own = json!({
        "version": "1", "orgId": 1, "title": "[FIRING:1] DiskFull", "state": "alerting",
        "message": "**Firing**", "appVersion": "12.0.0",
    });
    for (key, value) in own.as_object().unwrap() {
        body[key] = value.clone();
    }
    body["alerts"][0]["values"] = json!({"B": 98.2});
    body["alerts"][0]["valueString"] = json!("[ var='B' value=98.2 ]");
    body
}

fn grafana_legacy() -> Value {
    json!({
        "dashboardId": 1, "evalMatches": [{"value": 100, "metric": "High value", "tags": null}],
        "message": "Disk", "orgId": 3, "panelId": 2, "ruleId": 7, "ruleName": "Disk",
        "ruleUrl": "http://grafana/d/x", "state": "alerting", "tags": {"team": "ops"},
        "title": "[Alerting] Disk",
    })
}

fn pagerduty() -> Value {
    json!({"event": {
        "id": "01BRXXVSBV", "event_type": "incident.triggered", "resource_type": "incident",
        "occurred_at": "2023-11-14T22:20:00Z", "agent": {"id": "PLH1HKV"}, "client": null,
        "data": {
            "id": "PGR0VU2", "type": "incident", "html_url": "https://acme.pagerduty.com/incidents/PGR0VU2",
            "number": 2, "status": "triggered", "incident_key": "d3640fbd41094207a1c11e58e46b1662",
            "created_at": "2023-11-14T22:13:20Z", "title": "A little bump in the road",
            "service": {"id": "PF9KMXH", "summary": "API Service"},
            "priority": {"id": "PSO75BM", "summary": "P1"}, "urgency": "high",
        },
    }})
}

fn datadog() -> Value {
    json!({
        "alert_id": "1234", "aggregation_key": "9bd4ac313a4d1e8fae2482df7b77628", "alert_transition": "Triggered",
        "alert_type": "error", "priority": "P2", "title": "CPU is high on web-1", "body": "@webhook-vouchsafe",
        "hostname": "web-1", "tags": "env:prod,service:web,monitor", "date": "1700000000000",
        "url": "https://app.datadoghq.com/event/jump_to?event_id=123456",
    })
}

fn newrelic() -> Value {
    json!({
        "issueId": "c1e6c8c2-0e51-4c9a-a5d5-0b1d3f9d5c1e", "issueUrl": "https://radar-api.service.newrelic.com/x",
        "title": "Memory used above 90 %", "priority": "CRITICAL", "state": "ACTIVATED",
        "createdAt": 1_700_000_000_000_i64, "updatedAt": 1_700_000_600_000_i64, "policy_name": "Golden signals",
    })
}

fn opsgenie() -> Value {
    json!({
        "action": "Create", "integrationId": "37c8f316-17c6-49d7-899b-9c7e540c048d", "integrationName": "Webhook",
        "source": {"name": "", "type": "API"},
        "alert": {
            "alertId": "052652ac-5d1c-464a-812a-7dd18bbfba8c", "message": "Disk", "alias": "disk/web-1",
            "tags": ["prod", "team:ops"], "entity": "web-1", "createdAt": 1_700_000_000_000_i64,
            "updatedAt": 1_700_000_600_000_000_000_i64, "description": "full", "priority": "P3",
            "details": {"region": "eu"},
        },
    })
}

fn zabbix() -> Value {
    json!({
        "event_id": "1234", "trigger_id": "5678", "event_value": "1", "event_severity": "Disaster",
        "event_name": "Disk is full", "host": "web-1", "event_ack": "No", "event_timestamp": "1700000000",
        "recovery_timestamp": "{EVENT.RECOVERY.TIMESTAMP}", "event_tags": "scope:capacity, class:os",
    })
}

fn bodies() -> [(Driver, Value); 8] {
    [
        (Driver::Alertmanager, alertmanager()),
        (Driver::Grafana, grafana()),
        (Driver::Grafana, grafana_legacy()),
        (Driver::PagerDuty, pagerduty()),
        (Driver::Datadog, datadog()),
        (Driver::NewRelic, newrelic()),
        (Driver::Opsgenie, opsgenie()),
        (Driver::Zabbix, zabbix()),
    ]
}

#[test]
fn every_sender_is_read_without_a_gap() {
    for (driver, body) in bodies() {
        let alert = one(driver, &body);
        assert_eq!(alert.mapping_gaps, [], "{driver:?}");
        assert_eq!(alert.source, driver.name());
        assert_eq!(alert.status, Some(Status::Firing), "{driver:?}");
        assert!(alert.severity >= Some(Severity::Warning), "{driver:?}");
        assert_eq!(alert.ended_at, None, "{driver:?}");
        let began = driver != Driver::Grafana || body.get("alerts").is_some();
        let at = began.then_some(Timestamp::from_seconds(1_700_000_000));
        assert_eq!(alert.started_at, at, "{driver:?}");
    }
}

/// "0001-01-01T00:00:00Z" is no moment, and the end that a firing alert names is the one at which it
/// will be forgotten.
#[test]
fn an_alert_that_fires_has_not_ended() {
    assert_eq!(one(Driver::Alertmanager, &alertmanager()).ended_at, None);
    let expected = with(
        &alertmanager(),
        "/alerts/0/endsAt",
        json!("2023-11-14T22:17:20Z"),
    );
    assert_eq!(one(Driver::Alertmanager, &expected).ended_at, None);
    let over = with(&expected, "/alerts/0/status", json!("resolved"));
    let over = one(Driver::Alertmanager, &over);
    assert_eq!(over.status, Some(Status::Resolved));
    assert_eq!(over.ended_at, Some(Timestamp::from_seconds(1_700_000_240)));
}

/// A group that is firing holds alerts that are over: each says for itself.
#[test]
fn the_status_of_a_group_is_not_that_of_its_alerts() {
    let mut body = alertmanager();
    let mut second = body["alerts"][0].clone();
    second["status"] = json!("resolved");
    second["fingerprint"] = json!("other");
    body["alerts"].as_array_mut().unwrap().push(second);
    let alerts = all(Driver::Alertmanager, &body);
    let read: Vec<_> = alerts.iter().map(|it| it.status).collect();
    assert_eq!(read, [Some(Status::Firing), Some(Status::Resolved)]);
}

#[test]
fn what_a_sender_left_out_is_said() {
    let body = with(&alertmanager(), "/truncatedAlerts", json!(12));
    assert_eq!(
        one(Driver::Alertmanager, &body).mapping_gaps,
        [Gap::LeftOut(Some(12))]
    );
}

/// Grafana's bodies have everything that Alertmanager's have.
#[test]
fn a_body_of_grafana_is_grafanas_and_one_of_alertmanager_is_not() {
    let like = with(&grafana(), "/version", json!("4"));
    assert!(super::alertmanager::fits(&like), "the trap is there");
    for body in [grafana(), like, grafana_legacy()] {
        assert_eq!(
            attribute(body.to_string().as_bytes()),
            Ok(Attribution::One(Driver::Grafana))
        );
    }
    assert_eq!(
        attribute(alertmanager().to_string().as_bytes()),
        Ok(Attribution::One(Driver::Alertmanager))
    );
}

#[test]
fn each_sender_is_told_by_what_no_other_has() {
    for (driver, body) in bodies() {
        let told = attribute(body.to_string().as_bytes());
        assert_eq!(told, Ok(Attribution::One(driver)));
    }
    for nobody in [
        json!({}),
        json!({"status": "firing"}),
        json!({"alerts": []}),
        json!({"event": {"event_type": "x"}}),
        json!({"alert": {"alertId": "1"}}),
    ] {
        let told = attribute(nobody.to_string().as_bytes());
        assert_eq!(told, Ok(Attribution::Nobody), "{nobody}");
    }
}

/// Two senders' keys in one body: nobody's, whichever is looked at first.
#[test]
fn a_body_with_the_keys_of_two_senders_is_nobodys() {
    let all = bodies();
    for (first, one) in &all {
        for (second, other) in &all {
            if first == second {
                continue;
            }
            let mut both = one.clone();
            for (key, value) in other.as_object().unwrap() {
                both[key] = value.clone();
            }
            let told = attribute(both.to_string().as_bytes()).unwrap();
            let pair = [*first, *second];
            let grafana = pair.contains(&Driver::Grafana) && pair.contains(&Driver::Alertmanager);
            match told {
                Attribution::Several(_) => {}
                // Nothing of Alertmanager's is its own beside a body of Grafana.
                Attribution::One(Driver::Grafana) if grafana => {}
                other => panic!("{first:?} with {second:?}: {other:?}"),
            }
        }
    }
}

#[test]
fn what_somebody_has_taken_is_not_over() {
    let taken = [
        (
            Driver::PagerDuty,
            pagerduty(),
            "/event/event_type",
            "incident.acknowledged",
        ),
        (Driver::NewRelic, newrelic(), "/state", "ACKNOWLEDGED"),
        (Driver::Opsgenie, opsgenie(), "/action", "Acknowledge"),
        (Driver::Zabbix, zabbix(), "/event_ack", "Yes"),
    ];
    for (driver, body, pointer, word) in taken {
        let alert = one(driver, &with(&body, pointer, json!(word)));
        assert_eq!(alert.status, Some(Status::Acknowledged), "{driver:?}");
        assert_eq!(alert.ended_at, None);
    }
}

#[test]
fn what_is_over_is_resolved() {
    let over = [
        (Driver::Grafana, grafana_legacy(), "/state", "ok"),
        (
            Driver::PagerDuty,
            pagerduty(),
            "/event/event_type",
            "incident.resolved",
        ),
        (Driver::Datadog, datadog(), "/alert_transition", "Recovered"),
        (Driver::NewRelic, newrelic(), "/state", "CLOSED"),
        (Driver::Opsgenie, opsgenie(), "/action", "Close"),
        (Driver::Zabbix, zabbix(), "/event_value", "0"),
    ];
    for (driver, body, pointer, word) in over {
        let alert = one(driver, &with(&body, pointer, json!(word)));
        assert_eq!(alert.status, Some(Status::Resolved), "{driver:?}");
        let same = one(driver, &body).fingerprint;
        assert_eq!(
            alert.fingerprint, same,
            "{driver:?}: it is still the same thing"
        );
    }
}

#[test]
fn a_word_that_nobody_knows_is_a_gap_and_no_default() {
    let odd = [
        (Driver::Alertmanager, alertmanager(), "/alerts/0/status"),
        (Driver::Grafana, grafana_legacy(), "/state"),
        (Driver::Datadog, datadog(), "/alert_transition"),
        (Driver::NewRelic, newrelic(), "/state"),
        (Driver::Opsgenie, opsgenie(), "/action"),
        (Driver::Zabbix, zabbix(), "/event_value"),
    ];
    for (driver, body, pointer) in odd {
        let alert = one(driver, &with(&body, pointer, json!("perhaps")));
        assert_eq!(alert.status, None, "{driver:?}");
        let gap = Gap::Status(Some("perhaps".to_owned()));
        assert!(alert.mapping_gaps.contains(&gap), "{driver:?}: {alert:?}");
    }
    let odd = [
        (
            Driver::Alertmanager,
            alertmanager(),
            "/alerts/0/labels/severity",
        ),
        (
            Driver::PagerDuty,
            pagerduty(),
            "/event/data/priority/summary",
        ),
        (Driver::NewRelic, newrelic(), "/priority"),
        (Driver::Opsgenie, opsgenie(), "/alert/priority"),
        (Driver::Zabbix, zabbix(), "/event_severity"),
    ];
    for (driver, body, pointer) in odd {
        let alert = one(driver, &with(&body, pointer, json!("Terrible")));
        assert_eq!(alert.severity, None, "{driver:?}");
        assert_eq!(alert.raw_severity.as_deref(), Some("Terrible"));
        let gap = Gap::Severity(Some("Terrible".to_owned()));
        assert_eq!(alert.mapping_gaps, [gap], "{driver:?}");
    }
    let odd = with(&alertmanager(), "/alerts/0/startsAt", json!("yesterday"));
    assert_eq!(
        one(Driver::Alertmanager, &odd).mapping_gaps,
        [Gap::StartedAt("yesterday".to_owned())]
    );
}

/// Numbers arrive as strings and strings as numbers.
#[test]
fn a_number_and_its_text_are_the_same() {
    for value in [json!(0), json!("0")] {
        let alert = one(Driver::Zabbix, &with(&zabbix(), "/event_value", value));
        assert_eq!(alert.status, Some(Status::Resolved));
    }
    for id in [json!(1234), json!("1234")] {
        let body = with(
            &with(&datadog(), "/alert_id", id.clone()),
            "/date",
            json!(1_700_000_000_000_i64),
        );
        let alert = one(Driver::Datadog, &body);
        assert_eq!(
            alert.fingerprint,
            one(Driver::Datadog, &datadog()).fingerprint
        );
        let alert = one(Driver::Zabbix, &with(&zabbix(), "/event_id", id));
        assert_eq!(alert.fingerprint.as_deref(), Some("1234"));
    }
    let body = with(&alertmanager(), "/version", json!(4));
    assert_eq!(
        attribute(body.to_string().as_bytes()),
        Ok(Attribution::One(Driver::Alertmanager))
    );
}

/// A name is no identity: it merged thousands of problems into one in a product we read.
#[test]
fn what_has_no_identity_is_not_merged_by_its_name() {
    let without = [
        (
            Driver::Alertmanager,
            alertmanager(),
            "/alerts/0/fingerprint",
        ),
        (Driver::Grafana, grafana_legacy(), "/ruleId"),
        (Driver::PagerDuty, pagerduty(), "/event/data/id"),
        (Driver::Datadog, datadog(), "/alert_id"),
        (Driver::NewRelic, newrelic(), "/issueId"),
    ];
    for (driver, body, pointer) in without {
        for nothing in [json!(null), json!("")] {
            let alert = one(driver, &with(&body, pointer, nothing));
            assert_eq!(alert.fingerprint, None, "{driver:?}");
            assert!(alert.mapping_gaps.contains(&Gap::Fingerprint), "{driver:?}");
        }
    }
    // Variables that a template did not fill are no identity either.
    let body = with(&datadog(), "/alert_id", json!("$ALERT_ID"));
    assert_eq!(one(Driver::Datadog, &body).fingerprint, None);
    let body = with(&zabbix(), "/event_id", json!("{EVENT.ID}"));
    assert_eq!(
        one(Driver::Zabbix, &body).fingerprint.as_deref(),
        Some("trigger/5678")
    );
    let body = with(&opsgenie(), "/alert/alertId", json!(null));
    assert_eq!(
        one(Driver::Opsgenie, &body).fingerprint.as_deref(),
        Some("disk/web-1")
    );
}

/// PagerDuty's priority has its word in `summary`; there is no `name`.
#[test]
fn the_word_of_a_priority_stands_in_its_summary() {
    for (word, severity) in [
        ("P1", Severity::Critical),
        ("P3", Severity::Warning),
        ("P5", Severity::Info),
    ] {
        let body = with(&pagerduty(), "/event/data/priority/summary", json!(word));
        assert_eq!(one(Driver::PagerDuty, &body).severity, Some(severity));
    }
    let body = with(&pagerduty(), "/event/data/priority", json!(null));
    assert_eq!(one(Driver::PagerDuty, &body).severity, Some(Severity::High));
    let body = with(&body, "/event/data/urgency", json!("low"));
    assert_eq!(one(Driver::PagerDuty, &body).severity, Some(Severity::Low));
}

/// A note changes nothing: the incident says how it is.
#[test]
fn an_event_that_changes_nothing_leaves_the_status() {
    let note = with(
        &pagerduty(),
        "/event/event_type",
        json!("incident.annotated"),
    );
    assert_eq!(one(Driver::PagerDuty, &note).status, Some(Status::Firing));
    let taken = with(&note, "/event/data/status", json!("acknowledged"));
    assert_eq!(
        one(Driver::PagerDuty, &taken).status,
        Some(Status::Acknowledged)
    );
    let ping = json!({"event": {"event_type": "pagey.ping", "resource_type": "pagey", "data": {}}});
    assert_eq!(all(Driver::PagerDuty, &ping), []);
    let bare = json!({"event": {"event_type": "incident.triggered"}});
    assert_eq!(
        read(Driver::PagerDuty, bare.to_string().as_bytes()),
        Err(Unreadable::OtherShape)
    );
}

/// Opsgenie cuts a description at a thousand characters without a word.
#[test]
fn a_description_that_was_cut_by_its_sender_is_said() {
    let body = with(&opsgenie(), "/alert/description", json!("x".repeat(1000)));
    let gaps = one(Driver::Opsgenie, &body).mapping_gaps;
    assert_eq!(gaps, [Gap::Truncated("description, by the sender")]);
    let body = with(&opsgenie(), "/alert/description", json!("x".repeat(999)));
    assert!(one(Driver::Opsgenie, &body).mapping_gaps.is_empty());
}

#[test]
fn a_monitor_with_groups_has_an_identity_for_each() {
    let other = with(&datadog(), "/aggregation_key", json!("another"));
    assert_ne!(
        one(Driver::Datadog, &other).fingerprint,
        one(Driver::Datadog, &datadog()).fingerprint
    );
}
