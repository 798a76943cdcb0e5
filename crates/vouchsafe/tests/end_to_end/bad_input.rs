//! What stands in the way of a start: each fault says what, where and what to do, exits 2 and
//! leaves nothing behind.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
};

use crate::support::{Deployment, Upstream, get, open_route, run, site, status, until, vouchsafe};

/// The upstream of configurations that never serve.
fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

/// A configuration that starts.
fn sound() -> String {
    site(nowhere()) + &open_route("/")
}

/// Nothing was made: the faults were found before the data folder was touched.
#[track_caller]
fn is_untouched(deployment: &Deployment) {
    assert!(!deployment.data().exists(), "the data folder was made");
}

/// Nothing is held: another command gets the lock on the data folder, and no socket lies there.
#[track_caller]
fn is_free(deployment: &Deployment) {
    assert!(
        !deployment.data().join("admin.sock").exists(),
        "the admin socket was left"
    );
    deployment.run(&["key", "list"], &[]).exits(0);
}

#[test]
fn the_sound_configuration_of_these_tests_starts() {
    let deployment = Deployment::new(&sound());
    deployment.run(&["check"], &[]).exits(0);
    is_untouched(&deployment);
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/.vouchsafe/none")), 404);
    gate.stop();
    is_free(&deployment);
}

#[test]
fn every_fault_of_a_configuration_is_shown_at_once_with_its_place() {
    let text = sound()
        .replace("address =", "adress =")
        .replace("name = \"test\"", "name = 7")
        .replace("app = \"app\"", "app = \"ap\"");
    let deployment = Deployment::new(&text);
    for said in [
        deployment.refuses_to_start(&[]),
        deployment.run(&["check"], &[]).could_not_ask(&[]),
    ] {
        said.says(&[
            // An unknown key, with the one that was meant.
            "config.unknown-key",
            "vouchsafe.toml:8:1",
            "adress",
            "did you mean",
            "address",
            // A wrong type.
            "config.wrong-type",
            "vouchsafe.toml:4:8",
            // An app that is not there, with those that are.
            "route.no-such-app",
            "vouchsafe.toml:16:7",
            "\"app\"",
            "faults in",
        ]);
    }
    is_untouched(&deployment);
}

/// What a person reads, whole: `up` and `check` in the folder of the configuration.
#[test]
fn faults_are_drawn_with_their_source_lines() {
    let text = sound()
        .replace("address =", "adress =")
        .replace("app = \"app\"", "app = \"ap\"");
    let deployment = Deployment::new(&text);
    let mut up = vouchsafe(&["up"]);
    let said = run(up.current_dir(deployment.folder())).could_not_ask(&[]);
    insta::assert_snapshot!(said.stderr);
    let mut check = vouchsafe(&["check"]);
    assert_eq!(
        run(check.current_dir(deployment.folder())).stderr,
        said.stderr
    );
}

#[test]
fn a_file_that_is_not_toml_or_not_there_is_refused_by_every_verb() {
    let deployment = Deployment::new("version = = 1\n");
    let verbs: [&[&str]; 8] = [
        &["up"],
        &["check"],
        &["reload"],
        &["prove"],
        &["healthcheck"],
        &["key", "list"],
        &["ledger", "tail"],
        &["config", "show"],
    ];
    for verb in verbs {
        deployment
            .run(verb, &[])
            .could_not_ask(&["vouchsafe.toml:1:"]);
    }
    fs::remove_file(deployment.configuration()).unwrap();
    for verb in verbs {
        deployment.run(verb, &[]).could_not_ask(&["vouchsafe.toml"]);
    }
    fs::create_dir(deployment.configuration()).unwrap();
    deployment.refuses_to_start(&["vouchsafe.toml"]);
    is_untouched(&deployment);
}

#[test]
fn a_secret_that_is_not_in_the_environment_is_named() {
    let text = format!(
        "{}[secrets]\ntwilio = \"env:THE_TWILIO_TOKEN\"\n\n[[route]]\npath = \"/hook\"\napp = \"app\"\n\
         methods = [\"POST\"]\nwebhook = {{ scheme = \"twilio\", secret = [\"twilio\"] }}\n",
        sound()
    );
    let deployment = Deployment::new(&text);
    deployment.refuses_to_start(&[
        "config.secret-missing",
        "THE_TWILIO_TOKEN",
        "vouchsafe.toml:",
    ]);
    is_untouched(&deployment);
    Deployment::new(&text)
        .with("THE_TWILIO_TOKEN", "12345")
        .up()
        .stop();
}

#[test]
fn a_secret_file_that_others_can_read_is_refused_with_the_command_that_mends_it() {
    let text = format!(
        "{}[secrets]\ngithub = \"file:github.secret\"\n\n[[route]]\npath = \"/hook\"\napp = \"app\"\n\
         methods = [\"POST\"]\nwebhook = {{ scheme = \"github\", secret = [\"github\"] }}\n",
        sound()
    );
    let deployment = Deployment::new(&text);
    deployment.refuses_to_start(&["config.secret-unreadable", "github.secret"]);

    let file = deployment.write("github.secret", b"It's a Secret to Everybody\n");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    deployment
        .refuses_to_start(&["config.secret-exposed", "chmod 600", "github.secret"])
        .silent_about("Everybody");
    is_untouched(&deployment);

    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    deployment.up().stop();
}

#[test]
fn routes_that_collide_are_named_both() {
    let text = sound() + &open_route("/api") + &open_route("/api");
    let deployment = Deployment::new(&text);
    deployment.refuses_to_start(&["route.collision", "number 2", "number 3", "/api"]);
    is_untouched(&deployment);
}

#[test]
fn a_route_without_a_guard_is_refused() {
    let text = sound() + "[[route]]\npath = \"/private\"\napp = \"app\"\n";
    let deployment = Deployment::new(&text);
    deployment.refuses_to_start(&["route.unguarded", "auth = [\"api-key\"]"]);
    deployment.configure(&(text + "auth = \"none\"\n"));
    deployment.refuses_to_start(&["route.open-without-reason", "reason"]);
    is_untouched(&deployment);
}

#[test]
fn a_port_in_use_is_named_and_nothing_is_kept() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let deployment = Deployment::new(&sound().replace("127.0.0.1:0", &address));
    deployment.refuses_to_start(&[&address, "in use"]);
    is_free(&deployment);
}

#[test]
fn a_port_of_another_gate_is_in_use_as_well() {
    let first = Deployment::new(&sound());
    let gate = first.up();
    let address = gate.address.to_string();
    let second = Deployment::new(&sound().replace("127.0.0.1:0", &address));
    second.refuses_to_start(&[&address, "in use"]);
    gate.stop();
}

#[test]
fn a_second_instance_on_one_data_folder_is_refused_and_the_first_goes_on() {
    let deployment = Deployment::new(&sound());
    let gate = deployment.up();
    let ready = deployment.folder().join("ready.json");
    fs::remove_file(&ready).unwrap();
    let pid = format!("pid {}", gate.id());
    deployment.refuses_to_start(&[&pid, &deployment.data().display().to_string()]);
    assert_eq!(status(gate.address, get("/.vouchsafe/none")), 404);
    let about = gate.admin.get("/v1/instance").unwrap();
    assert_eq!(
        about["pid"],
        gate.id(),
        "the second took the first one's socket"
    );
    gate.stop();
}

#[test]
fn a_ready_file_that_cannot_be_written_ends_the_start_again() {
    let deployment = Deployment::new(&sound());
    let ready = deployment.folder().join("none/ready.json");
    let ready = ready.to_str().unwrap();
    deployment
        .run(&["up"], &["--ready-file", ready])
        .could_not_ask(&[ready, "--ready-file"]);
    is_free(&deployment);
}

#[test]
fn a_data_folder_that_cannot_be_written_is_refused() {
    let text = sound().replace(
        "name = \"test\"",
        "name = \"test\"\ndata_dir = \"file/data\"",
    );
    let deployment = Deployment::new(&text);
    // Not permission bits: whoever runs this may be allowed everything.
    deployment.write("file", b"");
    deployment.refuses_to_start(&["file/data"]);
    deployment.write("data", b"");
    deployment.configure(&sound());
    deployment.refuses_to_start(&["data"]);
}

/// A gate that served a little and stopped in order.
fn served() -> Deployment {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let gate = deployment.up();
    for number in 0..5 {
        assert_eq!(status(gate.address, get(&format!("/{number}"))), 200);
    }
    gate.stop();
    deployment
}

/// The one bundle of entries that a short ledger has.
fn bundle(deployment: &Deployment) -> PathBuf {
    let folder = deployment.data().join("ledger/tile/entries/000.p");
    let newest = |entry: &fs::DirEntry| entry.file_name().to_str()?.parse::<u32>().ok();
    let entries = fs::read_dir(&folder).unwrap().map(Result::unwrap);
    entries
        .max_by_key(newest)
        .unwrap_or_else(|| panic!("no bundle in {folder:?}"))
        .path()
}

#[test]
fn a_ledger_with_one_changed_byte_below_the_checkpoint_is_refused() {
    let deployment = served();
    let path = bundle(&deployment);
    let sound = fs::read(&path).unwrap();
    let mut changed = sound.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(&path, changed).unwrap();
    deployment.refuses_to_start(&["entr", "vouchsafe ledger verify"]);
    is_free(&deployment);

    fs::write(&path, sound).unwrap();
    deployment.up().stop();
}

#[test]
fn a_ledger_with_a_truncated_checkpoint_is_refused() {
    let deployment = served();
    let path = deployment.data().join("ledger/checkpoint");
    let sound = fs::read(&path).unwrap();
    for length in [0, sound.len() / 2, sound.len() - 1] {
        fs::write(&path, &sound[..length]).unwrap();
        deployment.refuses_to_start(&["checkpoint", "vouchsafe ledger verify"]);
    }
    fs::remove_file(&path).unwrap();
    deployment.refuses_to_start(&["checkpoint is missing"]);
    fs::write(&path, sound).unwrap();
    deployment.up().stop();
}

#[test]
fn a_ledger_key_that_is_not_its_own_is_refused() {
    let deployment = served();
    let other = served();
    let path = deployment.data().join("ledger.key");
    let own = fs::read(&path).unwrap();
    fs::copy(other.data().join("ledger.key"), &path).unwrap();
    deployment.refuses_to_start(&["checkpoint"]);
    fs::write(&path, "nonsense").unwrap();
    deployment.refuses_to_start(&["ledger.key", "backup"]);
    fs::remove_file(&path).unwrap();
    deployment.refuses_to_start(&["ledger.key", "missing"]);
    deployment.write("data/ledger.key", &own);
    deployment.up().stop();
}

#[test]
fn an_assertion_key_of_the_wrong_length_is_refused() {
    let deployment = served();
    let path = deployment.data().join("assertion.key");
    let sound = fs::read(&path).unwrap();
    fs::write(&path, &sound[..sound.len() / 2]).unwrap();
    deployment.refuses_to_start(&["assertion.key", "backup"]);
    is_free(&deployment);
    fs::write(&path, sound).unwrap();
    deployment.up().stop();
}

#[test]
fn an_unknown_anchor_of_a_document_is_refused_with_its_line() {
    let deployment = Deployment::new(&sound());
    let gate = deployment.up();
    let document = "# Security\n\nWe are careful. <!-- promise: host.alow-list -->\n";
    deployment.write("SECURITY.md", document.as_bytes());
    deployment.run(&["prove"], &[]).could_not_ask(&[
        "SECURITY.md:3",
        "host.alow-list",
        "host.allow-list",
    ]);
    deployment.write("SECURITY.md", document.replace("alow", "allow").as_bytes());
    deployment.run(&["prove"], &[]).exits(0);
    gate.stop();
}

#[test]
fn verbs_that_need_a_running_gate_say_so_when_there_is_none() {
    let deployment = Deployment::new(&sound());
    deployment.write(
        "SECURITY.md",
        b"# Security\n\nOne name. <!-- promise: host.allow-list -->\n",
    );
    for verb in ["prove", "reload", "healthcheck"] {
        deployment
            .run(&[verb], &[])
            .could_not_ask(&["admin.sock", "vouchsafe up"]);
    }
    is_untouched(&deployment);
}

#[test]
fn a_gate_that_was_killed_leaves_nothing_in_the_way_of_the_next() {
    let deployment = Deployment::new(&sound());
    let gate = deployment.up();
    gate.signal(nix::sys::signal::Signal::SIGKILL);
    let mut gate = gate;
    until("the gate is gone", || (!gate.is_running()).then_some(()));
    deployment
        .run(&["healthcheck"], &[])
        .could_not_ask(&["admin.sock"]);
    deployment.up().stop();
}

#[test]
fn arguments_that_are_not_known_are_refused_with_what_was_meant() {
    for arguments in [
        &["upp"][..],
        &["up", "--confg", "x"],
        &["key"],
        &["demo", "nothing"],
    ] {
        let said = run(&mut vouchsafe(arguments)).exits(2);
        assert_eq!(said.stdout, "");
        assert!(
            said.stderr.contains("--help") || said.stderr.contains("Usage"),
            "{}",
            said.stderr
        );
    }
}
