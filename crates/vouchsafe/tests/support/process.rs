//! Processes: run to their end, or kept until the test is over.

use std::{
    fs::File,
    os::unix::{fs::FileExt as _, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use super::until;

/// A command of the binary under test, without the environment of whoever runs the tests.
pub(crate) fn vouchsafe(arguments: &[&str]) -> Command {
    program(Path::new(env!("CARGO_BIN_EXE_vouchsafe")), arguments)
}

/// A command of a binary of ours, as [`vouchsafe`].
pub(super) fn program(binary: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) exit: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Said {
    /// stdout as one JSON value.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|fault| panic!("{fault}: {self:?}"))
    }

    /// Asserts how the command ended; what it said stands in the failure.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        let start: String = self.stdout.chars().take(2000).collect();
        assert_eq!(self.exit, Some(code), "{start}\n{}", self.stderr);
        self
    }

    /// Asserts that stderr has each of `parts`.
    #[track_caller]
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(
                self.stderr.contains(part),
                "no {part:?} in:\n{}",
                self.stderr
            );
        }
        self
    }

    /// Asserts that neither stdout nor stderr has `text`.
    #[track_caller]
    pub(crate) fn silent_about(self, text: &str) -> Self {
        let said = [&self.stdout, &self.stderr];
        assert!(
            said.iter().all(|said| !said.contains(text)),
            "{text:?} in {self:?}"
        );
        self
    }

    /// Asserts that the command could not ask: exit 2, nothing on stdout, and on stderr each of
    /// `parts` and what to do.
    #[track_caller]
    pub(crate) fn could_not_ask(self, parts: &[&str]) -> Self {
        assert_eq!(self.stdout, "", "stdout is data only");
        let hints = ["hint: ", "help: "];
        assert!(
            hints.iter().any(|hint| self.stderr.contains(hint)),
            "no hint in {}",
            self.stderr
        );
        self.exits(2).says(parts)
    }
}

/// A process that ends with its owner. What it says goes to files, so that no pipe fills up or
/// outlives it.
pub(crate) struct Process {
    child: Child,
    /// Whether it leads a group whose members end with it.
    leads: bool,
    stdout: File,
    stderr: File,
}

impl Process {
    pub(crate) fn start(command: &mut Command) -> Self {
        let (stdout, stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let child = command
            .stdout(stdout.try_clone().unwrap())
            .stderr(stderr.try_clone().unwrap())
            .spawn()
            .unwrap_or_else(|cause| panic!("{command:?}: {cause}"));
        Self {
            child,
            leads: false,
            stdout,
            stderr,
        }
    }

    /// Starts a command that starts others: all of them end together.
    pub(crate) fn start_group(command: &mut Command) -> Self {
        let mut process = Self::start(command.process_group(0));
        process.leads = true;
        process
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.id()).unwrap())
    }

    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends `signal`.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Waits for its end and gives back what it said.
    pub(crate) fn finish(mut self) -> Said {
        let status = until("a command ends", || self.ended());
        Said {
            exit: status.code(),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
        }
    }

    /// What it has said on stderr so far.
    pub(crate) fn stderr(&self) -> String {
        text(&self.stderr)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        if self.leads {
            let _ = killpg(self.pid(), Signal::SIGKILL);
        }
        // It may end by itself in this moment; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole of a file, without moving the position that the process writes at.
fn text(file: &File) -> String {
    let mut bytes = vec![0; usize::try_from(file.metadata().unwrap().len()).unwrap()];
    file.read_exact_at(&mut bytes, 0).unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The program of another project that `variable` names, or `name` on the PATH. Without it the test that
/// asks says that it did not run.
pub(crate) fn peer(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let found = named.or_else(|| {
        let path = std::env::var_os("PATH")?;
        let mut folders = std::env::split_paths(&path);
        folders.find_map(|folder| Some(folder.join(name)).filter(|it| it.is_file()))
    });
    if found.is_none() {
        eprintln!("not run: {name} is not installed, and {variable} names none");
    }
    found
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Said {
    Process::start(command).finish()
}
