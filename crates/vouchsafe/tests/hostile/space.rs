//! Disks that are full or cannot be written to, where the ledger is not yet at work.

use std::{fs, process::Command};

use crate::{
    environment::behind,
    ledgers::ended_in_order,
    support::{Deployment, Upstream, open_route, run, site, vouchsafe},
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
