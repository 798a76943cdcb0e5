//! The disk's own rate of durable appends: the measure beside which the ledger is read.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use super::{Setting, Table};
use crate::failure::Failure;

/// How long each size is measured.
const TIME: Duration = Duration::from_secs(2);

pub(crate) fn run(setting: &Setting<'_>) -> Result<Table, Failure> {
    let path = setting.workspace.target().join("bench-disk");
    let mut table = Table::new(&["bytes per append", "durable a second", "p50 µs", "p99 µs"]);
    for size in [256, 4096, 65_536] {
        let times = measure(&path, size, TIME).map_err(|cause| Failure::io(&path, &cause));
        let _ = std::fs::remove_file(&path);
        let mut times = times?;
        times.sort_unstable();
        let total: Duration = times.iter().sum();
        let rate = times.len() as f64 / total.as_secs_f64().max(f64::EPSILON);
        table.row([
            size.to_string(),
            format!("{rate:.0}"),
            percentile(&times, 50).as_micros().to_string(),
            percentile(&times, 99).as_micros().to_string(),
        ]);
    }
    table.note("One writer, one append and one fdatasync at a time, in the build folder.");
    Ok(table)
}

fn measure(path: &Path, size: usize, time: Duration) -> std::io::Result<Vec<Duration>> {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    let bytes = vec![0x5a; size];
    let begun = clock();
    let mut times = Vec::new();
    while begun.elapsed() < time {
        let start = clock();
        file.write_all(&bytes)?;
        file.sync_data()?;
        times.push(start.elapsed());
    }
    Ok(times)
}

/// The value below which `percent` of the sorted times lie.
fn percentile(sorted: &[Duration], percent: usize) -> Duration {
    let at = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(at).copied().unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn clock() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_by_the_nearest_rank() {
        let times: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Duration::from_millis(100));
        assert_eq!(percentile(&times, 99), Duration::from_millis(198));
        assert_eq!(percentile(&times[..1], 99), Duration::from_millis(1));
        assert_eq!(percentile(&[], 50), Duration::ZERO);
    }

    #[test]
    fn something_is_measured() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("disk");
        let times = measure(&path, 16, Duration::from_millis(5)).unwrap();
        let written = std::fs::metadata(&path).unwrap().len();
        assert_eq!(written, 16 * times.len() as u64);
        assert!(!times.is_empty());
    }
}
