//! `kill -9` at any moment under load: what was decided durably is in the ledger.
//!
//! The page cache outlives a killed process, so that this shows less than the disk double of
//! `ledger` does: that acknowledging waits for the write, and that the real binary recovers.

use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use nix::sys::signal::Signal;
use prove::http::exchange;
use serde_json::Value;

use crate::support::{
    Deployment, PATIENCE, Upstream, clock, get, open_route, run, site, until, vouchsafe,
};

/// Clients that ask at the same time.
const CLIENTS: usize = 4;

/// How often the gate is killed; more in the long form.
fn rounds() -> usize {
    let said = std::env::var("VOUCHSAFE_TEST_KILLS").ok();
    said.map_or(20, |said| said.parse().unwrap())
}

/// Asks until the gate is gone; the ids of all requests that were answered.
fn ask_until_gone(address: SocketAddr, answered: &AtomicUsize) -> Vec<String> {
    let mut ids = Vec::new();
    while let Ok(mut stream) = TcpStream::connect_timeout(&address, PATIENCE) {
        let Ok(reply) = exchange(&mut stream, get("/").as_bytes(), clock()) else {
            break;
        };
        let Some(answer) = reply.answer() else { break };
        assert_eq!(answer.status, 200);
        ids.push(answer.field("X-Request-Id").unwrap().to_owned());
        answered.fetch_add(1, Ordering::Relaxed);
    }
    ids
}

/// Verifies the ledger against a checkpoint that stood there before the kill.
fn whole(deployment: &Deployment, seen: &Path) {
    let folder = deployment.data().join("ledger");
    let key = deployment.run(&["ledger", "key"], &[]).exits(0).stdout;
    let mut verify = vouchsafe(&["ledger", "verify"]);
    verify.arg(folder).args(["--key", key.trim()]);
    run(verify.arg("--seen").arg(seen)).exits(0);
}

#[test]
fn every_request_that_was_let_through_is_in_the_ledger_whenever_the_gate_is_killed() {
    let upstream = Upstream::start();
    let durable = "[ledger]\ndurability = \"sync\"\n";
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/") + durable));
    let seen = deployment.folder().join("seen");
    let mut acknowledged = BTreeSet::new();
    for round in 0..rounds() {
        let gate = deployment.up();
        let answered = AtomicUsize::new(0);
        let ids = thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS)
                .map(|_| scope.spawn(|| ask_until_gone(gate.address, &answered)))
                .collect();
            // Another moment in each round, between the first answer and some hundred.
            let moment = 1 + round * 37 % 150;
            until("requests were answered", || {
                (answered.load(Ordering::Relaxed) >= moment).then_some(())
            });
            fs::copy(deployment.data().join("ledger/checkpoint"), &seen).unwrap();
            gate.signal(Signal::SIGKILL);
            clients
                .into_iter()
                .flat_map(|client| client.join().unwrap())
                .collect::<Vec<_>>()
        });
        gate.finish_killed();
        acknowledged.extend(ids);
        whole(&deployment, &seen);
    }
    // The next start recovers; what it signs continues every checkpoint that was seen.
    deployment.up().stop();
    whole(&deployment, &seen);
    let lines = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    let decided: BTreeSet<String> = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|event| event["kind"] == "request.decision")
        .map(|event| event["request"].as_str().unwrap().to_owned())
        .collect();
    let lost: Vec<&String> = acknowledged.difference(&decided).collect();
    assert!(
        lost.is_empty(),
        "{} of {}: {lost:?}",
        lost.len(),
        acknowledged.len()
    );
    assert!(acknowledged.len() >= rounds());
}
