//! What is promised of local accounts, proven on the real binary with accounts of the proof alone.

use serde_json::Value;

use crate::{
    accounts::configuration,
    alerts,
    support::{Deployment, Upstream},
};

const DOCUMENT: &str = "# Accounts

Locked after 5. <!-- promise: account.lockout attempts=5 -->
Seen within 2 seconds. <!-- promise: account.monitored within=2s -->
One answer. <!-- promise: account.one-answer -->
At least 12 characters. <!-- promise: password.rules shortest=12 -->
Nobody else. <!-- promise: auth.enforced route=/app -->
30 minutes. <!-- promise: session.idle idle=30m -->
";

const TOLD: &str = "# Alerts

The team hears of a lock within 10 seconds. <!-- promise: account.alerted within=10s -->
";

fn promises(proof: &Value) -> &Vec<Value> {
    proof["promises"].as_array().unwrap()
}

#[test]
fn what_is_promised_of_accounts_is_kept_and_a_weaker_setting_is_not() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&configuration(&upstream, ""));
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    let gate = deployment.up();
    let prove = || deployment.run(&["prove"], &["--allow", "writes", "--format", "json"]);
    // More often than an address may fail: a proof locks nobody out, itself included.
    for _ in 0..4 {
        let proof = prove().exits(0).json();
        for promise in promises(&proof) {
            assert_eq!(promise["verdict"], "kept", "{promise:#}");
        }
    }
    let users = deployment.run(&["user", "list"], &["--format", "json"]);
    assert_eq!(users.exits(0).json()["users"], serde_json::json!([]));
    let sessions = deployment.run(&["session", "list"], &["--format", "json"]);
    let sessions = sessions.exits(0).json();
    assert_eq!(sessions["sessions"], serde_json::json!([]));
    gate.stop();
    for (weaker, id, mend) in [
        ("attempts = 7", "account.lockout", "attempts = 5"),
        ("shortest = 11", "password.rules", "shortest = 12"),
        ("idle = \"40m\"", "session.idle", "idle = \"30m\""),
    ] {
        deployment.configure(&configuration(&upstream, weaker));
        let gate = deployment.up();
        let proof = prove().exits(1).json();
        let broken = promises(&proof).iter();
        let broken: Vec<&Value> = broken.filter(|it| it["verdict"] == "broken").collect();
        let [broken] = broken.as_slice() else {
            panic!("{weaker}: {broken:#?}");
        };
        assert_eq!(broken["id"], id);
        let written = broken["mend"][0]["write"].as_str().unwrap();
        assert!(written.contains(mend), "{written}");
        gate.stop();
    }
}

#[test]
fn the_proof_of_accounts_can_fail() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&configuration(&upstream, ""));
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    deployment.run(&["prove"], &["--self-test"]).exits(0);
}

#[test]
fn the_proof_of_alerts_can_fail_and_asks_nobody_of_the_team() {
    let receiver = alerts::Receiver::start(&[200]);
    let upstream = Upstream::start();
    let text = configuration(&upstream, "") + &alerts::section(receiver.address, "");
    let deployment = Deployment::new(&text).with("ALERT_SECRET", alerts::SECRET);
    deployment.write("SECURITY.md", TOLD.as_bytes());
    deployment.run(&["prove"], &["--self-test"]).exits(0);
    assert!(receiver.seen().is_empty());
}

#[test]
fn that_the_team_is_told_of_a_lock_is_kept_where_its_receiver_takes_it_and_nowhere_else() {
    for (status, verdict) in [(&[200], "kept"), (&[500], "broken")] {
        let receiver = alerts::Receiver::start(status);
        let house = alerts::house(receiver.address, "", "");
        house.deployment.write("SECURITY.md", TOLD.as_bytes());
        let said = house
            .deployment
            .run(&["prove"], &["--allow", "writes", "--format", "json"]);
        let proof = said.json();
        assert_eq!(promises(&proof)[0]["verdict"], verdict, "{proof:#}");
        // The receiver can tell that nobody was attacked.
        for alert in receiver.seen() {
            assert_eq!(alert.json()["data"]["proof"], true);
        }
        assert!(!receiver.seen().is_empty());
        house.gate.stop();
    }
}
