//! More than one instance where there is room for one.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::{
    ledgers::{ended_in_order, whole},
    support::{Deployment, Process, Upstream, get, open_route, run, site, status, vouchsafe},
};

fn deployment(upstream: &Upstream) -> Deployment {
    Deployment::new(&(site(upstream.address) + &open_route("/")))
}

/// The configuration of `deployment` with its data in `folder`.
fn with_data_in(upstream: &Upstream, folder: &Path) -> String {
    let at = format!("name = \"test\"\ndata_dir = \"{}\"", folder.display());
    (site(upstream.address) + &open_route("/")).replace("name = \"test\"", &at)
}

#[test]
fn a_second_instance_is_refused_by_whatever_path_it_comes() {
    let upstream = Upstream::start();
    let first = deployment(&upstream);
    let gate = first.up();
    let ready = fs::read_to_string(first.ready_file()).unwrap();
    let pid = format!("pid {}", gate.id());
    let told = ["already uses the data folder", &*pid, "hint: "];

    run(&mut first.up_command()).could_not_ask(&told);
    let link = first.folder().join("link");
    symlink(first.data(), &link).unwrap();
    for path in [
        &*first.data(),
        &link,
        &first.folder().join("./data/../link"),
    ] {
        let second = Deployment::new(&with_data_in(&upstream, path));
        second.refuses_to_start(&told);
    }

    // Nothing of the first one's was touched, and it serves on.
    assert_eq!(fs::read_to_string(first.ready_file()).unwrap(), ready);
    assert_eq!(status(gate.address, get("/")), 200);
    first.run(&["healthcheck"], &[]).exits(0);
    first.run(&["key", "create"], &["--name", "a"]).exits(0);
    whole(&first);
    gate.stop();
    ended_in_order(&first);
}

#[test]
fn a_second_instance_is_refused_through_a_bind_mount() {
    let upstream = Upstream::start();
    let first = deployment(&upstream);
    let gate = first.up();
    let other = first.folder().join("other");
    fs::create_dir(&other).unwrap();
    let second = Deployment::new(&with_data_in(&upstream, &other));
    let mut mounted = Command::new("unshare");
    mounted
        .args([
            "--mount",
            "sh",
            "-c",
            "mount --bind \"$1\" \"$2\" && shift 2 && exec \"$@\"",
            "sh",
        ])
        .args([&first.data(), &other])
        .arg(env!("CARGO_BIN_EXE_vouchsafe"))
        .args(["up", "--config", &second.configuration()])
        .env("NO_COLOR", "1");
    if crate::needs_root("a mount of its own") {
        run(&mut mounted).could_not_ask(&["already uses", &format!("pid {}", gate.id())]);
    }
    gate.stop();
}

#[test]
fn of_many_that_start_together_exactly_one_runs() {
    let upstream = Upstream::start();
    let deployment = deployment(&upstream);
    let mut starting: Vec<Process> = (0..5)
        .map(|_| Process::start(&mut deployment.up_command()))
        .collect();
    crate::support::until("four have ended", || {
        let ended = starting.iter_mut().filter_map(Process::ended).count();
        (ended == 4).then_some(())
    });
    let at = starting
        .iter_mut()
        .position(|process| process.ended().is_none())
        .unwrap();
    let running = starting.remove(at);
    for refused in starting {
        refused
            .finish()
            .could_not_ask(&["already uses the data folder"]);
    }
    let ready = crate::support::until("the one that runs says so", || {
        fs::read_to_string(deployment.ready_file()).ok()
    });
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["pid"], running.id());
    let address = ready["gate"][0].as_str().unwrap().parse().unwrap();
    assert_eq!(status(address, get("/")), 200);
    running.signal(nix::sys::signal::Signal::SIGTERM);
    running.finish().exits(0);
    ended_in_order(&deployment);
}

#[test]
fn a_copied_data_folder_is_told_apart_by_a_checkpoint_that_was_kept() {
    let upstream = Upstream::start();
    let original = deployment(&upstream);
    let gate = original.up();
    assert_eq!(status(gate.address, get("/")), 200);
    gate.stop();
    let copy = deployment(&upstream);
    run(Command::new("cp")
        .arg("-a")
        .arg(original.data())
        .arg(copy.data()))
    .exits(0);

    // Both go on under one key: what each says is signed, and they contradict each other.
    for (deployment, requests) in [(&original, 3), (&copy, 2)] {
        let gate = deployment.up();
        for _ in 0..requests {
            assert_eq!(status(gate.address, get("/")), 200);
        }
        gate.stop();
        ended_in_order(deployment);
    }
    let key = original.run(&["ledger", "key"], &[]).exits(0).stdout;
    assert_eq!(copy.run(&["ledger", "key"], &[]).exits(0).stdout, key);
    let verify = |of: &Deployment, seen: &Deployment| {
        let seen = seen.data().join("ledger/checkpoint");
        run(
            vouchsafe(&["ledger", "verify", "--key", key.trim(), "--seen"])
                .arg(seen)
                .arg(of.data().join("ledger")),
        )
    };
    verify(&original, &original).exits(0);
    verify(&copy, &original).exits(1).says(&["altered"]);
    verify(&original, &copy).exits(1).says(&["altered"]);
}

#[test]
fn two_gates_never_share_an_address() {
    let upstream = Upstream::start();
    let first = deployment(&upstream);
    let gate = first.up();
    let text = site(upstream.address) + &open_route("/");
    let at = |address: &str| text.replace("127.0.0.1:0", address);
    let second = Deployment::new(&at(&gate.address.to_string()));
    let address = gate.address.to_string();
    second.refuses_to_start(&["cannot listen on", &address, "ss -ltnp"]);
    assert!(!second.data().join("admin.sock").exists());
    assert_eq!(status(gate.address, get("/")), 200);
    gate.stop();
    // What it made on the way is whole, and nothing holds it.
    second.configure(&text);
    second.up().stop();
    ended_in_order(&second);
}
