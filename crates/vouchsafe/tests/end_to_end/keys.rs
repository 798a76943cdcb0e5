//! API keys over the command line: made, listed and revoked, with and without a running gate.

use std::net::SocketAddr;

use serde_json::Value;

use crate::support::{Deployment, Gate, Upstream, request, site, status};

fn guarded(upstream: SocketAddr) -> String {
    site(upstream)
        + "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\nroles = [\"mentor\"]\n"
}

const CREATE: &[&str] = &[
    "--name",
    "ci",
    "--scope",
    "GET /api",
    "--role",
    "mentor",
    "--expires",
    "90d",
    "--format",
    "json",
];

/// The id and the key that `key create` printed.
fn created(deployment: &Deployment, arguments: &[&str]) -> (String, String) {
    let made = deployment
        .run(&["key", "create"], arguments)
        .exits(0)
        .json();
    assert_eq!(made.as_object().unwrap().len(), 2, "exactly id and key");
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("key"))
}

fn with_key(gate: &Gate, method: &str, path: &str, key: &str) -> u16 {
    let fields = format!("Authorization: Bearer {key}\r\n");
    status(gate.address, request(method, path, &fields, ""))
}

fn listed(deployment: &Deployment) -> Vec<Value> {
    let listed = deployment
        .run(&["key", "list"], &["--format", "json"])
        .exits(0)
        .json();
    listed["keys"].as_array().unwrap().clone()
}

#[test]
fn a_key_opens_what_its_scopes_and_roles_say_until_it_is_revoked() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&guarded(upstream.address));
    let gate = deployment.up();
    let (id, key) = created(&deployment, CREATE);
    assert!(
        key.starts_with(&format!("vsk_{id}_")),
        "the id is the key's public prefix"
    );

    assert_eq!(with_key(&gate, "GET", "/api/students", &key), 200);
    assert_eq!(
        status(
            gate.address,
            request("GET", "/api", &format!("X-API-Key: {key}\r\n"), "")
        ),
        200
    );
    assert_eq!(
        with_key(&gate, "POST", "/api/students", &key),
        403,
        "no scope for POST"
    );
    assert_eq!(with_key(&gate, "GET", "/api", ""), 401);
    let seen = upstream.seen();
    assert_eq!(seen.len(), 2);
    for received in &seen {
        assert!(!received.head.contains(&key), "the app saw the key");
    }

    deployment
        .run(&["key", "revoke"], &[&id])
        .exits(0)
        .says(&[&id]);
    // Revoked over the admin socket: refused from the next request on.
    assert_eq!(with_key(&gate, "GET", "/api/students", &key), 401);
    gate.stop();
}

#[test]
fn a_key_without_its_role_or_without_a_scope_opens_nothing() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&guarded(upstream.address));
    let gate = deployment.up();
    let roleless = ["--name", "a", "--scope", "GET /api", "--format", "json"];
    let scopeless = ["--name", "b", "--role", "mentor", "--format", "json"];
    let whole = [
        "--name", "c", "--all", "--role", "mentor", "--format", "json",
    ];
    for (arguments, expected) in [(&roleless[..], 403), (&scopeless, 403), (&whole, 200)] {
        let (_, key) = created(&deployment, arguments);
        assert_eq!(
            with_key(&gate, "GET", "/api", &key),
            expected,
            "{arguments:?}"
        );
    }
    assert_eq!(upstream.seen().len(), 1);
    gate.stop();
}

#[test]
fn a_key_is_seen_once_and_listed_by_its_prefix() {
    let deployment = Deployment::new(&guarded("127.0.0.1:9".parse().unwrap()));
    let gate = deployment.up();
    let (id, key) = created(&deployment, CREATE);
    let keys = listed(&deployment);
    assert_eq!(keys.len(), 1);
    let row = &keys[0];
    assert_eq!(
        (&row["id"], &row["name"], &row["tenant"]),
        (&id.into(), &"ci".into(), &"default".into())
    );
    assert_eq!(row["scopes"], serde_json::json!(["GET /api"]));
    assert_eq!(row["roles"], serde_json::json!(["mentor"]));
    assert_eq!(
        (&row["revoked"], &row["last_used"]),
        (&Value::Null, &Value::Null)
    );
    assert!(!row["expires"].is_null() && !row["created"].is_null());

    let secret = key.rsplit('_').next().unwrap();
    for format in ["json", "text"] {
        let said = deployment
            .run(&["key", "list"], &["--format", format])
            .exits(0);
        said.silent_about(&secret[..12]);
    }
    gate.stop();
    // Nor does it lie anywhere in the data folder.
    for file in files(&deployment.data()) {
        let bytes = std::fs::read(&file).unwrap();
        let found = bytes
            .windows(12)
            .any(|window| window == &secret.as_bytes()[..12]);
        assert!(!found, "the key lies in {}", file.display());
    }
}

fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

#[test]
fn as_text_the_key_alone_is_on_stdout() {
    let deployment = Deployment::new(&guarded("127.0.0.1:9".parse().unwrap()));
    let said = deployment
        .run(&["key", "create"], &["--name", "a", "--scope", "GET /api"])
        .exits(0);
    assert!(
        said.stdout.starts_with("vsk_") && said.stdout.lines().count() == 1,
        "{said:?}"
    );
    said.says(&["never again"]);
}

#[test]
fn keys_are_made_and_revoked_without_a_gate_and_hold_when_it_starts() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&guarded(upstream.address));
    let (_, kept) = created(&deployment, CREATE);
    let (id, revoked) = created(&deployment, CREATE);
    let said = deployment.run(&["key", "revoke"], &[&id]).exits(0);
    said.says(&["no ledger says that this key was revoked"]);
    let states: Vec<bool> = listed(&deployment)
        .iter()
        .map(|row| row["revoked"].is_null())
        .collect();
    assert_eq!(states.iter().filter(|live| **live).count(), 1);

    let gate = deployment.up();
    assert_eq!(with_key(&gate, "GET", "/api", &kept), 200);
    assert_eq!(with_key(&gate, "GET", "/api", &revoked), 401);
    // A gate that runs writes it down, and nothing has to be said.
    let made = deployment.run(&["key", "create"], &["--name", "b", "--all"]);
    made.exits(0).silent_about("no ledger");
    gate.stop();
    // What was used is known once the gate has stopped.
    assert!(
        listed(&deployment)
            .iter()
            .any(|row| !row["last_used"].is_null())
    );
}

#[test]
fn wishes_that_make_no_sense_are_refused_with_a_hint() {
    let deployment = Deployment::new(&guarded("127.0.0.1:9".parse().unwrap()));
    let gate = deployment.up();
    let ask = |arguments: &[&str]| deployment.run(&["key", "create"], arguments);
    ask(&["--name", "a", "--scope", "api"]).could_not_ask(&["api"]);
    ask(&["--name", "a", "--expires", "soon"]).could_not_ask(&["soon", "90d"]);
    ask(&["--name", "a", "--all", "--scope", "GET /"]).exits(2);
    deployment
        .run(&["key", "revoke"], &["nosuchkey"])
        .could_not_ask(&["key list"]);
    assert_eq!(listed(&deployment).len(), 0);

    // A whole key in place of its id is no id, and is not repeated.
    let (_, key) = created(&deployment, CREATE);
    deployment
        .run(&["key", "revoke"], &[&key])
        .could_not_ask(&["prefix"])
        .silent_about(&key[12..]);
    gate.stop();
}

#[test]
fn keys_of_a_running_gate_that_cannot_be_asked_are_left_alone() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&guarded(upstream.address));
    let gate = deployment.up();
    let (id, key) = created(&deployment, CREATE);
    std::fs::remove_file(deployment.data().join("admin.sock")).unwrap();
    // Without its socket only the store is left, which belongs to the running gate.
    let pid = format!("pid {}", gate.id());
    deployment
        .run(&["key", "revoke"], &[&id])
        .could_not_ask(&[&pid, "stop it first"]);
    assert_eq!(with_key(&gate, "GET", "/api", &key), 200);
    gate.stop();
    deployment.run(&["key", "revoke"], &[&id]).exits(0);
    let gate = deployment.up();
    assert_eq!(with_key(&gate, "GET", "/api", &key), 401);
    gate.stop();
}
