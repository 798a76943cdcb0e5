//! What a person asks of `cargo xtask fuzz`.

use std::time::Duration;

use crate::failure::Failure;

/// What is done with the targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// New inputs are looked for.
    Fuzz,
    /// The known inputs run once.
    Replay,
    /// The committed corpora are made as small as they can be.
    Minimise,
    /// Only the log of hours is summed up.
    Hours,
}

/// The options, read.
#[derive(Debug)]
pub(super) struct Options {
    pub(super) targets: Vec<String>,
    pub(super) mode: Mode,
    pub(super) jobs: usize,
    pub(super) record: bool,
    pub(super) sanitizer: &'static str,
    minutes: u64,
}

impl Options {
    pub(super) fn read(arguments: &[&str]) -> Result<Self, Failure> {
        let mut options = Self {
            targets: Vec::new(),
            mode: Mode::Fuzz,
            jobs: 1,
            record: false,
            sanitizer: "none",
            minutes: 10,
        };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match *argument {
                "--minutes" => options.minutes = number(argument, rest.next())?,
                "--jobs" => {
                    options.jobs = usize::try_from(number(argument, rest.next())?).unwrap_or(1);
                }
                "--corpus-only" => options.mode = Mode::Replay,
                "--minimise" => options.mode = Mode::Minimise,
                "--hours" => options.mode = Mode::Hours,
                "--address" => options.sanitizer = "address",
                "--record" => options.record = true,
                option if option.starts_with('-') => return Err(misused(option)),
                target => options.targets.push(target.to_owned()),
            }
        }
        Ok(options)
    }

    /// How long each of `count` targets runs.
    pub(super) fn share(&self, count: usize) -> Duration {
        let rounds = count.div_ceil(self.jobs.max(1)).max(1);
        let rounds = u64::try_from(rounds).unwrap_or(u64::MAX);
        Duration::from_secs((self.minutes * 60 / rounds).max(1))
    }
}

fn number(option: &str, given: Option<&&str>) -> Result<u64, Failure> {
    given
        .and_then(|number| number.parse().ok())
        .filter(|number| (1..=100_000).contains(number))
        .ok_or_else(|| misused(option))
}

fn misused(option: &str) -> Failure {
    Failure::stuck(
        format!("{option} is no option of fuzz, or has no number behind it"),
        "cargo xtask fuzz [TARGET]... [--minutes N] [--jobs N] [--address] [--record] \
         [--corpus-only | --minimise | --hours]",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_shared_among_the_targets() {
        let options = Options::read(&["--minutes", "10", "--jobs", "2"]).unwrap();
        assert_eq!(options.share(4), Duration::from_secs(300));
        assert_eq!(options.share(5), Duration::from_secs(200));
        assert_eq!(options.share(100_000), Duration::from_secs(1));
    }

    #[test]
    fn names_are_targets_and_unknown_options_are_refused() {
        let options = Options::read(&["path", "--minimise", "host"]).unwrap();
        assert_eq!(options.targets, ["path", "host"]);
        assert_eq!(options.mode, Mode::Minimise);
        for wrong in [&["--fast"][..], &["--minutes"], &["--jobs", "0"]] {
            assert_eq!(Options::read(wrong).unwrap_err().exit(), 2);
        }
    }
}
