//! What every verb has in common, and the verbs that ask a running gate how it is.

use serde_json::Value;

use crate::support::{Deployment, Upstream, get, open_route, run, site, status, vouchsafe};

/// Every verb a person can type, hidden ones included.
const VERBS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["init"],
    &["check"],
    &["up"],
    &["reload"],
    &["prove"],
    &["key"],
    &["key", "create"],
    &["key", "list"],
    &["key", "revoke"],
    &["user"],
    &["user", "add"],
    &["user", "list"],
    &["user", "reset"],
    &["user", "disable"],
    &["user", "enable"],
    &["user", "unlock"],
    &["session"],
    &["session", "list"],
    &["session", "end"],
    &["webhook"],
    &["webhook", "schemes"],
    &["webhook", "sign"],
    &["webhook", "verify"],
    &["ledger"],
    &["ledger", "tail"],
    &["ledger", "show"],
    &["ledger", "verify"],
    &["ledger", "export"],
    &["ledger", "key"],
    &["egress"],
    &["egress", "check"],
    &["config"],
    &["config", "show"],
    &["healthcheck"],
    &["demo-app"],
];

#[test]
fn every_verb_explains_itself() {
    for verb in VERBS {
        let said = run(vouchsafe(verb).arg("--help")).exits(0);
        assert!(
            said.stdout.contains("Usage: vouchsafe"),
            "{verb:?}: {}",
            said.stdout
        );
        assert_eq!(said.stderr, "", "{verb:?}");
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let said = run(&mut vouchsafe(&["--version"])).exits(0);
    assert_eq!(
        said.stdout,
        concat!("vouchsafe ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn the_ready_file_names_the_gate_the_admin_socket_and_the_process() {
    let deployment = Deployment::new(&(site("127.0.0.1:9".parse().unwrap()) + &open_route("/")));
    let gate = deployment.up();
    assert_eq!(gate.ready["gate"].as_array().unwrap().len(), 1);
    assert_ne!(gate.address.port(), 0);
    assert!(gate.address.ip().is_loopback());
    let admin = gate.ready["admin"].as_str().unwrap();
    assert!(
        admin.starts_with("unix:/") && admin.ends_with("/admin.sock"),
        "{admin}"
    );
    assert_eq!(gate.ready["pid"], gate.id());

    let about = gate.admin.get("/v1/instance").unwrap();
    assert_eq!(about["gate"], gate.ready["gate"]);
    assert_eq!(about["pid"], gate.id());
    for name in [
        "version",
        "configuration_sha256",
        "public_url",
        "started",
        "origin",
        "ledger_key",
    ] {
        assert!(
            about[name].as_str().is_some_and(|text| !text.is_empty()),
            "{name}: {about}"
        );
    }
    let said = gate.stop();
    assert_eq!(said.stdout, "", "up prints no data");
}

#[test]
fn every_listener_is_in_the_ready_file_in_the_order_of_the_configuration() {
    let text = site("127.0.0.1:9".parse().unwrap())
        + "[[listen]]\naddress = \"[::1]:0\"\n\n"
        + &open_route("/");
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    let second: std::net::SocketAddr = gate.ready["gate"][1].as_str().unwrap().parse().unwrap();
    assert!(second.is_ipv6());
    assert_eq!(status(gate.address, get("/.vouchsafe/none")), 404);
    assert_eq!(status(second, get("/.vouchsafe/none")), 404);
    gate.stop();
}

#[test]
fn the_configuration_is_shown_with_references_in_place_of_secrets() {
    let text = format!(
        "{}{}[secrets]\ntwilio = \"env:TOKEN\"\n\n[[route]]\npath = \"/hook\"\napp = \"app\"\n\
         methods = [\"POST\"]\nwebhook = {{ scheme = \"twilio\", secret = [\"twilio\"] }}\n",
        site("127.0.0.1:9".parse().unwrap()),
        open_route("/")
    );
    let deployment = Deployment::new(&text).with("TOKEN", "correct-horse");
    let shown = deployment.run(&["config", "show"], &["--format", "json"]);
    let shown = shown.exits(0).silent_about("correct-horse").json();
    assert_eq!(shown["secrets"]["twilio"], "env:TOKEN");
    assert_eq!(shown["route"][1]["webhook"]["scheme"], "twilio");

    // As text it is a configuration again, with the same content.
    let said = deployment
        .run(&["config", "show"], &[])
        .exits(0)
        .silent_about("correct-horse");
    deployment.configure(&said.stdout);
    let again = deployment
        .run(&["config", "show"], &["--format", "json"])
        .exits(0)
        .json();
    assert_eq!(again, shown);
}

#[test]
fn a_secret_pasted_where_a_reference_belongs_is_never_shown() {
    let text = site("127.0.0.1:9".parse().unwrap())
        + &open_route("/")
        + "[secrets]\ntwilio = \"correct-horse-battery\"\n";
    let deployment = Deployment::new(&text);
    deployment
        .refuses_to_start(&["env:"])
        .silent_about("correct-horse");
    deployment
        .run(&["check"], &[])
        .could_not_ask(&[])
        .silent_about("correct-horse");
    let shown = deployment.run(&["config", "show"], &["--format", "json"]);
    shown.silent_about("correct-horse");
}

#[test]
fn a_check_says_that_it_would_start_and_what_is_weak() {
    let text = site("127.0.0.1:9".parse().unwrap()) + &open_route("/");
    let deployment = Deployment::new(&text.replace("127.0.0.1:0", "0.0.0.0:0"));
    let said = deployment.run(&["check"], &[]).exits(0);
    assert_eq!(said.stdout, "");
    said.says(&["would start", "1 routes", "warning: ", "plain HTTP"]);
}

#[test]
fn a_well_gate_is_well_and_a_gate_that_is_gone_cannot_be_asked() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let gate = deployment.up();
    let said = deployment.run(&["healthcheck"], &[]).exits(0).json();
    assert_eq!(said["well"], true);
    assert_eq!(said["ledger"]["failing"], Value::Null);
    gate.stop();
    deployment
        .run(&["healthcheck"], &[])
        .could_not_ask(&["vouchsafe up"]);
}
