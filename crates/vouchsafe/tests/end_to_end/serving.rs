//! A running gate: dependencies that are down, reload, drain, TLS, metrics.

use std::time::Duration;

use nix::sys::signal::Signal;
use prove::admin::AdminError;

use crate::support::{
    Client, Deployment, Gate, Upstream, body, field, get, open_route, request, site, status,
    tls_client, until,
};

/// The digest of the configuration in force.
fn digest(gate: &Gate) -> String {
    let about = gate.admin.get("/v1/instance").unwrap();
    about["configuration_sha256"].as_str().unwrap().to_owned()
}

#[test]
fn an_upstream_that_is_down_is_503_and_works_as_soon_as_it_is_up() {
    let (kept, nobody) = Upstream::nobody();
    let deployment = Deployment::new(&(site(nobody) + &open_route("/")));
    let gate = deployment.up();
    let answer = Client::dial(gate.address).ask(get("/"));
    assert_eq!(answer.status, 503);
    assert!(field(&answer, "Retry-After").parse::<u32>().unwrap() > 0);
    let id = field(&answer, "X-Request-Id").to_owned();
    let shown = deployment.run(&["ledger", "show"], &[&id]).exits(0);
    assert!(shown.stdout.contains("gate.upstream"), "{}", shown.stdout);
    drop(kept);

    let upstream = Upstream::start();
    deployment.configure(&(site(upstream.address) + &open_route("/")));
    deployment.run(&["reload"], &[]).exits(0);
    assert_eq!(status(gate.address, get("/")), 200);
    gate.stop();
}

#[test]
fn an_upstream_that_is_not_http_is_502() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = std::io::Write::write_all(&mut stream.unwrap(), b"SSH-2.0-OpenSSH_9.6\r\n");
        }
    });
    let deployment = Deployment::new(&(site(address) + &open_route("/")));
    let gate = deployment.up();
    let answer = Client::dial(gate.address).ask(get("/"));
    assert_eq!(answer.status, 502);
    assert!(!body(&answer).contains("SSH"));
    gate.stop();
}

#[test]
fn a_reload_by_signal_takes_up_a_new_route() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/a");
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/b")), 404);
    deployment.configure(&(text + &open_route("/b")));
    assert_eq!(
        status(gate.address, get("/b")),
        404,
        "nothing changes until the gate is told"
    );
    let before = digest(&gate);
    gate.signal(Signal::SIGHUP);
    until("the reload is done", || {
        (digest(&gate) != before).then_some(())
    });
    assert_eq!(status(gate.address, get("/b")), 200);
    assert!(
        gate.log().contains("configuration.reloaded"),
        "{}",
        gate.log()
    );
    gate.stop();
}

#[test]
fn a_reload_with_a_fault_changes_nothing_and_says_why() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/a");
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    let before = digest(&gate);

    // A fault that the verb sees itself.
    deployment.configure(&(text.clone() + &open_route("/b") + &open_route("/b")));
    deployment
        .run(&["reload"], &[])
        .could_not_ask(&["route.collision"]);
    // The same over the socket, and by signal.
    let refused = gate
        .admin
        .post("/v1/reload", &serde_json::json!({}))
        .unwrap_err();
    let AdminError::Refused {
        status: 409,
        error,
        hint,
    } = refused
    else {
        panic!("{refused:?}")
    };
    assert!(error.contains("route.collision"), "{error}");
    assert!(hint.unwrap().contains("unchanged"));
    gate.signal(Signal::SIGHUP);
    until("the signal was taken", || {
        (gate.log().matches("configuration.refused").count() == 2).then_some(())
    });

    // Faults that only the gate can see: a secret it does not have, and what needs a restart.
    let missing = "[secrets]\ntwilio = \"env:NOT_GIVEN_AT_START\"\n";
    deployment.configure(&(text.clone() + missing));
    deployment
        .run(&["reload"], &[])
        .exits(1)
        .says(&["NOT_GIVEN_AT_START"]);
    deployment.configure(&text.replace("name = \"test\"", "name = \"test\"\ndata_dir = \"other\""));
    gate.admin
        .post("/v1/reload", &serde_json::json!({}))
        .unwrap_err();
    assert!(!deployment.folder().join("other").exists());

    assert_eq!(digest(&gate), before);
    assert_eq!(status(gate.address, get("/a")), 200);
    assert_eq!(status(gate.address, get("/b")), 404);
    deployment.configure(&text);
    deployment.run(&["reload"], &[]).exits(0);
    gate.stop();
}

#[test]
fn a_gate_that_is_told_to_stop_answers_what_it_has_begun() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let gate = deployment.up();
    let address = gate.address;
    let slow = std::thread::spawn(move || Client::dial(address).ask(get("/hold")));
    upstream.await_held();
    gate.signal(Signal::SIGTERM);
    until("nobody listens any more", || {
        std::net::TcpStream::connect_timeout(&address, Duration::from_secs(5))
            .is_err()
            .then_some(())
    });
    upstream.release();
    let answer = slow.join().unwrap();
    assert_eq!((answer.status, body(&answer).as_str()), (200, "hello"));
    gate.finish();
    let log = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    assert!(
        log.lines().last().unwrap().contains("instance.stop"),
        "{log}"
    );
    assert!(
        log.contains("\"kind\":\"request\""),
        "the last request is in the ledger: {log}"
    );
}

#[test]
fn a_listener_with_tls_from_files_insists_on_tls_and_one_without_does_not() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let upstream = Upstream::start();
    let text = site(upstream.address)
        + "[[listen]]\naddress = \"127.0.0.1:0\"\n\
           tls = { certificate = \"cert.pem\", key = \"file:key.pem\" }\n\n"
        + &open_route("/");
    let deployment = Deployment::new(&text);
    deployment.refuses_to_start(&["key.pem"]);
    deployment.write("key.pem", made.signing_key.serialize_pem().as_bytes());
    deployment.refuses_to_start(&["cert.pem"]);
    deployment.write("cert.pem", made.cert.pem().as_bytes());

    let gate = deployment.up();
    let secure = gate.ready["gate"][1].as_str().unwrap().parse().unwrap();
    let answer = tls_client(secure, &made.cert).ask(get("/"));
    assert_eq!((answer.status, body(&answer).as_str()), (200, "hello"));
    assert!(field(&answer, "Strict-Transport-Security").starts_with("max-age=31536000"));
    assert_eq!(field(&answer, "X-Content-Type-Options"), "nosniff");
    let refused = tls_client(secure, &made.cert).ask("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(refused.status, 400);
    assert!(
        refused.field("Strict-Transport-Security").is_some(),
        "refusals say so as well"
    );
    let plain = Client::dial(gate.address).ask(get("/"));
    assert_eq!(plain.status, 200);
    assert_eq!(plain.field("Strict-Transport-Security"), None);
    let seen = upstream.seen();
    assert_eq!(seen[0].fields("X-Forwarded-Proto"), ["https"]);
    assert_eq!(seen[1].fields("X-Forwarded-Proto"), ["http"]);

    // A renewed certificate is taken up by a reload.
    let renewed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    deployment.write("key.pem", renewed.signing_key.serialize_pem().as_bytes());
    deployment
        .run(&["reload"], &[])
        .exits(1)
        .says(&["cert.pem"]);
    assert_eq!(tls_client(secure, &made.cert).ask(get("/")).status, 200);
    deployment.write("cert.pem", renewed.cert.pem().as_bytes());
    deployment.run(&["reload"], &[]).exits(0);
    assert_eq!(tls_client(secure, &renewed.cert).ask(get("/")).status, 200);
    gate.stop();
}

#[test]
fn a_connection_serves_many_requests_with_bodies_both_ways() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/")));
    let gate = deployment.up();
    let mut client = Client::dial(gate.address);
    for round in 0..20 {
        let text = "x".repeat(round * 1000);
        let answer = client.ask(format!(
            "POST /{round} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
            if text.is_empty() { String::new() } else { format!("{:x}\r\n{text}\r\n", text.len()) }
        ));
        assert_eq!(
            (answer.status, body(&answer).as_str(), answer.closed),
            (200, "hello", false)
        );
        assert_eq!(upstream.seen().last().unwrap().body.len(), text.len());
    }
    let too_large = request("POST", "/", "", &"x".repeat(11 << 20));
    assert_eq!(status(gate.address, too_large), 413);
    assert_eq!(upstream.seen().len(), 20);
    gate.stop();
}

#[test]
fn the_metrics_count_what_was_served_and_refused() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&(site(upstream.address) + &open_route("/a")));
    let gate = deployment.up();
    for path in ["/a", "/a", "/none"] {
        status(gate.address, get(path));
    }
    // A refusal is counted behind its answer, so the count may come after the client has it.
    let text = until("the refusal to be counted", || {
        let text = gate.metrics();
        let refused = text
            .lines()
            .find(|line| !line.starts_with('#') && line.contains("gate.route"))?;
        refused.ends_with(" 1").then_some(text)
    });
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    assert!(lines.all(|line| line.starts_with("vouchsafe_")), "{text}");
    assert!(
        !text.contains("/none"),
        "paths of clients are no labels: {text}"
    );
    // They are for the operator alone.
    assert_eq!(status(gate.address, get("/metrics")), 404);
    gate.stop();
}

#[test]
fn an_upstream_may_be_named_instead_of_numbered() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/");
    let named = format!("localhost:{}", upstream.address.port());
    let deployment = Deployment::new(&text.replace(&upstream.address.to_string(), &named));
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/")), 200);
    assert_eq!(
        upstream.seen()[0].fields("Host"),
        ["localhost"],
        "Host stays the client's"
    );
    gate.stop();

    let unknown = text.replace(&upstream.address.to_string(), "no.such.invalid:80");
    let deployment = Deployment::new(&unknown);
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/")), 503);
    gate.stop();
}

#[test]
fn log_lines_go_to_the_file_that_is_named() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &open_route("/") + "[log]\nfile = \"gate.log\"\n";
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    assert_eq!(status(gate.address, get("/?token=correct-horse")), 200);
    let said = gate.stop();
    assert_eq!((said.stdout.as_str(), said.stderr.as_str()), ("", ""));
    let log = std::fs::read_to_string(deployment.folder().join("gate.log")).unwrap();
    for line in log.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["time"].is_string() && line["level"].is_string() && line["event"].is_string());
    }
    assert!(
        log.contains("instance.started") && log.contains("instance.stopped"),
        "{log}"
    );
    assert!(!log.contains("correct-horse"), "{log}");
}
