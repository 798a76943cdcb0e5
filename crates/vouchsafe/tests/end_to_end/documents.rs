//! From nothing to a proof: `init`, `check`, `up`, `prove`.

use std::{fs, net::SocketAddr};

use serde_json::Value;

use crate::support::{Deployment, Upstream, run, vouchsafe};

/// What `init` writes for `upstream`, as a deployment that listens on a free port.
fn initialised(upstream: &Upstream, more: &[&str]) -> Deployment {
    initialised_at(upstream.address, more)
}

pub(crate) fn initialised_at(upstream: SocketAddr, more: &[&str]) -> Deployment {
    let deployment = Deployment::new("");
    fs::remove_file(deployment.configuration()).unwrap();
    let address = format!("http://{upstream}");
    let mut init = vouchsafe(&["init", "--upstream", &address, "--dir"]);
    let said = run(init.arg(deployment.folder()).args(more)).exits(0);
    assert_eq!(said.stdout, "");
    let text = fs::read_to_string(deployment.configuration()).unwrap();
    assert!(text.contains("127.0.0.1:8080"), "{text}");
    deployment.configure(&text.replace("127.0.0.1:8080", "127.0.0.1:0"));
    deployment
}

fn prove(deployment: &Deployment, code: i32) -> Value {
    let proof = deployment.run(&["prove"], &["--allow", "writes", "--format", "json"]);
    proof.exits(code).json()
}

/// The promises that are neither kept nor constructed.
fn open(proof: &Value) -> Vec<String> {
    let promises = proof["promises"].as_array().unwrap().iter();
    promises
        .filter(|promise| promise["verdict"] != "kept" && promise["verdict"] != "constructed")
        .map(|promise| {
            format!(
                "{} {}: {}",
                promise["id"], promise["verdict"], promise["evidence"]
            )
        })
        .collect()
}

#[test]
fn a_first_configuration_starts_and_its_document_is_kept() {
    for more in [&[][..], &["--open", "a \"public\" page"]] {
        let upstream = Upstream::start();
        let deployment = initialised(&upstream, more);
        deployment
            .run(&["check"], &[])
            .exits(0)
            .says(&["would start"]);
        let gate = deployment.up();
        let proof = prove(&deployment, 0);
        assert!(
            proof["summary"]["kept"].as_u64().unwrap() >= 10,
            "{}",
            proof["summary"]
        );
        assert_eq!(proof["summary"]["broken"], 0);
        assert_eq!(proof["summary"]["error"], 0);
        for open in open(&proof) {
            // What a fresh deployment cannot show: the app has the same user, checkpoints go to
            // no second place, and the machine may have no outer interface.
            assert!(open.contains("unproven"), "{open}");
        }
        gate.stop();
    }
}

#[test]
fn nothing_is_overwritten() {
    let upstream = Upstream::start();
    let deployment = initialised(&upstream, &[]);
    let before = fs::read_to_string(deployment.configuration()).unwrap();
    let mut again = vouchsafe(&["init", "--upstream", "http://127.0.0.1:1", "--dir"]);
    run(again.arg(deployment.folder())).could_not_ask(&["vouchsafe.toml"]);
    assert_eq!(
        fs::read_to_string(deployment.configuration()).unwrap(),
        before
    );
}

#[test]
fn values_that_cannot_stand_in_a_configuration_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        ["--upstream", "ftp://x"],
        ["--upstream", "http://127.0.0.1:1/path"],
    ] {
        let mut init = vouchsafe(&["init"]);
        run(init.args(arguments).arg("--dir").arg(folder.path())).could_not_ask(&["upstream"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[test]
fn the_status_block_of_the_document_is_renewed() {
    let upstream = Upstream::start();
    let deployment = initialised(&upstream, &["--open", "a test"]);
    let gate = deployment.up();
    deployment.run(&["prove"], &["--write"]).exits(0);
    let text = fs::read_to_string(deployment.folder().join("SECURITY.md")).unwrap();
    assert!(!text.contains("Not proved yet"), "{text}");
    assert!(text.contains("kept "), "{text}");
    gate.stop();
}

#[test]
fn the_report_has_the_shape_that_scripts_rely_on() {
    let upstream = Upstream::start();
    let deployment = initialised(&upstream, &["--open", "a test"]);
    let gate = deployment.up();
    let proof = prove(&deployment, 0);
    let promises = proof["promises"].as_array().unwrap();
    for promise in promises {
        assert!(
            promise["id"].is_string() && promise["verdict"].is_string(),
            "{promise}"
        );
        assert!(
            promise["rows"].is_array() && promise["evidence"].is_array(),
            "{promise}"
        );
        assert!(
            promise["references"].is_object() && promise["sentence"].is_string(),
            "{promise}"
        );
        assert!(
            promise["line"].as_u64().is_some_and(|line| line > 0),
            "{promise}"
        );
    }
    let counts = [
        "kept",
        "broken",
        "error",
        "waived",
        "unproven",
        "constructed",
        "attested",
    ];
    let total: u64 = counts
        .iter()
        .map(|name| proof["summary"][name].as_u64().unwrap())
        .sum();
    assert_eq!(total, promises.len() as u64);

    // A promise that a sentence no longer states is not proved; the words and numbers count.
    let document = deployment.folder().join("SECURITY.md");
    let text = fs::read_to_string(&document).unwrap();
    fs::write(
        &document,
        "# Security\n\nNobody frames us. <!-- promise: headers.frame -->\n",
    )
    .unwrap();
    let proof = prove(&deployment, 0);
    assert_eq!(proof["promises"].as_array().unwrap().len(), 1);
    fs::write(&document, text).unwrap();
    gate.stop();
}

#[test]
fn a_configuration_that_changed_behind_the_gate_is_not_proved() {
    let upstream = Upstream::start();
    let deployment = initialised(&upstream, &["--open", "a test"]);
    let gate = deployment.up();
    let text = fs::read_to_string(deployment.configuration()).unwrap();
    deployment.configure(&format!("{text}\n# another\n"));
    deployment.run(&["prove"], &[]).could_not_ask(&["reload"]);
    deployment.run(&["reload"], &[]).exits(0);
    prove(&deployment, 0);
    gate.stop();
}
