//! What listeners speak: versions of TLS, certificates of our own making, and the way to HTTPS.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, time::Duration};

use control::{Clock as _, SystemClock, Timestamp};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use serde_json::Value;

use crate::{
    guides::examples,
    support::{
        Client, Deployment, Gate, Upstream, field, get, open_route, request, site, tls_client_of,
    },
};

const OWN: &str = "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = { self_signed = true }\n\n";

/// A site over HTTPS with these listeners and an open route.
fn secure(upstream: &Upstream, listeners: &str) -> String {
    let text = site(upstream.address).replace("http://localhost", "https://localhost:8443");
    let plain = "[[listen]]\naddress = \"127.0.0.1:0\"\n\n";
    text.replace(plain, listeners) + &open_route("/")
}

fn listener(gate: &Gate, number: usize) -> SocketAddr {
    gate.ready["gate"][number]
        .as_str()
        .unwrap()
        .parse()
        .unwrap()
}

fn own_certificate(deployment: &Deployment) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(deployment.data().join("self-signed.pem")).unwrap()
}

#[test]
fn one_line_gives_a_listener_a_certificate_that_stays_over_restarts() {
    let upstream = Upstream::start();
    let deployment = Deployment::new(&secure(&upstream, OWN));
    deployment.run(&["check"], &[]).exits(0);
    assert!(
        !deployment.data().join("self-signed.pem").exists(),
        "a check changes nothing"
    );
    let gate = deployment.up();
    let first = own_certificate(&deployment);
    let answer = tls_client_of(gate.address, &first, rustls::DEFAULT_VERSIONS).ask(get("/"));
    assert_eq!(answer.status, 200);
    assert!(field(&answer, "Strict-Transport-Security").contains("includeSubDomains"));
    let key = deployment.data().join("self-signed.key");
    let mode = std::fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(
        Client::dial(gate.address).tries(get("/")).is_none(),
        "plain HTTP is none"
    );
    gate.stop();
    let gate = deployment.up();
    assert_eq!(own_certificate(&deployment), first);
    gate.stop();
    // For another name there is another.
    let renamed = secure(&upstream, OWN).replace("https://localhost", "https://coach.test");
    deployment.configure(&renamed);
    let gate = deployment.up();
    assert_ne!(own_certificate(&deployment), first);
    gate.stop();
}

#[test]
fn a_listener_speaks_1_2_and_1_3_or_1_3_alone() {
    let upstream = Upstream::start();
    let strict = OWN.replace("true }", "true, minimum = \"1.3\" }");
    let deployment = Deployment::new(&secure(&upstream, &(OWN.to_owned() + &strict)));
    let gate = deployment.up();
    let trusted = own_certificate(&deployment);
    let asked = |number, version: &'static rustls::SupportedProtocolVersion| {
        let versions = &[version];
        let answer = tls_client_of(listener(&gate, number), &trusted, versions).tries(get("/"));
        answer.map(|answer| answer.status)
    };
    assert_eq!(asked(0, &TLS12), Some(200));
    assert_eq!(asked(0, &TLS13), Some(200));
    assert_eq!(asked(1, &TLS12), None);
    assert_eq!(asked(1, &TLS13), Some(200));
    // A reload makes the first as strict.
    deployment.configure(&secure(&upstream, &(strict.clone() + &strict)));
    deployment.run(&["reload"], &[]).exits(0);
    assert_eq!(asked(0, &TLS12), None);
    assert_eq!(asked(0, &TLS13), Some(200));
    gate.stop();
}

#[test]
fn a_listener_without_tls_sends_people_to_https_and_processes_nothing() {
    let upstream = Upstream::start();
    let redirect = "[[listen]]\naddress = \"127.0.0.1:0\"\nredirect = true\n\n";
    let deployment = Deployment::new(&secure(&upstream, &(redirect.to_owned() + OWN)));
    let gate = deployment.up();
    let ask = |bytes: String| Client::dial(gate.address).ask(bytes);
    for path in ["/", "/a/b?c=d&e", "/.vouchsafe/health", "/nothing/here"] {
        let answer = ask(get(path).replace("Connection: close\r\n", ""));
        assert_eq!((answer.status, answer.closed), (308, true), "{path}");
        let there = format!("https://localhost:8443{path}");
        assert_eq!(field(&answer, "Location"), there);
        assert_eq!(answer.field("Strict-Transport-Security"), None);
    }
    for method in ["POST", "DELETE", "PUT"] {
        let answer = ask(request(
            method,
            "/",
            "Authorization: Bearer x\r\n",
            "secret=1",
        ));
        assert_eq!((answer.status, answer.closed), (403, true), "{method}");
        assert_eq!(answer.field("Location"), None);
    }
    // Nobody is sent to a name that is not ours.
    let foreign = ask(get("/").replace("Host: localhost", "Host: evil.test"));
    assert_eq!((foreign.status, foreign.field("Location")), (400, None));
    // A body that is announced is not waited for.
    let waits = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n";
    assert_eq!(ask(waits.to_owned()).status, 403);
    assert!(upstream.seen().is_empty());
    let trusted = own_certificate(&deployment);
    let there = tls_client_of(listener(&gate, 1), &trusted, &[&TLS13]).ask(get("/"));
    assert_eq!(there.status, 200);
    gate.stop();
    let log = deployment.run(&["ledger", "export"], &[]).exits(0).stdout;
    let reasons = |reason: &str| {
        let events = log
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["reason"] == reason).count()
    };
    assert_eq!(
        (reasons("plain-http"), reasons("plain-http-change")),
        (4, 4)
    );
}

#[test]
fn a_check_says_what_is_wrong_with_a_certificate_or_soon_will_be() {
    let upstream = Upstream::start();
    let files = "[[listen]]\naddress = \"127.0.0.1:0\"\n\
                 tls = { certificate = \"cert.pem\", key = \"file:key.pem\" }\n\n";
    let deployment = Deployment::new(&secure(&upstream, files));
    let now = SystemClock::new().now();
    let day = Duration::from_secs(86_400);
    let before = |days: u32| Timestamp::from_seconds(now.seconds() - i64::from(days) * 86_400);
    let moment = |at: Timestamp| time::OffsetDateTime::from_unix_timestamp(at.seconds()).unwrap();
    for (name, begins, ends, said) in [
        ("localhost", before(9), now.plus(90 * day), None),
        ("localhost", before(9), before(1), Some(" ended on ")),
        ("localhost", before(9), now.plus(29 * day), Some("renew it")),
        (
            "localhost",
            now.plus(day),
            now.plus(90 * day),
            Some(" begins on "),
        ),
        (
            "other.test",
            before(9),
            now.plus(90 * day),
            Some("is not for localhost"),
        ),
    ] {
        let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (moment(begins), moment(ends));
        let key = rcgen::KeyPair::generate().unwrap();
        let made = params.self_signed(&key).unwrap();
        deployment.write("key.pem", key.serialize_pem().as_bytes());
        deployment.write("cert.pem", made.pem().as_bytes());
        let stderr = deployment.run(&["check"], &[]).exits(0).stderr;
        assert_eq!(
            stderr.contains("the certificate "),
            said.is_some(),
            "{stderr}"
        );
        assert!(stderr.contains(said.unwrap_or_default()), "{stderr}");
    }
}

#[test]
fn what_the_guide_to_tls_promises_is_kept_and_a_weaker_listener_is_found() {
    let upstream = Upstream::start();
    let redirect = "[[listen]]\naddress = \"127.0.0.1:0\"\nredirect = true\n\n";
    let strict = OWN.replace("true }", "true, minimum = \"1.3\" }");
    let deployment = Deployment::new(&secure(&upstream, &(redirect.to_owned() + &strict)));
    let promised = &examples("tls.md", "markdown")[0];
    deployment.write(
        "SECURITY.md",
        format!("# Transport\n\n{promised}").as_bytes(),
    );
    let verdicts = || {
        let said = deployment.run(&["prove"], &["--format", "json"]);
        let proof = said.json();
        let all = proof["promises"].as_array().unwrap().iter();
        all.map(|it| (it["id"].clone(), it["verdict"].clone()))
            .collect::<Vec<_>>()
    };
    let gate = deployment.up();
    let kept = verdicts();
    assert_eq!(kept.len(), 5);
    assert!(
        kept.iter().all(|(_, verdict)| verdict == "kept"),
        "{kept:?}"
    );
    gate.stop();
    let plain = "[[listen]]\naddress = \"127.0.0.1:0\"\n\n";
    for (listeners, broken) in [
        (redirect.to_owned() + OWN, &["transport.tls13"][..]),
        (
            plain.to_owned() + &strict,
            &["transport.https", "transport.redirect"],
        ),
    ] {
        deployment.configure(&secure(&upstream, &listeners));
        let gate = deployment.up();
        let found = verdicts();
        for (id, verdict) in &found {
            let expected = broken.iter().any(|it| id == it);
            assert_eq!(verdict == "broken", expected, "{found:?}");
        }
        gate.stop();
    }
    deployment.configure(&secure(&upstream, &(redirect.to_owned() + &strict)));
    deployment.run(&["prove"], &["--self-test"]).exits(0);
}

#[test]
fn what_the_guide_to_tls_shows_is_taken() {
    let upstream = Upstream::start();
    let shown = examples("tls.md", "toml");
    assert_eq!(shown.len(), 7);
    let authority = crate::certificates::Authority::new("root");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for block in shown {
        let folder = "/etc/letsencrypt/live/coach.example/";
        let block = block.replace(folder, "");
        let named = block.contains("acme");
        let text = secure(&upstream, &block);
        let text = match named {
            true => text.replace("https://localhost:8443", "https://coach.example"),
            false => text,
        };
        let deployment = Deployment::new(&text);
        deployment.write("privkey.pem", made.signing_key.serialize_pem().as_bytes());
        deployment.write("fullchain.pem", made.cert.pem().as_bytes());
        deployment.write("ca.pem", authority.certificate.pem().as_bytes());
        deployment.write("crl.pem", authority.revoking(&[]).as_bytes());
        deployment.run(&["check"], &[]).exits(0);
        let slip = block.replace("tls =", "tsl =");
        deployment.configure(&secure(&upstream, &slip));
        deployment.run(&["check"], &[]).exits(2).says(&["tsl"]);
    }
}
