//! A login at a provider that we did not write and that is certified: npm's `oidc-provider`.
//!
//! `cargo xtask test` installs it. Without it this test fails: whether people can log in is not a
//! thing to be skipped in silence.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use control::probe::Answer;
use serde_json::json;

use crate::{
    login::configuration,
    support::{Client, Deployment, Process, Upstream, field, until},
};

/// The provider, as the demo has it.
const SCRIPT: &str = "../../systems/savings-analysis/provider/provider.mjs";

/// Names the folder with the modules.
const NODE: &str = "VOUCHSAFE_TEST_NODE";

pub(crate) fn modules() -> PathBuf {
    let folder = std::env::var_os(NODE).map(PathBuf::from);
    let there = |folder: &PathBuf| folder.join("node_modules").is_dir();
    folder.filter(there).unwrap_or_else(|| {
        panic!(
            "no modules of systems/savings-analysis/provider: run `cargo xtask test`, which installs \
             them, or set {NODE} to a folder that has them"
        )
    })
}

/// The provider, and its issuer.
fn provider() -> (Process, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT);
    let known = json!({
        "client": "us", "domain": "school.test", "people": { "alice": ["g-sales"] },
    });
    let mut command = Command::new("node");
    command
        .arg(script.canonicalize().unwrap())
        .arg(modules())
        .arg("http://localhost/.vouchsafe/callback")
        .arg(known.to_string())
        .env("PROVIDER_CLIENT_SECRET", "s :");
    let mut process = Process::start(&mut command);
    let issuer = until("the provider is ready", || {
        let ended = process.ended();
        assert!(ended.is_none(), "{ended:?}: {}", process.stderr());
        let said = process.stderr();
        let line = said.lines().find_map(|line| line.strip_prefix("issuer "));
        line.map(str::to_owned)
    });
    (process, issuer)
}

/// A browser: it keeps the cookies of each host and follows where it is sent.
#[derive(Default)]
struct Browser(BTreeMap<(String, String), String>);

impl Browser {
    fn ask(&mut self, address: SocketAddr, host: &str, path: &str, form: Option<&str>) -> Answer {
        let kept = self.0.iter().filter(|((of, _), _)| of == host);
        let cookies: Vec<_> = kept
            .map(|((_, name), value)| format!("{name}={value}"))
            .collect();
        let cookies = match cookies.is_empty() {
            true => String::new(),
            false => format!("Cookie: {}\r\n", cookies.join("; ")),
        };
        let (method, rest) = match form {
            None => ("GET", "\r\n".to_owned()),
            Some(form) => (
                "POST",
                format!(
                    "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{form}",
                    form.len()
                ),
            ),
        };
        let answer = Client::dial(address).ask(format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{cookies}Sec-Fetch-Mode: navigate\r\n\
             Accept: text/html\r\nConnection: close\r\n{rest}"
        ));
        for (name, value) in &answer.fields {
            if name.eq_ignore_ascii_case("set-cookie") {
                let pair = value.split(';').next().unwrap();
                let (name, value) = pair.split_once('=').unwrap();
                let place = (host.to_owned(), name.to_owned());
                if value.is_empty() {
                    self.0.remove(&place);
                } else {
                    self.0.insert(place, value.to_owned());
                }
            }
        }
        answer
    }
}

#[test]
fn people_log_in_at_a_certified_provider() {
    let (_process, issuer) = provider();
    let host = issuer.strip_prefix("http://").unwrap().to_owned();
    let there: SocketAddr = host.parse().unwrap();
    let upstream = Upstream::start();
    let text = configuration(&issuer, there.port(), &upstream).replace(
        "role_claim",
        "scopes = [\"profile\", \"email\"]\ndomains = [\"school.test\"]\nrole_claim",
    );
    let deployment = Deployment::new(&text).with("LOGIN_SECRET", "s :");
    let gate = deployment.up();
    let mut browser = Browser::default();
    let mut place = "http://localhost/app/page?of=1".to_owned();
    let mut arrived = None;
    // The login, the person's consent, and the steps between them.
    for _ in 0..20 {
        let (address, name, path) = match place.strip_prefix("http://localhost") {
            Some(path) => (gate.address, "localhost", path.to_owned()),
            None => (
                there,
                host.as_str(),
                place.strip_prefix(&issuer).unwrap().to_owned(),
            ),
        };
        let mut answer = browser.ask(address, name, &path, None);
        if answer.status == 200 && address == gate.address {
            arrived = Some(path);
            break;
        }
        if answer.status == 200 {
            let page = String::from_utf8_lossy(&answer.body).into_owned();
            let form = match page.contains("value=\"login\"") {
                true => "prompt=login&login=alice&password=x",
                false => "prompt=consent",
            };
            answer = browser.ask(address, name, &path, Some(form));
        }
        assert!(matches!(answer.status, 302 | 303), "{place}: {answer:?}");
        let next = field(&answer, "location").to_owned();
        place = match next.starts_with('/') {
            true => format!("http://{name}{next}"),
            false => next,
        };
    }
    assert_eq!(arrived.as_deref(), Some("/app/page?of=1"), "{place}");
    let seen = upstream.seen();
    let head = &seen.last().unwrap().head;
    let assertion = head
        .lines()
        .find_map(|line| line.strip_prefix("X-Vouchsafe-Assertion: "))
        .unwrap();
    let claims = assertion.trim().split('.').nth(1).unwrap();
    let claims = seal::encode::unbase64url(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["sub"], "user:alice");
    assert_eq!(claims["roles"], serde_json::json!(["sales"]));
    assert_eq!(claims["sub_id"]["iss"], issuer);
    gate.stop();
}
