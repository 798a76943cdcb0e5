//! Routes that are observed: what passes, what is said of it, and what a proof says of the route.

use std::time::Duration;

use control::Clock as _;
use serde_json::Value;

use crate::{
    guides::examples,
    support::{Client, Deployment, Gate, Upstream, body, clock, get, request, site, status},
};

/// A route for keys, observed or not.
fn guarded(mode: &str) -> String {
    format!("[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\n{mode}\n")
}

/// A day that is near, however late these tests run.
pub(crate) fn soon() -> String {
    let at = clock().now().plus(Duration::from_secs(30 * 86_400));
    at.to_string()[..10].to_owned()
}

fn observed() -> String {
    guarded(&format!("mode = \"observe\"\nuntil = {}\n", soon()))
}

const ENDED: &str = "mode = \"observe\"\nuntil = 2026-01-31\n";

const DOCUMENT: &str = "Nothing below /api is answered without a credential. \
    <!-- promise: auth.enforced route=/api -->\n\n\
    A request that can be read in two ways is refused. <!-- promise: wire.framing -->\n";

fn reloads(deployment: &Deployment, configuration: &str) {
    deployment.configure(configuration);
    deployment.run(&["reload"], &[]).exits(0);
}

/// What a proof says: its exit code and the verdict of each promise.
fn proves(deployment: &Deployment, exit: i32) -> Value {
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    let document = deployment.folder().join("SECURITY.md");
    let document = document.to_string_lossy().into_owned();
    deployment
        .run(&["prove"], &["--document", &document, "--format", "json"])
        .exits(exit)
        .json()
}

fn verdict<'v>(report: &'v Value, id: &str) -> &'v Value {
    let promises = report["promises"].as_array().unwrap();
    promises.iter().find(|promise| promise["id"] == id).unwrap()
}

/// Runs a verb that prints each of `parts`.
fn prints(deployment: &Deployment, verb: &[&str], exit: i32, parts: &[&str]) {
    let said = deployment.run(verb, &[]).exits(exit);
    for part in parts {
        assert!(
            said.stdout.contains(part),
            "no {part:?} in: {}",
            said.stdout
        );
    }
}

fn seen(upstream: &Upstream) -> usize {
    upstream.seen().len()
}

fn ask(gate: &Gate) -> u16 {
    status(gate.address, get("/api"))
}

#[test]
fn what_would_be_refused_passes_until_it_ends_and_everybody_says_so() {
    let upstream = Upstream::start();
    let front = site(upstream.address) + &crate::support::open_route("/");
    let deployment = Deployment::new(&(front.clone() + &observed()));
    let gate = deployment.up();

    // It passes as nobody, whatever it says of itself.
    let forged = "X-Vouchsafe-Assertion: forged\r\n";
    let answer = Client::dial(gate.address).ask(request("GET", "/api", forged, ""));
    assert_eq!(answer.status, 200, "{}", body(&answer));
    assert!(
        upstream.seen()[0]
            .fields("X-Vouchsafe-Assertion")
            .is_empty()
    );
    let metric = "vouchsafe_observed_total{control=\"identity.key\"} 1";
    assert!(gate.metrics().contains(metric), "{}", gate.metrics());
    let parts = ["/api is observed until", "identity.key", "key-missing"];
    prints(&deployment, &["observed"], 0, &parts);
    let listed = deployment
        .run(&["observed"], &["--format", "json"])
        .exits(0)
        .json();
    assert_eq!(listed["would_have_refused"][0]["requests"], 1);
    assert_eq!(listed["routes"][0]["observes"], true);
    let would = "Would have been refused by identity.key: key-missing; its route is observed.";
    prints(&deployment, &["ledger", "tail"], 0, &[would]);
    let parts = ["observe 401", "observed until", "admitted as nobody"];
    prints(&deployment, &["explain", "GET", "/api"], 0, &parts);
    deployment
        .run(&["check"], &[])
        .exits(0)
        .says(&["/api is observed until"]);

    // A proof says so, and nothing of it reaches the app.
    let before = seen(&upstream);
    let report = proves(&deployment, 1);
    let broken = verdict(&report, "auth.enforced");
    assert_eq!(broken["verdict"], "broken", "{broken}");
    let text = broken.to_string();
    assert!(
        text.contains("observed until") && text.contains("passes: 200 by echo"),
        "{text}"
    );
    assert_eq!(verdict(&report, "wire.framing")["verdict"], "kept");
    assert_eq!(seen(&upstream), before);

    // An end that is past enforces, and so does a file that says nothing.
    for mode in [ENDED, ""] {
        reloads(&deployment, &(front.clone() + &guarded(mode)));
        assert_eq!(ask(&gate), 401);
        let report = proves(&deployment, 0);
        assert_eq!(verdict(&report, "auth.enforced")["verdict"], "kept");
        let parts = ["refused with 401"];
        prints(&deployment, &["explain", "GET", "/api"], 1, &parts);
    }
    reloads(&deployment, &(front.clone() + &guarded(ENDED)));
    let check = deployment.run(&["check"], &[]).exits(0);
    check.says(&["the observation of /api ended on 2026-01-31 and it enforces"]);
    reloads(&deployment, &(front + &observed()));
    assert_eq!(ask(&gate), 200);
    gate.stop();
}

#[test]
fn a_self_test_asks_what_the_build_can_keep_whatever_is_observed() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &crate::support::open_route("/") + &observed();
    let deployment = Deployment::new(&text);
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    let document = deployment.folder().join("SECURITY.md");
    let document = document.to_string_lossy().into_owned();
    deployment
        .run(&["prove"], &["--self-test", "--document", &document])
        .exits(0);
    assert_eq!(seen(&upstream), 0);
}

#[test]
fn an_observation_without_an_end_does_not_start() {
    let upstream = Upstream::start();
    let text = site(upstream.address) + &guarded("mode = \"observe\"\n");
    Deployment::new(&text).refuses_to_start(&["lacks `until`"]);
}

#[test]
fn the_configurations_of_the_guides_are_taken_and_a_slip_in_them_is_not() {
    let upstream = Upstream::start();
    let front = site(upstream.address);
    let shown = examples("observe.md", "toml");
    assert_eq!(shown.len(), 1);
    let asked = examples("proof.md", "toml");
    let asked = asked.iter().find(|block| block.contains("get = ")).unwrap();
    let asked = asked.replace("\"coach\"", "\"app\"");
    for (good, from, to) in [
        (&shown[0], "observe", "obserf"),
        (&asked, "header", "headers"),
    ] {
        let whole = front.clone() + &crate::support::open_route("/") + good;
        Deployment::new(&whole).run(&["check"], &[]).exits(0);
        let slip = whole.replace(from, to);
        Deployment::new(&slip).run(&["check"], &[]).exits(2);
    }
}
