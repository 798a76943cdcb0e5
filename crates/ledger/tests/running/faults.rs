//! Disks that fail, fill up, hang or are slow under the running ledger.

use std::{io, path::PathBuf, sync::Arc, time::Duration};

use control::Timestamp;
use ledger::{
    Kind, NotDurable, Notice, Pace,
    crash_disk::CrashDisk,
    disk::{Access, Disk},
    home::ledger_folder,
};

use crate::house::{House, PACE, block_on, event, eventually, micros, refusal};

/// Puts a file where the folder of tiles belongs: nothing can be signed until it is removed.
fn block_tiles(house: &House) -> PathBuf {
    let place = ledger_folder(house.data()).join("tile");
    let blocked = house.disk.create(&place, Access::Shared);
    drop(blocked.unwrap());
    place
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
    let place = block_tiles(&house);
    block_on(recorder.record_durable(event(1))).unwrap();
    assert!(ledger.flush_blocking().is_err());
    assert!(ledger.state().behind.is_some());
    assert_eq!(recorder.record(event(2)), Ok(()));
    house.disk.remove(&place).unwrap();
    eventually("signed", || ledger.flush_blocking().is_ok());
    assert_eq!(ledger.state().signed, 2);
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

#[test]
fn while_the_disk_syncs_the_rings_are_emptied() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    let recorder = ledger.recorder();
    house.disk.hold_syncs(true);
    const MANY: u64 = 10_000;
    for id in 0..MANY {
        eventually("room", || recorder.ready(4).is_ok());
        recorder.record(event(id)).unwrap();
    }
    assert_eq!(ledger.state().durable, 0);
    house.disk.hold_syncs(false);
    assert_eq!(ledger.flush_blocking().unwrap().size, MANY);
    let entries = house.entries(&house.disk);
    assert_eq!(micros(&entries), (0..MANY).collect::<Vec<_>>());
}

#[test]
fn beyond_what_memory_may_hold_recording_is_refused_until_the_disk_goes_on() {
    let house = House::new();
    let pace = Pace {
        queue: 64 * 1024,
        ..PACE
    };
    let ledger = house.open_with(&house.disk, 64, pace);
    let recorder = ledger.recorder();
    house.disk.hold_syncs(true);
    let mut taken = 0;
    let refused = loop {
        match recorder.record(event(taken)) {
            Ok(()) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 1_000_000);
    };
    assert_eq!(refused, NotDurable::Full);
    for _ in 0..100_000 {
        recorder.record_refusal(refusal(5));
    }
    house.disk.hold_syncs(false);
    let flushed = ledger.flush_blocking().unwrap();
    let entries = house.entries(&house.disk);
    assert_eq!(recorder.ready(1), Ok(()));
    assert!(flushed.size >= taken);
    assert_eq!(micros(&entries), (0..taken).collect::<Vec<_>>());
    let refusals = entries.iter().filter(|e| e.get("micros").is_none());
    let counted: u64 = refusals.map(|e| e["count"].as_u64().unwrap_or(1)).sum();
    assert_eq!(counted, 100_000);
}

#[test]
fn a_disk_that_does_not_answer_counts_as_failed_until_it_does() {
    let house = House::new();
    let pace = Pace {
        patience: Duration::from_millis(20),
        ..PACE
    };
    let ledger = house.open_with(&house.disk, 64, pace);
    let recorder = ledger.recorder();
    block_on(recorder.record_durable(event(0))).unwrap();
    house.disk.hold_syncs(true);
    assert_eq!(
        block_on(recorder.record_durable(event(1))),
        Err(NotDurable::Disk)
    );
    assert_eq!(recorder.record(event(2)), Err(NotDurable::Disk));
    assert_eq!(recorder.ready(1), Err(NotDurable::Disk));
    let notice = Notice::new(Timestamp::default(), Kind::STARTED);
    assert_eq!(ledger.note_blocking(notice), Err(NotDurable::Disk));
    let why = ledger.state().failing.unwrap();
    assert!(why.starts_with("the disk has not answered for "), "{why}");
    house.disk.hold_syncs(false);
    eventually("recovered", || ledger.state().failing.is_none());
    eventually("open", || recorder.ready(1).is_ok());
    let pending = block_on(recorder.record_durable(event(3)));
    assert!(matches!(pending, Ok(()) | Err(NotDurable::Disk)));
    ledger.flush_blocking().unwrap();
    assert_eq!(micros(&house.entries(&house.disk)), [0, 1, 3]);
}

#[test]
fn who_stops_waiting_for_the_disk_takes_nothing_back() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    let recorder = ledger.recorder();
    house.disk.hold_syncs(true);
    block_on(async {
        let waiting = recorder.record_durable(event(1));
        let waited = tokio::time::timeout(Duration::from_millis(10), waiting).await;
        assert!(waited.is_err(), "nothing is durable on a disk that hangs");
    });
    house.disk.hold_syncs(false);
    block_on(recorder.record_durable(event(2))).unwrap();
    let found = house.disk.after_crash(0);
    assert_eq!(micros(&house.entries(&found)), [1, 2]);
}

#[test]
fn a_ledger_whose_disk_hangs_can_be_closed_and_keeps_its_folder_locked_meanwhile() {
    let house = House::new();
    let pace = Pace {
        limit: Duration::from_millis(50),
        ..PACE
    };
    let ledger = house.open_with(&house.disk, 64, pace);
    let recorder = ledger.recorder();
    let lock = house.lock();
    let others = Arc::strong_count(&lock);
    house.disk.hold_syncs(true);
    recorder.record(event(1)).unwrap();
    let error = ledger.close().unwrap_err();
    assert!(error.to_string().contains("has not answered"), "{error}");
    assert_eq!(recorder.record(event(2)), Err(NotDurable::Closed));
    drop(ledger);
    assert!(Arc::strong_count(&lock) > 2, "threads may still write");
    house.disk.hold_syncs(false);
    eventually("released", || Arc::strong_count(&lock) == 2);
    assert!(others > 2);
    let again = house.open(&house.disk, 64, 20);
    assert_eq!(micros(&house.entries(&house.disk)), [1]);
    drop(again);
}

#[test]
fn tiles_that_cannot_be_written_for_long_cost_bounded_memory_and_then_refuse() {
    let house = House::new();
    let pace = Pace {
        queue: 64 * 1024,
        backlog: 64 * 1024,
        ..PACE
    };
    let ledger = house.open_with(&house.disk, 64, pace);
    let recorder = ledger.recorder();
    let place = block_tiles(&house);
    block_on(recorder.record_durable(event(0))).unwrap();
    assert!(ledger.flush_blocking().is_err());
    let mut taken = 1;
    while recorder.record(event(taken)).is_ok() {
        taken += 1;
        assert!(taken < 20_000, "nothing bounds what waits for its tiles");
    }
    house.disk.remove(&place).unwrap();
    eventually("signed", || ledger.flush_blocking().is_ok());
    assert_eq!(ledger.state().signed, taken);
    assert_eq!(
        micros(&house.entries(&house.disk)),
        (0..taken).collect::<Vec<_>>()
    );
}

#[test]
fn a_ledger_whose_tiles_cannot_be_written_can_be_closed_and_is_signed_at_the_next_start() {
    let house = House::new();
    let ledger = house.open(&house.disk, 64, 20);
    let recorder = ledger.recorder();
    let place = block_tiles(&house);
    block_on(recorder.record_durable(event(0))).unwrap();
    assert!(ledger.flush_blocking().is_err());
    block_on(recorder.record_durable(event(1))).unwrap();
    assert!(ledger.close().is_err());
    house.disk.remove(&place).unwrap();
    let again = house.open(&house.disk, 64, 20);
    eventually("signed", || again.state().signed == 2);
}
