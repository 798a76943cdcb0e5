//! The servers that are measured, each started with a configuration of its own.
//!
//! Owns the folder they lie in, which is made anew and goes with them, and the knowledge of how
//! each is started and when it is ready. All listen on the loopback interface alone.

use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    thread,
};

use super::{
    super::{
        Setting, http,
        process::{Running, is_root},
        stage::{self, Folder, await_ready, create_certificate, create_key, write},
    },
    Plan, people,
};
use crate::{failure::Failure, peers};

/// What the origin answers: 99 bytes, as a small answer of an API is.
pub(crate) const ANSWER: &str = "{\"students\":[{\"id\":1041,\"name\":\"A. Doe\",\"level\":\"B1\"},\
                                 {\"id\":1042,\"name\":\"B. Sample\",\"level\":\"A2\"}]}";

/// Bytes of what the origin answers at `/kib` and at `/large`.
pub(super) const KIB: usize = 1024;
pub(super) const LARGE: usize = 64 * KIB;

/// The small answer again and again, so many bytes of it.
pub(super) fn cycled(bytes: usize) -> Vec<u8> {
    ANSWER.bytes().cycle().take(bytes).collect()
}

/// The name under which everything is asked for.
pub(crate) const HOST: &str = "Host: bench.example";

const TEMPLATES: [(&str, &str); 6] = [
    ("origin.conf", include_str!("origin.conf")),
    ("nginx.conf", include_str!("nginx.conf")),
    ("haproxy.cfg", include_str!("haproxy.cfg")),
    ("vouchsafe.toml", include_str!("vouchsafe.toml")),
    ("checked.conf", include_str!("checked.conf")),
    ("people.toml", include_str!("people.toml")),
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
    /// nginx that asks a checker about each request (ngx_http_auth_request_module).
    Checked,
    /// Vouchsafe with keys, tokens, sessions and a table of roles.
    People,
    /// The same with its sessions in a Redis.
    Shared,
    /// That Redis.
    Redis,
    /// Vouchsafe with a limit by address that nobody reaches.
    Limited,
    /// The same, counted together with other processes in a Redis.
    Together,
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
    /// Paths, and the field that opens each.
    pub(super) opens: Vec<(&'static str, String)>,
    /// Its admin socket, where it is ours.
    pub(super) admin: Option<PathBuf>,
}

impl Server {
    /// The fields that a request for `path` carries.
    pub(super) fn headers(&self, path: &str) -> Vec<String> {
        let key = self.key.iter().filter(|_| path == "/api");
        let key = key.map(|key| format!("X-API-Key: {key}"));
        let opens = self.opens.iter().filter(|(opened, _)| *opened == path);
        let opens = opens.map(|(_, field)| field.clone());
        std::iter::once(HOST.to_owned())
            .chain(key)
            .chain(opens)
            .collect()
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

/// Connections that a group is set up for which does not say otherwise.
pub(super) const USUAL: usize = 4096;

/// Every server. Dropped in this order: first the servers end, then their folder goes.
#[derive(Debug)]
pub(super) struct Systems {
    servers: Vec<Server>,
    folder: Folder,
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
        let folder = Folder::fresh(setting.workspace.target().join("bench-gate"))?;
        for (name, bytes) in [("kib", KIB), ("large", LARGE)] {
            write(&folder.path().join(name), cycled(bytes))?;
        }
        create_certificate(&setting.load, folder.path())?;
        let [origin, nginx, nginx_tls, haproxy, haproxy_tls] =
            http::free_ports().map_err(|cause| Failure::io(folder.path(), &cause))?;
        let mut systems = Self {
            servers: Vec::new(),
            folder,
        };
        let reader = systems.reader(setting)?;
        let frame = Frame {
            origin,
            reader,
            connections,
        };
        systems.peer(Which::Origin, (origin, 0), frame)?;
        systems.peer(Which::Nginx, (nginx, nginx_tls), frame)?;
        if also.contains(&Which::People) {
            // Neither HAProxy nor the usual configuration of ours is measured with these.
            systems.peer(Which::Checked, (haproxy, haproxy_tls), frame)?;
            systems.ours(Which::People, frame, setting)?;
            systems.redis()?;
            systems.ours(Which::Shared, frame, setting)?;
            return Ok(systems);
        }
        systems.peer(Which::Haproxy, (haproxy, haproxy_tls), frame)?;
        if also.contains(&Which::Limited) {
            systems.ours(Which::Limited, frame, setting)?;
            systems.redis()?;
            systems.ours(Which::Together, frame, setting)?;
            return Ok(systems);
        }
        systems.ours(Which::Batched, frame, setting)?;
        if also.contains(&Which::Sync) {
            systems.ours(Which::Sync, frame, setting)?;
        }
        Ok(systems)
    }

    /// The certificate that all of them show.
    pub(super) fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    pub(super) fn get(&self, which: Which) -> Result<&Server, Failure> {
        let found = self.servers.iter().find(|server| server.which == which);
        found.ok_or_else(|| Failure::stuck("a server was not started", "see above"))
    }

    /// Starts our own origin, which says where it listens, and answers its port.
    fn reader(&mut self, setting: &Setting<'_>) -> Result<u16, Failure> {
        let (running, address) = stage::origin(&setting.load, self.folder.path())?;
        self.servers.push(Server {
            which: Which::Reader,
            address,
            secure: None,
            running,
            key: None,
            opens: Vec::new(),
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
        let folder = self.folder.path();
        let (program, file) = match which {
            Which::Origin => ("nginx", "origin.conf"),
            Which::Haproxy => ("haproxy", "haproxy.cfg"),
            Which::Checked => ("nginx", "checked.conf"),
            _ => ("nginx", "nginx.conf"),
        };
        let configuration = fill(file, folder, port, frame)
            .replace("{key}", KEY)
            .replace("{checker}", &secure.to_string())
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
            key: matches!(which, Which::Nginx | Which::Checked).then(|| KEY.to_owned()),
            opens: Vec::new(),
            admin: None,
        };
        await_ready(&server.running, &talk, || {
            http::get(server.address, "/", &[HOST.to_owned()]).ok()
        })?;
        self.servers.push(server);
        Ok(())
    }

    /// Starts a Redis that keeps nothing on the disk.
    fn redis(&mut self) -> Result<(), Failure> {
        let (running, address) = start_redis(self.folder.path())?;
        self.servers.push(Server {
            which: Which::Redis,
            address,
            secure: None,
            running,
            key: None,
            opens: Vec::new(),
            admin: None,
        });
        Ok(())
    }

    /// Starts Vouchsafe: it takes its port itself and says which.
    fn ours(&mut self, which: Which, frame: Frame, setting: &Setting<'_>) -> Result<(), Failure> {
        let (durability, file, name) = match which {
            Which::Sync => ("sync", "vouchsafe.toml", "sync"),
            Which::People => ("batched", "people.toml", "people"),
            Which::Shared => ("batched", "people.toml", "shared"),
            Which::Limited => ("batched", "vouchsafe.toml", "limited"),
            Which::Together => ("batched", "vouchsafe.toml", "together"),
            _ => ("batched", "vouchsafe.toml", "batched"),
        };
        let shared = match which {
            Which::Shared | Which::Together => SHARED,
            _ => "",
        };
        let rates = match which {
            Which::Limited | Which::Together => {
                super::limits::rate(1_000_000, "1s", "paths = [\"/limited\"]")
            }
            _ => String::new(),
        };
        let folder = self.folder.path().join(name);
        std::fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
        let configuration = fill(file, &folder, 0, frame)
            .replace("{durability}", durability)
            .replace("{shared}", shared)
            .replace("{rates}", &rates)
            .replace("{rules}", &people::rules());
        write(&folder.join("vouchsafe.toml"), configuration)?;
        let key = create_key(&setting.binary, &folder)?;
        let up = stage::up(&setting.binary, &folder)?;
        let opens = match which {
            Which::People | Which::Shared => {
                people::credentials(&setting.binary, &folder, up.address, &key)?
            }
            _ => Vec::new(),
        };
        self.servers.push(Server {
            which,
            address: up.address,
            secure: Some(up.secure),
            running: up.running,
            key: Some(key),
            opens,
            admin: Some(up.admin),
        });
        Ok(())
    }
}

/// What a deployment says that shares the Redis of the folder above its own.
pub(super) const SHARED: &str = "shared = { url = \"file:../redis.url\" }";

/// Starts a Redis that keeps nothing on the disk, and writes into `folder` where it is.
pub(super) fn start_redis(folder: &Path) -> Result<(Running, SocketAddr), Failure> {
    let program = peers::redis_server()?;
    let [port] = http::free_ports().map_err(|cause| Failure::io(folder, &cause))?;
    let talk = folder.join("redis.talk");
    let number = port.to_string();
    let quiet = ["--save", "", "--appendonly", "no"];
    let arguments = [&["--port", &number, "--bind", "127.0.0.1"][..], &quiet].concat();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let running = Running::start(folder, &program, &arguments, &talk)?;
    await_ready(&running, &talk, || TcpStream::connect(address).ok())?;
    let place = folder.join("redis.url");
    write(&place, format!("redis://{address}/0"))?;
    stage::private(&place)?;
    Ok((running, address))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_small_answer_has_99_bytes_and_the_large_one_64_kibibytes() {
        assert_eq!(ANSWER.len(), 99);
        assert_eq!(cycled(LARGE).len(), 65_536);
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
                .replace("{shared}", "")
                .replace("{rates}", "")
                .replace(ANSWER, "");
            assert!(!text.is_empty());
            let text = text.replace("{rules}", "r").replace("{checker}", "c");
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
