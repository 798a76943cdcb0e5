//! Retention on the disk that forgets, at whatever time a test likes.

use super::*;
use crate::{
    alteration::Alteration,
    crash_disk::CrashDisk,
    log::Log,
    segment::Batch,
    verify::{Given, Whole, verify},
    view::View,
};

const FOLDER: &str = "/ledger";
const DAY: i64 = 24 * 60 * 60 * 1000;
const KEEP: Duration = Duration::from_secs(10 * 24 * 60 * 60);

fn signer() -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed("log.example/a/1", [3; 32]).unwrap())
}

/// A log with 256 entries a day, from day 0 on, and five of the day after.
fn log(days: i64) -> CrashDisk {
    let disk = CrashDisk::new(Path::new("/"));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut log = Log::create(&shared, Path::new(FOLDER), signer(), None).unwrap();
    for day in 0..=days {
        let mut batch = Batch::default();
        for n in 0..if day < days { 256 } else { 5 } {
            let time = day * DAY + n;
            assert!(batch.push(format!("{{\"v\":1,\"time\":{time},\"n\":{n}}}").as_bytes()));
        }
        log.append(&batch).unwrap();
        log.publish().unwrap();
    }
    disk
}

fn open(disk: &CrashDisk, signed: u64) -> Retention {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Retention::open(&disk, Path::new(FOLDER), &signer(), KEEP, signed).unwrap()
}

fn whole(disk: &CrashDisk) -> Whole {
    let key = signer().verifier().clone();
    let given = Given {
        key: Some(&key),
        seen: None,
    };
    verify(disk, Path::new(FOLDER), given).unwrap_or_else(|fault| panic!("{fault}"))
}

fn day(day: i64) -> Timestamp {
    Timestamp::from_millis(day * DAY)
}

fn exists(disk: &CrashDisk, path: &str) -> bool {
    disk.read(&Path::new(FOLDER).join(path), u64::MAX).is_ok()
}

/// Removes the entries of the first `days` days.
fn prune(disk: &CrashDisk, days: u64, signed: u64) -> Retention {
    let mut retention = open(disk, signed);
    retention
        .announce(days * 256, day(29), Duration::ZERO)
        .unwrap();
    assert!(!retention.remove(days * 256, day(30)).unwrap());
    assert_eq!(retention.minimum.index, days * 256);
    retention
}

const SIGNED: u64 = 40 * 256 + 5;

#[test]
fn what_is_old_goes_a_day_after_it_was_announced_and_the_log_stays_whole() {
    let disk = log(40);
    let mut retention = open(&disk, SIGNED);
    let (now, moment) = (day(15), Duration::from_secs(1000));
    // Of day 4 the last entry is ten days and a little less old.
    let wish = retention.look(now, moment, SIGNED);
    assert_eq!(wish, Wish::Announce(5 * 256));
    retention.announce(5 * 256, now, moment).unwrap();
    assert_eq!(retention.look(now, moment, SIGNED), Wish::Nothing);
    assert!(exists(&disk, "tile/entries/000"));
    assert_eq!(whole(&disk).minimum, 0);

    let (now, moment) = (day(16), moment + NOTICE);
    assert_eq!(retention.look(now, moment, SIGNED), Wish::Remove(5 * 256));
    assert!(!retention.remove(5 * 256, now).unwrap());
    let found = whole(&disk);
    assert_eq!((found.minimum, found.since), (5 * 256, Some(now)));
    for gone in ["tile/entries/004", "tile/0/004", "tile/entries/000"] {
        assert!(!exists(&disk, gone), "{gone}");
    }
    for kept in ["tile/entries/005", "tile/0/005", "tile/1/000.p/40"] {
        assert!(exists(&disk, kept), "{kept}");
    }
    // The next one is announced in its turn.
    assert_eq!(retention.look(now, moment, SIGNED), Wish::Announce(6 * 256));
}

#[test]
fn proofs_at_or_above_the_minimum_index_can_still_be_made_and_entries_below_are_not_shown() {
    let disk = log(40);
    let minimum = prune(&disk, 15, SIGNED).minimum.index;
    let view = View::open(&disk, Path::new(FOLDER)).unwrap();
    for index in [minimum, minimum + 300, SIGNED - 1] {
        let proof = view.proof(index).unwrap().unwrap();
        assert!(proof.contains(&format!("index {index}\n")));
    }
    assert_eq!(view.proof(minimum - 1).unwrap(), None);
    let mut lines = Vec::new();
    assert_eq!(view.export(&mut lines).unwrap(), SIGNED - minimum);
    // The log is opened, goes on, and is whole.
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut log = Log::open(&shared, Path::new(FOLDER), signer(), None).unwrap();
    let mut batch = Batch::default();
    assert!(batch.push(b"{}"));
    log.append(&batch).unwrap();
    log.publish().unwrap();
    assert_eq!(whole(&disk).head.size, SIGNED + 1);
}

#[test]
fn a_clock_that_was_wrong_for_less_than_a_day_removes_nothing() {
    let disk = log(40);
    let mut retention = open(&disk, SIGNED);
    let (wrong, moment) = (day(40_000), Duration::from_secs(1000));
    let Wish::Announce(index) = retention.look(wrong, moment, SIGNED) else {
        panic!("nothing is announced")
    };
    // However late it seems to be, no more than a quarter goes at a time.
    assert_eq!(index, 10 * 256);
    retention.announce(index, wrong, moment).unwrap();
    // The clock is set further still: the day is one of this machine.
    let later = moment + Duration::from_secs(3600);
    assert_eq!(retention.look(day(50_000), later, SIGNED), Wish::Nothing);
    // It is set right: the announcement lies in the future and is void.
    let right = retention.look(day(15), later, SIGNED);
    assert_eq!(right, Wish::Announce(5 * 256));
    // The same after a restart.
    let mut again = open(&disk, SIGNED);
    let first = again.look(day(15), Duration::ZERO, SIGNED);
    assert_eq!(first, Wish::Announce(5 * 256));
    assert_eq!(whole(&disk).minimum, 0);
}

#[test]
fn a_bundle_that_is_not_old_when_its_turn_comes_stays() {
    let disk = log(40);
    let mut retention = open(&disk, SIGNED);
    retention
        .announce(9 * 256, day(15), Duration::ZERO)
        .unwrap();
    assert!(!retention.remove(9 * 256, day(16)).unwrap());
    assert_eq!(retention.minimum.index, 6 * 256);
    assert_eq!(retention.minimum.announced, None);
    assert!(exists(&disk, "tile/entries/006"));
    whole(&disk);
}

#[test]
fn a_crash_at_any_call_of_a_removal_leaves_a_whole_log_that_is_repaired() {
    let made = log(4);
    let signed = 4 * 256 + 5;
    let run = |disk: &CrashDisk| -> Result<(), io::Error> {
        let mut retention = open(disk, signed);
        retention.announce(2 * 256, day(14), Duration::ZERO)?;
        retention.remove(2 * 256, day(15)).map(drop)
    };
    let trial = made.after_crash(1);
    run(&trial).unwrap();
    for call in 0..trial.calls() {
        for seed in 0..5 {
            let disk = made.after_crash(1);
            disk.stop_at(call);
            assert!(run(&disk).is_err(), "call {call}");
            let found = disk.after_crash(seed);
            let before = whole(&found).minimum;
            let retention = open(&found, signed);
            assert_eq!(retention.minimum.index, before);
            for index in 0..before / 256 {
                assert!(!exists(&found, &format!("tile/entries/{index:03}")));
                assert!(!exists(&found, &format!("tile/0/{index:03}")));
            }
            whole(&found);
        }
    }
}

#[test]
fn without_the_synced_note_a_crash_would_be_an_alteration() {
    use crate::crash_disk::SyncCall;
    let disk = log(12).after_crash(1);
    disk.skip(Arc::new(|call: &SyncCall<'_>| {
        call.path.ends_with("minimum.new") || call.path == Path::new(FOLDER)
    }));
    let mut retention = open(&disk, 12 * 256 + 5);
    retention.remove(3 * 256, day(20)).unwrap();
    for folder in ["tile/entries", "tile/0"] {
        disk.sync_folder(&Path::new(FOLDER).join(folder)).unwrap();
    }
    let found = disk.after_crash(0);
    let fault = verify(&found, Path::new(FOLDER), Given::default()).unwrap_err();
    let missing = matches!(fault.alteration(), Some(Alteration::MissingTile(_)));
    assert!(missing, "{fault}");
}

#[test]
fn a_missing_bundle_that_no_signed_minimum_covers_is_named_and_a_forged_minimum_too() {
    let disk = log(40);
    let minimum = prune(&disk, 15, SIGNED).minimum;
    let key = signer().verifier().clone();
    let judge = |disk: &CrashDisk| {
        let given = Given {
            key: Some(&key),
            seen: None,
        };
        let fault = verify(disk, Path::new(FOLDER), given).unwrap_err();
        fault.alteration().unwrap().clone()
    };
    let bundle = TileFile {
        content: Content::Entries,
        index: minimum.index / 256,
        width: 256,
    };
    let path = Path::new(FOLDER).join(bundle.to_string());
    let missing = disk.after_crash(1);
    missing.remove(&path).unwrap();
    assert_eq!(judge(&missing), Alteration::MissingTile(bundle));
    // A minimum index that another key signed, or beyond the end.
    let other = SignerKey::from_seed("log.example/a/1", [4; 32]).unwrap();
    let further = Minimum {
        index: minimum.index + 256,
        ..minimum.clone()
    };
    further.write(&missing, Path::new(FOLDER), &other).unwrap();
    assert!(matches!(judge(&missing), Alteration::BadMinimum(_)));
    let beyond = Minimum {
        index: 41 * 256,
        ..minimum
    };
    beyond
        .write(&missing, Path::new(FOLDER), &signer())
        .unwrap();
    assert!(matches!(judge(&missing), Alteration::BadMinimum(_)));
    // An older one, put back.
    let disk = disk.after_crash(1);
    disk.remove(&crate::minimum::minimum_path(Path::new(FOLDER)))
        .unwrap();
    let first = TileFile { index: 0, ..bundle };
    assert_eq!(judge(&disk), Alteration::MissingTile(first));
    // Without a bundle the root over it is what the level above says, and that is under the root.
    let level = Path::new(FOLDER).join("tile/1/000.p/40");
    let disk = log(40);
    prune(&disk, 15, SIGNED);
    let mut bytes = disk.read(&level, u64::MAX).unwrap();
    bytes[33] ^= 1;
    let mut file = disk.create(&level, crate::disk::Access::Shared).unwrap();
    file.write(&bytes).unwrap();
    assert_eq!(judge(&disk), Alteration::Root { size: SIGNED });
}

#[test]
fn a_seen_checkpoint_below_the_minimum_index_is_said_not_to_be_compared() {
    let disk = log(2);
    let older = |disk: &CrashDisk| {
        let bytes = disk
            .read(&Path::new(FOLDER).join("checkpoint"), 9999)
            .unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let seen = older(&disk);
    let disk = log(40);
    prune(&disk, 15, SIGNED);
    let key = signer().verifier().clone();
    let given = Given {
        key: Some(&key),
        seen: Some(&seen),
    };
    let found = verify(&disk, Path::new(FOLDER), given).unwrap();
    assert_eq!((found.seen, found.seen_is_gone), (None, true));
    assert!(found.cannot_exclude()[0].contains("minimum index"));
}
