//! Signals in every phase of an instance's life.

use std::{fs, io::Read as _, thread, time::Duration};

use nix::sys::signal::Signal;

use crate::{
    hooks::{delivery, hook},
    ledgers::{ended_in_order, entries, kinds, whole},
    shim::Shim,
    support::{
        Client, Deployment, Process, Socket, Upstream, field, get, open_route, site, status, until,
    },
};

pub(crate) fn served() -> (Upstream, Deployment) {
    served_with("")
}

pub(crate) fn served_with(more: &str) -> (Upstream, Deployment) {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/") + more));
    (upstream, deployment)
}

/// Starts a gate whose disk is slow and waits until it is in the middle of its start: it has the
/// lock, and its first sync is still to come.
fn starting(deployment: &Deployment) -> Process {
    let mut process = Process::start(&mut deployment.up_command());
    until("the data folder is locked", || {
        assert!(process.ended().is_none(), "{}", process.stderr());
        deployment.data().join("lock").exists().then_some(())
    });
    process
}

#[test]
fn a_gate_that_is_stopped_while_it_starts_ends_in_order() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (deployment, shim) = Shim::before(served().1);
        shim.disk(100);
        let process = starting(&deployment);
        process.signal(signal);
        process.finish().exits(0);
        assert!(!deployment.ready_file().exists());
        assert!(!deployment.data().join("admin.sock").exists());
        shim.disk(0);
        let gate = deployment.up();
        assert_eq!(status(gate.address, get("/")), 200);
        gate.stop();
        ended_in_order(&deployment);
    }
}

#[test]
fn a_start_that_takes_too_long_to_stop_is_left_and_the_next_one_finds_its_way() {
    let (deployment, shim) = Shim::before(served().1);
    shim.disk(20_000);
    let process = starting(&deployment);
    process.signal(Signal::SIGTERM);
    process.finish().exits(0);
    assert!(!deployment.ready_file().exists());
    shim.disk(0);
    deployment.up().stop();
    ended_in_order(&deployment);
}

#[test]
fn a_gate_that_is_told_to_reload_while_it_starts_reloads_once_it_runs() {
    let (upstream, deployment) = served();
    let (deployment, shim) = Shim::before(deployment);
    shim.disk(50);
    let mut process = starting(&deployment);
    deployment.configure(&(site(upstream.address) + &open_route("/") + &open_route("/b")));
    process.signal(Signal::SIGHUP);
    shim.disk(0);
    until("the reload is taken up", || {
        assert!(process.ended().is_none(), "{}", process.stderr());
        process
            .stderr()
            .contains("configuration.reloaded")
            .then_some(())
    });
    process.signal(Signal::SIGTERM);
    process.finish().exits(0);
    ended_in_order(&deployment);
    assert!(kinds(&deployment).contains(&"instance.reload".to_owned()));
}

#[test]
fn a_gate_that_is_stopped_while_it_reloads_ends_in_order() {
    let (_upstream, deployment) = served();
    let (deployment, shim) = Shim::before(deployment);
    let gate = deployment.up();
    shim.disk(300);
    for _ in 0..20 {
        gate.signal(Signal::SIGHUP);
    }
    until("a reload has begun", || {
        gate.log().contains("configuration.reloaded").then_some(())
    });
    gate.signal(Signal::SIGTERM);
    gate.finish();
    ended_in_order(&deployment);
}

#[test]
fn a_storm_of_hangups_ends_nothing() {
    let (_upstream, deployment) = served();
    let gate = deployment.up();
    for _ in 0..200 {
        gate.signal(Signal::SIGHUP);
    }
    assert_eq!(status(gate.address, get("/")), 200);
    until("the storm is over", || {
        gate.log().contains("configuration.reloaded").then_some(())
    });
    gate.stop();
    ended_in_order(&deployment);
}

#[test]
fn a_delivery_cut_off_by_the_end_is_held_back_for_its_lease_and_then_comes_again() {
    let hook = "[limits]\ndrain = \"1s\"\n".to_owned() + &hook();
    let (upstream, deployment) = served_with(&hook);
    let (deployment, shim) = Shim::before(deployment);
    let bytes = delivery(&deployment, "/hook/hold", "{}");
    let gate = deployment.up();
    let mut cut_off = Socket::dial(gate.address);
    cut_off.send(&bytes);
    upstream.await_held();
    gate.stop();
    assert!(cut_off.is_closed());
    ended_in_order(&deployment);

    // The app may still be at it: nothing is forwarded before it must be through.
    let gate = deployment.up();
    let held_back = Client::dial(gate.address).ask(&bytes);
    assert_eq!(held_back.status, 503);
    let wait: i64 = field(&held_back, "Retry-After").parse().unwrap();
    assert!((1..=46).contains(&wait), "{wait}");
    assert_eq!(upstream.seen().len(), 1);
    shim.clock(wait);
    upstream.release();
    assert_eq!(Client::dial(gate.address).ask(&bytes).status, 200);
    let seen = upstream.seen();
    let ids: Vec<_> = seen
        .iter()
        .map(|seen| seen.fields("X-Vouchsafe-Delivery"))
        .collect();
    assert_eq!(
        (ids.len(), &ids[0]),
        (2, &ids[1]),
        "the app can tell that it is the same"
    );
    // Now it is done: the repeat is acknowledged as GitHub expects, and goes nowhere.
    assert_eq!(Client::dial(gate.address).ask(&bytes).status, 202);
    assert_eq!(upstream.seen().len(), 2);
    gate.stop();
    ended_in_order(&deployment);
}

#[test]
fn the_ready_file_goes_before_the_drain_and_the_socket_behind_it() {
    let (upstream, deployment) = served();
    let gate = deployment.up();
    let mut held = Socket::dial(gate.address);
    held.send(get("/hold"));
    upstream.await_held();
    gate.signal(Signal::SIGTERM);
    until("the gate no longer says that it is ready", || {
        (!deployment.ready_file().exists()).then_some(())
    });
    assert!(deployment.data().join("admin.sock").exists());
    upstream.release();
    assert!(held.read_until("hello").starts_with("HTTP/1.1 200 "));
    gate.finish();
    assert!(!deployment.data().join("admin.sock").exists());
    ended_in_order(&deployment);
}

#[test]
fn a_gate_on_a_slow_disk_stops_with_every_request_on_it() {
    let (_upstream, deployment) = served();
    let (deployment, shim) = Shim::before(deployment);
    let gate = deployment.up();
    shim.disk(150);
    for _ in 0..50 {
        assert_eq!(status(gate.address, get("/")), 200);
    }
    gate.stop();
    ended_in_order(&deployment);
    let requests = kinds(&deployment);
    let requests = requests.iter().filter(|kind| *kind == "request").count();
    assert_eq!(requests, 50);
}

#[test]
fn a_proof_that_loses_its_gate_says_that_it_could_not_ask() {
    let (upstream, deployment) = served();
    let gate = deployment.up();
    deployment.write(
        "SECURITY.md",
        b"A request that two parsers could read differently is refused. <!-- promise: wire.framing -->\n",
    );
    let document = deployment
        .folder()
        .join("SECURITY.md")
        .display()
        .to_string();
    // The app holds what the gate is asked, so that the drain lasts as long as the proof.
    let mut held = Socket::dial(gate.address);
    held.send(get("/hold"));
    upstream.await_held();
    gate.signal(Signal::SIGTERM);
    until("nobody listens any more", || {
        std::net::TcpStream::connect_timeout(&gate.address, Duration::from_secs(5))
            .is_err()
            .then_some(())
    });
    let said = deployment.run(&["prove"], &["--document", &document]);
    assert_eq!(said.exit, Some(2), "{said:?}");
    upstream.release();
    gate.finish();
    ended_in_order(&deployment);
}

#[test]
fn a_killed_gate_leaves_nothing_that_stops_the_next_one() {
    let (_upstream, deployment) = served();
    let mut before = 0;
    for _ in 0..3 {
        let gate = deployment.up();
        let address = gate.address;
        let busy = thread::spawn(move || {
            // Asks until the gate is gone.
            while let Ok(mut stream) = std::net::TcpStream::connect(address) {
                let asked = std::io::Write::write_all(&mut stream, get("/").as_bytes());
                if asked.is_err() || stream.read_to_end(&mut Vec::new()).is_err() {
                    return;
                }
            }
        });
        for _ in 0..20 {
            Client::dial(address).ask(get("/"));
        }
        gate.signal(Signal::SIGKILL);
        gate.finish_killed();
        busy.join().unwrap();
        for left in ["ready.json", "data/admin.sock", "data/lock"] {
            assert!(deployment.folder().join(left).exists(), "{left}");
        }
        whole(&deployment);
        let now = entries(&deployment).len();
        assert!(now > before, "{now} entries behind {before}");
        before = now;
    }
    // What a killed gate said of itself must not be taken for the next one's word.
    fs::write(deployment.ready_file(), "{\"gate\":[\"127.0.0.1:1\"]}").unwrap();
    let mut process = Process::start(&mut deployment.up_command());
    until("the new gate says where it listens", || {
        assert!(process.ended().is_none(), "{}", process.stderr());
        let text = fs::read_to_string(deployment.ready_file()).ok()?;
        (!text.contains("127.0.0.1:1\"")).then_some(())
    });
    process.signal(Signal::SIGTERM);
    process.finish().exits(0);
    ended_in_order(&deployment);
}
