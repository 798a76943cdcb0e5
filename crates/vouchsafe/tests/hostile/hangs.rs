//! A disk that says nothing, a disk that may no longer be written to, a client that takes nothing.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use control::Clock as _;
use serde_json::Value;

use crate::{
    hooks::{delivery, hook},
    ledgers::{ended_in_order, entries},
    shim::Shim,
    support::{
        Client, Deployment, Gate, Socket, Upstream, clock, field, get, open_route, site, status,
        until,
    },
};

/// A sync that takes longer than any test waits.
const FOR_EVER: u32 = 600_000;

/// Longest time that what waits for a disk is allowed to: its patience of five seconds, twice.
const PATIENCE: Duration = Duration::from_secs(10);

fn served(more: &str) -> (Upstream, Deployment, Shim) {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/") + more));
    let (deployment, shim) = Shim::before(deployment);
    (upstream, deployment, shim)
}

fn health(deployment: &Deployment) -> (bool, Value) {
    let said = deployment.run(&["healthcheck"], &[]);
    (said.exit == Some(0), said.json())
}

#[test]
fn while_the_store_hangs_the_health_check_answers_and_says_so() {
    let (_upstream, deployment, shim) = served(&hook());
    let bytes = delivery(&deployment, "/hook", "{}");
    let gate = deployment.up();
    // Its twin: time that passes is no silence while the store answers.
    shim.passed(11);
    until("the store has answered", || {
        health(&deployment).0.then_some(())
    });

    shim.disk(FOR_EVER);
    let mut waits = Socket::dial(gate.address);
    waits.send(&bytes);
    // As many asks as may wait for a disk, and more: none of them keeps the health check out.
    let socket = deployment.data().join("admin.sock");
    let asks: Vec<UnixStream> = (0..28)
        .map(|_| {
            let mut ask = UnixStream::connect(&socket).unwrap();
            let body = r#"{"name":"a","all":true}"#;
            let length = body.len();
            let head = "POST /v1/keys HTTP/1.1\r\nHost: admin\r\nContent-Length:";
            write!(ask, "{head} {length}\r\n\r\n{body}").unwrap();
            ask
        })
        .collect();
    shim.passed(22);
    let said = until("the health check says why", || {
        let (well, said) = health(&deployment);
        (said["store"]["silent_seconds"].as_u64() >= Some(10)).then(|| {
            assert!(!well, "{said}");
            said
        })
    });
    assert_eq!(said["store"]["failing"], Value::Null);
    assert!(gate.metrics().contains("vouchsafe_connections_open 1"));
    // What needs no store is served meanwhile.
    assert_eq!(status(gate.address, get("/.vouchsafe/health")), 200);

    shim.disk(0);
    until("the store answers again", || {
        health(&deployment).0.then_some(())
    });
    drop(asks);
    gate.stop();
    ended_in_order(&deployment);
}

#[test]
fn a_decision_that_does_not_get_to_disk_is_503_in_time_and_has_one_outcome() {
    let (upstream, deployment, shim) = served("[ledger]\ndurability = \"sync\"\n");
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/")), 200);
    shim.disk(FOR_EVER);
    let asked = clock().monotonic();
    let refused = Client::dial(gate.address).ask(get("/"));
    assert!(clock().monotonic() - asked < PATIENCE);
    assert_eq!(refused.status, 503);
    assert!(field(&refused, "Retry-After").parse::<u32>().unwrap() > 0);
    assert_eq!(upstream.seen().len(), 1);

    shim.disk(0);
    until("it serves again", || {
        (status(gate.address, get("/")) == 200).then_some(())
    });
    let id = field(&refused, "X-Request-Id").to_owned();
    gate.stop();
    ended_in_order(&deployment);
    let entries = entries(&deployment).into_iter();
    let of_it: Vec<_> = entries.filter(|entry| entry["request"] == *id).collect();
    let kinds: Vec<_> = of_it.iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["request.decision", "request.outcome"]);
    assert_eq!(of_it[1]["reason"], "ledger-slow");
}

#[test]
fn an_answer_does_not_wait_for_ever_until_its_delivery_is_settled() {
    let (upstream, deployment, shim) = served(&hook());
    let bytes = delivery(&deployment, "/hook/hold", "{}");
    let gate = deployment.up();
    let mut waits = Socket::dial(gate.address);
    waits.send(&bytes);
    upstream.await_held();
    shim.disk(FOR_EVER);
    let asked = clock().monotonic();
    upstream.release();
    assert!(waits.read_until("hello").starts_with("HTTP/1.1 200 "));
    assert!(clock().monotonic() - asked < PATIENCE);
    // It is settled all the same, once there is a disk to settle it on.
    shim.disk(0);
    until("its repeat is known", || {
        (status(gate.address, &bytes) == 202).then_some(())
    });
    assert_eq!(upstream.seen().len(), 1);
    gate.stop();
    ended_in_order(&deployment);
}

/// An app whose answers are long, and which says when one of them could not be sent to its end.
fn long_answers(length: usize) -> (SocketAddr, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, broken) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, tell): (TcpStream, _) = (stream.unwrap(), tell.clone());
            thread::spawn(move || {
                let asked = stream.read(&mut [0; 4096]);
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
                let body = vec![b'x'; length];
                let sent = asked
                    .and_then(|_| stream.write_all(head.as_bytes()))
                    .and_then(|()| stream.write_all(&body));
                if sent.is_err() {
                    let _ = tell.send(());
                }
            });
        }
    });
    (address, broken)
}

fn resident_kib(gate: &Gate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.id())).unwrap();
    let mut lines = status.lines();
    let line = lines.find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_client_that_takes_nothing_is_cut_off_after_its_limit_and_holds_only_buffers() {
    const CLIENTS: u64 = 20;
    const LENGTH: usize = 32 << 20;
    let (app, broken) = long_answers(LENGTH);
    let deployment = Deployment::new(&(site(app) + &open_route("/")));
    let (deployment, shim) = Shim::before(deployment);
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/.vouchsafe/health")), 200);
    let before = resident_kib(&gate);
    let mut deaf: Vec<Socket> = (0..CLIENTS)
        .map(|_| {
            let mut socket = Socket::dial(gate.address);
            socket.send(get("/"));
            // It reads until the answer has begun, and from then on its window stays shut.
            assert_eq!(socket.0.peek(&mut [0]).unwrap(), 1);
            socket
        })
        .collect();
    // Its twin takes all of it, though others take nothing.
    let mut takes = Socket::dial(gate.address);
    takes.send(get("/"));
    let mut whole = Vec::new();
    takes.0.read_to_end(&mut whole).unwrap();
    assert!(whole.len() > LENGTH && whole.starts_with(b"HTTP/1.1 200 "));
    let grown = resident_kib(&gate).saturating_sub(before);
    assert!(grown < CLIENTS * 256 + 16 * 1024, "{grown} KiB");
    assert!(broken.try_recv().is_err(), "cut off before its time");

    shim.passed(61);
    for _ in &deaf {
        let told = broken.recv_timeout(Duration::from_secs(30));
        told.expect("an answer that nobody takes is still under way");
    }
    for socket in &mut deaf {
        let ended = socket.0.read_to_end(&mut Vec::new());
        assert!(ended.is_err(), "it was made to look whole");
    }
    let ids = entries_with(&gate, &deployment, "client-left");
    assert_eq!(ids, CLIENTS);
    gate.stop();
    ended_in_order(&deployment);
}

/// How many entries have this reason, once they are in the ledger.
fn entries_with(gate: &Gate, deployment: &Deployment, reason: &str) -> u64 {
    gate.admin
        .post("/v1/ledger/flush", &serde_json::json!({}))
        .unwrap();
    let entries = entries(deployment).into_iter();
    let with = entries.filter(|entry| entry["reason"] == reason).count();
    u64::try_from(with).unwrap()
}
