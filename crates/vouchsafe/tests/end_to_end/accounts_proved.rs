//! What is promised of local accounts, proven on the real binary with accounts of the proof alone.

use serde_json::Value;

use crate::{
    accounts::configuration,
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
