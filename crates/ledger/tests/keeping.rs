//! What the ledger does by the clock, on the disk that forgets.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use control::{SystemClock, SystemRng, Timestamp};
use ledger::{
    Event, Keeping, Kind, Ledger, Lock, NotDurable, Options, Pace, Room, crash_disk::CrashDisk,
    disk::Disk, home::ledger_folder, view::View,
};

const MIB: u64 = 1024 * 1024;

fn open(folder: &Path, disk: &CrashDisk, keeping: Keeping) -> Ledger {
    let options = Options {
        lock: Arc::new(Lock::acquire(folder).unwrap()),
        origin: "log.example/test/1".to_owned(),
        second_place: None,
        keeping,
        ring: 64,
        clock: Arc::new(SystemClock::new()),
        rng: Arc::new(SystemRng),
    };
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Ledger::open_on(disk, options, Pace::default()).unwrap()
}

fn event() -> Event {
    Event::new(Timestamp::from_seconds(1), Kind::REQUEST)
}

fn kinds(disk: &CrashDisk, folder: &Path) -> Vec<String> {
    let view = View::open(disk, &ledger_folder(folder)).unwrap();
    let entries = view.last(u64::MAX).unwrap();
    let kind = |entry: &[u8]| {
        let read: serde_json::Value = serde_json::from_slice(entry).unwrap();
        read["kind"].as_str().unwrap().to_owned()
    };
    entries.iter().map(|(_, entry)| kind(entry)).collect()
}

/// Waits for another thread without a fixed time; gives up loudly.
#[expect(clippy::disallowed_methods, reason = "a test that waits for a thread")]
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(60), "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn below_the_floor_nothing_begins_what_had_begun_is_recorded_and_it_resumes_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(folder.path());
    disk.set_free(Some(8 * MIB));
    let ledger = open(folder.path(), &disk, Keeping { floor: MIB });
    let recorder = ledger.recorder();
    assert_eq!(recorder.ready(1), Ok(()));
    assert_eq!(ledger.state().room, Room::Ample);

    disk.set_free(Some(2 * MIB - 1));
    eventually("low", || ledger.state().room == Room::Low);
    assert_eq!(recorder.ready(1), Ok(()));

    disk.set_free(Some(MIB - 1));
    eventually("short", || ledger.state().room == Room::Short);
    assert_eq!(recorder.ready(1), Err(NotDurable::Space));
    assert!(ledger.state().free.unwrap() < MIB);
    // A request under way ends, a flood is one count, and a checkpoint fits.
    recorder.record(event()).unwrap();
    for _ in 0..50 {
        recorder.record_refusal(event());
    }
    let flushed = ledger.flush_blocking().unwrap();

    disk.set_free(Some(8 * MIB));
    eventually("ample", || ledger.state().room == Room::Ample);
    assert_eq!(recorder.ready(1), Ok(()));
    assert!(ledger.close().unwrap().size >= flushed.size);
    assert_eq!(
        kinds(&disk, folder.path()),
        [
            "ledger.space-low",
            "ledger.space-short",
            "request",
            "request.refusals",
            "ledger.space-ample"
        ]
    );
}

#[test]
fn a_ledger_that_starts_below_the_floor_takes_nothing_from_the_first_moment() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(folder.path());
    drop(open(folder.path(), &disk, Keeping::default()));
    disk.set_free(Some(MIB / 2));
    let ledger = open(folder.path(), &disk, Keeping { floor: MIB });
    assert_eq!(ledger.recorder().ready(1), Err(NotDurable::Space));
    ledger.close().unwrap();
    assert_eq!(kinds(&disk, folder.path()), ["ledger.space-short"]);

    drop(ledger);

    // Without a floor, the same disk is good until it is full.
    let ledger = open(folder.path(), &disk, Keeping::default());
    assert_eq!(ledger.recorder().ready(1), Ok(()));
    assert_eq!(ledger.state().free, None);
}
