//! The write during which the power goes is torn, at one byte after the other that matters.

use std::collections::BTreeSet;

use ledger::{
    crash_disk::{Tear, Torn},
    segment::{BATCH_HEAD, SEGMENT_HEAD},
};

use crate::script::{Promised, examine, fresh, run};

/// Bytes at which a write of `length` is torn: around every head and record, in the middle of the
/// text of entries and of checkpoints, and of a hash in a tile.
fn cuts(length: usize) -> BTreeSet<usize> {
    let heads = [SEGMENT_HEAD, BATCH_HEAD];
    let around = heads
        .into_iter()
        .flat_map(|head| [head - 1, head, head + 1]);
    let record = [4, 7, 8, 9].map(|within| BATCH_HEAD + within);
    let parts = [length / 3, length / 2 + 1, length - 1];
    let all = [0, 1, 4, 16].into_iter().chain(around).chain(record);
    all.chain(parts).filter(|cut| *cut < length).collect()
}

#[test]
fn nothing_acknowledged_is_lost_wherever_a_write_is_torn() {
    let (disk, log) = fresh(None, None);
    let begin = disk.calls();
    run(&disk, log.unwrap(), &mut Promised::default()).unwrap();
    let mut torn = 0;
    for call in begin..disk.calls() {
        let (disk, log) = fresh(None, Some(call));
        let mut promised = Promised::default();
        run(&disk, log.unwrap(), &mut promised).unwrap_err();
        promised.read_by_others(&disk);
        let Some(length) = disk.interrupted_write() else {
            continue;
        };
        for kept in cuts(length) {
            for rest in [Torn::Absent, Torn::Zeros, Torn::First] {
                for others in [false, true] {
                    let found = disk.after_tear(Tear { kept, rest }, others);
                    let at = || format!("call {call}, {rest:?} from byte {kept} of {length}");
                    examine(&found, &promised).unwrap_or_else(|loss| panic!("{}: {loss}", at()));
                    torn += 1;
                }
            }
        }
    }
    assert!(torn > 1000, "{torn}");
}
