//! What the ledger does by the clock, on the disk that forgets.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use control::{Clock, ControlId, SystemClock, SystemRng, Timestamp, clock::FixedClock};
use ledger::{
    Event, Keeping, Kind, Ledger, Lock, NotDurable, Options, Pace, Recorder, Room,
    crash_disk::CrashDisk,
    disk::Disk,
    home::ledger_folder,
    note::VerifierKey,
    verify::{Given, verify},
    view::View,
};

const MIB: u64 = 1024 * 1024;

/// The clock of this machine, set forward as far as a test likes.
#[derive(Default)]
struct Shifted(SystemClock, AtomicU64);

impl Shifted {
    fn days(&self, days: u64) {
        self.1.fetch_add(days * 86_400, Ordering::SeqCst);
    }

    fn shift(&self) -> Duration {
        Duration::from_secs(self.1.load(Ordering::SeqCst))
    }
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        self.0.now().plus(self.shift())
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic() + self.shift()
    }
}

fn open(folder: &Path, disk: &CrashDisk, keeping: Keeping) -> Ledger {
    open_at(folder, disk, keeping, Arc::new(SystemClock::new()))
}

fn open_at(folder: &Path, disk: &CrashDisk, keeping: Keeping, clock: Arc<dyn Clock>) -> Ledger {
    open_with(disk, options(folder, keeping, clock))
}

fn options(folder: &Path, keeping: Keeping, clock: Arc<dyn Clock>) -> Options {
    Options {
        lock: Arc::new(Lock::acquire(folder).unwrap()),
        origin: "log.example/test/1".to_owned(),
        second_place: None,
        keeping,
        ring: 64,
        clock,
        rng: Arc::new(SystemRng),
    }
}

fn open_with(disk: &CrashDisk, options: Options) -> Ledger {
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
    let ledger = open(
        folder.path(),
        &disk,
        Keeping {
            floor: MIB,
            keep: None,
        },
    );
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
    let ledger = open(
        folder.path(),
        &disk,
        Keeping {
            floor: MIB,
            keep: None,
        },
    );
    assert_eq!(ledger.recorder().ready(1), Err(NotDurable::Space));
    ledger.close().unwrap();
    assert_eq!(kinds(&disk, folder.path()), ["ledger.space-short"]);

    drop(ledger);

    // Without a floor, the same disk is good until it is full.
    let ledger = open(folder.path(), &disk, Keeping::default());
    assert_eq!(ledger.recorder().ready(1), Ok(()));
    assert_eq!(ledger.state().free, None);
}

const A_WEEK: Keeping = Keeping {
    floor: 0,
    keep: Some(Duration::from_secs(7 * 86_400)),
};

/// Records so many requests of this moment.
fn record(recorder: &Recorder, clock: &dyn Clock, count: usize) {
    for _ in 0..count {
        let event = Event::new(clock.now(), Kind::REQUEST);
        recorder.record(event).unwrap();
    }
}

#[test]
fn old_entries_go_by_the_clock_alone_and_the_log_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(folder.path());
    let clock = Arc::new(Shifted::default());
    let ledger = open_at(folder.path(), &disk, A_WEEK, Arc::clone(&clock) as _);
    let recorder = ledger.recorder();
    for _ in 0..15 {
        record(&recorder, &*clock, 40);
        ledger.flush_blocking().unwrap();
    }
    // Nothing is recorded from here on but what retention itself says.
    clock.days(8);
    eventually("announced", || ledger.state().announced.is_some());
    assert_eq!(ledger.state().minimum, 0);
    clock.days(1);
    eventually("removed", || ledger.state().minimum == 256);
    clock.days(1);
    eventually("the next is announced", || {
        ledger
            .state()
            .announced
            .is_some_and(|next| next.index == 512)
    });
    ledger.close().unwrap();
    let key = VerifierKey::parse(ledger.verifier_key()).unwrap();
    let given = Given {
        key: Some(&key),
        seen: None,
    };
    let whole = verify(&disk, &ledger_folder(folder.path()), given).unwrap();
    assert_eq!((whole.minimum, whole.head.size), (256, 603));
    let kinds = kinds(&disk, folder.path());
    assert_eq!(
        kinds[600 - 256..],
        [
            "ledger.retention-announced",
            "ledger.retention",
            "ledger.retention-announced"
        ]
    );
}

#[test]
fn what_became_due_while_the_ledger_was_closed_goes_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(folder.path());
    let clock = Arc::new(Shifted::default());
    let open = || open_at(folder.path(), &disk, A_WEEK, Arc::clone(&clock) as _);
    let ledger = open();
    let recorder = ledger.recorder();
    record(&recorder, &*clock, 300);
    ledger.close().unwrap();
    drop((recorder, ledger));
    // What a start finds to be old is announced at once, not an hour later.
    clock.days(8);
    let ledger = open();
    eventually("announced", || ledger.state().announced.is_some());
    ledger.close().unwrap();
    drop(ledger);
    clock.days(2);
    let ledger = open();
    eventually("removed", || ledger.state().minimum == 256);
    ledger.close().unwrap();
    let kinds = kinds(&disk, folder.path());
    assert_eq!(
        kinds[300 - 256..],
        ["ledger.retention-announced", "ledger.retention"]
    );
}

#[test]
fn a_second_place_that_is_gone_holds_up_nothing_and_is_written_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(folder.path());
    let elsewhere = folder.path().join("elsewhere");
    let place = elsewhere.join("checkpoints");
    let clock = Arc::new(SystemClock::new());
    let ledger = open_with(
        &disk,
        Options {
            second_place: Some(place.clone()),
            ..options(folder.path(), Keeping::default(), clock)
        },
    );
    eventually("told", || ledger.state().behind.is_some());
    let recorder = ledger.recorder();
    for _ in 0..10 {
        for _ in 0..30 {
            recorder.record(event()).unwrap();
        }
        ledger.flush_blocking().unwrap();
    }
    // What a checkpoint made superfluous goes all the same: partial tiles, and with them the journal.
    let partial = ledger_folder(folder.path()).join("tile/entries/000.p");
    eventually("tidied", || disk.list(&partial).is_err());
    assert!(ledger.state().behind.is_some());

    disk.create_folder(&elsewhere).unwrap();
    eventually("copied", || ledger.state().behind.is_none());
    let last = ledger.close().unwrap();
    let copies = String::from_utf8(disk.read(&place, u64::MAX).unwrap()).unwrap();
    assert!(copies.ends_with(&last.checkpoint));
}

#[test]
fn a_hundred_thousand_refusals_are_few_entries_whose_counts_make_up_the_flood() {
    const FLOOD: u64 = 100_000;
    const SECONDS: u64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let disk = CrashDisk::new(folder.path());
    let clock = FixedClock::at(Timestamp::from_seconds(100));
    let ledger = open_at(
        folder.path(),
        &disk,
        Keeping::default(),
        Arc::new(clock.clone()),
    );
    let recorder = ledger.recorder();
    for _ in 0..SECONDS {
        for number in 0..FLOOD / SECONDS {
            recorder.record_refusal(Event {
                control: Some(ControlId("gate.path")),
                status: Some(400),
                // Four clients, so that no second tells apart more than that.
                client: Some(std::net::Ipv4Addr::new(203, 0, 113, (number % 4) as u8).into()),
                ..Event::new(clock.now(), Kind::REQUEST)
            });
        }
        // However slowly the rings are emptied, the second ends behind its last refusal.
        ledger.flush_blocking().unwrap();
        clock.advance(Duration::from_secs(1));
    }
    ledger.close().unwrap();
    let view = View::open(&disk, &ledger_folder(folder.path())).unwrap();
    let entries: Vec<serde_json::Value> = view
        .last(u64::MAX)
        .unwrap()
        .iter()
        .map(|(_, entry)| serde_json::from_slice(entry).unwrap())
        .collect();
    // Of each client and second 32 whole ones and a count; and what found the ring full, which is
    // told when a second begins and when it is flushed.
    let (uncounted, others): (Vec<_>, Vec<_>) = entries
        .iter()
        .partition(|entry| entry["reason"] == "ring-full");
    assert!(others.len() as u64 <= SECONDS * 4 * 33, "{}", others.len());
    assert!(
        uncounted.len() as u64 <= 2 * SECONDS + 1,
        "{}",
        uncounted.len()
    );
    let sum: u64 = entries
        .iter()
        .map(|entry| entry["count"].as_u64().unwrap_or(1))
        .sum();
    assert_eq!(sum, FLOOD);
    assert_eq!(ledger.state().folded, FLOOD - whole(&entries));
}

fn whole(entries: &[serde_json::Value]) -> u64 {
    let whole = entries.iter().filter(|entry| entry["count"].is_null());
    whole.count() as u64
}
