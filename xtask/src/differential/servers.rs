//! The servers under test, each an ordinary reverse proxy in front of the origins.
//!
//! Owns their folder, which goes with them, and how each is started. Vouchsafe runs with every
//! default of its own; one open route for each lane leads to that lane's origin.

use std::{
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value;

use crate::{
    bench::{
        await_ready, http,
        packages::{self, HAPROXY, NGINX, Package},
        process::Running,
    },
    command,
    failure::Failure,
};

/// Shapes that run at once. They wait more than they work.
pub(super) const LANES: usize = 16;

/// A server under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Which {
    Vouchsafe,
    Nginx,
    Haproxy,
}

impl Which {
    pub(super) const ALL: [Self; 3] = [Self::Vouchsafe, Self::Nginx, Self::Haproxy];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Vouchsafe => "vouchsafe",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
        }
    }

    /// Its package, where it is somebody else's.
    pub(super) const fn package(self) -> Option<Package> {
        match self {
            Self::Vouchsafe => None,
            Self::Nginx => Some(NGINX),
            Self::Haproxy => Some(HAPROXY),
        }
    }

    /// What the page calls it.
    pub(super) fn title(self) -> String {
        match self.package() {
            None => "Vouchsafe".to_owned(),
            Some(package) => packages::version(&package).unwrap_or_else(|| self.name().to_owned()),
        }
    }
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) which: Which,
    /// Where each lane is served.
    lanes: Vec<SocketAddr>,
    folder: PathBuf,
    binary: PathBuf,
    running: Option<Running>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.running = None;
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The name under which a lane is asked for.
pub(super) fn host(lane: usize) -> String {
    format!("lane{lane}.example")
}

impl Server {
    /// Starts it in front of the origins on these ports, one lane for each.
    pub(super) fn start(
        which: Which,
        binary: &Path,
        target: &Path,
        origins: &[u16],
    ) -> Result<Self, Failure> {
        let folder = target.join(format!(
            "differential-{}-{}",
            which.name(),
            std::process::id()
        ));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
        let mut server = Self {
            which,
            lanes: Vec::new(),
            folder,
            binary: binary.to_path_buf(),
            running: None,
        };
        match which {
            Which::Vouchsafe => server.ours(origins)?,
            Which::Nginx | Which::Haproxy => server.peer(origins)?,
        }
        Ok(server)
    }

    pub(super) fn address(&self, lane: usize) -> Option<SocketAddr> {
        self.lanes.get(lane).copied()
    }

    fn ours(&mut self, origins: &[u16]) -> Result<(), Failure> {
        let hosts: Vec<String> = (1..origins.len())
            .map(|lane| format!("\"{}\"", host(lane)))
            .collect();
        let mut text = format!(
            "version = 1\n\n[deployment]\nname = \"differential\"\npublic_url = \"http://{}\"\n\
             hosts = [{}]\ndata_dir = \"data\"\n\n[[listen]]\naddress = \"127.0.0.1:0\"\n",
            host(0),
            hosts.join(", ")
        );
        for (lane, origin) in origins.iter().enumerate() {
            let host = host(lane);
            text += &format!(
                "\n[[app]]\nname = \"lane{lane}\"\nupstream = \"http://127.0.0.1:{origin}\"\n\n\
                 [[route]]\npath = \"/\"\nhost = \"{host}\"\napp = \"lane{lane}\"\nauth = \"none\"\n\
                 reason = \"what is tested here is the wire alone\"\n"
            );
        }
        self.write("vouchsafe.toml", &text)?;
        let arguments = ["up", "--config", "vouchsafe.toml", "--ready-file", "ready"];
        let talk = self.folder.join("talk");
        let running = Running::start(&self.folder, &self.binary, &arguments, &talk)?;
        let ready = await_ready(&running, &talk, || {
            let text = std::fs::read_to_string(self.folder.join("ready")).ok()?;
            serde_json::from_str::<Value>(&text).ok()
        })?;
        self.running = Some(running);
        let address = ready.pointer("/gate/0").and_then(Value::as_str);
        let Some(Ok(address)) = address.map(str::parse) else {
            return Err(Failure::stuck(
                format!("the ready file does not say where the gate listens: {ready}"),
                "mend `vouchsafe up`",
            ));
        };
        self.lanes = vec![address; origins.len()];
        Ok(())
    }

    fn peer(&mut self, origins: &[u16]) -> Result<(), Failure> {
        let ports: [u16; LANES] =
            http::free_ports().map_err(|cause| Failure::io(&self.folder, &cause))?;
        let folder = self.folder.display().to_string();
        let lanes = || ports.iter().zip(origins).enumerate();
        let (program, file, text) = match self.which {
            Which::Haproxy => {
                let lanes: String = lanes()
                    .map(|(lane, (port, origin))| haproxy_lane(lane, *port, *origin))
                    .collect();
                ("haproxy", "haproxy.cfg", format!("{HAPROXY_HEAD}{lanes}"))
            }
            _ => {
                let lanes: String = lanes()
                    .map(|(lane, (port, origin))| nginx_lane(lane, *port, *origin))
                    .collect();
                let head = NGINX_HEAD
                    .replace("{user}", if is_root() { "user root;" } else { "" })
                    .replace("{folder}", &folder);
                ("nginx", "nginx.conf", format!("{head}{lanes}}}\n"))
            }
        };
        let path = self.write(file, &text)?;
        let log = format!("{folder}/error");
        let arguments: &[&str] = match self.which {
            Which::Haproxy => &["-db", "-f", &path],
            _ => &["-c", &path, "-p", &folder, "-e", &log],
        };
        let talk = self.folder.join("talk");
        let running = Running::start(&self.folder, Path::new(program), arguments, &talk)?;
        self.lanes = ports
            .iter()
            .map(|port| SocketAddr::from(([127, 0, 0, 1], *port)))
            .collect();
        for lane in &self.lanes {
            await_ready(&running, &talk, || TcpStream::connect(lane).ok())?;
        }
        self.running = Some(running);
        Ok(())
    }

    fn write(&self, file: &str, text: &str) -> Result<String, Failure> {
        let path = self.folder.join(file);
        std::fs::write(&path, text).map_err(|cause| Failure::io(&path, &cause))?;
        Ok(path.display().to_string())
    }

    /// Every entry of its ledger, a line of JSON each.
    pub(super) fn ledger(&self) -> Result<Vec<Value>, Failure> {
        let arguments = ["ledger", "export", "--config", "vouchsafe.toml"];
        let mut export = command::command(&self.folder, &self.binary, &arguments);
        let said = command::listen(&mut export, Duration::from_secs(60))?;
        if !said.success {
            return Err(Failure::stuck(
                "the ledger cannot be exported",
                command::last_lines(&said.stderr, 5),
            ));
        }
        let entries = said.stdout.lines().map(serde_json::from_str);
        entries.collect::<Result<_, _>>().map_err(|fault| {
            Failure::stuck(
                format!("an entry of the ledger is no JSON: {fault}"),
                "mend `vouchsafe ledger export`",
            )
        })
    }
}

const NGINX_HEAD: &str = "{user}
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  proxy_http_version 1.1;
  proxy_set_header Connection \"\";
  proxy_set_header Host $http_host;
";

fn nginx_lane(lane: usize, port: u16, origin: u16) -> String {
    format!(
        "  upstream lane{lane} {{ server 127.0.0.1:{origin} max_fails=0; keepalive 8; }}\n  \
         server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://lane{lane}; }} }}\n"
    )
}

const HAPROXY_HEAD: &str = "global
  nbthread 2
  maxconn 1024

defaults
  mode http
  option http-keep-alive
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  timeout http-request 10s
";

fn haproxy_lane(lane: usize, port: u16, origin: u16) -> String {
    format!(
        "\nfrontend gate{lane}\n  bind 127.0.0.1:{port}\n  default_backend lane{lane}\n\
         \nbackend lane{lane}\n  server origin 127.0.0.1:{origin}\n"
    )
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}
