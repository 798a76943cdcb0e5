//! The servers that are measured, each started with a configuration of its own.
//!
//! Owns the folder they lie in, which is made anew and goes with them, and the knowledge of how
//! each is started and when it is ready. All listen on the loopback interface alone.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{
    super::{
        Setting, http,
        process::{Running, is_root},
    },
    Plan,
};
use crate::{command, failure::Failure};

/// What the origin answers: 99 bytes, as a small answer of an API is.
pub(crate) const ANSWER: &str = "{\"students\":[{\"id\":1041,\"name\":\"A. Doe\",\"level\":\"B1\"},\
                                 {\"id\":1042,\"name\":\"B. Sample\",\"level\":\"A2\"}]}";

/// What the origin answers at `/large`.
pub(super) fn large() -> Vec<u8> {
    ANSWER.bytes().cycle().take(64 * 1024).collect()
}

/// The name under which everything is asked for.
pub(crate) const HOST: &str = "Host: bench.example";

const TEMPLATES: [(&str, &str); 4] = [
    ("origin.conf", include_str!("origin.conf")),
    ("nginx.conf", include_str!("nginx.conf")),
    ("haproxy.cfg", include_str!("haproxy.cfg")),
    ("vouchsafe.toml", include_str!("vouchsafe.toml")),
];

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Origin,
    /// Our own origin, which reads what it is sent.
    Reader,
    Nginx,
    Haproxy,
    /// Vouchsafe with its default durability.
    Batched,
    /// Vouchsafe with every decision on disk before it is acted on.
    Sync,
}

/// Those that are measured beside each other, ours last.
pub(super) const PROXIES: [(Which, &str); 3] = [
    (Which::Nginx, "nginx"),
    (Which::Haproxy, "HAProxy"),
    (Which::Batched, "Vouchsafe"),
];

/// A server that answers.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) which: Which,
    pub(super) address: SocketAddr,
    /// Where it speaks TLS.
    pub(super) secure: Option<SocketAddr>,
    pub(super) running: Running,
    /// A key that it accepts below `/api`.
    pub(super) key: Option<String>,
    /// Its admin socket, where it is ours.
    pub(super) admin: Option<PathBuf>,
}

impl Server {
    /// The fields that a request for `path` carries.
    pub(super) fn headers(&self, path: &str) -> Vec<String> {
        let key = self.key.iter().filter(|_| path == "/api");
        let key = key.map(|key| format!("X-API-Key: {key}"));
        std::iter::once(HOST.to_owned()).chain(key).collect()
    }
}

/// The ports of those who are told theirs, and how much all are set up for.
#[derive(Clone, Copy, Debug)]
struct Frame {
    origin: u16,
    reader: u16,
    connections: usize,
}

/// Connections that ours takes when nobody says otherwise.
const OUR_DEFAULT: usize = 10_000;

/// Every server. Dropped in this order: first the servers end, then their folder goes.
#[derive(Debug)]
pub(super) struct Systems {
    servers: Vec<Server>,
    folder: Folder,
}

/// A folder that is removed when it is dropped.
#[derive(Debug)]
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Systems {
    /// Starts all but the optional ones, and of those `also`, and waits until each is ready. All are
    /// set up for so many connections.
    pub(super) fn start(
        plan: &Plan<'_>,
        connections: usize,
        also: &[Which],
    ) -> Result<Self, Failure> {
        let setting = plan.setting;
        let folder = setting.workspace.target().join("bench-gate");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
        write(&folder.join("large"), large())?;
        let mut systems = Self {
            servers: Vec::new(),
            folder: Folder(folder.clone()),
        };
        create_certificate(&setting.load, &folder)?;
        let reader = systems.reader(setting)?;
        let [origin, nginx, nginx_tls, haproxy, haproxy_tls] =
            http::free_ports().map_err(|cause| Failure::io(&folder, &cause))?;
        let frame = Frame {
            origin,
            reader,
            connections,
        };
        systems.peer(Which::Origin, (origin, 0), frame)?;
        systems.peer(Which::Nginx, (nginx, nginx_tls), frame)?;
        systems.peer(Which::Haproxy, (haproxy, haproxy_tls), frame)?;
        systems.ours(Which::Batched, frame, setting)?;
        if also.contains(&Which::Sync) {
            systems.ours(Which::Sync, frame, setting)?;
        }
        Ok(systems)
    }

    /// The certificate that all of them show.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.0.join("cert.pem")
    }

    pub(super) fn get(&self, which: Which) -> Result<&Server, Failure> {
        let found = self.servers.iter().find(|server| server.which == which);
        found.ok_or_else(|| Failure::stuck("a server was not started", "see above"))
    }

    /// Starts our own origin, which says where it listens, and answers its port.
    fn reader(&mut self, setting: &Setting<'_>) -> Result<u16, Failure> {
        let folder = &self.folder.0;
        let talk = folder.join("reader.talk");
        let running = Running::start(folder, &setting.load, &["origin"], &talk)?;
        let address = await_ready(&running, &talk, || {
            let text = std::fs::read_to_string(&talk).ok()?;
            let said = serde_json::from_str::<Value>(&text).ok()?;
            said.get("address")?.as_str()?.parse::<SocketAddr>().ok()
        })?;
        self.servers.push(Server {
            which: Which::Reader,
            address,
            secure: None,
            running,
            key: None,
            admin: None,
        });
        Ok(address.port())
    }

    /// Starts somebody else's server on a port, and on a second one with TLS.
    fn peer(
        &mut self,
        which: Which,
        (port, secure): (u16, u16),
        frame: Frame,
    ) -> Result<(), Failure> {
        const KEY: &str = "vsk_0123456789abcdef_0123456789abcdefghijklmnopqrstuvwxyz0123456789";
        let folder = &self.folder.0;
        let (program, file) = match which {
            Which::Origin => ("nginx", "origin.conf"),
            Which::Haproxy => ("haproxy", "haproxy.cfg"),
            _ => ("nginx", "nginx.conf"),
        };
        let configuration = fill(file, folder, port, frame)
            .replace("{key}", KEY)
            .replace("{secure}", &secure.to_string());
        let path = folder.join(file);
        write(&path, configuration)?;
        let (text, prefix) = (path.display().to_string(), folder.display().to_string());
        let log = format!("{prefix}/{file}.error");
        let arguments: &[&str] = match program {
            "nginx" => &["-c", &text, "-p", &prefix, "-e", &log],
            _ => &["-db", "-f", &text],
        };
        let talk = folder.join(format!("{file}.talk"));
        let server = Server {
            which,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
            secure: (secure != 0).then(|| SocketAddr::from(([127, 0, 0, 1], secure))),
            running: Running::start(folder, Path::new(program), arguments, &talk)?,
            key: (which == Which::Nginx).then(|| KEY.to_owned()),
            admin: None,
        };
        await_ready(&server.running, &talk, || {
            http::get(server.address, "/", &[HOST.to_owned()]).ok()
        })?;
        self.servers.push(server);
        Ok(())
    }

    /// Starts Vouchsafe: it takes its port itself and says which.
    fn ours(&mut self, which: Which, frame: Frame, setting: &Setting<'_>) -> Result<(), Failure> {
        let durability = match which {
            Which::Sync => "sync",
            _ => "batched",
        };
        let folder = self.folder.0.join(durability);
        std::fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
        let configuration =
            fill("vouchsafe.toml", &folder, 0, frame).replace("{durability}", durability);
        write(&folder.join("vouchsafe.toml"), configuration)?;
        let key = create_key(&setting.binary, &folder)?;
        let talk = folder.join("talk");
        let arguments = ["up", "--config", "vouchsafe.toml", "--ready-file", "ready"];
        let running = Running::start(&folder, &setting.binary, &arguments, &talk)?;
        let ready = await_ready(&running, &talk, || {
            let text = std::fs::read_to_string(folder.join("ready")).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        })?;
        let address = |path: &str| ready.pointer(path)?.as_str()?.parse().ok();
        let admin = ready.get("admin").and_then(Value::as_str);
        let (Some(plain), Some(secure), Some(admin)) =
            (address("/gate/0"), address("/gate/1"), admin)
        else {
            return Err(Failure::stuck(
                format!("the ready file does not say where the gate listens: {ready}"),
                "mend `vouchsafe up`",
            ));
        };
        self.servers.push(Server {
            which,
            address: plain,
            secure: Some(secure),
            running,
            key: Some(key),
            admin: Some(PathBuf::from(admin.trim_start_matches("unix:"))),
        });
        Ok(())
    }
}

fn create_certificate(load: &Path, folder: &Path) -> Result<(), Failure> {
    let mut create = command::command(folder, load, &["certificate", "."]);
    let said = command::listen(&mut create, Duration::from_secs(20))?;
    said.success.then_some(()).ok_or_else(|| {
        Failure::stuck(
            "the load generator made no certificate",
            command::last_lines(&said.stderr, 5),
        )
    })
}

pub(crate) fn create_key(binary: &Path, folder: &Path) -> Result<String, Failure> {
    let mut create = command::command(folder, binary, &["key", "create"]);
    create
        .args(["--config", "vouchsafe.toml", "--name", "bench"])
        .args(["--scope", "GET /api", "--role", "reader"])
        .args(["--format", "json"]);
    let said = command::listen(&mut create, Duration::from_secs(20))?;
    let made = serde_json::from_str::<Value>(&said.stdout).ok();
    made.as_ref()
        .and_then(|made| made.get("key")?.as_str())
        .map(str::to_owned)
        .ok_or_else(|| {
            Failure::stuck(
                "`vouchsafe key create` made no key",
                command::last_lines(&said.stderr, 5),
            )
        })
}

/// The configuration `file` with its places filled in.
fn fill(file: &str, folder: &Path, port: u16, frame: Frame) -> String {
    let template = TEMPLATES.iter().find(|(name, _)| *name == file);
    let cores = thread::available_parallelism().map_or(1, usize::from);
    // Workers keep our own user, so that they can read the folder; others cannot change theirs.
    let user = if is_root() { "user root;" } else { "" };
    template
        .map_or("", |(_, text)| text)
        .replace("{user}", user)
        .replace("{cores}", &cores.to_string())
        .replace("{folder}", &folder.display().to_string())
        .replace("{port}", &port.to_string())
        .replace("{origin}", &frame.origin.to_string())
        .replace("{reader}", &frame.reader.to_string())
        .replace("{connections}", &frame.connections.to_string())
        .replace("{limit}", &frame.connections.max(OUR_DEFAULT).to_string())
        .replace("{answer}", ANSWER)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|cause| Failure::io(path, &cause))
}

/// Asks again and again until there is an answer or the server has ended.
pub(crate) fn await_ready<T>(
    running: &Running,
    talk: &Path,
    mut ask: impl FnMut() -> Option<T>,
) -> Result<T, Failure> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut left = Duration::from_secs(20);
    loop {
        if let Some(answer) = ask() {
            return Ok(answer);
        }
        if running.ended() || left.is_zero() {
            let said = std::fs::read_to_string(talk).unwrap_or_default();
            return Err(Failure::stuck(
                "a server did not start",
                format!("it said: {}", command::last_lines(&said, 10)),
            ));
        }
        thread::sleep(PAUSE);
        left = left.saturating_sub(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_answer_has_99_bytes_and_the_large_one_64_kibibytes() {
        assert_eq!(ANSWER.len(), 99);
        assert_eq!(large().len(), 65_536);
        assert!(
            !ANSWER.contains(['\'', '$', '\\']),
            "nginx reads it as text"
        );
    }

    #[test]
    fn every_place_of_a_configuration_is_filled() {
        for (file, _) in TEMPLATES {
            let frame = Frame {
                origin: 2,
                reader: 3,
                connections: 4,
            };
            let text = fill(file, Path::new("/srv/bench"), 1, frame)
                .replace("{key}", "k")
                .replace("{secure}", "5")
                .replace("{durability}", "d")
                .replace(ANSWER, "");
            assert!(!text.is_empty());
            for place in [
                "{user}",
                "{cores}",
                "{folder}",
                "{port}",
                "{origin}",
                "{reader}",
                "{connections}",
                "{limit}",
            ] {
                assert!(!text.contains(place), "{file}: {place}");
            }
        }
    }
}
