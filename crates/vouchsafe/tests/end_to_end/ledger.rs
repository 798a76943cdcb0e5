//! `ledger tail|show|verify|export|key`: what a person and a script learn from the audit log.

use std::{fs, path::Path};

use serde_json::Value;

use crate::support::{
    Client, Deployment, Gate, Said, Upstream, field, get, open_route, request, run, site, status,
    until, vouchsafe,
};

struct Served {
    deployment: Deployment,
    gate: Gate,
    upstream: Upstream,
}

/// A gate with an open and a guarded route.
fn served() -> Served {
    let upstream = Upstream::start();
    let text = site(upstream.address)
        + &open_route("/")
        + "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n";
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    Served {
        deployment,
        gate,
        upstream,
    }
}

fn verify(folder: &Path, arguments: &[&str]) -> Said {
    run(vouchsafe(&["ledger", "verify"]).arg(folder).args(arguments))
}

fn events(deployment: &Deployment) -> Vec<Value> {
    let said = deployment.run(&["ledger", "export"], &[]).exits(0);
    said.stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn show_explains_a_refusal_by_the_id_in_its_answer() {
    let served = served();
    let refused = Client::dial(served.gate.address).ask(get("/api/students"));
    assert_eq!(refused.status, 401);
    let id = refused.json().unwrap()["request"]
        .as_str()
        .unwrap()
        .to_owned();
    let allowed = Client::dial(served.gate.address).ask(get("/page"));
    assert_eq!(allowed.status, 200);

    // The gate still runs: what it holds is written down before it is shown.
    let said = served.deployment.run(&["ledger", "show"], &[&id]).exits(0);
    for part in ["identity.key", "401", "/api", "key", &id] {
        assert!(said.stdout.contains(part), "no {part:?} in {}", said.stdout);
    }
    assert!(!said.stdout.contains("students"), "paths are not recorded");
    let entry = served
        .deployment
        .run(&["ledger", "show"], &[&id, "--format", "json"])
        .exits(0)
        .json();
    assert_eq!(
        (&entry["status"], &entry["control"]),
        (&401.into(), &"identity.key".into())
    );

    let unknown = "0".repeat(32);
    let said = served
        .deployment
        .run(&["ledger", "show"], &[&unknown])
        .exits(1)
        .says(&["no entry"]);
    assert_eq!(said.stdout, "");
    served
        .deployment
        .run(&["ledger", "show"], &["what"])
        .could_not_ask(&["what", "32 digits"]);
    served.gate.stop();
}

#[test]
fn a_request_that_went_through_has_one_id_in_answer_app_and_ledger() {
    let served = served();
    let answer = Client::dial(served.gate.address).ask(request(
        "GET",
        "/page",
        "X-Request-Id: mine\r\n",
        "",
    ));
    let id = field(&answer, "X-Request-Id").to_owned();
    assert_eq!(id.len(), 32);
    let seen = served.upstream.seen();
    assert_eq!(seen[0].fields("X-Request-Id"), std::slice::from_ref(&id));
    let said = served.deployment.run(&["ledger", "show"], &[&id]).exits(0);
    assert!(said.stdout.contains("Let through"), "{}", said.stdout);
    served.gate.stop();
}

#[test]
fn every_request_and_every_change_is_in_the_log() {
    let served = served();
    for number in 0..10 {
        assert_eq!(status(served.gate.address, get(&format!("/{number}"))), 200);
    }
    let create = ["--name", "a", "--scope", "GET /api", "--format", "json"];
    served.deployment.run(&["key", "create"], &create).exits(0);
    served.gate.stop();
    let events = events(&served.deployment);
    let count = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
    assert_eq!(count("request"), 10);
    assert_eq!(count("key.create"), 1);
    assert_eq!((count("instance.start"), count("instance.stop")), (1, 1));
    let tail = served
        .deployment
        .run(&["ledger", "tail"], &["-n", "3", "--format", "json"])
        .exits(0);
    let tail: Vec<Value> = tail
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(tail, events[events.len() - 3..]);
    let text = served
        .deployment
        .run(&["ledger", "tail"], &["-n", "3"])
        .exits(0)
        .stdout;
    assert!(
        text.lines()
            .last()
            .unwrap()
            .contains("The instance stopped"),
        "{text}"
    );
}

#[test]
fn a_whole_ledger_verifies_and_says_what_it_cannot_exclude() {
    let served = served();
    assert_eq!(status(served.gate.address, get("/")), 200);
    let key = served
        .deployment
        .run(&["ledger", "key"], &[])
        .exits(0)
        .stdout;
    served.gate.stop();
    let folder = served.deployment.data().join("ledger");
    let said = verify(&folder, &[]).exits(0).says(&["--key", "--seen"]);
    assert!(said.stdout.starts_with("whole: "), "{}", said.stdout);

    let seen = served.deployment.folder().join("seen");
    fs::copy(folder.join("checkpoint"), &seen).unwrap();
    let arguments = [
        "--key",
        key.trim(),
        "--seen",
        seen.to_str().unwrap(),
        "--format",
        "json",
    ];
    let said = verify(&folder, &arguments).exits(0).json();
    assert_eq!(
        (&said["whole"], &said["signature_checked"]),
        (&true.into(), &true.into())
    );
    assert_eq!(said["cannot_exclude"], serde_json::json!([]));
}

#[test]
fn an_altered_ledger_is_named_by_its_first_bad_entry() {
    let served = served();
    for _ in 0..3 {
        assert_eq!(status(served.gate.address, get("/")), 200);
    }
    served.gate.stop();
    let folder = served.deployment.data().join("ledger");
    let bundles = folder.join("tile/entries/000.p");
    let widest = fs::read_dir(&bundles)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let widest = widest
        .max_by_key(|path| fs::metadata(path).unwrap().len())
        .unwrap();
    let sound = fs::read(&widest).unwrap();

    // The second entry begins behind the first: two bytes of length, then the entry.
    let first = 2 + usize::from(u16::from_be_bytes([sound[0], sound[1]]));
    let mut changed = sound.clone();
    changed[first + 2 + 10] ^= 1;
    fs::write(&widest, changed).unwrap();
    verify(&folder, &[]).exits(1).says(&["altered: entry 1 "]);
    let said = verify(&folder, &["--format", "json"]).exits(1).json();
    assert_eq!(said["whole"], false);
    assert!(
        said["altered"].as_str().unwrap().contains("entry 1 "),
        "{said}"
    );

    fs::write(&widest, sound).unwrap();
    verify(&folder, &[]).exits(0);
}

#[test]
fn another_key_or_a_later_checkpoint_shows_a_ledger_that_was_put_in_its_place() {
    let (one, other) = (served(), served());
    assert_eq!(status(other.gate.address, get("/")), 200);
    let key = other
        .deployment
        .run(&["ledger", "key"], &[])
        .exits(0)
        .stdout;
    one.gate.stop();
    let folder = one.deployment.data().join("ledger");
    let copy = tempfile::tempdir().unwrap();
    let saved = run(std::process::Command::new("cp")
        .arg("-r")
        .arg(&folder)
        .arg(copy.path()));
    saved.exits(0);

    verify(&folder, &["--key", key.trim()])
        .exits(1)
        .says(&["altered: "]);
    other.gate.stop();

    // The ledger goes on; then the earlier state is put back.
    let gate = one.deployment.up();
    gate.stop();
    let seen = one.deployment.folder().join("seen");
    fs::copy(folder.join("checkpoint"), &seen).unwrap();
    let seen = ["--seen", seen.to_str().unwrap()];
    verify(&folder, &seen).exits(0);
    verify(&copy.path().join("ledger"), &seen)
        .exits(1)
        .says(&["cut back"]);
}

#[test]
fn what_is_no_ledger_cannot_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    verify(folder.path(), &[]).could_not_ask(&["data_dir"]);
    verify(&folder.path().join("none"), &[]).could_not_ask(&["none"]);
    verify(folder.path(), &["--key", "nonsense"]).could_not_ask(&["ledger key"]);
}

#[test]
fn a_single_entry_is_exported_with_its_proof() {
    let served = served();
    served.gate.stop();
    let said = served
        .deployment
        .run(&["ledger", "export"], &["--proof", "0"])
        .exits(0);
    assert!(
        said.stdout.starts_with("c2sp.org/tlog-proof@v1\n"),
        "{}",
        said.stdout
    );
    served
        .deployment
        .run(&["ledger", "export"], &["--proof", "9999"])
        .exits(1)
        .says(&["9999"]);
}

#[test]
fn the_key_of_a_ledger_that_was_never_made_cannot_be_shown() {
    let text = site("127.0.0.1:9".parse().unwrap()) + &open_route("/");
    let deployment = Deployment::new(&text);
    deployment
        .run(&["ledger", "key"], &[])
        .could_not_ask(&["start the gate"]);
    assert!(!deployment.data().exists());
}

#[test]
fn a_byte_changed_far_below_the_checkpoint_is_found_by_the_verifier() {
    let served = served();
    let mut client = Client::dial(served.gate.address);
    for _ in 0..600 {
        let answer = client.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(answer.status, 200);
    }
    served.gate.stop();
    let folder = served.deployment.data().join("ledger");
    verify(&folder, &[]).exits(0);
    let path = folder.join("tile/entries/000");
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    verify(&folder, &[]).exits(1).says(&["altered: entry 255 "]);
    // The gate starts: its newest end is whole. It then reads the rest and says what it found.
    let _gate = served.deployment.up();
    let well = |said: &Value| said["ledger"]["inspected"] == true;
    let health = until("the ledger is inspected", || {
        let said = served.deployment.run(&["healthcheck"], &[]);
        let health: Value = serde_json::from_str(&said.stdout).unwrap();
        well(&health).then_some(said)
    });
    assert!(health.exits(1).stdout.contains("entry 255"));
}

#[test]
fn a_whole_ledger_is_called_so_once_it_was_inspected() {
    let served = served();
    let health = until("the ledger is inspected", || {
        let said = served.deployment.run(&["healthcheck"], &[]);
        said.stdout.contains("\"inspected\":true").then_some(said)
    });
    let health = health.exits(0).json();
    assert_eq!(
        (&health["well"], &health["ledger"]["altered"]),
        (&true.into(), &Value::Null)
    );
}

#[test]
fn with_sync_a_decision_is_written_before_its_outcome() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/") + "[ledger]\ndurability = \"sync\"\n";
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    let address = gate.address;
    let slow = std::thread::spawn(move || Client::dial(address).ask(get("/hold")));
    upstream.await_held();
    // The app has the request and has not answered: the decision is on disk already.
    let id = upstream.seen()[0].fields("X-Request-Id")[0].clone();
    let kinds = || -> Vec<Value> {
        let said = deployment
            .run(&["ledger", "show"], &[&id, "--format", "json"])
            .exits(0);
        let lines = said
            .stdout
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|event| event["kind"].clone()).collect()
    };
    assert_eq!(kinds(), ["request.decision"]);
    upstream.release();
    assert_eq!(slow.join().unwrap().status, 200);
    gate.stop();
    assert_eq!(kinds(), ["request.decision", "request.outcome"]);
}

#[test]
fn checkpoints_go_to_a_second_place_that_shows_what_was_put_back() {
    let elsewhere = tempfile::tempdir().unwrap();
    let copies = elsewhere.path().join("checkpoints");
    let upstream = Upstream::start();
    let place = format!("[ledger]\nsecond_place = \"{}\"\n", copies.display());
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/") + &place));
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/")), 200);
    gate.stop();
    let newest = fs::read_to_string(deployment.data().join("ledger/checkpoint")).unwrap();
    assert!(fs::read_to_string(&copies).unwrap().contains(&newest));
}
