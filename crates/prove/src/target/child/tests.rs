use std::os::unix::fs::PermissionsExt;

use control::{SystemClock, rng::CountingRng};

use super::*;

fn tree() -> Value {
    json!({
        "deployment": {"public_url": "https://a.example", "data_dir": "data", "store": {"url": "env:DB"},
            "shared": {"url": "env:REDIS"}},
        "secrets": {"twilio": "env:TWILIO", "register": "file:keys/register"},
        "listen": [{"address": "0.0.0.0:443", "tls": {"certificate": "c.pem", "key": "file:k.pem"}}],
        "log": {"file": "/var/log/vouchsafe.jsonl"},
        "app": [{"name": "coach", "upstream": "http://127.0.0.1:8502"}],
        "waiver": [{"promise": "x"}],
    })
}

/// A program that plays the part of the binary: runs `script` with the arguments of `up`.
fn program(folder: &Path, script: &str) -> Starter {
    let path = folder.join("program");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Starter {
        folder: folder.to_owned(),
        executable: path,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(CountingRng::from_seed(1)),
    }
}

#[test]
fn a_child_touches_nothing_of_the_deployment() {
    let mut tree = tree();
    isolate(&mut tree, Path::new("/tmp/x"), "http://127.0.0.1:9");
    let names = fresh_secrets(&mut tree).unwrap();
    assert_eq!(names.len(), 2, "the key of its certificate is none of them");
    let text = config::to_toml(&tree).unwrap();
    for theirs in [
        "TWILIO",
        "keys/register",
        "/var/log",
        "0.0.0.0",
        "8502",
        "waiver",
        "env:DB",
        "REDIS",
    ] {
        assert!(!text.contains(theirs), "{theirs} in {text}");
    }
    assert!(text.contains("127.0.0.1:0"));
    // It speaks what the deployment speaks, under a certificate of its own.
    let listen = json!([{ "address": "127.0.0.1:0", "tls": { "self_signed": true } }]);
    assert_eq!(tree["listen"], listen);
}

#[test]
fn a_refused_start_is_told_with_its_words() {
    let folder = tempfile::tempdir().unwrap();
    let starter = program(
        folder.path(),
        "echo \"no secret [config.no-secret]\" >&2; exit 2",
    );
    let start = starter.start(&tree(), None, &mut |_| {}).unwrap();
    let ChildStart::Refused { exit, stderr } = start else {
        panic!()
    };
    assert_eq!(exit, 2);
    assert!(stderr.contains("config.no-secret"));
}

#[test]
fn a_child_gets_fresh_secrets_and_no_other_environment() {
    let folder = tempfile::tempdir().unwrap();
    let starter = program(folder.path(), "/usr/bin/env; exit 3");
    let start = starter.start(&tree(), None, &mut |_| {}).unwrap();
    let ChildStart::Refused { stderr, .. } = start else {
        panic!()
    };
    assert!(stderr.contains("VOUCHSAFE_CHILD_SECRET_0="));
    assert!(!stderr.contains("HOME="));
    assert!(!stderr.contains("CARGO"));
}

#[test]
fn a_secret_has_the_form_of_its_webhook() {
    let folder = tempfile::tempdir().unwrap();
    let starter = program(folder.path(), "exit 2");
    let mut tree = tree();
    tree["route"] = json!([
        {"path": "/w", "webhook": {"scheme": "standard-webhooks", "secret": ["register"]}},
    ]);
    let names = fresh_secrets(&mut tree).unwrap();
    let webhooks = |name: &&String| scheme_of(&tree, name).is_some();
    let [name] = names.iter().filter(webhooks).collect::<Vec<_>>()[..] else {
        panic!("{names:?}")
    };
    let scheme = scheme_of(&tree, name).unwrap();
    let secret = starter.secret(&tree, name).unwrap();
    assert!(hooks::Key::verifying(scheme, &secret).is_ok());
}

#[test]
fn the_change_is_what_the_child_reads() {
    let folder = tempfile::tempdir().unwrap();
    let starter = program(folder.path(), "/bin/cat \"$3\"; exit 2");
    let change = &mut |tree: &mut Value| tree["deployment"]["name"] = json!("changed");
    let ChildStart::Refused { stderr, .. } = starter.start(&tree(), None, change).unwrap() else {
        panic!()
    };
    assert!(stderr.contains("name = \"changed\""));
}

#[test]
fn a_child_finds_the_past_it_was_given_in_its_data_folder() {
    let folder = tempfile::tempdir().unwrap();
    let starter = program(folder.path(), "ls data; exit 3");
    let past = LedgerPast {
        ages: vec![Duration::from_secs(86_400)],
        announced: None,
        altered: false,
    };
    let said = |past| match starter.start(&tree(), past, &mut |_| {}).unwrap() {
        ChildStart::Refused { exit: 3, stderr } => stderr,
        _ => panic!("it runs"),
    };
    assert!(said(Some(&past)).contains("ledger.key"));
    assert!(!said(None).contains("ledger.key"));
}
