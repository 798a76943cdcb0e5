//! Committed inputs: few and small.
//!
//! Owns the limits of a corpus. Refuses none of what a merge found by its content: of too many some
//! of each size stay, and an input that is named after a finding stays always.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The most inputs of one target.
pub(super) const MOST_FILES: usize = 300;

/// The most bytes of all inputs of one target.
pub(super) const MOST_BYTES: usize = 400 << 10;

/// How the names begin of inputs that people put there.
const KEPT: [&str; 2] = ["finding-", "seed-"];

/// What a corpus holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) files: usize,
    pub(super) bytes: usize,
}

/// The inputs in a folder, by name.
pub(super) fn paths(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|cause| Failure::io(folder, &cause))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    Ok(paths)
}

/// The number of inputs in a folder.
pub(super) fn count(folder: &Path) -> Result<usize, Failure> {
    paths(folder).map(|paths| paths.len())
}

/// Makes `committed` hold inputs of `merged` within the limits, small ones first, and what people
/// put there.
pub(super) fn replace(committed: &Path, merged: &Path) -> Result<Kept, Failure> {
    let mut kept = Kept::default();
    for path in paths(committed)? {
        if by_hand(&path) {
            kept.files += 1;
            kept.bytes += read(&path)?.len();
        } else {
            std::fs::remove_file(&path).map_err(|cause| Failure::io(&path, &cause))?;
        }
    }
    let mut found = Vec::new();
    for path in paths(merged)?.into_iter().filter(|path| !by_hand(path)) {
        found.push((read(&path)?, path));
    }
    found.sort_by_key(|(bytes, _)| bytes.len());
    // Of too many, some of each size: the small ones alone would never get past a first line.
    let room = MOST_FILES.saturating_sub(kept.files).max(1);
    let chosen = |at: usize| found.len() <= room || at * room % found.len() < room;
    for (_, (bytes, path)) in found.iter().enumerate().filter(|(at, _)| chosen(*at)) {
        if kept.files >= MOST_FILES || kept.bytes + bytes.len() > MOST_BYTES {
            break;
        }
        let to = committed.join(path.file_name().unwrap_or_default());
        std::fs::write(&to, bytes).map_err(|cause| Failure::io(&to, &cause))?;
        kept.files += 1;
        kept.bytes += bytes.len();
    }
    Ok(kept)
}

fn by_hand(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    KEPT.iter().any(|prefix| name.starts_with(prefix))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|cause| Failure::io(path, &cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_inputs_some_of_each_size_stay() {
        let folder = tempfile::tempdir().unwrap();
        let (committed, merged) = (folder.path().join("c"), folder.path().join("m"));
        for path in [&committed, &merged] {
            std::fs::create_dir(path).unwrap();
        }
        for size in 0..3 * MOST_FILES {
            std::fs::write(merged.join(format!("{size:04}")), vec![0; size % 900]).unwrap();
        }
        let kept = replace(&committed, &merged).unwrap();
        assert_eq!(kept.files, MOST_FILES);
        let left = paths(&committed).unwrap();
        let names: Vec<_> = left.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!((names[1], names[299]), ("0003".as_ref(), "0897".as_ref()));
    }

    #[test]
    fn the_smallest_inputs_stay_and_those_of_people_always_do() {
        let folder = tempfile::tempdir().unwrap();
        let (committed, merged) = (folder.path().join("c"), folder.path().join("m"));
        for path in [&committed, &merged] {
            std::fs::create_dir(path).unwrap();
        }
        std::fs::write(committed.join("finding-loop"), vec![0; MOST_BYTES - 10]).unwrap();
        std::fs::write(committed.join("old"), b"old").unwrap();
        std::fs::write(merged.join("small"), b"1234").unwrap();
        std::fs::write(merged.join("large"), b"1234567").unwrap();
        let kept = replace(&committed, &merged).unwrap();
        assert_eq!((kept.files, kept.bytes), (2, MOST_BYTES - 6));
        let left: Vec<PathBuf> = paths(&committed).unwrap();
        let names: Vec<_> = left.iter().map(|path| path.file_name().unwrap()).collect();
        assert_eq!(names, ["finding-loop", "small"]);
    }
}
