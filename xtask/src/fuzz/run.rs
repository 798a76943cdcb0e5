//! One run of one target.
//!
//! Owns the command line of libFuzzer and the reading of what it says at the end.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use super::{Folders, corpus, targets::Target};
use crate::{bench::process::Running, clock::clock, command, failure::Failure};

/// Beyond its share, for what one input may take and for the end.
const GRACE: Duration = Duration::from_secs(120);

/// What the address sanitizer is told; other builds do not look. SQLite has two tables of one name in
/// two of its functions, which a sanitizer that compares names takes for one defined twice.
const SANITIZER: &str = "ASAN_OPTIONS=detect_odr_violation=0";

/// How a run ended.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Outcome {
    pub(super) target: String,
    pub(super) executions: u64,
    /// Edges of the program that some input reaches.
    pub(super) edges: u64,
    /// Inputs that reached something new.
    pub(super) new: u64,
    pub(super) processor_seconds: f64,
    /// Inputs that break an invariant, take too long or too much memory.
    pub(super) findings: Vec<PathBuf>,
}

/// Runs a target for `share`; for no time at all it only replays what is known.
pub(super) fn run(
    target: &Target,
    programs: &Path,
    folders: &Folders,
    share: Duration,
) -> Result<Outcome, Failure> {
    let talk = folders.found.with_extension("log");
    let before = corpus::paths(&folders.artifacts)?;
    let mut arguments = vec![
        SANITIZER.to_owned(),
        programs.join(&target.name).display().to_string(),
        format!("-max_len={}", target.largest),
        format!("-artifact_prefix={}/", folders.artifacts.display()),
        "-print_final_stats=1".to_owned(),
        "-timeout=10".to_owned(),
        "-rss_limit_mb=2048".to_owned(),
    ];
    arguments.push(match share.as_secs() {
        0 => "-runs=0".to_owned(),
        seconds => format!("-max_total_time={seconds}"),
    });
    if let Some(dictionary) = &target.dictionary {
        arguments.push(format!("-dict={dictionary}"));
    }
    arguments.push(folders.found.display().to_string());
    arguments.push(folders.committed.display().to_string());
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let start = clock();
    let running = Running::start(programs, Path::new("env"), &arguments, &talk)?;
    while !running.ended() && clock() - start < share + GRACE {
        thread::sleep(Duration::from_millis(100));
    }
    let ended = running.ended();
    let processor_seconds = running.processor_seconds();
    drop(running);
    let bytes = std::fs::read(&talk).map_err(|cause| Failure::io(&talk, &cause))?;
    let said = String::from_utf8_lossy(&bytes);
    let findings: Vec<PathBuf> = corpus::paths(&folders.artifacts)?
        .into_iter()
        .filter(|path| !before.contains(path))
        .collect();
    let summed = last_number(&said, "stat::number_of_executed_units:");
    if findings.is_empty() && (!ended || summed.is_none()) {
        return Err(Failure::stuck(
            format!("{} ended without an answer", target.name),
            format!("its last words: {}", command::last_lines(&said, 5)),
        ));
    }
    if !findings.is_empty() {
        eprintln!("{}: {}", target.name, command::last_lines(&said, 40));
    }
    Ok(Outcome {
        target: target.name.clone(),
        executions: summed.unwrap_or(0),
        edges: last_number(&said, " cov: ").unwrap_or(0),
        new: last_number(&said, "stat::new_units_added:").unwrap_or(0),
        processor_seconds,
        findings,
    })
}

/// Writes into `merged` the inputs that together reach what all known ones reach.
pub(super) fn merge(
    target: &Target,
    programs: &Path,
    folders: &Folders,
    merged: &Path,
) -> Result<(), Failure> {
    // What an earlier run left there would count as reached.
    let _ = std::fs::remove_dir_all(merged);
    std::fs::create_dir_all(merged).map_err(|cause| Failure::io(merged, &cause))?;
    let largest = format!("-max_len={}", target.largest);
    let mut program = command::command(programs, "env", &[SANITIZER]);
    program
        .arg(programs.join(&target.name))
        .args(["-merge=1", &largest])
        .arg(merged)
        .arg(&folders.committed)
        .arg(&folders.found);
    let said = command::listen(&mut program, Duration::from_secs(1800))?;
    if said.success {
        return Ok(());
    }
    Err(Failure::no(
        format!("an input of {} breaks an invariant", target.name),
        format!("its last words: {}", command::last_lines(&said.stderr, 20)),
    ))
}

/// The number behind the last `label`.
fn last_number(said: &str, label: &str) -> Option<u64> {
    let (_, rest) = said.rsplit_once(label)?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_the_last_that_were_said() {
        let said = "#2 INITED cov: 7 ft: 8\n#9 NEW    cov: 12 ft: 30 corp: 3/9b\n\
                    stat::number_of_executed_units: 191995\nstat::new_units_added:          696\n";
        assert_eq!(last_number(said, " cov: "), Some(12));
        assert_eq!(last_number(said, "stat::new_units_added:"), Some(696));
        assert_eq!(last_number(said, "stat::missing:"), None);
    }
}
