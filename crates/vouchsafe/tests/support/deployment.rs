//! A deployment: a folder with a configuration, and the gate that runs it.

use std::{
    fs,
    net::SocketAddr,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use control::SystemClock;
use nix::sys::signal::Signal;
use prove::admin::Admin;
use serde_json::Value;
use tempfile::TempDir;

use super::{Process, Said, clock, process::program, run, until};

/// The start of a configuration: everything but routes.
pub(crate) fn site(upstream: SocketAddr) -> String {
    format!(
        "version = 1\n\n[deployment]\nname = \"test\"\npublic_url = \"http://localhost\"\n\n\
         [[listen]]\naddress = \"127.0.0.1:0\"\n\n\
         [[app]]\nname = \"app\"\nupstream = \"http://{upstream}\"\n\n"
    )
}

/// A route that asks for no credential.
pub(crate) fn open_route(path: &str) -> String {
    format!("[[route]]\npath = \"{path}\"\napp = \"app\"\nauth = \"none\"\nreason = \"a test\"\n\n")
}

/// A folder with a configuration, and variables for the processes that use it.
pub(crate) struct Deployment {
    folder: TempDir,
    variables: Vec<(String, String)>,
    /// What runs it: the binary under test unless a test says otherwise.
    binary: PathBuf,
}

impl Deployment {
    pub(crate) fn new(configuration: &str) -> Self {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let deployment = Self {
            folder,
            variables: Vec::new(),
            binary: PathBuf::from(env!("CARGO_BIN_EXE_vouchsafe")),
        };
        deployment.configure(configuration);
        deployment
    }

    /// Sets a variable for every process.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs it by another binary from now on.
    pub(crate) fn run_by(&mut self, binary: &Path) {
        self.binary = binary.to_owned();
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, configuration: &str) {
        self.write("vouchsafe.toml", configuration.as_bytes());
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub(crate) fn configuration(&self) -> String {
        self.folder().join("vouchsafe.toml").display().to_string()
    }

    /// Writes a file that only we may read.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder().join(name);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// A command on this deployment: `verb`, then `--config`, then `arguments`.
    pub(crate) fn command(&self, verb: &[&str], arguments: &[&str]) -> Command {
        let mut command = program(&self.binary, verb);
        command
            .arg("--config")
            .arg(self.configuration())
            .args(arguments);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, verb: &[&str], arguments: &[&str]) -> Said {
        run(&mut self.command(verb, arguments))
    }

    /// Where its gate says that it is ready.
    pub(crate) fn ready_file(&self) -> PathBuf {
        self.folder().join("ready.json")
    }

    /// What starts its gate.
    pub(crate) fn up_command(&self) -> Command {
        let mut command = self.command(&["up"], &["--threads", "2"]);
        command.arg("--ready-file").arg(self.ready_file());
        command
    }

    /// Starts the gate and waits until it listens.
    #[track_caller]
    pub(crate) fn up(&self) -> Gate {
        let _ = fs::remove_file(self.ready_file());
        let mut process = Process::start(&mut self.up_command());
        let ready = until("the gate is ready", || {
            let ended = process.ended();
            assert!(ended.is_none(), "{ended:?}: {}", process.stderr());
            fs::read_to_string(self.ready_file()).ok()
        });
        let ready: Value = serde_json::from_str(&ready).unwrap();
        let address = ready["gate"][0].as_str().unwrap().parse().unwrap();
        let socket = ready["admin"]
            .as_str()
            .unwrap()
            .strip_prefix("unix:")
            .unwrap();
        let socket = PathBuf::from(socket);
        let admin = Admin::new(&socket, Arc::new(SystemClock::new()));
        Gate {
            process,
            address,
            admin,
            ready,
            socket,
        }
    }

    /// Starts a gate that must refuse to start: exit 2, nothing on stdout, no ready file, each of
    /// `parts` and a hint on stderr.
    #[track_caller]
    pub(crate) fn refuses_to_start(&self, parts: &[&str]) -> Said {
        let _ = fs::remove_file(self.ready_file());
        let said = run(&mut self.up_command()).could_not_ask(parts);
        assert!(
            !self.ready_file().exists(),
            "a gate that did not start said it was ready"
        );
        said
    }
}

/// A running gate.
pub(crate) struct Gate {
    process: Process,
    pub(crate) address: SocketAddr,
    pub(crate) admin: Admin,
    /// What it wrote into its ready file.
    pub(crate) ready: Value,
    socket: PathBuf,
}

impl Gate {
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// What its metrics say.
    pub(crate) fn metrics(&self) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        let ask = b"GET /metrics HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n";
        let reply = prove::http::exchange(&mut stream, ask, clock()).unwrap();
        let answer = reply.answer().unwrap();
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body.clone()).unwrap()
    }

    /// The log lines so far.
    pub(crate) fn log(&self) -> String {
        self.process.stderr()
    }

    /// Tells it to stop, waits, and asserts that it stopped in order.
    #[track_caller]
    pub(crate) fn stop(self) -> Said {
        self.signal(Signal::SIGTERM);
        self.finish()
    }

    /// Waits for the end of a gate that was killed.
    #[track_caller]
    pub(crate) fn finish_killed(self) -> Said {
        let said = self.process.finish();
        assert_eq!(said.exit, None, "{said:?}");
        said
    }

    /// Waits for the end of a gate that was told to stop.
    #[track_caller]
    pub(crate) fn finish(self) -> Said {
        self.process.finish().exits(0)
    }
}
