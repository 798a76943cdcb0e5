//! The demo system: its proof from one command, and what the proof says when one control is off.

use std::{ffi::OsString, net::SocketAddr, path::Path};

use serde_json::Value;

use crate::login_certified::modules;
use crate::support::{Deployment, Process, until, vouchsafe};

fn verdicts<'a>(proof: &'a Value, verdict: &str) -> Vec<&'a Value> {
    let promises = proof["promises"].as_array().unwrap().iter();
    promises
        .filter(|promise| promise["verdict"] == verdict)
        .collect()
}

#[test]
fn the_demo_proves_its_document_and_waives_what_is_planned_by_date() {
    proves_its_document("student-outreach");
}

#[test]
fn the_helpline_proves_its_document_and_holds_where_its_app_gives_way() {
    let proof = proves_its_document("helpline");
    let kept = verdicts(&proof, "kept");
    for id in [
        "auth.enforced",
        "key.scoped",
        "token.genuine",
        "token.expires",
        "key.issuing",
        "audit.auth-events",
    ] {
        assert!(kept.iter().any(|promise| promise["id"] == id), "{id}");
    }
}

#[test]
fn the_savings_analysis_logs_people_in_at_a_certified_provider_and_proves_its_document() {
    let provider = [OsString::from("--provider"), modules().into_os_string()];
    let proof = proves("savings-analysis", &provider);
    let kept = verdicts(&proof, "kept");
    for id in [
        "login.genuine",
        "session.idle",
        "session.longest",
        "session.isolated",
        "session.cookie",
        "csrf.refused",
        "audit.logins",
        "transport.https",
        "transport.tls12",
        "transport.tls13",
        "transport.hsts",
        "transport.redirect",
    ] {
        assert!(kept.iter().any(|promise| promise["id"] == id), "{id}");
    }
}

#[test]
fn without_its_provider_the_savings_analysis_says_what_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let demo = || {
        let mut command = vouchsafe(&["demo", "savings-analysis", "--once"]);
        command.env("XDG_CACHE_HOME", folder.path());
        command
    };
    let said = Process::start_group(&mut demo()).finish().exits(2);
    let line = said
        .stderr
        .lines()
        .find_map(|line| line.strip_prefix("hint: run: "));
    let prefix = line.unwrap().rsplit_once("--prefix ").unwrap().1;
    assert!(
        prefix.starts_with(folder.path().to_str().unwrap()),
        "{prefix}"
    );
    for file in ["package.json", "package-lock.json"] {
        assert!(Path::new(prefix).join(file).is_file(), "{file}");
    }
    // Its twin: with the packages there, and no Node, it is Node that is missing.
    let mut command = demo();
    command.env("PATH", folder.path());
    let said = Process::start_group(&mut command).finish().exits(2);
    assert!(said.stderr.contains("needs Node"), "{}", said.stderr);
}

/// Runs the demo of a system and gives its proof.
fn proves_its_document(system: &str) -> Value {
    proves(system, &[])
}

fn proves(system: &str, more: &[OsString]) -> Value {
    let mut command = vouchsafe(&["demo", system, "--once", "--format", "json"]);
    command.args(more);
    let said = Process::start_group(&mut command).finish().exits(0);
    for part in ["behind Vouchsafe", "refused 403", "refused 401", "succeeds"] {
        assert!(said.stderr.contains(part), "no {part:?} in {}", said.stderr);
    }
    let proof = said.json();
    let summary = &proof["summary"];
    assert_eq!(
        (&summary["broken"], &summary["error"]),
        (&0.into(), &0.into()),
        "{summary}"
    );
    assert!(summary["kept"].as_u64().unwrap() >= 20, "{summary}");
    let total = proof["promises"].as_array().unwrap().len();
    let counts = ["kept", "waived", "unproven", "constructed", "attested"];
    let counted: usize = counts
        .iter()
        .map(|verdict| verdicts(&proof, verdict).len())
        .sum();
    assert_eq!(counted, total);

    // Every row of the catalogue that no control keeps yet is waived, for a month.
    let catalogue = control::Catalogue::built_in().unwrap();
    let planned = |id: &Value| {
        let kind = catalogue.get(id.as_str().unwrap()).unwrap().kind;
        kind == control::catalogue::Kind::Planned
    };
    let waived = verdicts(&proof, "waived");
    assert!(!waived.is_empty());
    let today = &proof["at"].as_str().unwrap()[..10];
    for promise in &waived {
        assert!(planned(&promise["id"]), "{promise}");
        let until = promise["waiver"]["until"].as_str().unwrap();
        assert!(until.len() == 10 && until > today, "{promise}");
        assert!(promise["waiver"]["owner"].is_string(), "{promise}");
    }
    for promise in proof["promises"].as_array().unwrap() {
        assert!(
            !planned(&promise["id"]) || promise["verdict"] == "waived",
            "{promise}"
        );
    }
    assert_eq!(summary["waived"], waived.len());
    proof
}

/// The demo's app as a process of its own.
fn app(folder: &Path) -> (Process, SocketAddr) {
    let ready = folder.join("app.ready");
    let mut command = vouchsafe(&["demo-app"]);
    command
        .arg("--database")
        .arg(folder.join("coach.db"))
        .arg("--ready-file")
        .arg(&ready);
    let process = Process::start(&mut command);
    let address = until("the app is ready", || std::fs::read_to_string(&ready).ok());
    (process, address.trim().parse().unwrap())
}

/// One control, switched off in the configuration.
struct Off {
    /// What stands in the configuration.
    on: &'static str,
    /// What takes its place.
    off: &'static str,
    /// The promise that is then broken.
    promise: &'static str,
    /// What the line that mends it says.
    mend: &'static str,
}

const OFF: &[Off] = &[
    Off {
        on: "webhook = { scheme = \"twilio\", secret = [\"twilio\"] }",
        off: "auth = \"none\"\nreason = \"for a moment\"",
        promise: "webhook.signed",
        mend: "webhook = {",
    },
    Off {
        on: "auth = [\"api-key\"]\nroles = [\"program\"]",
        off: "auth = \"none\"\nreason = \"for a moment\"",
        promise: "auth.enforced",
        mend: "auth = [\"api-key\"]",
    },
    Off {
        on: "[ledger]",
        off: "[headers]\nframe = \"off\"\nreason = \"for a moment\"\n\n[ledger]",
        promise: "headers.frame",
        mend: "frame",
    },
    Off {
        on: "data_dir = \"data\"",
        off: "data_dir = \"data\"\ntrusted_proxies = [\"127.0.0.1\"]",
        promise: "proxy.trusted",
        mend: "trusted_proxies",
    },
];

#[test]
fn with_one_control_off_the_proof_names_its_promise_and_the_line_that_mends_it() {
    let deployment = Deployment::new("")
        .with("TWILIO_AUTH_TOKEN", "0123456789abcdef0123456789abcdef")
        .with(
            "REGISTER_SIGNING_SECRET",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        );
    let (_app, address) = app(deployment.folder());
    let whole = student_outreach::CONFIGURATION
        .replace("127.0.0.1:8080", "127.0.0.1:0")
        .replace("127.0.0.1:8502", &address.to_string());
    deployment.configure(&whole);
    deployment.write("SECURITY.md", student_outreach::SECURITY.as_bytes());
    let gate = deployment.up();
    for off in OFF {
        assert!(
            whole.contains(off.on),
            "the demo's configuration no longer says {}",
            off.on
        );
        deployment.configure(&whole.replacen(off.on, off.off, 1));
        deployment.run(&["reload"], &[]).exits(0);
        let proof = deployment
            .run(&["prove"], &["--format", "json"])
            .exits(1)
            .json();
        let broken = verdicts(&proof, "broken");
        let named = broken.iter().find(|promise| promise["id"] == off.promise);
        let named = named.unwrap_or_else(|| panic!("{} is not broken: {broken:?}", off.promise));
        let mends = named["mend"]
            .as_array()
            .unwrap_or_else(|| panic!("nothing mends {named}"));
        let mends: Vec<&str> = mends
            .iter()
            .map(|mend| mend["write"].as_str().unwrap())
            .collect();
        assert!(
            mends.iter().any(|mend| mend.contains(off.mend)),
            "{mends:?}"
        );
    }
    deployment.configure(&whole);
    deployment.run(&["reload"], &[]).exits(0);
    let proof = deployment
        .run(&["prove"], &["--format", "json"])
        .exits(0)
        .json();
    assert_eq!(verdicts(&proof, "broken"), Vec::<&Value>::new());
    gate.stop();
}

#[test]
fn every_control_taken_away_turns_exactly_its_promises_broken() {
    are_found("student-outreach", 29);
}

#[test]
fn every_control_of_the_helpline_taken_away_turns_exactly_its_promises_broken() {
    are_found("helpline", 52);
}

#[test]
fn every_control_of_the_savings_analysis_taken_away_turns_exactly_its_promises_broken() {
    are_found("savings-analysis", 64);
}

/// Runs the self-test of a system, which has at least so many trials.
fn are_found(system: &str, least: usize) {
    let systems = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../systems");
    let system = systems.join(system);
    let mut command = vouchsafe(&["prove", "--self-test", "--format", "json"]);
    command.arg("--config").arg(system.join("vouchsafe.toml"));
    // Two dozen children on a busy machine: the test runner bounds it, not the patience of a verb.
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let tested: Value = serde_json::from_slice(&output.stdout).expect(&said);
    let trials = tested["trials"].as_array().unwrap();
    assert!(trials.len() >= least, "{tested}");
    for trial in trials {
        assert_eq!(trial["verdict"], "broken", "{trial}");
    }
    assert!(output.status.success(), "{said}{tested}");
}
