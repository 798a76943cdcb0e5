//! The power goes again while the log is being recovered, and again while that is.

use std::collections::BTreeSet;

use ledger::crash_disk::CrashDisk;

use crate::script::{Promised, examine, fresh, open, run};

/// Every crash of the script that leaves recovery something else to do, as its disk and promises.
fn crashes() -> Vec<(CrashDisk, Promised)> {
    let (disk, log) = fresh(None, None);
    let begin = disk.calls();
    run(&disk, log.unwrap(), &mut Promised::default()).unwrap();
    let mut known = BTreeSet::new();
    let mut crashes = Vec::new();
    for call in begin..disk.calls() {
        for seed in [0, 1, 2, 3] {
            let (disk, log) = fresh(None, Some(call));
            let mut promised = Promised::default();
            run(&disk, log.unwrap(), &mut promised).unwrap_err();
            promised.read_by_others(&disk);
            let found = disk.after_crash(seed);
            let again = found.after_crash(1);
            let log = open(&again).unwrap();
            // What recovery does is known by how much it writes and where it ends.
            let signed = log.publisher.signed();
            if again.calls() > 0 && known.insert((again.calls(), signed, promised.durable)) {
                crashes.push((found, promised));
            }
        }
    }
    crashes
}

/// Opens `disk`, with the power going at `call`; the disk as it is found then, or `None` if opening
/// needs fewer calls.
fn crash_while_opening(disk: &CrashDisk, call: u64, seed: u64) -> Option<CrashDisk> {
    let disk = disk.after_crash(1);
    disk.stop_at(call);
    let opened = open(&disk);
    assert_eq!(opened.is_err(), disk.stopped());
    disk.stopped().then(|| disk.after_crash(seed))
}

#[test]
fn nothing_is_lost_when_the_power_goes_at_any_call_of_recovery_and_of_its_recovery() {
    let crashes = crashes();
    assert!(crashes.len() > 20, "{}", crashes.len());
    let mut tried = 0;
    for (disk, promised) in &crashes {
        for call in 0.. {
            // Another seed each time, so that every mixture of lost and kept is met somewhere.
            let seed = tried % 5;
            let Some(second) = crash_while_opening(disk, call, seed) else {
                break;
            };
            let at = format!("call {call} of recovery, seed {seed}");
            let third = crash_while_opening(&second, call / 2, seed + 1);
            for found in [Some(second), third].into_iter().flatten() {
                let log = examine(&found, promised).unwrap_or_else(|loss| panic!("{at}: {loss}"));
                drop(log);
            }
            tried += 1;
        }
    }
    assert!(tried > 200, "{tried}");
}

#[test]
fn what_was_recovered_once_is_never_recovered_otherwise() {
    for (disk, promised) in crashes() {
        let log = examine(&disk, &promised).unwrap();
        let shown = log.publisher.note().to_owned();
        drop(log);
        // The checkpoint of recovery is a promise too, and calls were synced: nothing changes.
        let mut promised = promised;
        promised.durable = 0;
        promised.notes = vec![shown.clone()];
        for seed in [0, 1, 2] {
            let again = disk.after_crash(seed);
            let log = examine(&again, &promised).unwrap();
            assert_eq!(log.publisher.note(), shown);
        }
    }
}
