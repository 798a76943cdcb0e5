//! Clients that are slow on purpose, by slowhttptest: while hundreds of them send or read drop by drop,
//! everybody else is answered.
//!
//! It is the program that `VOUCHSAFE_TEST_SLOWHTTPTEST` names, or `slowhttptest`; without one these tests
//! say that they did not run.

use std::{
    process::Command,
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use crate::support::{Deployment, Upstream, get, open_route, peer, run, site, status, until};

/// How many there are at once, all from the one address that others come from as well.
const CLIENTS: usize = 400;

/// How often somebody else asks meanwhile.
const PAUSE: Duration = Duration::from_millis(25);

/// Lets slow clients come for some seconds, in the mode that `how` names, and answers what the program
/// says at its end. Meanwhile everybody else must be answered.
fn beset(how: &[&str]) -> Option<String> {
    let program = peer("VOUCHSAFE_TEST_SLOWHTTPTEST", "slowhttptest")?;
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let gate = deployment.up();
    let mut command = Command::new(program);
    command
        .args(how)
        .args(["-u", &format!("http://{}/large", gate.address)])
        .args(["-c", &CLIENTS.to_string(), "-r", &CLIENTS.to_string()])
        .args(["-i", "1", "-l", "6", "-p", "5"]);
    let (ended, end) = channel::<()>();
    let asked = thread::scope(|scope| {
        let tool = scope.spawn(move || {
            let said = run(&mut command);
            drop(ended);
            said
        });
        let mut asked = 0;
        while end.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
            assert_eq!(status(gate.address, get("/")), 200, "{how:?}");
            asked += 1;
        }
        let said = tool.join().unwrap();
        assert!(asked > 0, "nobody asked: {said:?}");
        said.stdout + &said.stderr
    });
    // Nothing is left of them.
    until("all have gone", || {
        let metrics = gate.metrics();
        metrics
            .contains("\nvouchsafe_connections_open 0\n")
            .then_some(())
    });
    gate.stop();
    Some(asked)
}

/// Sees that the program itself was let in and answered all the while.
fn answers(how: &[&str]) {
    let Some(said) = beset(how) else { return };
    assert!(said.contains("service available:"), "{said}");
    assert!(said.contains("YES"), "{said}");
    assert!(!said.contains("NO\n"), "{said}");
}

#[test]
fn heads_that_come_drop_by_drop_hold_up_nobody() {
    answers(&["-H"]);
}

#[test]
fn bodies_that_come_drop_by_drop_hold_up_nobody() {
    answers(&["-B", "-s", "65536"]);
}

#[test]
fn ranges_by_the_hundred_hold_up_nobody() {
    answers(&["-R", "-a", "1", "-b", "2000"]);
}

#[test]
fn answers_that_are_read_drop_by_drop_hold_up_nobody() {
    answers(&["-X", "-n", "1", "-w", "10", "-y", "20", "-z", "8"]);
}
