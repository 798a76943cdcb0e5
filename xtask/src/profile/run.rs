//! One run of the gate under a profiler, from its start to its end.
//!
//! Owns the folder of the run and the two ways of counting: instructions by callgrind, which keeps
//! a file for each thread, and system calls by strace. Both are written when the gate has ended.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use serde_json::Value;

use super::{callgrind::Costs, load};
use crate::{
    bench::{self, Running},
    failure::Failure,
    workspace::Workspace,
};

const CONFIGURATION: &str = include_str!("vouchsafe.toml");

/// How long strace's summary is awaited once the gate has ended.
const SUMMARY: Duration = Duration::from_secs(10);

const PAUSE: Duration = Duration::from_millis(20);

/// A gate that can be run again and again.
pub(crate) struct Bench<'a> {
    folder: PathBuf,
    binary: &'a Path,
    case: &'a load::Case,
    key: String,
}

impl Drop for Bench<'_> {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl<'a> Bench<'a> {
    pub(crate) fn new(
        workspace: &Workspace,
        binary: &'a Path,
        case: &'a load::Case,
    ) -> Result<Self, Failure> {
        let folder = workspace.target().join("profile-gate");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).map_err(|cause| Failure::io(&folder, &cause))?;
        let origin = load::origin().map_err(|cause| Failure::io(&folder, &cause))?;
        let path = folder.join("vouchsafe.toml");
        std::fs::write(
            &path,
            CONFIGURATION.replace("{origin}", &origin.to_string()),
        )
        .map_err(|cause| Failure::io(&path, &cause))?;
        let key = bench::create_key(binary, &folder)?;
        Ok(Self {
            folder,
            binary,
            case,
            key,
        })
    }

    /// Instructions of a run with `requests` requests.
    pub(crate) fn profile(&self, requests: usize) -> Result<Profile, Failure> {
        let out = self.folder.join("instructions");
        let file = format!("--callgrind-out-file={}", out.display());
        let tool = ["--tool=callgrind", "--separate-threads=yes", &file];
        self.serve("valgrind", &tool, requests)?;
        let mut profile = Profile::default();
        for entry in std::fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
        {
            if !entry
                .file_name()
                .to_string_lossy()
                .starts_with("instructions-")
            {
                continue;
            }
            let text = std::fs::read_to_string(entry.path())
                .map_err(|cause| Failure::io(&entry.path(), &cause))?;
            profile.add(Costs::read(&text));
            let _ = std::fs::remove_file(entry.path());
        }
        if profile.gate.total() == 0 {
            return Err(Failure::stuck(
                "callgrind saw no thread that judges requests",
                "is the function gate::stages::admit_head still there, and kept by `profile`?",
            ));
        }
        Ok(profile)
    }

    /// System calls of a run with `requests` requests.
    pub(crate) fn calls(&self, requests: usize) -> Result<Calls, Failure> {
        let out = self.folder.join("calls");
        let file = out.display().to_string();
        let _ = std::fs::remove_file(&out);
        // Watching from a process of its own, so that the gate hears when it is to end.
        self.serve("strace", &["-DD", "-f", "-c", "-qq", "-o", &file], requests)?;
        let mut left = SUMMARY;
        loop {
            let text = std::fs::read_to_string(&out).unwrap_or_default();
            if text.trim_end().ends_with("total") {
                return Ok(Calls::read(&text));
            }
            if left.is_zero() {
                return Err(Failure::stuck(
                    "strace wrote no summary",
                    "may this user trace its own processes?",
                ));
            }
            thread::sleep(PAUSE);
            left = left.saturating_sub(PAUSE);
        }
    }

    /// Runs the gate under `tool` until it has answered `requests` requests.
    fn serve(&self, tool: &str, options: &[&str], requests: usize) -> Result<(), Failure> {
        let ready = self.folder.join("ready");
        let _ = std::fs::remove_file(&ready);
        let binary = self.binary.display().to_string();
        let mut arguments = options.to_vec();
        arguments.extend([binary.as_str(), "up", "--config", "vouchsafe.toml"]);
        arguments.extend(["--ready-file", "ready", "--threads", "1"]);
        let talk = self.folder.join("talk");
        let running = Running::start(&self.folder, Path::new(tool), &arguments, &talk)?;
        let address = bench::await_ready(&running, &talk, || {
            let text = std::fs::read_to_string(&ready).ok()?;
            let ready = serde_json::from_str::<Value>(&text).ok()?;
            let address = ready.pointer("/gate/0")?.as_str()?;
            address.parse::<SocketAddr>().ok()
        })?;
        let request = self.case.request(&self.key);
        load::send(address, &request, requests).map_err(|cause| {
            Failure::stuck(
                format!("{}: {cause}", self.case.name),
                "mend it: what answers wrongly is not worth a profile",
            )
        })
    }
}

/// Instructions of one run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Profile {
    gate: Costs,
    writer: Costs,
}

impl Profile {
    fn add(&mut self, thread: Costs) {
        if thread.below("gate::stages::admit_head") > 0 {
            self.gate = thread;
        } else if thread.below("ledger::writer::") > 0 {
            self.writer = thread;
        }
    }
}

/// What one request spent: the difference of two runs, divided.
#[derive(Debug)]
pub(crate) struct Spent {
    pub(super) fewer: Profile,
    pub(super) many: Profile,
    pub(super) requests: usize,
}

impl Spent {
    fn each(&self, of: impl Fn(&Profile) -> u64) -> f64 {
        (of(&self.many) as f64 - of(&self.fewer) as f64) / self.requests as f64
    }

    /// On the gate's thread, in and below the functions whose names begin so.
    pub(crate) fn gate(&self, prefix: &str) -> f64 {
        self.each(|profile| profile.gate.below(prefix))
    }

    /// On the gate's thread.
    pub(crate) fn gate_total(&self) -> f64 {
        self.each(|profile| profile.gate.total())
    }

    /// On the thread of the ledger's writer, in and below the functions whose names begin so.
    pub(crate) fn writer(&self, prefix: &str) -> f64 {
        self.each(|profile| profile.writer.below(prefix))
    }

    /// On the thread of the ledger's writer.
    pub(crate) fn writer_total(&self) -> f64 {
        self.each(|profile| profile.writer.total())
    }
}

/// How often each system call was made in one run, by all threads.
#[derive(Debug, Default)]
pub(crate) struct Calls(HashMap<String, u64>);

impl Calls {
    /// Reads the summary that `strace -c` writes.
    fn read(text: &str) -> Self {
        let line = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let count = words.get(3)?.parse().ok()?;
            Some((words.last()?.to_string(), count))
        };
        Self(text.lines().filter_map(line).collect())
    }

    pub(crate) fn of(&self, call: &str) -> u64 {
        self.0.get(call).copied().unwrap_or(0)
    }

    /// The calls that were made more often than in `fewer`, with how many more.
    pub(crate) fn more(&self, fewer: &Self) -> Vec<(String, u64)> {
        let more = |(call, count): (&String, &u64)| {
            let more = count.saturating_sub(fewer.of(call));
            (more > 0 && call != "total").then(|| (call.clone(), more))
        };
        self.0.iter().filter_map(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_system_calls_is_read() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- ----------------\n \
                    51.35    0.000019           4         4         1 read\n \
                    48.65    0.000018           9         2           write\n\
                    ------ ----------- ----------- --------- --------- ----------------\n\
                    100.00    0.000037           6         6         1 total\n";
        let calls = Calls::read(text);
        assert_eq!((calls.of("read"), calls.of("write")), (4, 2));
        let mut more = calls.more(&Calls(HashMap::from([("read".to_owned(), 1)])));
        more.sort();
        assert_eq!(more, [("read".to_owned(), 3), ("write".to_owned(), 2)]);
    }
}
