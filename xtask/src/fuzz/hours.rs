//! The log of hours: what ran, on which commit, and what it found.
//!
//! Owns `fuzz/hours.toml`. Entries are appended by `--record` and never changed.

use std::{collections::BTreeMap, fs::OpenOptions, io::Write as _, time::Duration};

use serde::Deserialize;

use super::run::Outcome;
use crate::{command, failure::Failure, workspace::Workspace};

const LOG: &str = "fuzz/hours.toml";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Log {
    run: Vec<Run>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the log is for people; only sums are computed")]
struct Run {
    date: toml::value::Datetime,
    commit: String,
    target: String,
    sanitizer: String,
    cpu_seconds: u64,
    executions: u64,
    findings: u64,
}

/// Appends what a run did.
pub(super) fn record(
    workspace: &Workspace,
    sanitizer: &str,
    outcome: &Outcome,
) -> Result<(), Failure> {
    let date = said(workspace, "date", &["-u", "+%F"])?;
    let commit = said(workspace, "git", &["rev-parse", "--short=12", "HEAD"])?;
    let entry = entry(&date, &commit, sanitizer, outcome);
    let path = workspace.root().join(LOG);
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(&path)
        .and_then(|mut file| file.write_all(entry.as_bytes()))
        .map_err(|cause| Failure::io(&path, &cause))
}

fn entry(date: &str, commit: &str, sanitizer: &str, outcome: &Outcome) -> String {
    format!(
        "\n[[run]]\ndate = {date}\ncommit = \"{commit}\"\ntarget = \"{}\"\n\
         sanitizer = \"{sanitizer}\"\ncpu_seconds = {:.0}\nexecutions = {}\nfindings = {}\n",
        outcome.target,
        outcome.processor_seconds,
        outcome.executions,
        outcome.findings.len()
    )
}

/// What has run in all.
pub(super) fn summary(workspace: &Workspace) -> Result<String, Failure> {
    let path = workspace.root().join(LOG);
    let text = std::fs::read_to_string(&path).map_err(|cause| Failure::io(&path, &cause))?;
    sum(&text)
}

fn sum(text: &str) -> Result<String, Failure> {
    let log: Log = toml::from_str(text)
        .map_err(|cause| Failure::stuck(format!("{LOG}: {cause}"), "mend the log"))?;
    let mut targets: BTreeMap<&str, u64> = BTreeMap::new();
    for run in &log.run {
        *targets.entry(&run.target).or_default() += run.cpu_seconds;
    }
    let seconds: u64 = targets.values().sum();
    let executions: u64 = log.run.iter().map(|run| run.executions).sum();
    let findings: u64 = log.run.iter().map(|run| run.findings).sum();
    Ok(format!(
        "{LOG}: {:.2} CPU hours over {} targets, {executions} executions, {findings} findings",
        seconds as f64 / 3600.0,
        targets.len(),
    ))
}

fn said(workspace: &Workspace, program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let mut asked = command::command(workspace.root(), program, arguments);
    let said = command::listen(&mut asked, Duration::from_secs(10))?;
    Ok(said.stdout.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_summed() {
        let outcome = |target: &str, seconds| Outcome {
            target: target.to_owned(),
            executions: 1000,
            processor_seconds: seconds,
            ..Outcome::default()
        };
        let text = ["path", "note", "path"].map(|target| {
            entry(
                "2026-11-22",
                "0123456789ab",
                "none",
                &outcome(target, 1200.2),
            )
        });
        assert_eq!(
            sum(&text.concat()).unwrap(),
            "fuzz/hours.toml: 1.00 CPU hours over 2 targets, 3000 executions, 0 findings"
        );
        assert!(sum("[[run]]\nhours = 1\n").is_err());
    }
}
