//! A real PostgreSQL server for one test, in a folder of its own.
//!
//! The programs come from `VOUCHSAFE_TEST_POSTGRES`, the folder of `initdb` and `postgres`, which
//! `cargo xtask test` sets; without it from where Debian and the PATH have them. A cluster is made
//! once and copied for each test. The server ends with the test, and refuses root: it then runs as
//! another user.

use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use nix::{
    fcntl::{Flock, FlockArg},
    sys::signal::{Signal, kill},
    unistd::{Pid, User, geteuid},
};

/// The variable with the folder of the programs.
const VARIABLE: &str = "VOUCHSAFE_TEST_POSTGRES";

/// Password of every user but the superuser.
pub(crate) const PASSWORD: &str = "p@ss/w:rd";

/// The password as a URL carries it.
pub(crate) const ESCAPED: &str = "p%40ss%2Fw%3Ard";

/// Changes with what [`prepare`] makes, so that an old copy is not taken for a new one.
const TEMPLATE: &str = "postgres-template-1";

/// Superusers and users: `vouchsafe` owns the database of that name, `gate` owns nothing.
const USERS: &str = "
    CREATE ROLE vouchsafe LOGIN PASSWORD 'p@ss/w:rd';
    CREATE ROLE gate LOGIN PASSWORD 'p@ss/w:rd';
    CREATE ROLE root LOGIN SUPERUSER PASSWORD 'p@ss/w:rd';";

/// A running server.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    port: u16,
    settings: Vec<String>,
    server: Option<Child>,
}

impl Cluster {
    /// A server on a Unix socket, as fast as it can be.
    pub(crate) fn start() -> Self {
        Self::with(0, &["fsync=off", "full_page_writes=off"])
    }

    /// A server that keeps what it acknowledged.
    pub(crate) fn durable() -> Self {
        Self::with(0, &["fsync=on"])
    }

    /// A server on TCP as well, `port` on 127.0.0.1 unless it is 0, with more `settings`.
    pub(crate) fn with(port: u16, settings: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&template(), &folder.path().join("data"));
        // The server must be able to pass through to its data.
        give(folder.path());
        let mut cluster = Self {
            folder,
            port: if port == 0 { 5432 } else { port },
            settings: settings.iter().map(|set| (*set).to_owned()).collect(),
            server: None,
        };
        if port != 0 {
            cluster
                .settings
                .push("listen_addresses=127.0.0.1".to_owned());
        }
        cluster.up();
        cluster
    }

    /// The folder of the server, with `data` in it.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Adds a setting, for the next start.
    pub(crate) fn set(&mut self, setting: &str) {
        self.settings.push(setting.to_owned());
    }

    /// Gives a file of the folder to the server's user, who alone may read it.
    pub(crate) fn give(path: &Path) {
        run(Command::new("chmod").arg("600").arg(path));
        give(path);
    }

    /// The URL of the database `vouchsafe` through the Unix socket.
    pub(crate) fn url(&self, user: &str) -> String {
        self.url_of(user, "vouchsafe")
    }

    /// The URL of `database` through the Unix socket.
    pub(crate) fn url_of(&self, user: &str, database: &str) -> String {
        let folder = self.folder().display().to_string().replace('/', "%2F");
        format!("postgres://{user}:{ESCAPED}@{folder}/{database}")
    }

    /// Makes one more database.
    pub(crate) fn create(&self, database: &str) {
        self.sql(&format!("CREATE DATABASE \"{database}\" OWNER vouchsafe"));
    }

    /// Starts the server and waits until it takes connections.
    pub(crate) fn up(&mut self) {
        let (folder, port) = (self.folder().to_owned(), self.port);
        let log = File::create(folder.join("log")).unwrap();
        let mut command = as_server("postgres");
        command
            .arg("-D")
            .arg(folder.join("data"))
            .arg("-k")
            .arg(&folder)
            .args(["-p", &port.to_string()])
            .stdout(log.try_clone().unwrap())
            .stderr(log);
        for setting in ["shared_buffers=8MB", "max_connections=64", "autovacuum=off"] {
            command.args(["-c", setting]);
        }
        if !self.settings.iter().any(|set| set.starts_with("listen_")) {
            command.args(["-c", "listen_addresses="]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        self.server = Some(command.spawn().unwrap());
        for _ in 0..3000 {
            let said = fs::read_to_string(folder.join("data/postmaster.pid")).unwrap_or_default();
            let status = said.lines().nth(7).unwrap_or_default();
            let own = self.server.as_ref().unwrap().id().to_string();
            if status.trim() == "ready" && said.lines().next() == Some(&own) {
                return;
            }
            let ended = self.server.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "postgres ended: {}", self.log());
            thread::sleep(Duration::from_millis(10));
        }
        panic!("postgres does not get ready: {}", self.log());
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder().join("log")).unwrap_or_default()
    }

    /// Ends every process of the server at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        let mut server = self.server.take().unwrap();
        let children = self.children(server.id());
        server.kill().unwrap();
        server.wait().unwrap();
        for child in children {
            // One that went with its parent needs no more.
            let _ = kill(child, Signal::SIGKILL);
            while runs(child) {
                thread::sleep(Duration::from_millis(1));
            }
        }
        // What the dead server left would be taken for that of a running one.
        let _ = fs::remove_file(self.folder().join("data/postmaster.pid"));
    }

    /// Makes the server hang, or go on.
    pub(crate) fn hang(&self, hang: bool) {
        let server = self.server.as_ref().unwrap().id();
        let signal = if hang {
            Signal::SIGSTOP
        } else {
            Signal::SIGCONT
        };
        for process in self.children(server).into_iter().chain([pid(server)]) {
            let _ = kill(process, signal);
        }
    }

    /// The server's own processes.
    fn children(&self, server: u32) -> Vec<Pid> {
        let path = format!("/proc/{server}/task/{server}/children");
        let children = fs::read_to_string(path).unwrap_or_default();
        let ids = children.split_whitespace().map(|id| id.parse().unwrap());
        ids.map(Pid::from_raw).collect()
    }

    /// What `sql` answers to the superuser, one row a line.
    pub(crate) fn sql(&self, sql: &str) -> String {
        self.sql_as("postgres", sql).unwrap()
    }

    /// What `sql` answers to `user`, or why not.
    pub(crate) fn sql_as(&self, user: &str, sql: &str) -> Result<String, String> {
        self.sql_in("vouchsafe", user, sql)
    }

    /// What `sql` answers to `user` in `database`, or why not.
    pub(crate) fn sql_in(&self, database: &str, user: &str, sql: &str) -> Result<String, String> {
        let mut psql = Command::new(programs().join("psql"));
        psql.args(["-X", "-q", "-t", "-A", "-v", "ON_ERROR_STOP=1"])
            .arg("-h")
            .arg(self.folder())
            .args(["-p", &self.port.to_string(), "-U", user, "-d", database])
            .args(["-c", sql])
            .env("PGPASSWORD", PASSWORD);
        let said = psql.output().unwrap();
        if said.status.success() {
            Ok(String::from_utf8(said.stdout).unwrap().trim().to_owned())
        } else {
            Err(String::from_utf8_lossy(&said.stderr).into_owned())
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            let children = self.children(server.id());
            let _ = kill(pid(server.id()), Signal::SIGKILL);
            for child in children {
                let _ = kill(child, Signal::SIGKILL);
            }
        }
        if let Some(mut server) = self.server.take() {
            let _ = server.wait();
        }
    }
}

/// Whether a process is there and not only waiting to be buried.
fn runs(process: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let state = status
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.chars().next());
    state.is_some_and(|state| state != 'Z')
}

fn pid(id: u32) -> Pid {
    Pid::from_raw(i32::try_from(id).unwrap())
}

/// The folder of `postgres`, `initdb` and `psql`.
fn programs() -> PathBuf {
    let known = std::env::var_os(VARIABLE).map(PathBuf::from);
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let debian = debian.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path: Vec<PathBuf> = std::env::split_paths(&path).collect();
    known
        .into_iter()
        .chain(debian)
        .chain(path)
        .find(|folder| folder.join("initdb").is_file())
        .unwrap_or_else(|| {
            panic!("no PostgreSQL here: run cargo xtask test, or name its folder in {VARIABLE}")
        })
}

/// A program that ends with this thread, under a user that is not root.
fn as_server(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL"])
        .arg(programs().join(program))
        .current_dir("/")
        .stdin(Stdio::null());
    if let Some(user) = user() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command
}

/// Who runs the server, where that is not whoever runs the test.
fn user() -> Option<User> {
    let named = |name| User::from_name(name).ok().flatten();
    geteuid()
        .is_root()
        .then(|| named("postgres").or_else(|| named("nobody")).unwrap())
}

/// Gives `path`, and what lies in it, to the server's user.
fn give(path: &Path) {
    if let Some(user) = user() {
        let owner = format!("{}:{}", user.uid, user.gid);
        run(Command::new("chown").arg("-R").arg(owner).arg(path));
    }
}

fn copy(from: &Path, to: &Path) {
    run(Command::new("cp").arg("-a").arg(from).arg(to));
}

fn run(command: &mut Command) {
    let said = command.stdin(Stdio::null()).output().unwrap();
    let stderr = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{command:?}: {stderr}");
}

/// A cluster that is not running, made once and kept in the build folder.
fn template() -> PathBuf {
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(shared).unwrap();
    let kept = shared.join(TEMPLATE);
    let lock = File::create(shared.join("postgres-template.lock")).unwrap();
    let _held = Flock::lock(lock, FlockArg::LockExclusive).unwrap();
    if !kept.join("finished").is_file() {
        let _ = fs::remove_dir_all(&kept);
        let folder = tempfile::tempdir().unwrap();
        give(folder.path());
        let data = folder.path().join("data");
        prepare(&data);
        copy(&data, &kept);
        fs::write(kept.join("finished"), "").unwrap();
    }
    kept
}

fn prepare(data: &Path) {
    run(as_server("initdb").arg("-D").arg(data).args([
        "--no-sync",
        "--username=postgres",
        "--encoding=UTF8",
        "--locale=C",
        "--auth=trust",
        "--wal-segsize=1",
    ]));
    let rules = "local all postgres trust\n\
                 local all all scram-sha-256\n\
                 hostssl all all 127.0.0.1/32 scram-sha-256\n";
    fs::write(data.join("pg_hba.conf"), rules).unwrap();
    for (database, sql) in [
        ("postgres", USERS),
        ("postgres", "CREATE DATABASE vouchsafe OWNER vouchsafe;"),
    ] {
        let mut single = as_server("postgres");
        single
            .args(["--single", "-j", "-D"])
            .arg(data)
            .arg(database);
        let mut child = single
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // `-j`: a statement ends with a semicolon and an empty line.
        let text = sql.replace(";\n", ";\n\n") + "\n\n";
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let mut said = String::new();
        child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut said)
            .unwrap();
        assert!(
            child.wait().unwrap().success() && !said.contains("ERROR"),
            "{said}"
        );
    }
}
