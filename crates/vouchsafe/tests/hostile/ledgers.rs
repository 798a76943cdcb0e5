//! What the ledger of a deployment says once nobody runs on it.

use serde_json::Value;

use crate::support::{Deployment, run, vouchsafe};

/// Every entry, oldest first.
pub(crate) fn entries(deployment: &Deployment) -> Vec<Value> {
    let said = deployment.run(&["ledger", "export"], &[]).exits(0);
    let line = |line: &str| serde_json::from_str(line).unwrap();
    said.stdout.lines().map(line).collect()
}

/// The kinds of entries, oldest first.
pub(crate) fn kinds(deployment: &Deployment) -> Vec<String> {
    let kind = |entry: &Value| entry["kind"].as_str().unwrap().to_owned();
    entries(deployment).iter().map(kind).collect()
}

/// Asserts that the ledger is whole; how many of its entries lie behind the signed ones.
#[track_caller]
pub(crate) fn whole(deployment: &Deployment) -> u64 {
    let key = deployment.run(&["ledger", "key"], &[]).exits(0).stdout;
    let said = run(vouchsafe(&["ledger", "verify"])
        .arg(deployment.data().join("ledger"))
        .args(["--key", key.trim(), "--format", "json"]));
    let said = said.exits(0).json();
    assert_eq!(said["whole"], true);
    said["unsigned"].as_u64().unwrap()
}

/// Asserts that an instance ended in order: its stop is the last entry, and under a signature.
#[track_caller]
pub(crate) fn ended_in_order(deployment: &Deployment) {
    assert_eq!(whole(deployment), 0);
    let last = kinds(deployment).pop();
    assert_eq!(last.as_deref(), Some("instance.stop"));
}
