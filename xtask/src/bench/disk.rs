//! The disk's own rate of durable appends: the measure beside which the ledger is read.

use std::{
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    time::Duration,
};

use super::{
    Setting, Table,
    figures::{clock, percentile},
};
use crate::failure::Failure;

/// How long each size is measured.
const TIME: Duration = Duration::from_secs(2);

pub(crate) fn run(setting: &Setting<'_>) -> Result<Vec<Table>, Failure> {
    let path = setting.workspace.target().join("bench-disk");
    let mut table = Table::titled(
        "Disk",
        &["bytes per append", "durable a second", "p50 µs", "p99 µs"],
    );
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
    Ok(vec![table])
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

#[cfg(test)]
mod tests {
    use super::*;

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
