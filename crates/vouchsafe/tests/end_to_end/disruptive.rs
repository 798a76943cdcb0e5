//! Probes that play crowds: clients behind one proxy, and clients that are slow on purpose.

use serde_json::Value;

use crate::support::{Deployment, Upstream, open_route, site};

const DOCUMENT: &str = "Clients behind one proxy have limits of their own. \
    <!-- promise: limits.apart -->\n\n\
    Slow clients hold up nobody, and are cut off within 2 seconds. \
    <!-- promise: overload.slow clients=40 within=2s -->\n";

/// A site with a limit, counted by this, and this long for a head.
fn deployment(upstream: &Upstream, by: &str, header_time: &str) -> Deployment {
    let text = format!(
        "{}{}[[rate]]\nname = \"few\"\nrequests = 5\nper = \"1h\"\nby = \"{by}\"\n\
         [limits]\nheader_time = \"{header_time}\"\n",
        site(upstream.address),
        open_route("/"),
    );
    let deployment = Deployment::new(&text);
    deployment.write("SECURITY.md", DOCUMENT.as_bytes());
    deployment
}

fn proves(deployment: &Deployment, more: &[&str], exit: i32) -> Value {
    let document = deployment.folder().join("SECURITY.md");
    let document = document.to_string_lossy().into_owned();
    let arguments = [&["--document", &document, "--format", "json"], more].concat();
    deployment.run(&["prove"], &arguments).exits(exit).json()
}

fn verdicts(report: &Value) -> Vec<&str> {
    let promises = report["promises"].as_array().unwrap();
    promises
        .iter()
        .map(|promise| promise["verdict"].as_str().unwrap())
        .collect()
}

#[test]
fn crowds_are_kept_apart_and_slow_ones_end_where_somebody_allowed_to_try() {
    let upstream = Upstream::start();
    let good = deployment(&upstream, "caller", "1s");
    let gate = good.up();
    let report = proves(&good, &["--allow", "disruptive"], 0);
    assert_eq!(verdicts(&report), ["kept", "kept"], "{report}");
    let report = proves(&good, &[], 0);
    assert_eq!(verdicts(&report), ["kept", "unproven"], "{report}");
    assert_eq!(
        upstream.seen().len(),
        0,
        "neither child nor ticket ends there"
    );
    gate.stop();

    // Its twin: everybody together, and more time than is said.
    let lesser = deployment(&upstream, "everyone", "10s");
    let gate = lesser.up();
    let report = proves(&lesser, &["--allow", "disruptive"], 1);
    assert_eq!(verdicts(&report), ["broken", "broken"], "{report}");
    gate.stop();
}

#[test]
fn a_self_test_finds_both_out() {
    let upstream = Upstream::start();
    let good = deployment(&upstream, "caller", "1s");
    let report = proves(&good, &["--self-test", "--allow", "disruptive"], 0);
    let text = report.to_string();
    for promise in ["limits.apart", "overload.slow"] {
        assert!(text.contains(promise), "{text}");
    }
}
