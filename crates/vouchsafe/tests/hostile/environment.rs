//! What a process is started in: streams, limits, modes, folders, variables.

use std::{
    ffi::OsStr,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
    },
    path::Path,
    process::Command,
};

use nix::sys::signal::Signal;

use crate::{
    ledgers::ended_in_order,
    support::{Deployment, Process, Upstream, get, open_route, run, site, status, until},
};

fn served() -> (Upstream, Deployment) {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    (upstream, deployment)
}

/// `command` as the end of a shell script that has made its surroundings.
pub(crate) fn behind(script: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{script} exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell
}

/// Starts a gate whose surroundings `script` has made, asks it something, and stops it in order.
#[track_caller]
fn serves_behind(script: &str, deployment: &Deployment) {
    serves(deployment, &mut behind(script, &deployment.up_command()));
}

#[track_caller]
fn serves(deployment: &Deployment, command: &mut Command) {
    let mut process = Process::start(command);
    let ready = until("the gate is ready", || {
        assert!(process.ended().is_none(), "{}", process.stderr());
        fs::read_to_string(deployment.ready_file()).ok()
    });
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    let address = ready["gate"][0].as_str().unwrap().parse().unwrap();
    assert_eq!(status(address, get("/")), 200);
    deployment.run(&["healthcheck"], &[]).exits(0);
    process.signal(Signal::SIGTERM);
    process.finish().exits(0);
    ended_in_order(deployment);
}

#[test]
fn a_gate_needs_no_streams_no_home_and_no_folder_to_write_in() {
    for script in ["exec <&- >&- 2>&-;", "cd /proc;", "exec >/dev/full 2>&1;"] {
        let (_upstream, deployment) = served();
        serves_behind(script, &deployment);
    }
}

#[test]
fn odd_variables_and_places_change_nothing() {
    let (_upstream, deployment) = served();
    let mut command = deployment.up_command();
    command
        .env("HOSTILE", OsStr::from_bytes(b"\xff\xfe"))
        .env("TZ", "Pacific/Apia")
        .env("LC_ALL", "tr_TR.UTF-8");
    serves(&deployment, &mut command);
}

#[test]
fn few_descriptors_are_enough_for_a_few_requests() {
    let (_upstream, deployment) = served();
    serves_behind("ulimit -n 64;", &deployment);
}

#[test]
fn a_gate_runs_without_proc() {
    if !crate::needs_root("a mount of its own") {
        return;
    }
    let (_upstream, deployment) = served();
    let script = "if [ -z \"$INSIDE\" ]; then INSIDE=1 exec unshare --mount sh -c \
        'mount -t tmpfs none /proc && exec \"$@\"' sh \"$@\"; fi;";
    let mut command = behind(script, &deployment.up_command());
    serves(&deployment, &mut command);
}

/// Every file and folder below `folder`, itself included.
fn all_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(all_below(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn modes_are_right_whatever_the_umask() {
    for umask in ["0", "077", "0777"] {
        let upstream = Upstream::start();
        let text = site(upstream.address) + &open_route("/") + "[log]\nfile = \"gate.log\"\n";
        let deployment = Deployment::new(&text);
        let script = format!("umask {umask};");
        let process = Process::start(&mut behind(&script, &deployment.up_command()));
        until("the gate is ready", || {
            deployment.ready_file().exists().then_some(())
        });
        let mode = |path: &Path| fs::symlink_metadata(path).unwrap().mode() & 0o777;
        let mut made = all_below(&deployment.data());
        made.extend([
            deployment.ready_file(),
            deployment.folder().join("gate.log"),
        ]);
        for path in &made {
            assert_eq!(mode(path) & 0o022, 0, "{} under {umask}", path.display());
        }
        assert_eq!(mode(&deployment.data()), 0o700);
        for secret in [
            "ledger.key",
            "assertion.key",
            "vouchsafe.db",
            "admin.sock",
            "lock",
        ] {
            let path = deployment.data().join(secret);
            assert_eq!(mode(&path), 0o600, "{secret} under {umask}");
        }
        assert_eq!(mode(&deployment.folder().join("gate.log")) & 0o007, 0);
        process.signal(Signal::SIGTERM);
        process.finish().exits(0);
    }
}

#[test]
fn a_data_folder_that_others_own_or_can_write_to_is_refused() {
    let (_upstream, deployment) = served();
    fs::create_dir(deployment.data()).unwrap();
    let open = |mode| fs::set_permissions(deployment.data(), fs::Permissions::from_mode(mode));
    open(0o777).unwrap();
    deployment.refuses_to_start(&["other users can write", "chmod go-w"]);
    open(0o755).unwrap();
    if crate::needs_root("a folder of another user") {
        chown(deployment.data(), Some(12345), None).unwrap();
        deployment.refuses_to_start(&["belongs to user 12345", "sudo -u"]);
        deployment
            .run(&["key", "create"], &["--name", "a"])
            .could_not_ask(&["belongs to user 12345"]);
        assert_eq!(fs::read_dir(deployment.data()).unwrap().count(), 0);
        chown(deployment.data(), Some(0), None).unwrap();
    }
    deployment.up().stop();
    ended_in_order(&deployment);
}

#[test]
fn a_linked_data_folder_is_as_good_as_any() {
    let (_upstream, deployment) = served();
    let real = deployment.folder().join("real");
    fs::create_dir(&real).unwrap();
    symlink(&real, deployment.data()).unwrap();
    deployment.up().stop();
    ended_in_order(&deployment);
    assert!(real.join("ledger").is_dir());
}

#[test]
fn a_data_folder_too_deep_for_a_socket_has_it_elsewhere_and_only_where_it_is_ours() {
    let upstream = Upstream::start();
    let deep = ["deep"; 40].join("/");
    let at = format!("name = \"test\"\ndata_dir = \"{deep}\"");
    let text = (site(upstream.address) + &open_route("/")).replace("name = \"test\"", &at);
    let deployment = Deployment::new(&text);
    let temporary = deployment.folder().join("t");
    fs::create_dir(&temporary).unwrap();
    let deployment = deployment.with("TMPDIR", &temporary.display().to_string());

    let gate = deployment.up();
    let socket = gate.ready["admin"].as_str().unwrap().to_owned();
    let place = Path::new(socket.strip_prefix("unix:").unwrap())
        .parent()
        .unwrap();
    if !place.starts_with(&temporary) {
        panic!("{socket} is not below {}", temporary.display());
    }
    deployment.run(&["healthcheck"], &[]).exits(0);
    deployment
        .run(&["key", "create"], &["--name", "a"])
        .exits(0);
    gate.stop();

    // Somebody else was faster.
    fs::set_permissions(place, fs::Permissions::from_mode(0o777)).unwrap();
    deployment.refuses_to_start(&["is not a folder of this user alone"]);
    fs::set_permissions(place, fs::Permissions::from_mode(0o700)).unwrap();
    deployment.up().stop();
}

#[test]
fn a_key_that_could_not_be_shown_is_named_to_be_revoked() {
    let (_upstream, deployment) = served();
    let create = deployment.command(&["key", "create"], &["--name", "a", "--all"]);
    let script = "exec >/dev/full;";
    let said = run(&mut behind(script, &create)).could_not_ask(&["could not be shown"]);
    let id = said.stderr.split("key revoke ").nth(1).unwrap().trim();
    deployment.run(&["key", "revoke"], &[id]).exits(0);
}
