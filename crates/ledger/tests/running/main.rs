//! The running ledger, threads and all, on the disk that forgets.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod faults;
mod house;

use std::collections::BTreeMap;

use control::Timestamp;
use ledger::{Kind, NotDurable, Notice};

use house::{House, block_on, event, eventually, micros, refusal};

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
