//! Another instance of this build, started for one proof.
//!
//! Owns its configuration (a changed copy on loopback and port 0, in a temporary folder, with fresh
//! secrets from the environment), its stand-in app, its process and its end: a child is killed by
//! its pid and always reaped. Refuses to hand down anything of our own environment.

use std::{
    ffi::OsStr,
    fs::File,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use control::{
    Clock, Rng, Secret, SystemClock,
    probe::{ChildStart, LedgerPast, Observed, TargetError},
    rng,
};
use hooks::Scheme;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::{Instance, Reach, echo::Echo};
use crate::{files, observed, search::Needle};

const DOING: &str = "start a child";
/// How long a child may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often its ready file is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// Bytes of what it said that are read.
const SAID: usize = 64 * 1024;
/// The child's data folder within its own.
const DATA: &str = "data";
/// The name of a ledger that was made with a past.
const ORIGIN: &str = "proof.invalid/past/1";
/// How long an exception for a peer of the proof's own is good: an end is a day.
const TWO_DAYS: Duration = Duration::from_secs(2 * 86_400);
/// Secrets one configuration may name.
const MOST_SECRETS: usize = 1000;

/// What children are started with.
#[derive(Clone)]
pub struct Starter {
    /// Where relative paths of the configuration begin.
    pub folder: PathBuf,
    /// The program; its `up` verb is run.
    pub executable: PathBuf,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance, for the child's secrets.
    pub rng: Arc<dyn Rng>,
}

/// A child's process with everything that must go with it.
pub struct Process {
    child: std::process::Child,
    said: PathBuf,
    echo: Echo,
    _folder: TempDir,
}

impl Process {
    /// The file into which it writes its output.
    pub(super) fn said(&self) -> &Path {
        &self.said
    }

    /// Looks for `canary` in what reached its app.
    pub(super) fn observe(&self, canary: &str) -> Result<Observed, TargetError> {
        let needle = Needle::new(canary)
            .ok_or_else(|| TargetError::new("look for side effects", "the canary is too short"))?;
        let hit = needle.find(&self.echo.seen()).is_some();
        let found = hit.then(|| "what reached the stand-in app".to_owned());
        Ok(Observed::Looked {
            places: 1,
            found: found.into_iter().collect(),
        })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Starter {
    /// Starts a child under `configuration` as changed by `change`, on a ledger that looks back on
    /// `past`.
    pub fn start(
        &self,
        configuration: &Value,
        past: Option<&LedgerPast>,
        change: &mut dyn FnMut(&mut Value),
    ) -> Result<ChildStart, TargetError> {
        let failed = |cause: std::io::Error| TargetError::new(DOING, cause);
        // Short, because the path of a socket is limited.
        let folder = tempfile::Builder::new()
            .prefix("vs-")
            .tempdir()
            .map_err(failed)?;
        let echo = Echo::start().map_err(failed)?;
        let mut tree = configuration.clone();
        anchor(&mut tree, &self.folder);
        isolate(
            &mut tree,
            folder.path(),
            &format!("http://{}", echo.address()),
        );
        observed::enforce(&mut tree);
        let names = fresh_secrets(&mut tree)?;
        change(&mut tree);
        if let Some(past) = past {
            self.lay_down(past, &folder.path().join(DATA))?;
        }
        let text = config::to_toml(&tree).map_err(|cause| TargetError::new(DOING, cause))?;
        let (file, ready) = (
            folder.path().join("vouchsafe.toml"),
            folder.path().join("ready.json"),
        );
        std::fs::write(&file, text).map_err(failed)?;
        let said = folder.path().join("output.txt");
        let output = File::create(&said).map_err(failed)?;
        let mut command = Command::new(&self.executable);
        command
            .arg("up")
            .arg("--config")
            .arg(&file)
            .arg("--ready-file")
            .arg(&ready)
            .env_clear()
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(output.try_clone().map_err(failed)?)
            .stderr(output);
        for name in names {
            let secret = self.secret(&tree, &name)?;
            command.env(name, OsStr::from_bytes(secret.expose()));
        }
        let child = command.spawn().map_err(failed)?;
        let process = Process {
            child,
            said,
            echo,
            _folder: folder,
        };
        self.wait(process, &ready, tree)
    }

    /// Makes the ledger that the child will find in its data folder.
    fn lay_down(&self, past: &LedgerPast, data: &Path) -> Result<(), TargetError> {
        let LedgerPast {
            ages,
            announced,
            altered,
        } = past;
        let (now, announced, altered) = (self.clock.now(), *announced, *altered);
        let past = ledger::past::Past {
            ages,
            announced,
            altered,
        };
        ledger::past::lay_down(data, ORIGIN, &past, now, self.rng.as_ref())
            .map_err(|cause| TargetError::new("date entries back", cause))
    }

    /// A secret for the variable `name`, of the form that the webhook which names it gives secrets.
    fn secret(&self, tree: &Value, name: &str) -> Result<Secret, TargetError> {
        let failed = |cause: rng::NoRandomness| TargetError::new(DOING, cause);
        match scheme_of(tree, name) {
            Some(scheme) => scheme.mint_verifying(self.rng.as_ref()).map_err(failed),
            None => {
                let bytes = rng::array::<32>(self.rng.as_ref()).map_err(failed)?;
                Ok(Secret::new(seal::encode::base64(&bytes).into_bytes()))
            }
        }
    }

    /// Waits until the child listens or ends.
    fn wait(
        &self,
        mut process: Process,
        ready: &Path,
        configuration: Value,
    ) -> Result<ChildStart, TargetError> {
        let deadline = self.clock.monotonic() + PATIENCE;
        let socket = loop {
            if let Some(socket) = admin_socket(ready) {
                break socket;
            }
            let ended = process
                .child
                .try_wait()
                .map_err(|cause| TargetError::new(DOING, cause))?;
            if let Some(status) = ended {
                let stderr = tail(&process.said);
                return Ok(ChildStart::Refused {
                    exit: status.code().unwrap_or(-1),
                    stderr,
                });
            }
            if self.clock.monotonic() > deadline {
                return Err(TargetError::new(
                    DOING,
                    format!("it did not listen within {PATIENCE:?}"),
                ));
            }
            std::thread::sleep(LOOK);
        };
        let folder = ready.parent().unwrap_or(Path::new(".")).to_owned();
        let reach = Reach {
            socket,
            configuration,
            configuration_sha256: None,
            folder,
            observers: Vec::new(),
            executable: self.executable.clone(),
            clock: Arc::clone(&self.clock),
            rng: Arc::clone(&self.rng),
        };
        Instance::open_with(reach, Some(process))
            .map(|instance| ChildStart::Up(Box::new(instance)))
            .map_err(|cause| TargetError::new(DOING, cause))
    }
}

/// The admin socket a complete ready file names.
fn admin_socket(ready: &Path) -> Option<PathBuf> {
    let bytes = files::read(ready, SAID).ok()?;
    let json: Value = serde_json::from_slice(&bytes).ok()?;
    let admin = json.get("admin")?.as_str()?;
    Some(PathBuf::from(admin.strip_prefix("unix:").unwrap_or(admin)))
}

fn tail(said: &Path) -> String {
    let bytes = files::read(said, SAID).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Makes the files that a configuration names, and that a child reads as well, absolute.
fn anchor(tree: &mut Value, folder: &Path) {
    let absolute = |value: Option<&mut Value>| {
        if let Some(value) = value
            && let Some(path) = value.as_str()
        {
            let path = folder.join(path);
            // One that cannot be made absolute stays, and the child says what it lacks.
            let path = std::path::absolute(&path).unwrap_or(path);
            *value = Value::from(path.to_string_lossy().into_owned());
        }
    };
    absolute(tree.pointer_mut("/connect/roots"));
    for (list, place) in [
        ("issuer", "/keys/file"),
        ("route", "/accepts/json/schema"),
        ("route", "/accepts/openapi"),
        ("route", "/files/root"),
        ("route", "/answers/schema"),
    ] {
        let entries = tree.get_mut(list).and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            absolute(entry.pointer_mut(place));
        }
    }
}

/// Puts everything a child touches into `folder`, its listener on a free loopback port and `app` in
/// place of every upstream.
fn isolate(tree: &mut Value, folder: &Path, app: &str) {
    let inside = |name: &str| Value::from(folder.join(name).to_string_lossy().into_owned());
    let Some(root) = tree.as_object_mut() else {
        return;
    };
    for section in ["waiver", "observe"] {
        root.remove(section);
    }
    let listeners = root
        .get("listen")
        .and_then(Value::as_array)
        .map(Vec::as_slice);
    let listeners: Vec<Value> = listeners.unwrap_or_default().iter().map(alike).collect();
    root.insert("listen".to_owned(), listeners.into());
    if let Some(log) = root.get_mut("log").and_then(Value::as_object_mut)
        && log.contains_key("file")
    {
        log.insert("file".to_owned(), inside("log.jsonl"));
    }
    let ledger = root.entry("ledger").or_insert_with(|| json!({}));
    if let Some(ledger) = ledger.as_object_mut() {
        if ledger.contains_key("second_place") {
            ledger.insert("second_place".to_owned(), inside("checkpoints"));
        }
        // The folder for temporary files may be small, and what a child writes is little.
        ledger.insert("free_space_floor".to_owned(), Value::from("0B"));
    }
    if let Some(deployment) = root.get_mut("deployment").and_then(Value::as_object_mut) {
        deployment.insert("data_dir".to_owned(), inside(DATA));
        // The embedded store, which lies in the data folder, and counts that no node shares.
        deployment.remove("store");
        deployment.remove("shared");
    }
    // Nobody of the team is to be told what a child is put through.
    if let Some(alerts) = root.get_mut("alerts").and_then(Value::as_object_mut) {
        alerts.insert("url".to_owned(), Value::from(app));
        let port = app.rsplit(':').next().and_then(|port| port.parse().ok());
        if let Some(port) = port {
            open_loopback(root, port, "the stand-in app of a child");
        }
    }
    for one in root
        .get_mut("app")
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
    {
        if let Some(fields) = one.as_object_mut() {
            fields.insert("upstream".to_owned(), Value::from(app));
        }
    }
}

/// A listener of a child that speaks what `listen` does, on a free port of loopback, with a certificate of
/// the child's own.
fn alike(listen: &Value) -> Value {
    let mut alike = Map::from_iter([("address".to_owned(), Value::from("127.0.0.1:0"))]);
    if let Some(redirect) = listen.get("redirect") {
        alike.insert("redirect".to_owned(), redirect.clone());
    }
    if let Some(tls) = listen.get("tls") {
        let mut own = Map::from_iter([("self_signed".to_owned(), Value::from(true))]);
        if let Some(minimum) = tls.get("minimum") {
            own.insert("minimum".to_owned(), minimum.clone());
        }
        alike.insert("tls".to_owned(), own.into());
    }
    alike.into()
}

/// Lets a child connect to `port` of this machine.
pub(crate) fn open_loopback(root: &mut Map<String, Value>, port: u16, reason: &str) {
    let until = SystemClock::new().now().plus(TWO_DAYS).to_string();
    let exception = json!({
        "host": "127.0.0.1",
        "network": "127.0.0.0/8",
        "port": port,
        "reason": reason,
        "until": until.get(..10).unwrap_or_default(),
    });
    let connect = root.entry("connect").or_insert_with(|| json!({}));
    if let Some(connect) = connect.as_object_mut() {
        let exceptions = connect.entry("exception").or_insert_with(|| json!([]));
        if let Some(exceptions) = exceptions.as_array_mut() {
            exceptions.push(exception);
        }
    }
}

/// Replaces every secret reference by a variable of its own and names the variables.
fn fresh_secrets(tree: &mut Value) -> Result<Vec<String>, TargetError> {
    let mut names = Vec::new();
    replace_references(tree, &mut names);
    if names.len() > MOST_SECRETS {
        return Err(TargetError::new(
            DOING,
            format!("more than {MOST_SECRETS} secrets"),
        ));
    }
    Ok(names)
}

/// The scheme of the webhook that takes its secret from the variable `name`.
fn scheme_of(tree: &Value, name: &str) -> Option<&'static Scheme> {
    let reference = format!("env:{name}");
    let secrets = tree.get("secrets")?.as_object()?;
    let (wanted, _) = secrets
        .iter()
        .find(|(_, value)| value.as_str() == Some(&reference))?;
    let webhooks = tree.get("route")?.as_array()?.iter();
    webhooks
        .filter_map(|route| route.get("webhook"))
        .find(|webhook| match webhook.get("secret") {
            Some(Value::Array(names)) => names.iter().any(|name| name.as_str() == Some(wanted)),
            Some(Value::String(name)) => name == wanted,
            _ => false,
        })
        .and_then(|webhook| Scheme::find(webhook.get("scheme")?.as_str()?))
}

fn replace_references(value: &mut Value, names: &mut Vec<String>) {
    const KINDS: [&str; 3] = ["env:", "dotenv:", "file:"];
    match value {
        Value::String(text) if KINDS.iter().any(|kind| text.starts_with(kind)) => {
            let name = format!("VOUCHSAFE_CHILD_SECRET_{}", names.len());
            *text = format!("env:{name}");
            names.push(name);
        }
        Value::Array(all) => all
            .iter_mut()
            .for_each(|one| replace_references(one, names)),
        Value::Object(fields) => {
            fields
                .values_mut()
                .for_each(|one| replace_references(one, names));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
