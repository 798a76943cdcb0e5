//! How long the ledger keeps its entries, proved and broken on the real binary.

use serde_json::Value;

use crate::support::{Deployment, Upstream, open_route, site};

const DOCUMENT: &str = "# Security\n\n- The audit trail is kept for at least 365 days. \
                        <!-- promise: audit.retention age=365d -->\n";

/// A deployment that promises a year and whose `[ledger]` says `keep`.
fn deployment(upstream: &Upstream, keep: &str) -> Deployment {
    let open = open_route("/");
    let deployment = Deployment::new(&format!(
        "{}{open}[ledger]\n{keep}\n",
        site(upstream.address)
    ));
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    deployment
}

/// What its proof says of the one promise, and how it ends.
fn proved(keep: &str, code: i32) -> Value {
    let upstream = Upstream::start();
    let deployment = deployment(&upstream, keep);
    let gate = deployment.up();
    let said = deployment.run(&["prove"], &["--format", "json"]);
    let proof = said.exits(code).json();
    gate.stop();
    proof["promises"][0].clone()
}

#[test]
fn what_is_younger_than_promised_stays_where_older_entries_go() {
    let promise = proved("keep = \"400d\"", 0);
    assert_eq!(promise["verdict"], "kept", "{promise}");
    let evidence = promise["evidence"].as_array().unwrap();
    assert_eq!(evidence.len(), 5, "{promise}");
    let younger = evidence[0]["saw"].as_str().unwrap();
    assert!(younger.contains("256 of 256"), "{promise}");
}

#[test]
fn a_ledger_without_an_end_keeps_everything() {
    let promise = proved("", 0);
    assert_eq!(promise["verdict"], "kept", "{promise}");
}

#[test]
fn keeping_for_less_than_is_promised_is_broken_and_mended() {
    let promise = proved("keep = \"90d\"", 1);
    assert_eq!(promise["verdict"], "broken", "{promise}");
    let mend = promise["mend"][0]["write"].as_str().unwrap();
    assert!(mend.contains("keep = \"365d\""), "{promise}");
}

#[test]
fn the_probe_sees_a_ledger_that_keeps_for_a_week() {
    let upstream = Upstream::start();
    let deployment = deployment(&upstream, "keep = \"400d\"");
    let tested = deployment.run(&["prove"], &["--self-test", "--format", "json"]);
    let tested = tested.exits(0).json();
    let [trial] = tested["trials"].as_array().unwrap().as_slice() else {
        panic!("{tested}");
    };
    assert_eq!(trial["verdict"], "broken", "{trial}");
}
