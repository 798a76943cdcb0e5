//! Disks that are full or cannot be written to, where the ledger is not yet at work.

use std::{fs, net::SocketAddr, path::PathBuf, process::Command};

use nix::sys::signal::Signal;

use crate::{
    environment::behind,
    ledgers::ended_in_order,
    support::{
        Client, Deployment, Process, Upstream, field, get, open_route, run, site, status, until,
        vouchsafe,
    },
};

fn deployment() -> (Upstream, Deployment) {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    (upstream, deployment)
}

/// `command` where `prepare` has mounted something that nobody else sees.
fn mounted(prepare: &str, command: &Command) -> Command {
    let script = format!(
        "if [ -z \"$INSIDE\" ]; then INSIDE=1 exec unshare --mount sh -c '{prepare} && exec \"$@\"' \
         sh \"$@\"; fi;"
    );
    behind(&script, command)
}

#[test]
fn a_full_temporary_folder_is_said_and_left_as_it_was() {
    if !crate::needs_root("a mount of its own") {
        return;
    }
    let (_upstream, deployment) = deployment();
    let temporary = deployment.folder().join("t");
    fs::create_dir(&temporary).unwrap();
    let at = temporary.display();
    let full = format!(
        "mount -t tmpfs -o size=16k,nr_inodes=2 none {at} && {{ head -c 20k /dev/zero > {at}/filler || true; }} 2> {at}.said"
    );
    let mut demo = vouchsafe(&["demo", "student-outreach", "--once"]);
    demo.env("TMPDIR", &temporary);
    run(&mut mounted(&full, &demo)).could_not_ask(&["No space left"]);
    // What needs no temporary folder does not miss it.
    let gate = deployment.up();
    let mut export = deployment.command(&["ledger", "export"], &[]);
    export.env("TMPDIR", &temporary);
    let said = run(&mut mounted(&full, &export)).exits(0);
    assert!(said.stdout.contains("instance.start"));
    gate.stop();
}

#[test]
fn a_data_folder_on_a_read_only_disk_is_refused() {
    if !crate::needs_root("a mount of its own") {
        return;
    }
    let (_upstream, deployment) = deployment();
    deployment.up().stop();
    let at = deployment.data();
    let at = at.display();
    let read_only = format!("mount --bind {at} {at} && mount -o remount,bind,ro {at}");
    run(&mut mounted(&read_only, &deployment.up_command()))
        .could_not_ask(&["Read-only file system", "neither full nor read-only"]);
    run(&mut mounted(
        &read_only,
        &deployment.command(&["key", "create"], &["--name", "a"]),
    ))
    .could_not_ask(&["Read-only file system"]);
    deployment.up().stop();
    ended_in_order(&deployment);
}

#[test]
fn a_first_start_on_a_full_disk_is_refused_and_the_next_one_finds_nothing_half() {
    if !crate::needs_root("a mount of its own") {
        return;
    }
    let (_upstream, deployment) = deployment();
    fs::create_dir(deployment.data()).unwrap();
    let at = deployment.data();
    let at = at.display();
    // What was made before the disk was full is copied out, as a disk that was freed would show it.
    let kept = deployment.folder().join("kept");
    for kilobytes in [8, 40, 64] {
        let script = format!(
            "mount -t tmpfs -o size={kilobytes}k,mode=700 none {at} && \
             {{ sh -c \"$0 \\\"\\$@\\\"\" \"$@\"; code=$?; rm -rf {kept}; cp -a {at} {kept}; exit $code; }}",
            kept = kept.display()
        );
        let script = script.replace("$0 \\\"\\$@\\\"", "exec \\\"\\$0\\\" \\\"\\$@\\\"");
        run(&mut mounted(&script, &deployment.up_command())).could_not_ask(&[]);
        fs::remove_dir_all(deployment.data()).unwrap();
        run(Command::new("cp")
            .arg("-a")
            .arg(&kept)
            .arg(deployment.data()))
        .exits(0);
        deployment.up().stop();
        ended_in_order(&deployment);
        fs::remove_dir_all(deployment.data()).unwrap();
        fs::create_dir(deployment.data()).unwrap();
    }
}

/// A file system in a file, which can be made read-only under those who write to it.
struct Ext4 {
    image: PathBuf,
    mount: String,
}

impl Ext4 {
    /// One for the data folder; says loudly why there is none, if so.
    fn new(deployment: &Deployment) -> Option<Self> {
        let (image, at) = (deployment.folder().join("image"), deployment.data());
        fs::create_dir(&at).unwrap();
        fs::File::create(&image).unwrap().set_len(24 << 20).unwrap();
        let mut make = Command::new("mkfs.ext4");
        make.args(["-q", "-F", "-O", "^has_journal"]).arg(&image);
        let (from, at) = (image.display(), at.display());
        let mount = format!(
            "mount -o loop {from} {at} && {{ rmdir {at}/lost+found 2> {from}.said || true; }} && \
             chmod 700 {at}"
        );
        let there = run(Command::new("sh").args(["-c", "command -v mkfs.ext4"]));
        if there.exit != Some(0) || run(&mut make).exit != Some(0) {
            eprintln!("NOT RUN: no file system could be made; it takes mkfs.ext4");
            return None;
        }
        let tried = run(&mut mounted(&mount, &Command::new("true")));
        if tried.exit != Some(0) {
            eprintln!("NOT RUN: no loop device here: {}", tried.stderr);
            return None;
        }
        Some(Self { image, mount })
    }

    /// `command` where it is mounted.
    fn behind(&self, command: &Command) -> Command {
        mounted(&self.mount, command)
    }

    /// Mends what an abrupt end has left.
    fn mend(&self) {
        let mended = run(Command::new("e2fsck").arg("-fy").arg(&self.image));
        assert!(mended.exit < Some(4), "{mended:?}");
    }
}

/// `command` in the mounts of the process with this id.
fn beside(id: u32, command: &Command) -> Command {
    let mut enter = Command::new("nsenter");
    enter.args([&format!("--target={id}"), "--mount"]);
    enter.arg(command.get_program()).args(command.get_args());
    enter
}

#[test]
fn a_disk_that_becomes_read_only_under_a_gate_is_told_and_nothing_acknowledged_is_lost() {
    if !crate::needs_root("a file system of its own") {
        return;
    }
    let upstream = Upstream::start();
    let durable = "[ledger]\ndurability = \"sync\"\nfree_space_floor = \"0B\"\n";
    let text = site(upstream.address) + &open_route("/") + durable;
    let deployment = Deployment::new(&text);
    let Some(disk) = Ext4::new(&deployment) else {
        return;
    };
    let up = || {
        let _ = fs::remove_file(deployment.ready_file());
        let mut gate = Process::start(&mut disk.behind(&deployment.up_command()));
        let ready = until("the gate is ready", || {
            assert!(gate.ended().is_none(), "{}", gate.stderr());
            fs::read_to_string(deployment.ready_file()).ok()
        });
        let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
        let address: SocketAddr = ready["gate"][0].as_str().unwrap().parse().unwrap();
        (gate, address)
    };
    let (mut gate, address) = up();
    let mut acknowledged = Vec::new();
    let mut ask = || {
        let answer = Client::dial(address).ask(get("/"));
        if answer.status == 200 {
            acknowledged.push(field(&answer, "X-Request-Id").to_owned());
        }
        answer
    };
    for _ in 0..5 {
        assert_eq!(ask().status, 200);
    }
    let healthcheck = beside(gate.id(), &deployment.command(&["healthcheck"], &[]));
    let health = || {
        let mut asked = Command::new(healthcheck.get_program());
        run(asked.args(healthcheck.get_args()))
    };
    assert_eq!(health().exit, Some(0));

    let at = deployment.data().display().to_string();
    let mut abort = Command::new("mount");
    abort.args(["-o", "remount,abort", &at]);
    run(&mut beside(gate.id(), &abort)).exits(0);
    let refused = until("a request is refused", || {
        let answer = ask();
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 503);
    assert!(!field(&refused, "Retry-After").is_empty());
    let said = until("the health check says no", || {
        let said = health();
        (said.exit == Some(1)).then_some(said)
    });
    let why = said.json()["ledger"]["failing"].to_string();
    assert!(
        ["Read-only file system", "Input/output error"]
            .iter()
            .any(|word| why.contains(word)),
        "{why}"
    );
    let forwarded = upstream.seen().len();
    assert_eq!(ask().status, 503);
    assert_eq!(upstream.seen().len(), forwarded);
    assert!(gate.ended().is_none(), "{}", gate.stderr());
    gate.signal(Signal::SIGTERM);
    gate.finish().exits(0);

    disk.mend();
    let (gate, address) = up();
    assert_eq!(status(address, get("/")), 200);
    gate.signal(Signal::SIGTERM);
    gate.finish().exits(0);
    let export = disk.behind(&deployment.command(&["ledger", "export"], &[]));
    let export = run(&mut { export }).exits(0).stdout;
    for id in &acknowledged {
        let decided = |line: &str| line.contains("request.decision") && line.contains(id);
        assert!(export.lines().any(decided), "{id} is lost");
    }
}
