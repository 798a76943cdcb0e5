//! Limits by who asks: one node, several, and a server that they share.

use std::{net::SocketAddr, thread};

use control::probe::Answer;
use nix::sys::signal::Signal;

use crate::{
    alerts::{Receiver, SECRET, section},
    guides::examples,
    redis_server::RedisServer,
    support::{
        Client, Deployment, Gate, Upstream, body, field, get, open_route, request, site, until,
    },
};

/// A site with an open route and these limits.
fn limited(upstream: &Upstream, rates: &str) -> String {
    site(upstream.address) + &open_route("/") + rates
}

fn rate(more: &str) -> String {
    format!("[[rate]]\nname = \"api\"\n{more}\n")
}

fn ask(address: SocketAddr, fields: &str) -> Answer {
    Client::dial(address).ask(request("GET", "/", fields, ""))
}

/// How many of so many requests are answered by the app; the others must be 429.
fn passed(gate: &Gate, count: usize, fields: &str) -> usize {
    let passes = |_: &usize| match ask(gate.address, fields).status {
        200 => true,
        429 => false,
        status => panic!("{status}"),
    };
    (0..count).filter(passes).count()
}

#[test]
fn a_limit_lets_its_number_pass_and_tells_everybody_how_they_stand() {
    let upstream = Upstream::start();
    let rates = rate("requests = 3\nper = \"1h\"");
    let deployment = Deployment::new(&limited(&upstream, &rates));
    let gate = deployment.up();
    for left in [2, 1, 0] {
        let answer = ask(gate.address, "");
        assert_eq!(answer.status, 200);
        let told = field(&answer, "RateLimit");
        assert!(told.starts_with(&format!("\"api\";r={left};t=")), "{told}");
        assert_eq!(field(&answer, "RateLimit-Policy"), "\"api\";q=3;w=3600");
    }
    // Nothing that a client says of itself makes it another.
    for fields in [
        "",
        "X-Forwarded-For: 198.51.100.7\r\n",
        "Forwarded: for=198.51.100.7\r\n",
        "Authorization: Bearer another\r\n",
        "Cookie: __Host-vouchsafe=another\r\n",
    ] {
        let answer = ask(gate.address, fields);
        assert_eq!(answer.status, 429, "{fields}");
        let wait: u64 = field(&answer, "Retry-After").parse().unwrap();
        assert!((1..=1200).contains(&wait), "{wait}");
        assert!(field(&answer, "RateLimit").starts_with("\"api\";r=0;t="));
        assert!(body(&answer).contains("Retry-After"), "{}", body(&answer));
    }
    assert_eq!(upstream.seen().len(), 3, "what is refused does not arrive");
    let refusals = "vouchsafe_refusals_total{control=\"limits.rate\"} 5";
    assert!(gate.metrics().contains(refusals));

    // A reload forgets nothing, and a limit that is gone holds up nobody.
    gate.signal(Signal::SIGHUP);
    deployment.run(&["reload"], &[]).exits(0);
    assert_eq!(ask(gate.address, "").status, 429);
    deployment.configure(&limited(&upstream, ""));
    deployment.run(&["reload"], &[]).exits(0);
    let answer = ask(gate.address, "");
    assert_eq!((answer.status, answer.field("RateLimit")), (200, None));
    gate.stop();
}

#[test]
fn behind_a_proxy_every_client_has_a_limit_of_its_own() {
    let upstream = Upstream::start();
    for by in ["caller", "address"] {
        let rates = rate(&format!("requests = 2\nper = \"1h\"\nby = \"{by}\""));
        let proxied = "[deployment]\ntrusted_proxies = [\"127.0.0.1\"]\n";
        let text = limited(&upstream, &rates).replace("[deployment]\n", proxied);
        let gate = Deployment::new(&text);
        let gate = gate.up();
        let client = |address: &str| format!("X-Forwarded-For: {address}\r\n");
        assert_eq!(passed(&gate, 4, &client("198.51.100.7")), 2);
        assert_eq!(passed(&gate, 4, &client("198.51.100.8")), 2);
        // What a client puts in front of what the proxy saw is the client's own.
        let forged = client("203.0.113.1, 198.51.100.7");
        assert_eq!(passed(&gate, 2, &forged), 0);
        // One client may use every address of its network.
        assert_eq!(passed(&gate, 4, &client("2001:db8::1")), 2);
        assert_eq!(passed(&gate, 2, &client("2001:db8::2")), 0);
        assert_eq!(passed(&gate, 1, &client("2001:db8:0:1::1")), 1);
        gate.stop();
    }
}

#[test]
fn cores_of_one_node_let_exactly_the_limit_pass_together() {
    let upstream = Upstream::start();
    let rates = rate("requests = 100\nper = \"24h\"");
    let deployment = Deployment::new(&limited(&upstream, &rates));
    let gate = deployment.up();
    let sum: usize = thread::scope(|scope| {
        let one = || scope.spawn(|| passed(&gate, 40, ""));
        let all: Vec<_> = (0..6).map(|_| one()).collect();
        all.into_iter().map(|one| one.join().unwrap()).sum()
    });
    assert_eq!(sum, 100);
    gate.stop();
}

#[test]
fn so_many_at_once_and_the_next_when_one_has_ended() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&limited(&upstream, &rate("at_once = 2")));
    let gate = deployment.up();
    thread::scope(|scope| {
        let held = || scope.spawn(|| Client::dial(gate.address).ask(get("/hold")).status);
        let both = [held(), held()];
        upstream.await_held();
        upstream.await_held();
        let answer = ask(gate.address, "");
        assert_eq!((answer.status, field(&answer, "Retry-After")), (429, "1"));
        upstream.release();
        for one in both {
            assert_eq!(one.join().unwrap(), 200);
        }
    });
    until("both have ended for the gate", || {
        (ask(gate.address, "").status == 200).then_some(())
    });
    gate.stop();
}

#[test]
fn who_fails_too_often_waits_and_who_does_not_is_not_counted() {
    let upstream = Upstream::start();
    let failing = "requests = 3\nper = \"1h\"\nby = \"address\"\ncounts = \"failures\"";
    let closed = "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n\n";
    let text = limited(&upstream, &rate(failing)) + closed;
    let deployment = Deployment::new(&text);
    let gate = deployment.up();
    assert_eq!(passed(&gate, 10, ""), 10);
    for _ in 0..3 {
        assert_eq!(Client::dial(gate.address).ask(get("/api")).status, 401);
    }
    for path in ["/api", "/"] {
        assert_eq!(Client::dial(gate.address).ask(get(path)).status, 429);
    }
    gate.stop();
}

/// How often the nodes are tried: on a busy machine a server may take longer to answer than is waited.
const ROUNDS: usize = 5;

/// A node whose limits are shared, one for each round, and which alerts.
fn node(upstream: &Upstream, server: &RedisServer, receiver: &Receiver) -> Deployment {
    let shared = "[deployment]\nshared = { url = \"env:VOUCHSAFE_TEST_SHARED\" }\n";
    let limit = |round: usize| {
        let limit = format!("requests = 6\nper = \"24h\"\npaths = [\"/{round}\"]");
        rate(&limit).replace("\"api\"", &format!("\"round-{round}\""))
    };
    let rates: String = (0..=ROUNDS).map(limit).collect();
    let text = limited(upstream, &(rates + &section(receiver.address, "")));
    Deployment::new(&text.replace("[deployment]\n", shared))
        .with("VOUCHSAFE_TEST_SHARED", &server.url())
        .with("ALERT_SECRET", SECRET)
}

/// How many of so many requests of a round pass on a node.
fn passed_in(round: usize, gate: &Gate, count: usize) -> usize {
    let passes = |_: &usize| {
        let path = format!("/{round}");
        match Client::dial(gate.address).ask(get(&path)).status {
            200 => true,
            429 => false,
            status => panic!("{status}"),
        }
    };
    (0..count).filter(passes).count()
}

/// How many requests these nodes have counted alone.
fn alone(gates: &[Gate]) -> u64 {
    let of = |gate: &Gate| {
        let metrics = gate.metrics();
        let line = metrics
            .lines()
            .find_map(|line| line.strip_prefix("vouchsafe_limits_alone_total "));
        line.unwrap().parse::<u64>().unwrap()
    };
    gates.iter().map(of).sum()
}

#[test]
fn nodes_let_exactly_the_limit_pass_together_and_each_alone_while_the_server_is_away() {
    let (upstream, receiver) = (Upstream::start(), Receiver::start(&[200]));
    let mut server = RedisServer::start();
    let nodes: Vec<Deployment> = (0..4)
        .map(|_| node(&upstream, &server, &receiver))
        .collect();
    let gates: Vec<Gate> = nodes.iter().map(Deployment::up).collect();
    let undisturbed = (0..ROUNDS).find_map(|round| {
        let before = alone(&gates);
        let sum: usize = thread::scope(|scope| {
            let one = |gate| scope.spawn(move || passed_in(round, gate, 5));
            let all: Vec<_> = gates.iter().map(one).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        (alone(&gates) == before).then_some(sum)
    });
    assert_eq!(undisturbed, Some(6), "four nodes, each asked five times");

    server.kill();
    let [one, other, ..] = gates.as_slice() else {
        panic!("four nodes")
    };
    // Each node counts alone, up to the whole limit.
    for gate in [one, other] {
        assert_eq!(passed_in(ROUNDS, gate, 9), 6);
    }
    until("somebody is told", || {
        let seen = receiver.seen();
        let mut told = seen.iter().map(|it| it.json()["type"].clone());
        told.any(|it| it == "limits.alone").then_some(())
    });
    assert!(alone(&gates) >= 12);
    for gate in gates {
        gate.stop();
    }
}

#[test]
fn what_is_said_of_reading_and_of_processes_is_proved_and_untrue_words_are_found() {
    let (upstream, server) = (Upstream::start(), RedisServer::start());
    let shared = "[deployment]\nshared = { url = \"env:VOUCHSAFE_TEST_SHARED\" }\n";
    let deployed = |rate: &str, together: bool| {
        let keyed = "[[route]]\npath = \"/prices\"\napp = \"app\"\nauth = [\"api-key\"]\n\n";
        let text = limited(&upstream, rate) + keyed;
        let text = match together {
            true => text.replace("[deployment]\n", shared),
            false => text,
        };
        let deployment = Deployment::new(&text).with("VOUCHSAFE_TEST_SHARED", &server.url());
        let said = "Reading is free. <!-- promise: limits.reads-free on=/prices -->\n\n\
            All processes have one limit. <!-- promise: limits.processes -->\n\n\
            Callers are apart. <!-- promise: limits.apart -->\n";
        deployment.write("SECURITY.md", said.as_bytes());
        deployment
    };
    let verdicts = |deployment: &Deployment, exit: i32| {
        let gate = deployment.up();
        let proof = deployment.run(&["prove"], &["--format", "json"]);
        let proof = proof.exits(exit).json();
        gate.stop();
        let all = proof["promises"].as_array().unwrap().iter();
        let all: Vec<_> = all.map(|it| it["verdict"].to_string()).collect();
        all.join(" ").replace('"', "")
    };
    let posts = rate("requests = 20\nper = \"1m\"\nmethods = [\"POST\"]");
    let whole = deployed(&posts, true);
    assert_eq!(verdicts(&whole, 0), "kept constructed kept");
    whole.run(&["prove"], &["--self-test"]).exits(0);
    assert_eq!(verdicts(&deployed(&posts, false), 1), "kept broken kept");
    let all = rate("requests = 20\nper = \"1m\"");
    assert_eq!(
        verdicts(&deployed(&all, true), 1),
        "broken constructed kept"
    );
}

#[test]
fn the_limits_of_the_guide_are_read_and_explained() {
    let upstream = Upstream::start();
    for text in examples("limits.md", "toml") {
        let deployment = Deployment::new(&limited(&upstream, &text));
        deployment.run(&["check"], &[]).exits(0);
    }
    let text = examples("limits.md", "toml").remove(0);
    let deployment = Deployment::new(&limited(&upstream, &text));
    let gate = deployment.up();
    let explained = deployment.run(&["explain", "POST", "/api/upload"], &[]);
    let explained = explained.exits(0).stdout;
    for part in ["requests: 120 within 1m by caller", "uploads: 10 within 1h"] {
        assert!(explained.contains(part), "{explained}");
    }
    gate.stop();
    let wrong = limited(&upstream, &rate("request = 3\nper = \"1h\""));
    Deployment::new(&wrong).refuses_to_start(&["did you mean `requests`?"]);
}
