//! The processes of a demo and the folder they share.
//!
//! Owns a temporary folder with configuration, document and data, fresh secrets in the environment
//! of the gate alone, and two child processes which end with it: the app, which knows nothing of
//! Vouchsafe, and the gate. Every listener takes a free port.

use std::{
    io::Write as _,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, OnceLock},
    time::Duration,
};

use control::{Catalogue, Clock, Secret, SystemClock, catalogue::Kind, probe::Reply};
use prove::{admin::Admin, target::dial::Dialer};
use serde_json::{Value, json};

use super::{
    provider::{People, Provider},
    system::System,
};
use crate::{
    commands::{Format, demo::waived_until},
    failure::{Failure, io},
};

/// A running demo.
pub(crate) struct Stage {
    app: SocketAddr,
    gate: SocketAddr,
    /// How the gate is spoken to.
    dialer: Dialer,
    configuration: PathBuf,
    document: PathBuf,
    public_url: String,
    secrets: Vec<(&'static str, Secret)>,
    clock: SystemClock,
    admin: Admin,
    key: OnceLock<String>,
    provider: Option<Provider>,
    // Dropped in this order: the gate ends before the app, both before their folder.
    _gate: Process,
    _app: Process,
    folder: tempfile::TempDir,
}

/// What the proof of a demo said.
pub(crate) struct Proof {
    pub(crate) report: Vec<u8>,
    pub(crate) exit: u8,
}

/// A child process that ends with its owner.
pub(super) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is reaped.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The database of the app.
const DATABASE: &str = "coach.db";

/// How long a process may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

impl Stage {
    /// Starts the app, the gate, and a login provider where the system has one: its packages lie in the
    /// folder named, or in their usual place.
    pub(crate) fn set(system: System, packages: Option<&Path>) -> Result<Self, Failure> {
        let hint = "free some space in the temporary folder, or set TMPDIR";
        let folder = tempfile::Builder::new()
            .prefix("vouchsafe-")
            .tempdir()
            .map_err(io("make a temporary folder", hint))?;
        let clock = SystemClock::new();
        let app_ready = folder.path().join("app.ready");
        let mut app_process = Process::start(
            Command::new(executable()?)
                .args(["demo-app", "--system", system.name(), "--database"])
                .arg(folder.path().join(DATABASE))
                .arg("--ready-file")
                .arg(&app_ready),
        )?;
        let app: SocketAddr = app_process
            .ready(&app_ready, &clock)?
            .trim()
            .parse()
            .map_err(|_| {
                Failure::new("the demo app named no address", "report this as a defect")
            })?;

        let secrets = system.secrets()?;
        let people = match system.people() {
            Some(known) => Some(People::start(
                folder.path(),
                packages,
                &known,
                &secrets,
                &clock,
            )?),
            None => None,
        };
        let tree = configuration(system, app, people.as_ref(), folder.path(), &clock)?;
        let public_url = tree
            .pointer("/deployment/public_url")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        let text = config::to_toml(&tree)
            .map_err(|fault| Failure::new(fault.to_string(), "report this as a defect"))?;
        let configuration = folder.path().join("vouchsafe.toml");
        let document = folder.path().join("SECURITY.md");
        std::fs::write(&configuration, text).map_err(io("write the configuration", hint))?;
        for (name, text) in system.files() {
            let file = folder.path().join(name);
            let above = file.parent().unwrap_or(folder.path());
            std::fs::create_dir_all(above).map_err(io("make a folder", hint))?;
            std::fs::write(&file, text).map_err(io("write a file", hint))?;
        }
        std::fs::write(&document, system.document()).map_err(io("write the document", hint))?;

        let gate_ready = folder.path().join("gate.ready");
        // A file, so that the proof searches it as well.
        let said = folder.path().join("gate.err");
        let output = std::fs::File::create(&said).map_err(io("make a file", hint))?;
        let mut gate_process = Process::start(
            Command::new(executable()?)
                .arg("up")
                .arg("--config")
                .arg(&configuration)
                .arg("--ready-file")
                .arg(&gate_ready)
                .envs(secrets.iter().map(|(name, secret)| (name, text_of(secret))))
                .stderr(output),
        )?;
        let ready = gate_process.ready(&gate_ready, &clock).inspect_err(|_| {
            let said = std::fs::read_to_string(&said).unwrap_or_default();
            let _ = std::io::stderr().write_all(said.as_bytes());
        })?;
        let ready: Value = serde_json::from_str(&ready)
            .map_err(|fault| Failure::new(fault.to_string(), "report this as a defect"))?;
        let admin = ready
            .get("admin")
            .and_then(Value::as_str)
            .and_then(|text| text.strip_prefix("unix:"))
            .map(PathBuf::from)
            .ok_or_else(|| Failure::new("the gate named no socket", "report this as a defect"))?;
        let gate = ready
            .pointer("/gate/0")
            .and_then(Value::as_str)
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| Failure::new("the gate named no address", "report this as a defect"))?;
        let dialer = dialer(&tree, gate, folder.path(), &clock)?;
        Ok(Self {
            app,
            gate,
            dialer,
            configuration,
            document,
            public_url,
            secrets,
            admin: Admin::new(&admin, Arc::new(clock)),
            key: OnceLock::new(),
            provider: people.map(|people| people.provider),
            clock,
            _gate: gate_process,
            _app: app_process,
            folder,
        })
    }

    /// Where the bare app listens.
    pub(crate) fn app(&self) -> SocketAddr {
        self.app
    }

    /// Where the gate listens.
    pub(crate) fn gate(&self) -> SocketAddr {
        self.gate
    }

    /// The address of the gate as a person opens it: where people log in, they come back to this name.
    pub(crate) fn door(&self) -> String {
        match self.provider {
            Some(_) => self.public_url.clone(),
            None => format!("http://{}", self.gate),
        }
    }

    pub(crate) fn configuration(&self) -> &Path {
        &self.configuration
    }

    pub(crate) fn public_url(&self) -> &str {
        &self.public_url
    }

    /// The secret that the gate has under this variable.
    pub(crate) fn secret(&self, variable: &str) -> Result<&Secret, Failure> {
        named(&self.secrets, variable)
    }

    /// Where people log in.
    pub(crate) fn provider(&self) -> Result<&Provider, Failure> {
        self.provider
            .as_ref()
            .ok_or_else(|| Failure::new("nobody logs in to this demo", "report this as a defect"))
    }

    pub(crate) fn clock(&self) -> &SystemClock {
        &self.clock
    }

    /// What the gate answers over its admin socket, as the verbs of an operator ask it.
    pub(crate) fn asks_admin(&self, path: &str, wish: &Value) -> Result<Value, Failure> {
        self.admin.post(path, wish).map_err(|fault| {
            Failure::new(
                fault.to_string(),
                "the gate ended early; run the demo again",
            )
        })
    }

    /// A key, made over the admin socket as `vouchsafe key create` does.
    pub(crate) fn make_key(&self, wish: &Value) -> Result<String, Failure> {
        let made = self.asks_admin("/v1/keys", wish)?;
        let key = made.get("key").and_then(Value::as_str);
        Ok(key.unwrap_or_default().to_owned())
    }

    /// The key that is used throughout, made with this wish when it is first needed.
    pub(crate) fn key(&self, wish: &Value) -> Result<&str, Failure> {
        if self.key.get().is_none() {
            let key = self.make_key(wish)?;
            self.key.get_or_init(|| key);
        }
        Ok(self.key.get().map_or("", String::as_str))
    }

    /// The app's own database, to see what arrived.
    pub(crate) fn database(&self) -> PathBuf {
        self.folder.path().join(DATABASE)
    }

    /// Sends bytes to one of the two doors and reads one answer.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) -> Result<Reply, Failure> {
        let hint = "the demo ended early; run it again";
        if to == self.gate {
            let sent = self.dialer.send(bytes);
            return sent.map_err(|fault| Failure::new(fault.to_string(), hint));
        }
        let mut stream = TcpStream::connect(to).map_err(io(format!("dial {to}"), hint))?;
        prove::http::exchange(&mut stream, bytes, &self.clock)
            .map_err(|fault| Failure::new(fault.to_string(), hint))
    }

    /// Runs `prove` on the running gate, as a person would.
    pub(crate) fn prove(&self, format: Format) -> Result<Proof, Failure> {
        let format = match format {
            Format::Text => "text",
            Format::Json => "json",
        };
        let output = Command::new(executable()?)
            .arg("prove")
            .arg("--config")
            .arg(&self.configuration)
            .arg("--document")
            .arg(&self.document)
            .args(["--allow", "writes", "--format", format])
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(io("run the proof", "free some memory and run it again"))?;
        let exit = output
            .status
            .code()
            .and_then(|code| u8::try_from(code).ok());
        Ok(Proof {
            report: output.stdout,
            exit: exit.unwrap_or(Failure::EXIT),
        })
    }
}

pub(super) fn named<'s>(
    secrets: &'s [(&'static str, Secret)],
    variable: &str,
) -> Result<&'s Secret, Failure> {
    let found = secrets.iter().find(|(name, _)| *name == variable);
    found.map(|(_, secret)| secret).ok_or_else(|| {
        Failure::new(
            format!("the demo has no secret {variable}"),
            "report this as a defect",
        )
    })
}

impl Process {
    pub(super) fn start(command: &mut Command) -> Result<Self, Failure> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map(Self)
            .map_err(io("start a process", "free some memory and run it again"))
    }

    /// Waits until the process has written its ready file, and reads it.
    fn ready(&mut self, file: &Path, clock: &dyn Clock) -> Result<String, Failure> {
        let written = || std::fs::read_to_string(file).ok();
        self.wait_for("a process of the demo", PATIENCE, clock, written)
    }

    /// Waits until `said` gives something.
    pub(super) fn wait_for(
        &mut self,
        what: &str,
        patience: Duration,
        clock: &dyn Clock,
        said: impl Fn() -> Option<String>,
    ) -> Result<String, Failure> {
        let deadline = clock.monotonic() + patience;
        loop {
            if let Some(text) = said() {
                return Ok(text);
            }
            let ended = self
                .0
                .try_wait()
                .map_err(io("look after a process", "run it again"))?;
            if let Some(status) = ended {
                let what = format!("{what} ended before it was ready ({status})");
                return Err(Failure::new(what, "its own message stands above"));
            }
            if clock.monotonic() > deadline {
                return Err(Failure::new(
                    format!("{what} did not get ready"),
                    "run it again",
                ));
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

/// How the first listener is spoken to: where it speaks TLS, under the certificate that the gate made.
fn dialer(
    tree: &Value,
    gate: SocketAddr,
    folder: &Path,
    clock: &SystemClock,
) -> Result<Dialer, Failure> {
    let clock = Arc::new(*clock);
    if tree.pointer("/listen/0/tls").is_none() {
        return Ok(Dialer::plain(gate, clock));
    }
    let certificate = folder.join("data").join("self-signed.pem");
    Dialer::tls(gate, "localhost", &certificate, clock)
        .map_err(|fault| Failure::new(fault.to_string(), "report this as a defect"))
}

fn executable() -> Result<PathBuf, Failure> {
    std::env::current_exe().map_err(io("find this program", "install it again"))
}

pub(super) fn text_of(secret: &Secret) -> String {
    String::from_utf8_lossy(secret.expose()).into_owned()
}

/// The system's own configuration, with what only this run knows: addresses, folders, where to
/// look for side effects, and a waiver for each promise that no control keeps yet.
fn configuration(
    system: System,
    app: SocketAddr,
    people: Option<&People>,
    folder: &Path,
    clock: &dyn Clock,
) -> Result<Value, Failure> {
    let defect = |fault: String| Failure::new(fault, "report this as a defect");
    let mut tree: Value =
        toml::from_str(system.configuration()).map_err(|fault| defect(fault.to_string()))?;
    let system_listeners = tree
        .get("listen")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let mut set = |pointer: &str, value: Value| match tree.pointer_mut(pointer) {
        Some(slot) => {
            *slot = value;
            Ok(())
        }
        None => Err(defect(format!("the demo's configuration has no {pointer}"))),
    };
    set("/deployment/data_dir", json!(folder.join("data")))?;
    for number in 0..system_listeners {
        set(&format!("/listen/{number}/address"), json!("127.0.0.1:0"))?;
    }
    set("/app/0/upstream", json!(format!("http://{app}")))?;
    if let Some(people) = people {
        people.take_over(&mut tree, clock);
    }
    let Some(root) = tree.as_object_mut() else {
        return Err(defect("the demo's configuration is no table".to_owned()));
    };
    if let Some(observers) = system.observers(&folder.join(DATABASE)) {
        root.insert("observe".to_owned(), observers);
    }
    root.insert("log".to_owned(), json!({ "file": folder.join("gate.log") }));
    root.insert(
        "waiver".to_owned(),
        waivers(system, clock).map_err(|fault| defect(fault.to_string()))?,
    );
    Ok(tree)
}

fn waivers(system: System, clock: &dyn Clock) -> Result<Value, control::catalogue::CatalogueError> {
    let until = waived_until(clock.now()).to_string();
    let day = until.get(..10).unwrap_or_default().to_owned();
    let catalogue = Catalogue::built_in()?;
    let promised = |id: &str| system.document().contains(&format!("promise: {id} "));
    Ok(catalogue
        .iter()
        .filter(|promise| promise.kind == Kind::Planned && promised(&promise.id))
        .map(|promise| {
            json!({
                "promise": promise.id,
                "owner": "demo",
                "reason": "no control keeps this yet",
                "until": day,
            })
        })
        .collect())
}
