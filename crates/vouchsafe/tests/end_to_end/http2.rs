//! HTTP/2 as programs of other projects speak it: curl, nghttp and h2load.
//!
//! They are what `VOUCHSAFE_TEST_CURL`, `VOUCHSAFE_TEST_NGHTTP` and `VOUCHSAFE_TEST_H2LOAD` name, or those
//! on the PATH; without them these tests say that they did not run. How single frames are judged is tested
//! beside the gate, which is asked frame by frame there.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::support::{Deployment, Gate, Process, Said, Upstream, open_route, peer, run, site};

const GUARDED: &str =
    "[[route]]\npath = \"/api\"\napp = \"app\"\nauth = [\"api-key\"]\nroles = [\"mentor\"]\n\n";

/// A running site over TLS with an open route and a guarded one.
struct Site {
    upstream: Upstream,
    deployment: Deployment,
    gate: Gate,
}

/// What a site over TLS is configured to be.
fn configuration(upstream: &Upstream, routes: &str) -> String {
    let plain = "[[listen]]\naddress = \"127.0.0.1:0\"\n";
    let secure = format!("{plain}tls = {{ self_signed = true }}\n");
    let text = site(upstream.address).replace("http://localhost", "https://localhost");
    text.replace(plain, &secure) + routes
}

fn start() -> Site {
    let upstream = Upstream::start();
    let routes = open_route("/open") + GUARDED;
    let deployment = Deployment::new(&configuration(&upstream, &routes));
    let gate = deployment.up();
    Site {
        upstream,
        deployment,
        gate,
    }
}

impl Site {
    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.gate.address.port())
    }

    /// The certificate as it is now.
    fn certificate(&self) -> PathBuf {
        self.deployment.data().join("self-signed.pem")
    }

    /// Makes a certificate and its key for the listener, and gives it back.
    fn certified(&self) -> Vec<u8> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        self.deployment.write("site.key", key.as_bytes());
        let certificate = made.cert.pem().into_bytes();
        self.deployment.write("site.pem", &certificate);
        certificate
    }

    /// What curl says of `path`: version and status, or how it failed.
    fn curl(&self, program: &Path, trusted: &Path, path: &str, how: &[&str]) -> String {
        let mut command = Command::new(program);
        command
            .args([
                "--silent",
                "--show-error",
                "--path-as-is",
                "--max-time",
                "30",
            ])
            .args(["--output", "/dev/null"])
            .args(["--write-out", "%{http_version} %{http_code}"])
            .arg("--cacert")
            .arg(trusted)
            .args(how)
            .arg(self.url(path));
        let said = run(&mut command);
        match said.exit {
            Some(0) => said.stdout,
            exit => format!("exit {exit:?}"),
        }
    }

    /// A figure of its own.
    fn metric(&self, name: &str) -> u64 {
        let metrics = self.gate.metrics();
        let line = metrics.lines().find_map(|line| {
            let (found, value) = line.split_once(' ')?;
            (found == name).then_some(value)
        });
        line.unwrap_or_else(|| panic!("no {name}")).parse().unwrap()
    }
}

/// `nghttp` for `url`, `times` at once on one connection.
fn nghttp(program: &Path, times: usize, url: &str, how: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args([
            "--verbose",
            "--null-out",
            "--no-verify-peer",
            "--timeout",
            "50",
        ])
        .arg(format!("--multiply={times}"))
        .args(how)
        .arg(url);
    command
}

/// How many answers of `status` it was sent.
fn answers(said: &Said, status: u16) -> usize {
    let answer = format!(":status: {status}");
    said.stdout.matches(&answer).count()
}

/// The lines of a head as they are the same over both versions: whatever order and case they have.
fn alike(head: &str) -> Vec<String> {
    let own = |line: &String| !line.starts_with("x-request-id: ");
    let mut lines: Vec<String> = head.lines().map(str::to_lowercase).filter(own).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn curl_is_served_and_refused_as_over_http_1() {
    let Some(curl) = peer("VOUCHSAFE_TEST_CURL", "curl") else {
        return;
    };
    let site = start();
    let made = site.deployment.run(
        &["key", "create"],
        &[
            "--name",
            "ci",
            "--scope",
            "GET /api",
            "--role",
            "mentor",
            "--expires",
            "90d",
            "--format",
            "json",
        ],
    );
    let made = made.exits(0).json();
    let key = format!("Authorization: Bearer {}", made["key"].as_str().unwrap());
    let sent = "a body, over and over. ".repeat(40_000);
    let file = site.deployment.write("body", sent.as_bytes());
    let data = format!("@{}", file.display());
    let cases: [(&str, &[&str], u16); 9] = [
        ("/open", &[], 200),
        ("/open?a=b&c", &["--cookie", "a=1", "--cookie", "b=2"], 200),
        ("/open/large", &["--compressed"], 200),
        ("/open", &["--data-binary", &data], 200),
        ("/open", &["--head"], 200),
        ("/api", &[], 401),
        ("/api", &["--header", &key], 200),
        ("/nothing", &[], 404),
        ("/open/..%2fapi", &[], 400),
    ];
    let certificate = site.certificate();
    for (path, how, status) in cases {
        let ask = |version: &str| {
            let seen = site.upstream.seen().len();
            let said = site.curl(&curl, &certificate, path, &[&[version], how].concat());
            let all = site.upstream.seen();
            let heads = all[seen..].iter().map(|received| alike(&received.head));
            let bodies = all[seen..].iter().map(|received| received.body.clone());
            (said, heads.collect::<Vec<_>>(), bodies.collect::<Vec<_>>())
        };
        let (first, heads, bodies) = ask("--http1.1");
        let (second, same_heads, same_bodies) = ask("--http2");
        assert_eq!(first, format!("1.1 {status}"), "{path} {how:?}");
        assert_eq!(second, format!("2 {status}"), "{path} {how:?}");
        assert_eq!(heads.len(), usize::from(status == 200), "{path} {how:?}");
        assert_eq!(heads, same_heads, "{path} {how:?}");
        assert!(bodies == same_bodies, "{path} {how:?}");
    }
    let bodies = site
        .upstream
        .seen()
        .into_iter()
        .map(|received| received.body);
    assert_eq!(bodies.filter(|body| body == sent.as_bytes()).count(), 2);
    assert_eq!(site.metric("vouchsafe_http2_requests_total"), 9);
    site.gate.stop();
}

#[test]
fn nghttp_has_many_requests_under_way_on_one_connection() {
    const TIMES: usize = 20;
    let Some(program) = peer("VOUCHSAFE_TEST_NGHTTP", "nghttp") else {
        return;
    };
    let site = start();
    // Padding and heads in several frames are as good as none.
    let how = ["--padding=255", "--continuation", "--header=x-a: b"];
    let mut command = nghttp(&program, TIMES, &site.url("/open/hold"), &how);
    let client = Process::start(&mut command);
    for _ in 0..TIMES {
        site.upstream.await_held();
    }
    site.upstream.release();
    let said = client.finish().exits(0);
    assert_eq!(answers(&said, 200), TIMES, "{said:?}");
    assert_eq!(site.metric("vouchsafe_http2_connections_total"), 1);
    // Nothing of an answer is sent before there is room for it.
    let narrow = ["--window-bits=10", "--connection-window-bits=16"];
    let said = run(&mut nghttp(&program, 3, &site.url("/open/large"), &narrow)).exits(0);
    assert_eq!(answers(&said, 200), 3);
    // A key is asked for on each.
    let said = run(&mut nghttp(&program, TIMES, &site.url("/api"), &[])).exits(0);
    assert_eq!((answers(&said, 401), answers(&said, 200)), (TIMES, 0));
    site.gate.stop();
}

#[test]
fn h2load_finds_every_request_answered() {
    const REQUESTS: usize = 4000;
    let Some(program) = peer("VOUCHSAFE_TEST_H2LOAD", "h2load") else {
        return;
    };
    let site = start();
    // Fewer at once than an app may be asked, which is told to be busy otherwise.
    let mut command = Command::new(program);
    command
        .arg(format!("--requests={REQUESTS}"))
        .args([
            "--clients=8",
            "--max-concurrent-streams=10",
            "--npn-list=h2",
        ])
        .arg(site.url("/open"));
    let said = run(&mut command).exits(0);
    let whole = format!(
        "{REQUESTS} total, {REQUESTS} started, {REQUESTS} done, {REQUESTS} succeeded, 0 failed"
    );
    assert!(said.stdout.contains(&whole), "{}", said.stdout);
    assert!(said.stdout.contains("Application protocol: h2"));
    let served = u64::try_from(REQUESTS).unwrap();
    assert_eq!(site.metric("vouchsafe_http2_requests_total"), served);
    assert_eq!(site.metric("vouchsafe_http2_connections_total"), 8);
    site.gate.stop();
}

#[test]
fn a_reload_leaves_requests_that_are_under_way() {
    const TIMES: usize = 5;
    let (Some(program), Some(curl)) = (
        peer("VOUCHSAFE_TEST_NGHTTP", "nghttp"),
        peer("VOUCHSAFE_TEST_CURL", "curl"),
    ) else {
        return;
    };
    let site = start();
    let before = site.deployment.write("before.pem", &site.certified());
    let listener = "tls = { certificate = \"site.pem\", key = \"file:site.key\" }";
    let configured = std::fs::read_to_string(site.deployment.configuration()).unwrap();
    let configured = configured.replace("tls = { self_signed = true }", listener);
    site.deployment.configure(&configured);
    site.deployment.run(&["reload"], &[]).exits(0);
    assert_eq!(site.curl(&curl, &before, "/open", &["--http2"]), "2 200");
    let mut command = nghttp(&program, TIMES, &site.url("/open/hold"), &[]);
    let client = Process::start(&mut command);
    for _ in 0..TIMES {
        site.upstream.await_held();
    }
    // Another certificate, and the route under way is gone.
    let after = site.deployment.write("after.pem", &site.certified());
    site.deployment
        .configure(&configured.replace("\"/open\"", "\"/elsewhere\""));
    site.deployment.run(&["reload"], &[]).exits(0);
    site.upstream.release();
    let said = client.finish().exits(0);
    assert_eq!(answers(&said, 200), TIMES, "{said:?}");
    // Whoever comes now is shown the new one, and served by the new routes alone.
    let now = |trusted, path| site.curl(&curl, trusted, path, &["--http2"]);
    assert_eq!(now(&before, "/elsewhere"), "exit Some(60)");
    assert_eq!(now(&after, "/elsewhere"), "2 200");
    assert_eq!(now(&after, "/open"), "2 404");
    site.gate.stop();
}
