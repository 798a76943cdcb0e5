//! `alert read`: messages of monitoring systems, in one form.

use crate::support::{Said, run, vouchsafe};

fn read(body: &str, more: &[&str]) -> Said {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("message.json");
    std::fs::write(&file, body).unwrap();
    run(vouchsafe(&["alert", "read"]).args(more).arg(&file))
}

const ZABBIX: &str = r#"{"event_id":"1234","trigger_id":"5678","event_value":0,"event_severity":"Disaster",
    "event_name":"Disk is full","host":"web-1","event_timestamp":"1700000000","recovery_timestamp":1700000600}"#;

#[test]
fn a_message_is_told_by_what_no_other_sender_has() {
    let alert = read(ZABBIX, &["--format", "json"]).exits(0).json();
    assert_eq!(alert["source"], "zabbix");
    assert_eq!(alert["status"], "resolved");
    assert_eq!(alert["severity"], "critical");
    assert_eq!(alert["ended_at"], "2023-11-14T22:23:20.000Z");
    assert_eq!(alert["mapping_gaps"], serde_json::json!([]));
    let text = read(ZABBIX, &[]).exits(0).stdout;
    assert_eq!(text, "resolved      critical  zabbix        Disk is full\n");
}

#[test]
fn what_is_nobodys_is_not_guessed() {
    read("{\"status\":\"firing\"}", &[])
        .exits(1)
        .says(&["no sender's"]);
    let both = ZABBIX.replace('{', "{\"issueId\":\"x\",");
    read(&both, &[]).exits(1).says(&["newrelic and zabbix"]);
    let named = read(&both, &["--source", "zabbix", "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(named["source"], "zabbix");
}

#[test]
fn what_a_message_does_not_say_is_a_gap() {
    let odd = ZABBIX.replace("\"event_value\":0", "\"event_value\":\"maybe\"");
    let alert = read(&odd, &["--format", "json"]).exits(0).json();
    assert!(alert["status"].is_null());
    assert_eq!(
        alert["mapping_gaps"],
        serde_json::json!([{"field": "status", "said": "maybe"}])
    );
    let text = read(&odd, &[]).exits(0).stdout;
    assert!(
        text.starts_with("unknown") && text.ends_with("(1 gap)\n"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_read_is_no_alert() {
    read("not json", &[]).could_not_ask(&["no JSON"]);
    read(ZABBIX, &["--source", "zabix"]).could_not_ask(&["did you mean `zabbix`?"]);
    read("[]", &["--source", "zabbix"]).could_not_ask(&["no JSON object"]);
}
