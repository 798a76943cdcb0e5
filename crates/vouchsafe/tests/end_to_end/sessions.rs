//! What is promised of logins and sessions, proven on the real binary: its child logs people in at the
//! provider of the proof, so the one of the deployment is never asked.

use serde_json::Value;

use crate::{
    accounts,
    login::configuration,
    support::{Deployment, Upstream},
};

const DOCUMENT: &str = "# Sessions

Idle for 30 minutes. <!-- promise: session.idle idle=30m -->
Eight hours. <!-- promise: session.longest longest=8h -->
One person each. <!-- promise: session.isolated -->
Cookies. <!-- promise: session.cookie -->
Other sites. <!-- promise: csrf.refused -->
Logins. <!-- promise: login.genuine domains=school.test -->
Written down. <!-- promise: audit.logins -->
Nobody else. <!-- promise: auth.enforced route=/app -->
";

#[test]
fn what_is_promised_of_logins_and_sessions_is_kept_and_a_weaker_limit_is_not() {
    let upstream = Upstream::start();
    // Nothing listens there, and nobody logs in but on the child.
    let text = configuration("http://127.0.0.1:1", 1, &upstream)
        .replace("role_claim", "domains = [\"school.test\"]\nrole_claim");
    let deployment = Deployment::new(&text).with("LOGIN_SECRET", "s :");
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    let gate = deployment.up();
    let prove = || deployment.run(&["prove"], &["--allow", "writes", "--format", "json"]);
    let proof = prove().exits(0).json();
    for promise in proof["promises"].as_array().unwrap() {
        assert_eq!(promise["verdict"], "kept", "{promise:#}");
        let attempts = promise["evidence"].as_array().unwrap();
        assert!(attempts.len() >= 4, "{promise:#}");
    }
    gate.stop();
    // A setting that says another number breaks its promise and no other.
    let weaker = text.replace("role_claim", "idle = \"40m\"\nrole_claim");
    deployment.configure(&weaker);
    let gate = deployment.up();
    let proof = prove().exits(1).json();
    let broken = |promise: &&Value| promise["verdict"] == "broken";
    let broken: Vec<&Value> = proof["promises"]
        .as_array()
        .unwrap()
        .iter()
        .filter(broken)
        .collect();
    let [idle] = broken.as_slice() else {
        panic!("{broken:#?}");
    };
    assert_eq!(idle["id"], "session.idle");
    assert!(
        idle["mend"][0]["write"]
            .as_str()
            .unwrap()
            .contains("idle = \"30m\"")
    );
    gate.stop();
}

#[test]
fn what_is_promised_of_sessions_is_kept_for_people_who_sign_in_with_a_password() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&accounts::configuration(&upstream, ""));
    let document: String = DOCUMENT
        .lines()
        .filter(|line| !line.contains("login.genuine"))
        .map(|line| format!("{line}\n"))
        .collect();
    deployment.write("SECURITY.md", document.as_bytes());
    let gate = deployment.up();
    let arguments = ["--allow", "writes", "--format", "json"];
    let proof = deployment.run(&["prove"], &arguments).exits(0).json();
    let promises = proof["promises"].as_array().unwrap();
    for promise in promises {
        assert_eq!(promise["verdict"], "kept", "{promise:#}");
    }
    let logins = promises
        .iter()
        .find(|it| it["id"] == "audit.logins")
        .unwrap();
    assert_eq!(logins["evidence"].as_array().unwrap().len(), 3);
    gate.stop();
}
