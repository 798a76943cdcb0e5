//! A wall clock that somebody sets while the gate runs.

use serde_json::Value;

use crate::{
    hooks::delivery_of,
    ledgers::{ended_in_order, entries},
    shim::Shim,
    support::{
        Client, Deployment, Gate, Socket, Upstream, get, open_route, request, site, status, until,
    },
};

const HOUR: i64 = 60 * 60;
/// Linux refuses to be set to a time before 1970: 56 of these are as far back as a clock goes.
const YEAR: i64 = 365 * 24 * HOUR;

/// A gate with a key route, and a hook of a scheme that signs the time.
fn served() -> (Upstream, Deployment, Shim) {
    let upstream = Upstream::start();
    let text = site(upstream.address)
        + &open_route("/")
        + "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n"
        + "[secrets]\nhook = \"file:hook.secret\"\n\
           [[route]]\npath = \"/hook\"\nmethods = [\"POST\"]\napp = \"app\"\n\
           webhook = { scheme = \"standard-webhooks\", secret = [\"hook\"] }\n";
    let deployment = Deployment::new(&text);
    deployment.write("hook.secret", b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let (deployment, shim) = Shim::before(deployment);
    (upstream, deployment, shim)
}

/// A request with a new key that lives for `life`.
fn key(deployment: &Deployment, life: &str) -> String {
    let arguments = ["--name", "a", "--scope", "GET /api", "--expires", life];
    let made = deployment.run(
        &["key", "create"],
        &[&arguments[..], &["--format", "json"]].concat(),
    );
    let made = made.exits(0).json();
    let field = format!("X-API-Key: {}\r\n", made["key"].as_str().unwrap());
    request("GET", "/api", &field, "")
}

fn health(gate: &Gate) -> Value {
    gate.admin.get("/v1/health").unwrap()
}

fn ask(gate: &Gate, bytes: &str) -> u16 {
    status(gate.address, bytes)
}

#[test]
fn what_has_ended_stays_ended_when_the_clock_is_set_back() {
    let (_upstream, deployment, shim) = served();
    let gate = deployment.up();
    let (short, long) = (key(&deployment, "30m"), key(&deployment, "90d"));
    assert_eq!((ask(&gate, &short), ask(&gate, &long)), (200, 200));
    shim.clock(HOUR);
    assert_eq!((ask(&gate, &short), ask(&gate, &long)), (401, 200));
    for back in [0, -HOUR, -56 * YEAR] {
        shim.clock(back);
        assert_eq!((ask(&gate, &short), ask(&gate, &long)), (401, 200));
    }
    let health = health(&gate);
    assert_eq!(health["well"], false, "{health}");
    assert!(
        health["clock_set_back_seconds"].as_i64().unwrap() > 50 * YEAR,
        "{health}"
    );
    until("the log says so", || {
        gate.log().contains("clock.set-back").then_some(())
    });
    gate.stop();
    ended_in_order(&deployment);
}

#[test]
fn a_delivery_that_was_done_stays_done_through_every_step_of_the_clock() {
    let (upstream, deployment, shim) = served();
    let gate = deployment.up();
    let bytes = delivery_of("standard-webhooks", &deployment, "/hook", "{}");
    assert_eq!(ask(&gate, &bytes), 200);
    // Forward it is stale, and nothing of it may be forgotten: back again it is fresh.
    for offset in [HOUR, 10 * YEAR] {
        shim.clock(offset);
        assert_eq!(ask(&gate, &bytes), 403);
        gate.admin.get("/v1/health").unwrap();
    }
    shim.clock(0);
    gate.stop();
    let gate = deployment.up();
    assert!((200..300).contains(&ask(&gate, &bytes)));
    assert_eq!(upstream.seen().len(), 1, "it must not reach the app again");
    // Before its time it is not yet genuine.
    gate.stop();
    shim.clock(-HOUR);
    let gate = deployment.up();
    assert_eq!(ask(&gate, &bytes), 403);
    gate.stop();
    ended_in_order(&deployment);
}

#[test]
fn nothing_hangs_and_the_ledger_stays_whole_whatever_the_clock_does() {
    let (upstream, deployment, shim) = served();
    let gate = deployment.up();
    let mut held = Socket::dial(gate.address);
    held.send(get("/hold"));
    upstream.await_held();
    let mut kept = Client::dial(gate.address);
    for offset in [HOUR, 10 * YEAR, 0, -HOUR, -56 * YEAR, 3 * HOUR, 0] {
        shim.clock(offset);
        let answer = kept.ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(answer.status, 200, "at {offset}");
        // Deadlines are of another clock: what was begun is not late.
        let flushed = gate.admin.post("/v1/ledger/flush", &serde_json::json!({}));
        assert!(flushed.is_ok(), "{flushed:?}");
    }
    upstream.release();
    assert!(held.read_until("hello").starts_with("HTTP/1.1 200 "));
    gate.stop();
    ended_in_order(&deployment);
    let times: Vec<i64> = entries(&deployment)
        .iter()
        .map(|entry| entry["time"].as_i64().unwrap())
        .collect();
    let back = times.windows(2).map(|two| two[0] - two[1]).max().unwrap();
    assert!(back < 1000, "time goes back by {back} ms within one run");
}

#[test]
fn a_gate_starts_whatever_time_it_is() {
    let (_upstream, deployment, shim) = served();
    for offset in [0, 10 * YEAR, -10 * YEAR, -56 * YEAR, 0] {
        shim.clock(offset);
        let gate = deployment.up();
        assert_eq!(ask(&gate, &get("/")), 200, "at {offset}");
        assert_eq!(health(&gate)["clock_set_back_seconds"], Value::Null);
        gate.stop();
        ended_in_order(&deployment);
    }
}

#[test]
fn a_proof_holds_under_a_clock_that_was_set() {
    let (_upstream, deployment, shim) = served();
    deployment.write(
        "SECURITY.md",
        b"A key that was withdrawn stops working at once. <!-- promise: key.scoped -->\n",
    );
    let document = deployment
        .folder()
        .join("SECURITY.md")
        .display()
        .to_string();
    let gate = deployment.up();
    for offset in [HOUR, -HOUR] {
        shim.clock(offset);
        let said = deployment.run(&["prove"], &["--document", &document, "--allow", "writes"]);
        assert_eq!(said.exit, Some(0), "{said:?}");
    }
    gate.stop();
    ended_in_order(&deployment);
}
