//! Disks that are full, read-only or defective for a while, at every call.

use std::io;

use ledger::{
    alteration::LedgerError,
    crash_disk::{CrashDisk, Fault},
    disk::Disk,
    log::Log,
    publish::journal_folder,
};

use crate::script::{Promised, SEGMENT, batches, examine, folder, fresh, open, run, second_place};

/// Runs the script as the ledger's threads do: what fails is tried again until it works.
fn persist(log: &mut Log, promised: &mut Promised) {
    log.journal.set_segment_limit(SEGMENT);
    let again = |what: &mut dyn FnMut() -> io::Result<()>| {
        let mut tries = 0;
        while let Err(error) = what() {
            tries += 1;
            assert!(tries < 20, "{error}");
        }
    };
    for (batch, publish) in batches(log.journal.next()) {
        again(&mut || log.journal.append(&batch));
        for entry in batch.iter() {
            log.publisher.add(entry);
        }
        promised.durable = log.journal.next();
        if publish {
            again(&mut || log.publish());
            promised.notes.push(log.publisher.note().to_owned());
        }
    }
}

#[test]
fn nothing_is_lost_on_a_disk_that_is_full_read_only_or_defective_for_any_stretch_of_calls() {
    let (disk, log) = fresh(None, None);
    let begin = disk.calls();
    run(&disk, log.unwrap(), &mut Promised::default()).unwrap();
    let end = disk.calls();
    for fault in [Fault::Full, Fault::ReadOnly, Fault::Defective] {
        for call in begin..end {
            for count in [1, 9] {
                let at = format!("{fault:?} at call {call}, {count} times");
                let (disk, log) = fresh(None, None);
                disk.fail_at(call, count, fault);
                let mut promised = Promised::default();
                persist(&mut log.unwrap(), &mut promised);
                assert!(promised.durable >= 264, "{at}");
                for seed in [0, 1] {
                    examine(&disk.after_crash(seed), &promised)
                        .unwrap_or_else(|loss| panic!("{at}, seed {seed}: {loss}"));
                }
            }
        }
    }
}

#[test]
fn a_crash_while_the_disk_fails_loses_nothing_either() {
    let (disk, log) = fresh(None, None);
    let begin = disk.calls();
    run(&disk, log.unwrap(), &mut Promised::default()).unwrap();
    for fault in [Fault::Full, Fault::Defective] {
        for call in (begin..disk.calls()).step_by(2) {
            for after in [1, 3, 6] {
                let (disk, log) = fresh(None, Some(call + after));
                disk.fail_at(call, 2, fault);
                let mut promised = Promised::default();
                // Each append and checkpoint is tried once: the first that fails ends the script,
                // as a process that is killed does.
                let _ = run(&disk, log.unwrap(), &mut promised);
                for seed in [0, 1, 2] {
                    let at = format!("{fault:?} at call {call}, power gone {after} later, {seed}");
                    examine(&disk.after_crash(seed), &promised)
                        .unwrap_or_else(|loss| panic!("{at}: {loss}"));
                }
            }
        }
    }
}

fn opened(disk: &CrashDisk) -> Result<Log, LedgerError> {
    let opened = open(disk);
    let altered = opened
        .as_ref()
        .err()
        .filter(|error| matches!(error, LedgerError::Altered(_)));
    assert!(altered.is_none(), "taken for an alteration: {altered:?}");
    opened
}

#[test]
fn a_disk_that_cannot_be_read_is_neither_repaired_nor_called_altered() {
    let (disk, log) = fresh(None, None);
    let mut promised = Promised::default();
    run(&disk, log.unwrap(), &mut promised).unwrap();
    let whole = disk.after_crash(0);
    whole.fail_read(None);
    drop(open(&whole).unwrap());
    let reads = whole.reads();
    assert!(reads > 5);
    for read in 0..reads {
        let found = disk.after_crash(0);
        found.fail_read(Some(read));
        if let Err(error) = opened(&found) {
            assert!(matches!(error, LedgerError::Disk { .. }));
            assert_eq!(found.calls(), 0, "read {read}: something was changed");
        }
        found.fail_read(None);
        examine(&found, &promised).unwrap();
    }
}

#[test]
fn a_disk_that_fails_during_recovery_is_tried_again_at_the_next_start() {
    let (disk, log) = fresh(None, None);
    let begin = disk.calls();
    run(&disk, log.unwrap(), &mut Promised::default()).unwrap();
    for call in (begin..disk.calls()).step_by(3) {
        let (disk, log) = fresh(None, Some(call));
        let mut promised = Promised::default();
        run(&disk, log.unwrap(), &mut promised).unwrap_err();
        for fault in [Fault::Full, Fault::ReadOnly, Fault::Defective] {
            for first in 0..6 {
                let found = disk.after_crash(2);
                found.fail_at(first, 2, fault);
                let _ = opened(&found);
                found.fail_at(0, 0, fault);
                let at = format!("call {call}, then {fault:?} from {first}");
                examine(&found, &promised).unwrap_or_else(|loss| panic!("{at}: {loss}"));
                examine(&found.after_crash(0), &promised)
                    .unwrap_or_else(|loss| panic!("{at}, after another crash: {loss}"));
            }
        }
    }
}

#[test]
fn what_is_signed_is_never_written_again_while_the_second_place_is_gone() {
    let broken = |stop_at: Option<u64>| {
        let (disk, log) = fresh(None, None);
        // A folder stands where the file was.
        disk.remove(&second_place()).unwrap();
        disk.create_folder(&second_place()).unwrap();
        if let Some(call) = stop_at {
            disk.stop_at(call);
        }
        let mut log = log.unwrap();
        let begin = disk.calls();
        let mut promised = Promised::default();
        for _ in 0..2 {
            for (batch, _) in batches(log.journal.next()) {
                if log.append(&batch).is_ok() {
                    promised.durable = log.journal.next();
                }
                log.publish().unwrap_err();
            }
        }
        promised.read_by_others(&disk);
        (disk, promised, begin)
    };
    let (disk, promised, begin) = broken(None);
    assert_eq!(promised.durable, 528);
    let journal = disk.list(&journal_folder(&folder())).unwrap();
    assert!(journal.len() <= 2, "covered segments stay: {journal:?}");
    for call in (begin..disk.calls()).step_by(5) {
        let (disk, promised, _) = broken(Some(call));
        for seed in [0, 2] {
            let found = disk.after_crash(seed);
            // Whoever runs the ledger mends the place before it starts again.
            let _ = found.remove_folder(&second_place());
            examine(&found, &promised)
                .unwrap_or_else(|loss| panic!("call {call}, seed {seed}: {loss}"));
        }
    }
}
