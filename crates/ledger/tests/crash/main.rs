//! Durability, tried at every call that changes the disk.
//!
//! A script appends batches and publishes; the power goes at one call after the other; the disk
//! comes back as a seed decides, or with the interrupted write torn at a chosen byte; the log is
//! opened and must hold everything it acknowledged, invent nothing, verify whole against every
//! checkpoint it showed, and go on. More crashes during recovery follow. The same suite must fail
//! when any one kind of sync is left out, else it would prove nothing.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod faults;
mod recovery;
mod script;
mod tears;

use std::{path::Path, sync::Arc};

use ledger::{
    crash_disk::{Skip, Sync, SyncCall},
    disk::Disk,
    log::Log,
};

use script::{Promised, ROOT, examine, folder, fresh, open, run, second_place, signer};

/// The whole suite; the first loss ends it.
fn suite(skip: Option<Skip>, seeds: u64) -> Result<u64, String> {
    let (disk, log) = fresh(skip.as_ref(), None);
    let begin = disk.calls();
    run(&disk, log.unwrap(), &mut Promised::default()).unwrap();
    let end = disk.calls();
    let mut tried = 0;
    for call in begin..=end {
        for seed in 0..seeds {
            let at = format!("call {call} of {end}, seed {seed}");
            let (disk, log) = fresh(skip.as_ref(), Some(call));
            let mut promised = Promised::default();
            let _ = run(&disk, log.unwrap(), &mut promised);
            promised.read_by_others(&disk);
            let found = disk.after_crash(seed);
            // A second crash, somewhere in recovery or in what follows it.
            let second = (call * 7 + seed * 13) % 40;
            found.stop_at(second);
            let mut promised_then = promised.clone();
            if let Ok(log) = open(&found) {
                let _ = run(&found, log, &mut promised_then);
            }
            promised_then.read_by_others(&found);
            let last = if seed == 0 { call } else { 0 };
            examine(&found.after_crash(last), &promised_then)
                .map_err(|loss| format!("{at}, then call {second}, seed {last}: {loss}"))?;
            let found = disk.after_crash(seed);
            let log = examine(&found, &promised).map_err(|loss| format!("{at}: {loss}"))?;
            run(&found, log, &mut promised).map_err(|error| format!("{at}, going on: {error}"))?;
            if seed == 0 {
                examine(&found.after_crash(0), &promised)
                    .map_err(|loss| format!("{at}, after going on: {loss}"))?;
            }
            tried += 1;
        }
    }
    Ok(tried)
}

#[test]
fn nothing_acknowledged_is_lost_at_any_call() {
    let tried = suite(None, 3).unwrap();
    assert!(tried > 200, "{tried}");
}

#[test]
fn a_log_whose_making_was_interrupted_is_made_again() {
    let (disk, log) = fresh(None, None);
    log.unwrap();
    for call in 0..disk.calls() {
        for seed in 0..4 {
            let (disk, log) = fresh(None, Some(call + 2));
            assert!(log.is_err() || call + 2 >= disk.calls());
            let found = disk.after_crash(seed);
            let shared: Arc<dyn Disk> = Arc::new(found.clone());
            let log = Log::create(&shared, &folder(), signer(), None).unwrap();
            found.sync_folder(Path::new(ROOT)).unwrap();
            let mut promised = Promised::default();
            run(&found, log, &mut promised).unwrap();
            promised.notes.clear();
            examine(&found.after_crash(0), &promised).unwrap();
        }
    }
}

fn in_journal(path: &Path) -> bool {
    path.parent()
        .is_some_and(|parent| parent.ends_with("journal"))
}

type Kind = (&'static str, fn(&SyncCall<'_>) -> bool);

/// Each kind of sync in the code and how the disk recognises it.
fn kinds() -> Vec<Kind> {
    vec![
        ("batch in the journal", |c| {
            c.sync == Sync::File && in_journal(c.path) && !c.first && !c.cut
        }),
        ("head of a segment", |c| {
            c.sync == Sync::File && in_journal(c.path) && c.first
        }),
        ("cut of a torn segment", |c| {
            c.sync == Sync::File && in_journal(c.path) && c.cut && !c.first
        }),
        ("name of a segment", |c| {
            c.sync == Sync::Folder && c.path.ends_with("journal")
        }),
        ("tile", |c| {
            c.sync == Sync::File && c.path.starts_with(folder().join("tile"))
        }),
        ("name of a tile", |c| {
            c.sync == Sync::Folder && c.path.starts_with(folder().join("tile"))
        }),
        ("checkpoint", |c| {
            c.sync == Sync::File && c.path.ends_with("checkpoint.new")
        }),
        ("name of the checkpoint", |c| {
            c.sync == Sync::Folder && c.path == folder()
        }),
        ("second place", |c| {
            c.sync == Sync::File && c.path == second_place()
        }),
        ("name of the second place", |c| {
            c.sync == Sync::Folder && c.path.ends_with("elsewhere")
        }),
    ]
}

#[test]
fn leaving_out_any_kind_of_sync_is_noticed() {
    for (name, kind) in kinds() {
        let skip: Skip = Arc::new(kind);
        let noticed = suite(Some(skip), 6);
        assert!(
            noticed.is_err(),
            "nothing noticed without the sync of: {name}"
        );
    }
}
