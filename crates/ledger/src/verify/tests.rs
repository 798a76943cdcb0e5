//! The same is found however many threads look.

use std::{cell::RefCell, sync::Arc};

use super::*;
use crate::{
    crash_disk::CrashDisk, disk::Access, log::Log, minimum::Minimum, note::SignerKey,
    segment::Batch,
};

const FOLDER: &str = "/ledger";
/// More bundles than four threads judge in one round.
const BUNDLES: u64 = 140;
const SIZE: u64 = BUNDLES * 256 + 9;

fn signer() -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed("log.example/a/1", [3; 32]).unwrap())
}

/// A log of many bundles, and checkpoints that end within some of them.
fn log() -> (CrashDisk, String) {
    let disk = CrashDisk::new(Path::new("/"));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut log = Log::create(&shared, Path::new(FOLDER), signer(), None).unwrap();
    let mut seen = String::new();
    for until in [300, 33 * 256, 40 * 256 + 7, SIZE] {
        let mut batch = Batch::default();
        for index in log.publisher.size()..until {
            assert!(batch.push(format!("{{\"n\":{index}}}").as_bytes()));
        }
        log.append(&batch).unwrap();
        log.publish().unwrap();
        seen.push_str(log.publisher.note());
    }
    (disk, seen)
}

/// What every number of threads finds alike.
fn found(disk: &CrashDisk, seen: Option<&str>) -> Result<Whole, VerifyError> {
    let key = signer().verifier().clone();
    let given = Given {
        key: Some(&key),
        seen,
    };
    let alone = verify(disk, Path::new(FOLDER), given);
    for threads in [2, 3, 4, 7] {
        let effort = Effort {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..Effort::default()
        };
        let together = verify_with(disk, Path::new(FOLDER), given, &effort);
        assert_eq!(format!("{together:?}"), format!("{alone:?}"), "{threads}");
    }
    alone
}

fn named(disk: &CrashDisk) -> String {
    found(disk, None).unwrap_err().to_string()
}

/// Flips the last bit of a file.
fn flip(disk: &CrashDisk, path: &str) {
    let path = Path::new(FOLDER).join(path);
    let mut bytes = disk.read(&path, u64::MAX).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    let mut file = disk.create(&path, Access::Shared).unwrap();
    file.write(&bytes).unwrap();
}

fn remove(disk: &CrashDisk, path: &str) {
    disk.remove(&Path::new(FOLDER).join(path)).unwrap();
}

#[test]
fn a_whole_log_and_its_seen_checkpoints_are_found_whole() {
    let (disk, seen) = log();
    let whole = found(&disk, Some(&seen)).unwrap();
    assert_eq!((whole.head.size, whole.seen), (SIZE, Some(SIZE)));
    assert!(!whole.seen_left_out && !whole.seen_is_gone);
}

#[test]
fn of_many_alterations_the_first_is_named() {
    let (disk, _) = log();
    // From the last to the first, so that each hides those before it.
    for (path, first) in [
        ("tile/0/139", "hash 255 of tile/0/139"),
        ("tile/entries/100", "entry 25855 in tile/entries/100"),
        ("tile/entries/070", "entry 18175 in tile/entries/070"),
        ("tile/entries/069", "entry 17919 in tile/entries/069"),
        ("tile/0/033", "entry 8703 in tile/entries/033"),
        ("tile/entries/000", "entry 255 in tile/entries/000"),
    ] {
        flip(&disk, path);
        let said = named(&disk);
        assert!(said.contains(first), "{path}: {said}");
    }
    // One that is missing ends the reading, wherever it lies.
    remove(&disk, "tile/entries/120");
    assert_eq!(named(&disk), "tile/entries/120 is missing");
    remove(&disk, "tile/0/035");
    assert_eq!(named(&disk), "tile/0/035 is missing");
}

#[test]
fn a_forked_log_is_named_by_what_was_seen_within_a_bundle() {
    let (disk, _) = log();
    let head = Checkpoint {
        origin: "log.example/a/1".to_owned(),
        size: 50 * 256 + 3,
        root: [7; 32],
    };
    let seen = signer().sign(&head.to_string());
    let fault = found(&disk, Some(&seen)).unwrap_err();
    let forked = Alteration::Forked { seen: head.size };
    assert_eq!(fault.alteration(), Some(&forked));
}

#[test]
fn what_lies_below_the_minimum_index_may_be_gone_and_nothing_else() {
    let (disk, seen) = log();
    let minimum = Minimum {
        index: 70 * 256,
        ..Minimum::none("log.example/a/1".to_owned())
    };
    minimum.write(&disk, Path::new(FOLDER), &signer()).unwrap();
    for index in 0..70 {
        remove(&disk, &format!("tile/entries/{index:03}"));
        remove(&disk, &format!("tile/0/{index:03}"));
    }
    let whole = found(&disk, Some(&seen)).unwrap();
    assert_eq!((whole.minimum, whole.seen_is_gone), (70 * 256, true));
    remove(&disk, "tile/entries/070");
    assert_eq!(named(&disk), "tile/entries/070 is missing");
}

#[test]
fn progress_is_told_up_to_the_end() {
    let (disk, _) = log();
    let told = RefCell::new(Vec::new());
    let effort = Effort {
        progress: &|done, of| told.borrow_mut().push((done, of)),
        ..Effort::default()
    };
    verify_with(&disk, Path::new(FOLDER), Given::default(), &effort).unwrap();
    let told = told.into_inner();
    assert!(told.len() > 2 && told.is_sorted());
    assert!(told.iter().all(|(_, of)| *of == SIZE));
    assert_eq!(told.last(), Some(&(SIZE, SIZE)));
}
