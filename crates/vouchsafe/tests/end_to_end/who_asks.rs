//! What the guide gives an app to find out who asks: each example as it stands there, run as an app
//! behind a real gate, and attacked past it.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::symlink,
    path::PathBuf,
    process::Command,
};

use control::{Clock as _, SystemClock};
use seal::{
    ed25519::SigningKey,
    hmac,
    jws::{sign_eddsa, sign_hs256, thumbprint},
};
use serde_json::{Value, json};

use crate::{
    accounts::House,
    guides::examples,
    python_apps::command,
    support::{Client, Deployment, Process, Upstream, body, request, run, site, until},
};

/// Names the folder with the modules.
const NODE: &str = "VOUCHSAFE_TEST_NODE_APPS";

const ISSUER: &str = "http://localhost";
const JWKS: &str = "/.vouchsafe/jwks.json";
const FIELD: &str = "X-Vouchsafe-Assertion";

/// The example of the guide for `language` with this number, in a folder of its own.
fn example(language: &str, number: usize, name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let shown = examples("who-asks.md", language);
    fs::write(folder.path().join(name), &shown[number]).unwrap();
    folder
}

/// Installed by `cargo xtask test`; without them a test fails.
fn modules() -> PathBuf {
    let folder = std::env::var_os(NODE).map(|folder| PathBuf::from(folder).join("node_modules"));
    folder.filter(|folder| folder.is_dir()).unwrap_or_else(|| {
        panic!(
            "no modules of tests/node: run `cargo xtask test`, which installs them, or set {NODE} to \
             a folder that has them"
        )
    })
}

/// An app that is up, and where.
struct App {
    address: SocketAddr,
    _process: Process,
}

impl App {
    /// Starts `command`, which takes its port, with the keys at this address. None where somebody
    /// else took the port in the meantime.
    fn start(
        mut command: Command,
        address: SocketAddr,
        keys: SocketAddr,
        path: &str,
    ) -> Option<Self> {
        command
            .env("VOUCHSAFE_ISSUER", ISSUER)
            .env("VOUCHSAFE_ROUTES", "/,/api")
            .env("VOUCHSAFE_KEYS", format!("http://{keys}{JWKS}"));
        let mut process = Process::start(&mut command);
        let up = until("the app is up", || {
            if process.ended().is_some() {
                return Some(false);
            }
            std::net::TcpStream::connect(address).ok()?;
            let status = Client::dial(address)
                .ask(request("GET", path, "", ""))
                .status;
            Some([200, 401, 503].contains(&status))
        });
        if !up {
            let said = process.stderr().to_lowercase();
            let taken = ["in use", "not available"];
            assert!(taken.iter().any(|taken| said.contains(taken)), "{said}");
        }
        up.then_some(Self {
            address,
            _process: process,
        })
    }

    /// What it answers to whoever comes past the gate with `assertion`.
    fn past_the_gate(&self, assertion: Option<&str>) -> (u16, String) {
        let field = assertion.map_or(String::new(), |text| format!("{FIELD}: {text}\r\n"));
        let answer = Client::dial(self.address).ask(request("GET", "/", &field, ""));
        (answer.status, body(&answer))
    }
}

fn free() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// An app behind a gate that has accounts.
struct Behind {
    app: App,
    house: House,
}

impl Behind {
    /// Starts both; `command` is told the app's port, and `path` is one that it answers.
    fn of(command: impl Fn(u16) -> Command, path: &str) -> Self {
        for _ in 0..5 {
            let address = free();
            let named = "name = \"test\"\nhosts = [\"127.0.0.1\"]";
            let route = |path: &str, auth: &str| {
                format!("[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = [\"{auth}\"]\n\n")
            };
            let text = site(address).replace("name = \"test\"", named)
                + "[accounts]\n\n"
                + &route("/", "session")
                + &route("/api", "api-key");
            let house = House::of(Upstream::start(), Deployment::new(&text));
            let keys = house.gate.address;
            if let Some(app) = App::start(command(address.port()), address, keys, path) {
                return Self { app, house };
            }
            house.gate.stop();
        }
        panic!("no port stayed free");
    }

    /// What the app says to a person with this session.
    fn told(&self, path: &str, session: &str) -> Value {
        let answer = self.house.visit(path, session);
        assert_eq!(answer.status, 200, "{}", body(&answer));
        serde_json::from_slice(&answer.body).unwrap()
    }
}

/// Whoever has the key of the gate, and so can make what only the gate makes.
struct Forger {
    key: SigningKey,
    kid: String,
    public: [u8; 32],
}

impl Forger {
    fn new(seed: [u8; 32]) -> Self {
        let key = SigningKey::from_seed(seed).unwrap();
        let verifying = key.verifying_key().unwrap();
        Self {
            kid: thumbprint(&verifying),
            public: verifying.to_bytes(),
            key,
        }
    }

    fn of(deployment: &Deployment) -> Self {
        let text = fs::read_to_string(deployment.data().join("assertion.key")).unwrap();
        let seed = seal::encode::unhex(text.trim()).unwrap();
        Self::new(seed.try_into().unwrap())
    }

    /// What a gate would sign now, with one claim replaced or, where that is null, left out.
    fn sign(&self, claim: &str, value: Value) -> String {
        sign_eddsa(&self.key, &self.kid, &claims(claim, value))
    }

    fn good(&self) -> String {
        self.sign("tenant", json!("default"))
    }

    /// Everything that is no assertion for this app, each with its name.
    fn bad(&self) -> Vec<(&'static str, String)> {
        let now = SystemClock::new().now().seconds();
        let other = Self::new([3; 32]);
        let plain = claims("tenant", json!("default"));
        let part = |text: &str| seal::encode::base64url(text.as_bytes());
        let unsigned = format!(
            "{}.{}.",
            part(r#"{"alg":"none","typ":"JWT"}"#),
            part(&plain)
        );
        let good = self.good();
        let parts: Vec<&str> = good.split('.').collect();
        let altered = part(&claims("sub", json!("user:mallory")));
        let secret = hmac::Key::new(hmac::Algorithm::Sha256, &self.public);
        vec![
            ("nonsense", "nonsense".to_owned()),
            ("three parts of nonsense", "a.b.c".to_owned()),
            ("no algorithm", unsigned.clone()),
            ("no algorithm, our signature", unsigned + parts[2]),
            (
                "the public key as a secret",
                sign_hs256(&secret, &self.kid, &plain),
            ),
            ("another key", sign_eddsa(&other.key, &other.kid, &plain)),
            (
                "another key by our name",
                sign_eddsa(&other.key, &self.kid, &plain),
            ),
            ("altered", format!("{}.{altered}.{}", parts[0], parts[2])),
            ("expired", self.sign("exp", json!(now - 60))),
            ("without an end", self.sign("exp", Value::Null)),
            ("for another app", self.sign("aud", json!("/other"))),
            ("for nobody", self.sign("aud", Value::Null)),
            (
                "of another issuer",
                self.sign("iss", json!("http://localhost:1")),
            ),
            ("of no issuer", self.sign("iss", Value::Null)),
            ("about nobody", self.sign("sub", Value::Null)),
        ]
    }
}

fn claims(claim: &str, value: Value) -> String {
    let now = SystemClock::new().now().seconds();
    let mut claims = json!({
        "iss": ISSUER, "sub": "user:eve", "roles": ["lead"], "tenant": "default", "aud": "/",
        "iat": now, "exp": now + 60,
    });
    let fields = claims.as_object_mut().unwrap();
    match value {
        Value::Null => fields.remove(claim),
        value => fields.insert(claim.to_owned(), value),
    };
    claims.to_string()
}

/// An app that answers with JSON: what it learns through the gate, and what it refuses past it.
fn holds(command: impl Fn(u16) -> Command) {
    let behind = Behind::of(&command, "/");
    let (house, app) = (&behind.house, &behind.app);
    house.claimed("ann", &["--role", "lead"]);
    let (one, other) = (house.session("ann"), house.session("ann"));
    let first = behind.told("/", &one);
    assert_eq!(
        (&first["user"], &first["roles"]),
        (&json!("user:ann"), &json!(["lead"]))
    );
    // One session has one hash on all routes and requests, and another session another.
    assert_eq!(first, behind.told("/deeper?x=1", &one));
    let second = behind.told("/", &other);
    let hash = first["session"].as_str().unwrap();
    assert_eq!(hash.len(), 43);
    assert_ne!(first["session"], second["session"]);
    assert_eq!(first["user"], second["user"]);
    let stored = seal::sha256(one.as_bytes());
    assert!(![one, seal::encode::base64url(&stored)].contains(&hash.to_owned()));
    // A key has none.
    let scope = ["--name", "k", "--scope", "GET /api", "--role", "lead"];
    let key = house
        .deployment
        .run(&["key", "create"], &scope)
        .exits(0)
        .stdout;
    let bearer = format!("Authorization: Bearer {}\r\n", key.trim());
    let answer = until("the gate knows the key", || {
        let answer = house.ask("GET", "/api", &bearer, "");
        (answer.status != 401).then_some(answer)
    });
    let program: Value = serde_json::from_slice(&answer.body).unwrap();
    assert!(
        program["user"].as_str().unwrap().starts_with("key:"),
        "{program}"
    );
    assert_eq!(program["session"], Value::Null);
    // Past the gate: nobody, unless the gate itself has signed it.
    let forger = Forger::of(&house.deployment);
    let (status, text) = app.past_the_gate(Some(&forger.good()));
    assert_eq!(status, 200, "{text}");
    assert!(text.contains("user:eve"), "{text}");
    assert_eq!(app.past_the_gate(None).0, 401);
    for (name, bad) in forger.bad() {
        let (status, text) = app.past_the_gate(Some(&bad));
        assert_eq!(status, 401, "{name}: {text}");
    }
    assert_eq!(app.past_the_gate(Some(&forger.good())).0, 200);
    // Through the gate a client's own field says nothing.
    let forged = format!(
        "Cookie: __Host-vouchsafe={other}\r\n{FIELD}: {}\r\n",
        forger.good()
    );
    let answer = house.ask("GET", "/", &forged, "");
    assert!(body(&answer).contains("user:ann"), "{}", body(&answer));
    // Without keys nobody is believed, and nobody is called a stranger.
    let (address, nowhere) = (free(), free());
    let blind = App::start(command(address.port()), address, nowhere, "/").unwrap();
    assert_eq!(blind.past_the_gate(Some(&forger.good())).0, 503);
    assert_eq!(blind.past_the_gate(None).0, 401);
}

fn uvicorn(app: &str, port: u16) -> Command {
    let port = port.to_string();
    command(&["-m", "uvicorn", app, "--port", &port, "--no-access-log"])
}

#[test]
fn a_fastapi_app_finds_out_who_asks() {
    let folder = example("python", 0, "main.py");
    holds(|port| {
        let mut command = uvicorn("main:app", port);
        command.current_dir(folder.path());
        command
    });
}

#[test]
fn a_django_project_finds_out_who_asks() {
    let folder = example("python", 1, "who_asks.py");
    holds(|port| {
        let mut command = uvicorn("django_app:application", port);
        command.env("PYTHONPATH", folder.path());
        command
    });
}

#[test]
fn an_express_app_finds_out_who_asks() {
    let folder = example("js", 0, "app.mjs");
    symlink(modules(), folder.path().join("node_modules")).unwrap();
    holds(|port| {
        let mut command = Command::new("node");
        let port = port.to_string();
        command.arg(folder.path().join("app.mjs")).env("PORT", port);
        command
    });
}

#[test]
fn a_streamlit_page_finds_out_who_looks_at_it() {
    let folder = example("python", 2, "page.py");
    let script = folder.path().join("page.py");
    let start = |port: u16| {
        let port = port.to_string();
        let mut command = command(&["-m", "streamlit", "run", script.to_str().unwrap()]);
        command
            .args(["--server.port", &port, "--server.address", "127.0.0.1"])
            .args([
                "--server.headless",
                "true",
                "--server.fileWatcherType",
                "none",
            ])
            .args(["--browser.gatherUsageStats", "false"]);
        command
    };
    let behind = Behind::of(start, "/_stcore/health");
    let house = &behind.house;
    let shown = |address: SocketAddr, field: &str| {
        let base = format!("http://{address}");
        let arguments = ["read_streamlit.py", &base, field];
        let given = 2 + usize::from(!field.is_empty());
        run(&mut command(&arguments[..given])).exits(0).stdout
    };
    house.claimed("ann", &["--role", "lead"]);
    let cookie = format!("Cookie: __Host-vouchsafe={}", house.session("ann"));
    let page = shown(house.gate.address, &cookie);
    assert!(page.contains("user:ann") && page.contains("lead"), "{page}");
    let forger = Forger::of(&house.deployment);
    let past = |assertion: &str| shown(behind.app.address, &format!("{FIELD}: {assertion}"));
    assert!(past(&forger.good()).contains("user:eve"));
    let nobody = shown(behind.app.address, "");
    assert!(nobody.contains("through the gate"), "{nobody}");
    let mut bad = forger.bad();
    // What the library refuses is tried above: here it is enough that the page asks it.
    bad.retain(|(name, _)| {
        ["no algorithm", "another key", "expired", "for another app"].contains(name)
    });
    assert_eq!(bad.len(), 4);
    for (name, bad) in bad {
        let page = past(&bad);
        assert!(page.contains("through the gate"), "{name}: {page}");
        assert!(!page.contains("user:eve"), "{name}: {page}");
    }
}
