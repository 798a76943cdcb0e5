//! What testssl.sh makes of a listener with one line of TLS.
//!
//! Version 3.0 gives no letters: it calls each finding OK, informative, or one of low, medium, high and
//! critical, and the best a server can have is none of the latter. Findings about whoever signed the
//! certificate, and about the zone of its name, are not about the server: a test has neither authority nor
//! zone. It is the program that `VOUCHSAFE_TEST_TESTSSL` names, or `testssl`; without one these tests say
//! that they did not run.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    observatory::careless,
    support::{Deployment, open_route, peer, run, site},
};

/// Findings about a certificate that nobody's authority has signed, for a name in no zone.
const OF_THE_CERTIFICATE: [&str; 3] = ["cert_chain_of_trust", "cert_revocation", "DNS_CAArecord"];

/// Everything that one section finds at `address`: names, and how bad they are.
fn found(section: &str, address: SocketAddr) -> Option<Vec<(String, String)>> {
    let program = peer("VOUCHSAFE_TEST_TESTSSL", "testssl")?;
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json");
    let mut command = Command::new(program);
    command
        .args(["--quiet", "--warnings", "batch", "--color", "0"])
        .args(["--ip", &address.ip().to_string(), "--jsonfile"])
        .arg(&report)
        .arg(section)
        .arg(format!("https://localhost:{}/", address.port()))
        .current_dir(folder.path());
    let said = run(&mut command);
    let report = std::fs::read(&report).unwrap_or_else(|_| panic!("no report: {said:?}"));
    let report: Value = serde_json::from_slice(&report).unwrap();
    let findings = report.as_array().unwrap().iter();
    let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
    Some(
        findings
            .map(|it| (text(it, "id"), text(it, "severity")))
            .collect(),
    )
}

/// The names of what is worse than informative.
fn worse(findings: &[(String, String)]) -> Vec<&str> {
    let fine = |severity: &str| ["OK", "INFO", "DEBUG"].contains(&severity);
    let worse = findings.iter().filter(|(_, severity)| !fine(severity));
    worse.map(|(id, _)| id.as_str()).collect()
}

/// How often a section is run at most whose client did not finish what it began.
const RUNS: usize = 5;

/// What one section finds, once all of it was tried: WARN is no finding, but a trial that came to nothing,
/// such as a client of openssl that left before its ticket arrived.
fn tried(section: &str, address: SocketAddr) -> Option<Vec<(String, String)>> {
    let untried = |it: &Vec<(String, String)>| it.iter().any(|(_, severity)| severity == "WARN");
    let mut findings = found(section, address)?;
    for _ in 1..RUNS {
        if !untried(&findings) {
            break;
        }
        findings = found(section, address)?;
    }
    Some(findings)
}

/// Sees that a section was run, and finds nothing but what is listed.
fn finds_nothing(section: &str, proof: &str, but: &[&str]) {
    let plain = "[[listen]]\naddress = \"127.0.0.1:0\"\n";
    let secure = format!("{plain}tls = {{ self_signed = true }}\n");
    let text = site(careless()).replace("http://localhost", "https://localhost");
    let deployment = Deployment::new(&(text.replace(plain, &secure) + &open_route("/")));
    let gate = deployment.up();
    if let Some(findings) = tried(section, gate.address) {
        let ran = findings.iter().any(|(id, _)| id == proof);
        assert!(ran, "{section} says nothing of {proof}: {findings:?}");
        assert_eq!(worse(&findings), but, "{findings:?}");
    }
    gate.stop();
}

#[test]
fn no_old_protocol_is_spoken() {
    finds_nothing("--protocols", "TLS1_3", &[]);
}

#[test]
fn no_kind_of_cipher_is_weak() {
    finds_nothing("--standard", "cipherlist_NULL", &[]);
}

#[test]
fn every_cipher_keeps_its_secrets_forward() {
    finds_nothing("--fs", "PFS", &[]);
}

#[test]
fn the_order_of_ciphers_is_a_good_one() {
    finds_nothing("--server-preference", "cipher_order", &[]);
}

#[test]
fn what_a_server_says_by_itself_is_in_order() {
    finds_nothing(
        "--server-defaults",
        "TLS_session_ticket",
        &OF_THE_CERTIFICATE,
    );
}

#[test]
fn headers_insist_on_tls_and_tell_of_nothing() {
    finds_nothing("--headers", "HSTS_time", &[]);
}

#[test]
fn no_known_weakness_is_found() {
    finds_nothing("--vulnerable", "LUCKY13", &[]);
}

/// The twin of all of them: a server whose one cipher chains its blocks is told so.
#[test]
fn a_weak_server_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = made.signing_key.serialize_pem();
    std::fs::write(folder.path().join("key.pem"), key).unwrap();
    std::fs::write(folder.path().join("certificate.pem"), made.cert.pem()).unwrap();
    let mut server = Command::new("openssl");
    server
        .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-tls1_2"])
        .args(["-cipher", "ECDHE-ECDSA-AES128-SHA"])
        .args(["-key", "key.pem", "-cert", "certificate.pem"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut server = server.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| line.ok()?.strip_prefix("ACCEPT ")?.parse().ok());
    let findings = found("--standard", address.unwrap());
    let ended = server.kill().and_then(|()| server.wait());
    assert!(ended.is_ok());
    if let Some(findings) = findings {
        assert!(!worse(&findings).is_empty(), "{findings:?}");
    }
}
