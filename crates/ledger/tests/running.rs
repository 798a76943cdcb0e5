//! The running ledger, threads and all, on the disk that forgets.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{
    collections::BTreeMap,
    io,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use control::{ControlId, Reason, SystemClock, SystemRng, Timestamp};
use ledger::{
    Event, Kind, Ledger, Lock, NotDurable, Notice, Options, Pace, PrincipalId, RequestId,
    crash_disk::CrashDisk,
    disk::Disk,
    home::ledger_folder,
    note::VerifierKey,
    verify::{Given, Whole, verify},
    view::View,
};
use serde_json::Value;

struct House {
    _folder: tempfile::TempDir,
    lock: Option<Arc<Lock>>,
    disk: CrashDisk,
}

impl House {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(folder.path()).unwrap();
        Self {
            disk: CrashDisk::new(folder.path()),
            lock: Some(Arc::new(lock)),
            _folder: folder,
        }
    }

    fn data(&self) -> &Path {
        self.lock.as_ref().unwrap().folder()
    }

    fn open(&self, disk: &CrashDisk, ring: usize, quiet: u32) -> Ledger {
        let options = Options {
            lock: Arc::clone(self.lock.as_ref().unwrap()),
            origin: "log.example/test/1".to_owned(),
            second_place: None,
            ring,
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
        };
        let pace = Pace {
            interval: Duration::from_millis(5),
            quiet,
        };
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        Ledger::open_on(disk, options, pace).unwrap()
    }

    fn entries(&self, disk: &CrashDisk) -> Vec<Value> {
        let view = View::open(disk, &ledger_folder(self.data())).unwrap();
        let entries = view.last(u64::MAX).unwrap();
        let read = entries
            .iter()
            .map(|(_, e)| serde_json::from_slice(e).unwrap());
        read.collect()
    }

    fn verify(&self, disk: &CrashDisk, key: &str, seen: Option<&str>) -> Whole {
        let key = VerifierKey::parse(key).unwrap();
        let given = Given {
            key: Some(&key),
            seen,
        };
        verify(disk, &ledger_folder(self.data()), given).unwrap()
    }
}

fn event(id: u64) -> Event {
    let mut request = [0; 16];
    request[8..].copy_from_slice(&id.to_be_bytes());
    Event {
        request: Some(RequestId(request)),
        status: Some(200),
        client: Some("203.0.113.9".parse().unwrap()),
        principal: PrincipalId::new("key"),
        micros: Some(id),
        ..Event::new(Timestamp::from_millis(1_763_719_200_000), Kind::REQUEST)
    }
}

fn refusal(second: i64) -> Event {
    Event {
        control: Some(ControlId("gate.path")),
        reason: Some(Reason("dot-segment")),
        status: Some(400),
        client: Some("203.0.113.9".parse().unwrap()),
        ..Event::new(Timestamp::from_seconds(second), Kind::REQUEST)
    }
}

fn micros(entries: &[Value]) -> Vec<u64> {
    entries
        .iter()
        .filter_map(|e| e["micros"].as_u64())
        .collect()
}

/// Waits for another thread without a fixed time; gives up loudly.
#[expect(clippy::disallowed_methods, reason = "a test that waits for a thread")]
fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::yield_now();
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(future)
}

#[test]
fn an_event_acknowledged_as_durable_outlives_a_crash() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    let recorder = ledger.recorder();
    block_on(recorder.record_durable(event(1))).unwrap();
    block_on(ledger.note(Notice::new(Timestamp::default(), Kind::STARTED))).unwrap();
    let found = house.disk.after_crash(0);
    drop(ledger);
    let again = house.open(&found, 64, 20);
    let entries = house.entries(&found);
    assert_eq!(entries[0]["micros"], 1);
    assert_eq!(entries[1]["kind"], "instance.start");
    let whole = house.verify(&found, again.verifier_key(), None);
    assert_eq!((whole.head.size, whole.unsigned), (2, 0));
}

#[test]
fn a_sleeping_writer_is_woken_by_one_batched_event() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 0);
    let recorder = ledger.recorder();
    for id in 1..50 {
        recorder.record(event(id)).unwrap();
        eventually("durable", || ledger.state().durable == id);
    }
    recorder.record_refusal(refusal(5));
    eventually("durable", || ledger.state().durable == 50);
}

#[test]
fn a_flush_brings_everything_so_far_under_a_checkpoint() {
    let house = House::new();
    let ledger = house.open(&house.disk, 1024, 20);
    let recorder = ledger.recorder();
    let mut seen = None;
    for round in 0..3_u64 {
        for id in 0..300 {
            recorder.record(event(round * 300 + id)).unwrap();
        }
        let flushed = ledger.flush_blocking().unwrap();
        assert_eq!(flushed.size, (round + 1) * 300);
        let found = house.disk.after_crash(0);
        let whole = house.verify(&found, ledger.verifier_key(), seen.as_deref());
        assert_eq!(whole.head.size, flushed.size);
        seen = Some(flushed.checkpoint);
    }
    assert_eq!(
        micros(&house.entries(&house.disk)),
        (0..900).collect::<Vec<_>>()
    );
    let state = ledger.state();
    assert_eq!(
        (state.durable, state.signed, state.behind),
        (900, 900, None)
    );
}

#[test]
fn producers_on_many_threads_lose_and_double_nothing() {
    let house = House::new();
    let ledger = house.open(&house.disk, 4096, 20);
    std::thread::scope(|scope| {
        for producer in 0..4_u64 {
            let recorder = ledger.recorder();
            scope.spawn(move || {
                block_on(async {
                    for id in 0..500 {
                        let id = producer * 1000 + id;
                        if id % 7 == 0 {
                            recorder.record_durable(event(id)).await.unwrap();
                        } else {
                            recorder.record(event(id)).unwrap();
                        }
                    }
                });
            });
        }
    });
    ledger.close().unwrap();
    let mut by_producer: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for id in micros(&house.entries(&house.disk.after_crash(0))) {
        by_producer.entry(id / 1000).or_default().push(id % 1000);
    }
    assert_eq!(by_producer.len(), 4);
    for ids in by_producer.values() {
        assert_eq!(*ids, (0..500).collect::<Vec<_>>());
    }
}

#[test]
fn many_tasks_of_one_core_wait_together() {
    let house = House::new();
    let ledger = house.open(&house.disk, 1024, 20);
    let recorder = std::rc::Rc::new(ledger.recorder());
    let local = tokio::task::LocalSet::new();
    block_on(local.run_until(async {
        let tasks: Vec<_> = (0..200)
            .map(|id| {
                let recorder = std::rc::Rc::clone(&recorder);
                tokio::task::spawn_local(async move { recorder.record_durable(event(id)).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }));
    assert_eq!(
        micros(&house.entries(&house.disk.after_crash(1))).len(),
        200
    );
}

#[test]
fn a_full_ring_refuses_and_takes_again_when_the_disk_goes_on() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    let recorder = ledger.recorder();
    house.disk.hold_syncs(true);
    let mut taken = 0;
    let refused = loop {
        match recorder.record(event(taken)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 10_000);
    };
    assert_eq!(refused, NotDurable::Full);
    for _ in 0..100_000 {
        recorder.record_refusal(refusal(5));
    }
    house.disk.hold_syncs(false);
    let flushed = ledger.flush_blocking().unwrap();
    recorder.record(event(taken)).unwrap();
    let entries = house.entries(&house.disk);
    assert!(flushed.size >= taken);
    assert_eq!(micros(&entries), (0..taken).collect::<Vec<_>>());
    let refusals = entries.iter().filter(|e| e.get("micros").is_none());
    let counted: u64 = refusals.map(|e| e["count"].as_u64().unwrap_or(1)).sum();
    assert_eq!(counted, 100_000);
}

#[test]
fn a_disk_that_fails_refuses_and_loses_nothing_it_took() {
    let house = House::new();
    let ledger = house.open(&house.disk, 1024, 20);
    let recorder = ledger.recorder();
    block_on(recorder.record_durable(event(0))).unwrap();
    type Break = fn(&CrashDisk, bool);
    let breaks: [Break; 3] = [
        |disk, broken| disk.fail(broken.then_some(io::ErrorKind::ReadOnlyFilesystem)),
        |disk, broken| disk.set_free(broken.then_some(10)),
        CrashDisk::fail_syncs,
    ];
    for (id, fail) in (1_u64..).zip(breaks) {
        fail(&house.disk, true);
        let refused = block_on(recorder.record_durable(event(id)));
        assert_eq!(refused, Err(NotDurable::Disk));
        assert_eq!(recorder.record(event(99)), Err(NotDurable::Disk));
        assert!(ledger.state().failing.is_some());
        assert!(ledger.flush_blocking().is_err());
        fail(&house.disk, false);
        eventually("recovered", || ledger.state().failing.is_none());
        block_on(recorder.record_durable(event(50 + id))).unwrap();
    }
    let key = ledger.verifier_key().to_owned();
    ledger.close().unwrap();
    let found = house.disk.after_crash(0);
    assert_eq!(micros(&house.entries(&found)), [0, 1, 51, 2, 52, 3, 53]);
    house.verify(&found, &key, None);
}

#[test]
fn tiles_that_cannot_be_written_hold_up_no_event() {
    let house = House::new();
    let ledger = house.open(&house.disk, 1024, 20);
    let recorder = ledger.recorder();
    // A file stands where the folder of tiles belongs.
    let place = ledger_folder(house.data()).join("tile");
    drop(
        house
            .disk
            .create(&place, ledger::disk::Access::Shared)
            .unwrap(),
    );
    block_on(recorder.record_durable(event(1))).unwrap();
    assert!(ledger.flush_blocking().is_err());
    assert!(ledger.state().behind.is_some());
    assert_eq!(recorder.record(event(2)), Ok(()));
    house.disk.remove(&place).unwrap();
    eventually("signed", || ledger.flush_blocking().is_ok());
    assert_eq!(ledger.state().signed, 2);
}

#[test]
fn a_flood_of_refusals_is_counted_whole() {
    let house = House::new();
    let ledger = house.open(&house.disk, 1 << 16, 20);
    let recorder = ledger.recorder();
    for _ in 0..5000 {
        recorder.record_refusal(refusal(5));
    }
    let size = ledger.flush_blocking().unwrap().size;
    assert!(size < 1000, "{size}");
    let entries = house.entries(&house.disk);
    let counted: u64 = entries
        .iter()
        .map(|e| e["count"].as_u64().unwrap_or(1))
        .sum();
    assert_eq!(counted, 5000);
    assert!(entries.iter().all(|e| e["control"] == "gate.path"));
    assert!(ledger.state().folded > 4000);
}

#[test]
fn a_closed_ledger_refuses_and_can_be_opened_again() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    let recorder = ledger.recorder();
    recorder.record(event(1)).unwrap();
    let last = ledger.close().unwrap();
    assert_eq!(last.size, 1);
    assert!(ledger.close().is_err());
    assert_eq!(recorder.record(event(2)), Err(NotDurable::Closed));
    assert_eq!(
        block_on(recorder.record_durable(event(2))),
        Err(NotDurable::Closed)
    );
    let notice = Notice::new(Timestamp::default(), Kind::STOPPED);
    assert_eq!(ledger.note_blocking(notice), Err(NotDurable::Closed));
    let again = house.open(&house.disk, 64, 20);
    again.recorder().record(event(3)).unwrap();
    again.close().unwrap();
    assert_eq!(micros(&house.entries(&house.disk)), [1, 3]);
    house.verify(&house.disk, again.verifier_key(), Some(&last.checkpoint));
}

#[test]
fn a_ledger_can_be_closed_on_a_thread_of_a_runtime() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    ledger.recorder().record(event(1)).unwrap();
    let size = block_on(async { ledger.close() }).unwrap().size;
    assert_eq!(size, 1);
}

#[test]
fn a_ledger_can_be_closed_while_its_disk_fails() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    let recorder = ledger.recorder();
    house.disk.fail(Some(io::ErrorKind::ReadOnlyFilesystem));
    assert!(block_on(recorder.record_durable(event(1))).is_err());
    ledger.close().expect_err("nothing can be flushed");
    assert_eq!(recorder.record(event(2)), Err(NotDurable::Closed));
}
