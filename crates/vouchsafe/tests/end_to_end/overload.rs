//! A running gate short of what it needs: places, descriptors, a quick app.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::Command,
    thread,
};

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
        // Each is known to have its place before the next one comes.
        let _held: Vec<Socket> = (0..2)
            .map(|_| {
                let mut socket = Socket::dial(gate.address);
                socket.send("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
                assert!(socket.read_until("hello").starts_with("HTTP/1.1 200 "));
                socket
            })
            .collect();
        let mut third = Socket::dial(gate.address);
        if refused {
            let mut said = String::new();
            third.0.read_to_string(&mut said).unwrap();
            assert!(said.starts_with("HTTP/1.1 503 "), "{said}");
        } else {
            third.send(get("/"));
            assert!(third.read_until("hello").starts_with("HTTP/1.1 200 "));
        }
        gate.stop();
    }
}

#[test]
fn a_flood_is_shed_and_counted_and_what_is_admitted_is_served() {
    const CLIENTS: usize = 40;
    const EACH: usize = 50;
    // An app that works on two requests at a time, each for ten milliseconds.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                let mut line = String::new();
                while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
                    if line == "\r\n" {
                        thread::sleep(std::time::Duration::from_millis(10));
                        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
                        if reader.get_mut().write_all(answer).is_err() {
                            return;
                        }
                    }
                    line.clear();
                }
            });
        }
    });
    let limited = site(address).replace("name = \"app\"", "name = \"app\"\nrequests = 2");
    let deployment = Deployment::new(&(limited + &open_route("/")));
    let gate = deployment.up();
    let dial = gate.address;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            thread::spawn(move || {
                let mut client = Client::dial(dial);
                let ask = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
                let mut seen = [0; 2];
                for _ in 0..EACH {
                    let answer = client.ask(ask);
                    match answer.status {
                        200 => seen[0] += 1,
                        503 => {
                            assert!(field(&answer, "Retry-After").parse::<u32>().unwrap() > 0);
                            seen[1] += 1;
                        }
                        other => panic!("{other}"),
                    }
                }
                seen
            })
        })
        .collect();
    // The operator is answered throughout.
    deployment.run(&["healthcheck"], &[]).exits(0);
    let seen = clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .fold([0; 2], |all, one| [all[0] + one[0], all[1] + one[1]]);
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    assert_eq!(status(gate.address, get("/")), 200, "well again at once");
    gate.stop();

    // Each admitted request has its entry; of the refused, every one is counted and few have theirs.
    let log = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    let entries: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let shed: Vec<_> = entries
        .iter()
        .filter(|entry| entry["reason"] == "app-busy")
        .collect();
    let counted: u64 = shed
        .iter()
        .map(|entry| entry["count"].as_u64().unwrap_or(1))
        .sum();
    assert_eq!(counted, seen[1]);
    let admitted = entries
        .iter()
        .filter(|entry| entry["kind"] == "request" && entry["status"] == 200)
        .count();
    assert_eq!(admitted as u64, seen[0] + 1);
}
