//! A program that is measured while it runs: started, watched and ended by its own process id.
//!
//! Owns the life of what it starts, on every path: what is dropped is ended, and where the
//! benchmark itself dies, the kernel ends it. Counts the processor time and the memory of a process
//! and everything below it, from `/proc`.

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{OnceLock, mpsc},
    thread,
    time::Duration,
};

use super::packages;
use crate::{command, failure::Failure};

/// Ticks of `/proc/PID/stat` in a second: USER_HZ, which Linux fixes at 100 for x86 and ARM.
const TICKS: f64 = 100.0;

/// How long a program may take to end when it is asked to.
const FAREWELL: Duration = Duration::from_secs(10);

/// A running program with everything it started.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
}

/// Memory of a process tree, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Resident, shared pages counted in each process.
    pub(crate) resident: u64,
    /// Resident, shared pages divided among those who share them.
    pub(crate) proportional: u64,
}

impl Running {
    /// Starts `program`; what it says goes to the file `talk`.
    pub(crate) fn start(
        folder: &Path,
        program: &Path,
        arguments: &[&str],
        talk: &Path,
    ) -> Result<Self, Failure> {
        let file = File::create(talk).map_err(|cause| Failure::io(talk, &cause))?;
        let again = file
            .try_clone()
            .map_err(|cause| Failure::io(talk, &cause))?;
        // The kernel sends the signal when we die, however we die. Descriptors must not be what a
        // server with ten thousand connections ends at.
        let descriptors = format!("--nofile={}", descriptors());
        let mut start = command::command(folder, "prlimit", &[&descriptors]);
        start
            .args(["setpriv", "--pdeathsig", "TERM"])
            .arg(program)
            .args(arguments)
            .env("PATH", packages::path())
            .stdout(Stdio::from(file))
            .stderr(Stdio::from(again));
        group(&mut start);
        let child = start.spawn().map_err(|cause| {
            Failure::stuck(
                format!("{} cannot be started: {cause}", program.display()),
                "install util-linux, which brings prlimit and setpriv",
            )
        })?;
        Ok(Self { child })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end, waits, and answers its exit code; none where it had to be killed.
    pub(crate) fn stop(mut self) -> Option<i32> {
        self.farewell();
        if !self.ended() {
            return None;
        }
        self.child.wait().ok()?.code()
    }

    /// Asks it to end and waits a while.
    fn farewell(&self) {
        const PAUSE: Duration = Duration::from_millis(20);
        if !self.ended() {
            self.signal("-TERM", &self.child.id().to_string());
        }
        let mut waited = Duration::ZERO;
        while waited < FAREWELL && !self.ended() {
            thread::sleep(PAUSE);
            waited += PAUSE;
        }
    }

    /// Whether it has ended. Its exit is not collected: its id stays its own until it is dropped.
    pub(crate) fn ended(&self) -> bool {
        read(self.child.id()).is_none_or(|process| process.gone)
    }

    /// Processor time of the process and all below it so far, in seconds.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let (user, kernel) = self.processor_time();
        user + kernel
    }

    /// The same, as what was spent in the programs themselves and what in the kernel for them.
    pub(crate) fn processor_time(&self) -> (f64, f64) {
        let all = tree(self.child.id(), &processes());
        let seconds = |of: fn(&Process) -> u64| all.iter().map(of).sum::<u64>() as f64 / TICKS;
        (seconds(|it| it.user), seconds(|it| it.kernel))
    }

    fn signal(&self, name: &str, to: &str) {
        command::answers(&mut command::command(
            Path::new("/"),
            "kill",
            &[name, "--", to],
        ));
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.farewell();
        let pid = self.child.id();
        // What is left of its group goes too. Until we wait for it, the id is not given to others.
        self.signal("-KILL", &format!("-{pid}"));
        let _ = self.child.wait();
    }
}

/// How many descriptors a program may be given: enough, where we may raise our limit so far, or all
/// that we have.
fn descriptors() -> u64 {
    static ALLOWED: OnceLock<u64> = OnceLock::new();
    const ENOUGH: u64 = 65_536;
    *ALLOWED.get_or_init(|| {
        let enough = format!("--nofile={ENOUGH}");
        if command::answers(&mut command::command(
            Path::new("/"),
            "prlimit",
            &[&enough, "true"],
        )) {
            return ENOUGH;
        }
        let text = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        text.lines()
            .find_map(|line| {
                line.strip_prefix("Max open files")?
                    .split_whitespace()
                    .nth(1)
            })
            .and_then(|hard| hard.parse().ok())
            .unwrap_or(1024)
    })
}

/// Whether we are root.
pub(crate) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Looks at the memory of a running program again and again, and keeps the most.
#[derive(Debug)]
pub(crate) struct Watch {
    end: mpsc::Sender<()>,
    watching: thread::JoinHandle<Memory>,
}

impl Watch {
    pub(crate) fn over(running: &Running) -> Self {
        const PAUSE: Duration = Duration::from_millis(200);
        let root = running.child.id();
        let (end, ended) = mpsc::channel();
        let watching = thread::spawn(move || {
            let mut most = Memory::default();
            loop {
                let now = memory(root);
                most.resident = most.resident.max(now.resident);
                most.proportional = most.proportional.max(now.proportional);
                if ended.recv_timeout(PAUSE) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return most;
                }
            }
        });
        Self { end, watching }
    }

    /// Ends it.
    pub(crate) fn most(self) -> Memory {
        drop(self.end);
        self.watching.join().unwrap_or_default()
    }
}

/// Memory of a process and all below it.
fn memory(root: u32) -> Memory {
    let mut sum = Memory::default();
    for process in tree(root, &processes()) {
        let path = format!("/proc/{}/smaps_rollup", process.pid);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        sum.resident += kilobytes(&text, "Rss:") * 1024;
        sum.proportional += kilobytes(&text, "Pss:") * 1024;
    }
    sum
}

fn group(command: &mut Command) {
    use std::os::unix::process::CommandExt as _;
    command.process_group(0);
}

/// One line of the process table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Process {
    pid: u32,
    parent: u32,
    /// Ticks spent in itself.
    user: u64,
    /// Ticks spent in the kernel for it.
    kernel: u64,
    /// Whether only its exit code is left of it.
    gone: bool,
}

/// Every process of the machine.
fn processes() -> BTreeMap<u32, Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, read(pid)?)))
        .collect()
}

/// One process; `None` where it is not there any more.
fn read(pid: u32) -> Option<Process> {
    parse(
        pid,
        &std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?,
    )
}

/// A line of `/proc/PID/stat` (proc_pid_stat(5)): the name in parentheses may hold anything.
fn parse(pid: u32, stat: &str) -> Option<Process> {
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some(Process {
        pid,
        parent: fields.get(1)?.parse().ok()?,
        user: number(11)?,
        kernel: number(12)?,
        gone: matches!(fields.first(), Some(&"Z" | &"X")),
    })
}

/// `root` and everything below it.
fn tree(root: u32, all: &BTreeMap<u32, Process>) -> Vec<Process> {
    let mut found: Vec<Process> = all.get(&root).copied().into_iter().collect();
    let mut at = 0;
    while let Some(parent) = found.get(at).map(|process| process.pid) {
        found.extend(all.values().filter(|process| process.parent == parent));
        at += 1;
    }
    found
}

/// The number behind `name` in a text such as `/proc/PID/smaps_rollup`.
pub(crate) fn kilobytes(text: &str, name: &str) -> u64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_process_table_is_read_whatever_the_name() {
        let line = "7 (a) b (c)) S 3 7 7 0 -1 4194560 1 2 3 4 50 25 9 9 20 0 1 0 99 1 1";
        let process = parse(7, line).unwrap();
        assert_eq!((process.parent, process.user, process.kernel), (3, 50, 25));
        assert!(!process.gone);
        assert!(parse(7, &line.replace(" S 3", " Z 3")).unwrap().gone);
        assert_eq!(parse(7, "7 (short) S 3"), None);
    }

    #[test]
    fn a_tree_is_the_root_and_all_below_it() {
        let process = |pid, parent| {
            let process = Process {
                pid,
                parent,
                user: u64::from(pid),
                kernel: 0,
                gone: false,
            };
            (pid, process)
        };
        let all = [process(1, 0), process(5, 1), process(6, 5), process(7, 5)];
        let all: BTreeMap<u32, Process> = all.into_iter().chain([process(8, 6)]).collect();
        let pids: Vec<u32> = tree(5, &all).iter().map(|process| process.pid).collect();
        assert_eq!(pids, [5, 6, 7, 8]);
        assert_eq!(tree(99, &all), []);
    }

    #[test]
    fn memory_is_read_in_kilobytes() {
        let text = "00400000-7ffd rollup\nRss:     1600 kB\nPss:    900 kB\nPss_Anon: 1 kB\n";
        assert_eq!(kilobytes(text, "Rss:"), 1600);
        assert_eq!(kilobytes(text, "Pss:"), 900);
        assert_eq!(kilobytes(text, "Swap:"), 0);
    }

    #[test]
    fn what_is_dropped_has_ended_and_what_it_started_too() {
        let folder = tempfile::tempdir().unwrap();
        let talk = folder.path().join("talk");
        let script = "trap 'exit 0' TERM; sleep 60 & echo $!; wait";
        let shell = Path::new("sh");
        let running = Running::start(folder.path(), shell, &["-c", script], &talk).unwrap();
        let below: u32 = loop {
            assert!(!running.ended());
            let said = std::fs::read_to_string(&talk).unwrap();
            if let Some(line) = said.strip_suffix('\n') {
                break line.parse().unwrap();
            }
            thread::yield_now();
        };
        let pid = running.child.id();
        assert!(Watch::over(&running).most().resident > 0);
        assert!(tree(pid, &processes()).iter().any(|p| p.pid == below));
        drop(running);
        assert_eq!(read(pid), None);
        // Nobody may have collected its exit yet, but it runs no more.
        while read(below).is_some_and(|process| !process.gone) {
            thread::yield_now();
        }
    }
}
