//! A data folder that another version has written.
//!
//! Those that need an earlier binary are run by `cargo xtask upgrade`, which builds it and says in
//! `VOUCHSAFE_TEST_EARLIER` where it is.

use std::{fs, path::PathBuf};

use nix::sys::signal::Signal;

use crate::{
    hooks::{delivery, hook},
    ledgers::{ended_in_order, whole},
    support::{
        Client, Deployment, Upstream, get, open_route, request, run, site, status, vouchsafe,
    },
};

fn earlier() -> PathBuf {
    std::env::var_os("VOUCHSAFE_TEST_EARLIER")
        .map(PathBuf::from)
        .expect("cargo xtask upgrade says where the earlier binary is")
}

const DOCUMENT: &str = "\
    Requests that two programs could read differently are refused. <!-- promise: wire.framing -->\n\
    Nobody can change the audit trail unnoticed. <!-- promise: audit.tamper-evident -->\n";

fn configured(upstream: &Upstream) -> String {
    site(upstream.address)
        + &open_route("/")
        + "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n"
        + &hook()
}

/// Makes a key; its id and a request with it.
fn key(deployment: &Deployment, name: &str) -> (String, String) {
    let arguments = ["--name", name, "--scope", "GET /api", "--format", "json"];
    let made = deployment
        .run(&["key", "create"], &arguments)
        .exits(0)
        .json();
    let field = format!("X-API-Key: {}\r\n", made["key"].as_str().unwrap());
    let id = made["id"].as_str().unwrap().to_owned();
    (id, request("GET", "/api", &field, ""))
}

fn exported(deployment: &Deployment) -> String {
    deployment.run(&["ledger", "export"], &[]).exits(0).stdout
}

fn goes_on(signal: Signal) {
    let upstream = Upstream::start();
    let mut deployment = Deployment::new(&configured(&upstream));
    let bytes = delivery(&deployment, "/hook", "{}");

    deployment.run_by(&earlier());
    let gate = deployment.up();
    let (_, stands) = key(&deployment, "stands");
    let (id, revoked) = key(&deployment, "revoked");
    for _ in 0..300 {
        assert_eq!(status(gate.address, get("/")), 200);
    }
    assert_eq!(status(gate.address, &revoked), 200);
    deployment.run(&["key", "revoke"], &[&id]).exits(0);
    assert_eq!(status(gate.address, &stands), 200);
    assert_eq!(status(gate.address, &bytes), 200);
    gate.admin
        .post("/v1/ledger/flush", &serde_json::json!({}))
        .unwrap();
    let seen = deployment.folder().join("seen");
    fs::copy(deployment.data().join("ledger/checkpoint"), &seen).unwrap();
    assert_eq!(status(gate.address, get("/")), 200);
    gate.signal(signal);
    if signal == Signal::SIGKILL {
        gate.finish_killed();
    } else {
        gate.finish();
    }
    let before = exported(&deployment);
    let forwarded = upstream.seen().len();

    deployment.run_by(env!("CARGO_BIN_EXE_vouchsafe").as_ref());
    whole(&deployment);
    assert_eq!(exported(&deployment), before);
    let gate = deployment.up();
    assert_eq!(
        status(gate.address, &revoked),
        401,
        "a revoked key stays revoked"
    );
    assert_eq!(
        Client::dial(gate.address).ask(&bytes).status,
        202,
        "a done delivery stays done"
    );
    assert_eq!(upstream.seen().len(), forwarded);
    assert_eq!(status(gate.address, &stands), 200);
    let (_, new) = key(&deployment, "new");
    assert_eq!(status(gate.address, &new), 200);
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    let document = deployment
        .folder()
        .join("SECURITY.md")
        .display()
        .to_string();
    let proof = deployment.run(&["prove"], &["--document", &document, "--allow", "writes"]);
    assert!(proof.exit == Some(0), "{proof:?}");
    gate.stop();

    ended_in_order(&deployment);
    assert!(
        exported(&deployment).starts_with(&before),
        "what was recorded stands as it was"
    );
    let key = deployment.run(&["ledger", "key"], &[]).exits(0).stdout;
    run(
        vouchsafe(&["ledger", "verify", "--key", key.trim(), "--seen"])
            .arg(&seen)
            .arg(deployment.data().join("ledger")),
    )
    .exits(0);
}

#[test]
#[ignore = "cargo xtask upgrade runs it"]
fn data_of_an_earlier_build_that_was_stopped_goes_on() {
    goes_on(Signal::SIGTERM);
}

#[test]
#[ignore = "cargo xtask upgrade runs it"]
fn data_of_an_earlier_build_that_was_killed_goes_on() {
    goes_on(Signal::SIGKILL);
}

#[test]
fn data_of_a_later_build_is_refused_and_left_as_it_is() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&configured(&upstream));
    delivery(&deployment, "/hook", "{}");
    deployment.up().stop();
    let file = deployment.data().join("vouchsafe.db");
    let of_the_future = |version: i64| {
        let database = rusqlite::Connection::open(&file).unwrap();
        let changed = database.execute("UPDATE schema_version SET version = ?1", [version]);
        assert_eq!(changed.unwrap(), 1);
    };
    let database = rusqlite::Connection::open(&file).unwrap();
    let known: i64 = database
        .query_row("SELECT version FROM schema_version", [], |row| row.get(0))
        .unwrap();
    drop(database);
    of_the_future(known + 1);
    let (bytes, before) = (fs::read(&file).unwrap(), exported(&deployment));
    let told = [
        &*format!("schema {}", known + 1),
        "start the newer vouchsafe",
    ];
    deployment.refuses_to_start(&told);
    deployment.run(&["key", "list"], &[]).could_not_ask(&told);
    assert!(fs::read(&file).unwrap() == bytes, "it must not be repaired");
    assert_eq!(exported(&deployment), before);
    // The positive twin: with the schema it knows it starts again.
    of_the_future(known);
    deployment.up().stop();
    ended_in_order(&deployment);
}
