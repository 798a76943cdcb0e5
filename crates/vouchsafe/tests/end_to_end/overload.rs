//! A running gate short of what it needs: places, descriptors, a quick app.

use std::{io::Read as _, process::Command};

use crate::support::{
    Client, Deployment, Gate, Socket, Upstream, field, get, open_route, run, site, status, until,
};

/// Descriptors the gate has open.
fn descriptors(gate: &Gate) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", gate.id()))
        .unwrap()
        .count()
}

/// Changes how many descriptors the running gate may have.
fn allow(gate: &Gate, descriptors: usize) {
    let mut command = Command::new("prlimit");
    command
        .arg(format!("--pid={}", gate.id()))
        .arg(format!("--nofile={descriptors}:"));
    run(&mut command).exits(0);
}

#[test]
fn a_gate_without_descriptors_says_so_and_serves_again_when_there_are_some() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let mut gate = deployment.up();
    assert_eq!(status(gate.address, get("/")), 200);
    deployment.run(&["healthcheck"], &[]).exits(0);

    allow(&gate, descriptors(&gate));
    // Somebody who asks is told, on the descriptor that is kept for it.
    let refused = until("a client is told", || {
        let answer = Client::dial(gate.address).ask(get("/"));
        (answer.status == 503).then_some(answer)
    });
    assert!(field(&refused, "Retry-After").parse::<u32>().unwrap() > 0);
    let said = deployment.run(&["healthcheck"], &[]).exits(1);
    assert!(
        said.stdout.contains("\"descriptors_lacking\":true"),
        "{said:?}"
    );
    assert!(gate.is_running());

    allow(&gate, 1000);
    until("the gate serves again", || {
        (status(gate.address, get("/")) == 200).then_some(())
    });
    let metrics = gate.metrics();
    let lacking = metrics
        .lines()
        .find(|line| line.starts_with("vouchsafe_descriptors_lacking_total"));
    assert!(!lacking.unwrap().ends_with(" 0"), "{metrics}");
    let id = field(&refused, "X-Request-Id");
    let shown = deployment.run(&["ledger", "show"], &[id]).exits(0);
    assert!(shown.stdout.contains("gate.overload"), "{shown:?}");
    gate.stop();
}

#[test]
fn proxies_that_are_trusted_hold_as_many_connections_as_they_need() {
    let upstream = Upstream::start();
    let limited =
        site(upstream.address) + &open_route("/") + "[limits]\nconnections_per_address = 2\n";
    let proxied = limited.replace(
        "name = \"test\"",
        "name = \"test\"\ntrusted_proxies = [\"127.0.0.1\"]",
    );
    for (configuration, refused) in [(limited, true), (proxied, false)] {
        let deployment = Deployment::new(&configuration);
        let gate = deployment.up();
        let _held: Vec<Socket> = (0..3).map(|_| Socket::dial(gate.address)).collect();
        let mut fourth = Socket::dial(gate.address);
        if refused {
            let mut said = String::new();
            fourth.0.read_to_string(&mut said).unwrap();
            assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
        } else {
            fourth.send(get("/"));
            assert!(fourth.read_until("hello").starts_with("HTTP/1.1 200 "));
        }
        gate.stop();
    }
}
