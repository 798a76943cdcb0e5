//! A real Redis or Valkey server for one test.
//!
//! The program comes from `VOUCHSAFE_TEST_REDIS`, which `cargo xtask test` sets; without it from the
//! PATH. The server ends with the test.

use std::{
    fs,
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::held_port::HeldPort;

/// The variable with the program.
const VARIABLE: &str = "VOUCHSAFE_TEST_REDIS";

/// Password of the user `vouchsafe`, who may do nothing but what the store does.
pub(crate) const PASSWORD: &str = "p@ss/w:rd";

/// A running server that takes no connection without a password.
pub(crate) struct RedisServer {
    folder: tempfile::TempDir,
    port: HeldPort,
    arguments: Vec<String>,
    server: Option<Child>,
}

impl RedisServer {
    pub(crate) fn start() -> Self {
        let port = HeldPort::new();
        let number = port.number().to_string();
        Self::with(tempfile::tempdir().unwrap(), port, &["--port", &number])
    }

    /// A server that speaks TLS alone, with a certificate and its key in PEM form.
    pub(crate) fn with_tls(certificate: &str, key: &str) -> Self {
        let (folder, port) = (tempfile::tempdir().unwrap(), HeldPort::new());
        fs::write(folder.path().join("server.crt"), certificate).unwrap();
        fs::write(folder.path().join("server.key"), key).unwrap();
        let number = port.number().to_string();
        #[rustfmt::skip]
        let arguments = [
            "--port", "0", "--tls-port", &number, "--tls-auth-clients", "no",
            "--tls-cert-file", "server.crt", "--tls-key-file", "server.key",
        ];
        Self::with(folder, port, &arguments)
    }

    fn with(folder: tempfile::TempDir, port: HeldPort, arguments: &[&str]) -> Self {
        let mut server = Self {
            folder,
            port,
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
            server: None,
        };
        server.up();
        server
    }

    /// Adds a setting, for the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.arguments
            .extend([format!("--{name}"), value.to_owned()]);
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.number()
    }

    /// The URL to this machine in plain text.
    pub(crate) fn url(&self) -> String {
        format!(
            "redis://vouchsafe:p%40ss%2Fw%3Ard@127.0.0.1:{}/1",
            self.port()
        )
    }

    /// How often the server has been ready so far: it takes connections before it has read what it
    /// stored, and refuses everything until then.
    fn was_ready(&self) -> usize {
        let log = fs::read_to_string(self.folder.path().join("log"));
        let log = log.unwrap_or_default();
        log.matches("Ready to accept connections").count()
    }

    /// Starts the server and waits until it answers.
    pub(crate) fn up(&mut self) {
        let before = self.was_ready();
        let path = self.folder.path();
        let rules = format!(
            "bind 127.0.0.1\nsave \"\"\nlogfile log\nuser default off\n\
             user vouchsafe on >{PASSWORD} ~vouchsafe:* -@all +@read +@write +@scripting \
             +@connection +info +time\n"
        );
        fs::write(path.join("redis.conf"), rules).unwrap();
        let server = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(program())
            .arg("redis.conf")
            .args(&self.arguments)
            .current_dir(path)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.server = Some(server);
        for _ in 0..3000 {
            let listens = TcpStream::connect(("127.0.0.1", self.port())).is_ok();
            if listens && self.was_ready() > before {
                return;
            }
            let ended = self.server.as_mut().unwrap().try_wait().unwrap();
            let log = fs::read_to_string(self.folder.path().join("log"));
            assert!(ended.is_none(), "the server ended: {log:?}");
            thread::sleep(Duration::from_millis(10));
        }
        panic!("the server does not get ready");
    }

    /// Ends the server, which forgets everything.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        server.kill().unwrap();
        server.wait().unwrap();
    }

    /// Makes the server hang, or go on.
    pub(crate) fn hang(&self, hang: bool) {
        let signal = if hang {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        let id = self.server.as_ref().unwrap().id();
        kill(Pid::from_raw(i32::try_from(id).unwrap()), signal).unwrap();
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        if self.server.is_some() {
            self.kill();
        }
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    let known = std::env::var_os(VARIABLE).map(PathBuf::from);
    let names = ["valkey-server", "redis-server"];
    known
        .into_iter()
        .chain(folders.flat_map(|folder| names.map(|name| folder.join(name))))
        .find(|program| program.is_file())
        .unwrap_or_else(|| {
            panic!("no Redis or Valkey here: run cargo xtask test, or name it in {VARIABLE}")
        })
}
