//! What the HTTP Observatory makes of a first configuration.
//!
//! Owns its published rules, as far as they are about answers: one baseline of 100, penalties, and bonuses
//! where 90 are left without them (MDN, "HTTP Observatory scoring methodology", tests and score modifiers).
//! Whether browsers ship with the name and whether the certificate is known is not for a test to say, and
//! is taken neither for nor against.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    thread,
};

use control::probe::Answer;
use rustls::pki_types::{CertificateDer, pem::PemObject as _};

use crate::{
    documents::initialised_at,
    support::{Client, Deployment, get, tls_client_of},
};

/// What the Observatory asks for, over HTTPS and without.
struct Scan {
    secure: Answer,
    plain: Answer,
}

fn values<'a>(answer: &'a Answer, name: &'a str) -> Vec<&'a str> {
    let fields = answer.fields.iter();
    fields
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
        .collect()
}

fn has(list: &[&str], any: &[&str]) -> bool {
    list.iter()
        .any(|one| any.iter().any(|it| one.eq_ignore_ascii_case(it)))
}

fn cookies(scan: &Scan) -> i32 {
    let all = values(&scan.secure, "Set-Cookie");
    let said = |cookie: &str, word: &str| {
        let mut attributes = cookie.split(';').skip(1).map(str::trim);
        attributes.any(|it| it.to_ascii_lowercase().starts_with(word))
    };
    if all.is_empty() {
        return 0;
    }
    // Each of these is a session cookie: the app names them so.
    if !all.iter().all(|it| said(it, "secure")) {
        return -40;
    }
    if !all.iter().all(|it| said(it, "httponly")) {
        return -30;
    }
    let lax = |cookie: &&str| said(cookie, "samesite=lax") || said(cookie, "samesite=strict");
    if all.iter().all(lax) { 5 } else { 0 }
}

fn sharing(scan: &Scan) -> i32 {
    let credentials = field_of(&scan.secure, "Access-Control-Allow-Credentials");
    let origin = field_of(&scan.secure, "Access-Control-Allow-Origin");
    let universal = origin.is_some_and(|it| it != "*") && credentials == Some("true");
    if universal { -50 } else { 0 }
}

fn field_of<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.field(name).filter(|value| !value.is_empty())
}

fn policy(scan: &Scan) -> i32 {
    let all = values(&scan.secure, "Content-Security-Policy");
    let [policy] = all.as_slice() else {
        return -25;
    };
    let sources = |name: &str| {
        let directives = policy.split(';').map(str::trim);
        let mut named = directives.filter_map(|it| it.strip_prefix(name));
        let found = named.find(|rest| rest.is_empty() || rest.starts_with(' '));
        found.map(|rest| rest.split_whitespace().collect::<Vec<_>>())
    };
    let governed = |name| sources(name).or_else(|| sources("default-src"));
    let anything = || vec!["*"];
    let script = governed("script-src").unwrap_or_else(anything);
    let object = governed("object-src").unwrap_or_else(anything);
    let style = governed("style-src").unwrap_or_else(anything);
    let broad = ["*", "https:", "http:", "data:"];
    if has(&script, &["'unsafe-inline'"]) || has(&script, &broad) || has(&object, &broad) {
        return -20;
    }
    if has(&script, &["'unsafe-eval'"]) || policy.contains("http:") {
        return -10;
    }
    if has(&style, &["'unsafe-inline'"]) || has(&style, &broad) {
        return 0;
    }
    match sources("default-src").as_deref() {
        Some(["'none'"]) => 10,
        _ => 5,
    }
}

fn insisting(scan: &Scan) -> i32 {
    let said = field_of(&scan.secure, "Strict-Transport-Security").unwrap_or_default();
    let mut directives = said.split(';').map(str::trim);
    let age = directives.find_map(|it| it.strip_prefix("max-age="));
    match age.and_then(|age| age.parse::<u64>().ok()) {
        Some(15_768_000..) => 0,
        Some(_) => -10,
        None => -20,
    }
}

fn redirection(scan: &Scan) -> i32 {
    let there = field_of(&scan.plain, "Location").unwrap_or_default();
    if !(300..400).contains(&scan.plain.status) || !there.starts_with("https://") {
        return -20;
    }
    if there.starts_with("https://localhost") {
        0
    } else {
        -5
    }
}

fn referrer(scan: &Scan) -> i32 {
    match field_of(&scan.secure, "Referrer-Policy") {
        None => 0,
        Some(
            "no-referrer" | "same-origin" | "strict-origin" | "strict-origin-when-cross-origin",
        ) => 5,
        Some(_) => -5,
    }
}

fn sniffing(scan: &Scan) -> i32 {
    match field_of(&scan.secure, "X-Content-Type-Options") {
        Some("nosniff") => 0,
        _ => -5,
    }
}

fn framing(scan: &Scan) -> i32 {
    let policies = values(&scan.secure, "Content-Security-Policy");
    if policies.iter().any(|it| it.contains("frame-ancestors")) {
        return 5;
    }
    match field_of(&scan.secure, "X-Frame-Options") {
        Some("DENY" | "SAMEORIGIN") => 0,
        _ => -20,
    }
}

fn resources(scan: &Scan) -> i32 {
    match field_of(&scan.secure, "Cross-Origin-Resource-Policy") {
        Some("same-origin" | "same-site") => 10,
        Some("cross-origin") | None => 0,
        Some(_) => -5,
    }
}

/// The score, and what each test adds to it or takes away.
fn score(scan: &Scan) -> (i32, Vec<(&'static str, i32)>) {
    let all: Vec<(&'static str, i32)> = vec![
        ("cookies", cookies(scan)),
        ("cross-origin sharing", sharing(scan)),
        ("content security policy", policy(scan)),
        ("strict transport security", insisting(scan)),
        ("redirection", redirection(scan)),
        ("referrer policy", referrer(scan)),
        // The page has no script, which is neither for nor against.
        ("subresource integrity", 0),
        ("content type options", sniffing(scan)),
        ("frame options", framing(scan)),
        ("cross-origin resources", resources(scan)),
    ];
    let sum = |which: fn(i32) -> bool| -> i32 {
        let picked = all.iter().filter(|(_, it)| which(*it));
        picked.map(|(_, it)| it).sum()
    };
    let without = 100 + sum(|it| it < 0);
    let bonuses = if without >= 90 { sum(|it| it > 0) } else { 0 };
    ((without + bonuses).max(0), all)
}

fn grade(score: i32) -> &'static str {
    match score {
        100.. => "A+",
        90.. => "A",
        85.. => "A-",
        80.. => "B+",
        70.. => "B",
        65.. => "B-",
        60.. => "C+",
        50.. => "C",
        45.. => "C-",
        40.. => "D+",
        30.. => "D",
        25.. => "D-",
        _ => "F",
    }
}

/// An app as apps are: a page, a cookie without attributes, and a word on what it is made of.
pub(crate) fn careless() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head);
            let page = "<!doctype html><title>An app</title><p>Hello";
            let _ = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nSet-Cookie: session=1\r\n\
                 Server: carelessly/1.0\r\nAccess-Control-Allow-Origin: https://evil.example\r\n\
                 Access-Control-Allow-Credentials: true\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{page}",
                page.len()
            );
        }
    });
    address
}

/// The same as a person would serve it who follows the guide to TLS.
fn secured(text: &str) -> String {
    let listeners = "[[listen]]\naddress = \"127.0.0.1:0\"\ntls = { self_signed = true }\n\n\
        [[listen]]\naddress = \"127.0.0.1:0\"\nredirect = true\n";
    text.replace("[[listen]]\naddress = \"127.0.0.1:0\"\n", listeners)
}

fn scan(deployment: &Deployment) -> Scan {
    let gate = deployment.up();
    let trusted = deployment.data().join("self-signed.pem");
    let trusted = CertificateDer::from_pem_file(trusted).unwrap();
    let secure = tls_client_of(gate.address, &trusted, rustls::DEFAULT_VERSIONS).ask(get("/"));
    let plain = gate.ready["gate"][1].as_str().unwrap().parse().unwrap();
    let plain = Client::dial(plain).ask(get("/"));
    gate.stop();
    assert_eq!(secure.status, 200);
    Scan { secure, plain }
}

#[test]
fn a_first_configuration_has_the_best_grade_of_the_http_observatory() {
    let open = ["--open", "a public page"];
    let name = ["--public-url", "https://localhost"];
    let deployment = initialised_at(careless(), &[&open[..], &name[..]].concat());
    let text = std::fs::read_to_string(deployment.configuration()).unwrap();
    deployment.configure(&secured(&text));
    let (points, tests) = score(&scan(&deployment));
    assert!(
        tests.iter().all(|(_, modifier)| *modifier >= 0),
        "{tests:?}"
    );
    assert_eq!((points, grade(points)), (115, "A+"), "{tests:?}");

    // Its twin: the same without what is said of scripts, and with one header less.
    let weaker = secured(&text).replace(
        "scripts = \"same-origin\"",
        "scripts = \"off\"\nhsts = \"0s\"\nreason = \"a twin\"",
    );
    deployment.configure(&weaker);
    let (points, tests) = score(&scan(&deployment));
    assert_eq!((points, grade(points)), (60, "C+"), "{tests:?}");
}

#[test]
fn the_app_alone_has_a_bad_grade() {
    let answer = || Client::dial(careless()).ask(get("/"));
    let bare = Scan {
        secure: answer(),
        plain: answer(),
    };
    let (points, tests) = score(&bare);
    assert_eq!((points, grade(points)), (0, "F"), "{tests:?}");
}
