//! Durability, tried at every call that changes the disk.
//!
//! A script appends batches and publishes; the power goes at one call after the other; the disk
//! comes back as a seed decides; the log is opened and must hold everything it acknowledged, verify
//! whole against every checkpoint it showed, and go on. A second crash during recovery follows. The
//! same suite must fail when any one kind of sync is left out, else it would prove nothing.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ledger::{
    alteration::LedgerError,
    crash_disk::{CrashDisk, Skip, Sync, SyncCall},
    disk::Disk,
    log::Log,
    note::SignerKey,
    segment::Batch,
    verify::{Given, verify},
    view::View,
};

const ROOT: &str = "/data";

fn folder() -> PathBuf {
    Path::new(ROOT).join("ledger")
}

fn second_place() -> PathBuf {
    Path::new(ROOT).join("elsewhere/checkpoints")
}

fn signer() -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed("log.example/crash/1", [3; 32]).unwrap())
}

fn entry(index: u64) -> Vec<u8> {
    format!(
        "{{\"entry\":{index},\"pad\":\"{}\"}}",
        "x".repeat((index % 7) as usize)
    )
    .into_bytes()
}

/// What the log has promised so far.
#[derive(Clone, Default)]
struct Promised {
    durable: u64,
    notes: Vec<String>,
}

/// Appends and publishes until the power goes or the script ends.
fn run(disk: &CrashDisk, log: Log, promised: &mut Promised) -> Result<(), LedgerError> {
    let mut log = log;
    log.journal.set_segment_limit(600);
    let failed = |cause| LedgerError::Disk {
        path: folder(),
        cause,
    };
    for (step, count) in [2_u64, 1, 5, 250, 3, 1, 2].into_iter().enumerate() {
        let mut batch = Batch::default();
        for index in (log.journal.next()..).take(count as usize) {
            assert!(batch.push(&entry(index)));
        }
        log.append(&batch).map_err(failed)?;
        promised.durable = log.journal.next();
        if step % 2 == 1 || step == 6 {
            log.publish().map_err(failed)?;
            promised.notes.push(log.publisher.note().to_owned());
        }
    }
    assert!(!disk.stopped());
    Ok(())
}

fn open(disk: &CrashDisk) -> Result<Log, LedgerError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(&disk, &folder(), signer(), Some(second_place()))
}

/// Opens what a crash left and holds it against what was promised.
fn examine(disk: &CrashDisk, promised: &Promised) -> Result<Log, String> {
    let log = open(disk).map_err(|error| format!("does not open: {error}"))?;
    let key = signer().verifier().clone();
    let given = Given {
        key: Some(&key),
        seen: promised.notes.last().map(String::as_str),
    };
    verify(disk, &folder(), given).map_err(|error| format!("does not verify: {error}"))?;
    let view = View::open(disk, &folder()).unwrap();
    let entries = view.last(u64::MAX).map_err(|error| error.to_string())?;
    if (entries.len() as u64) < promised.durable {
        return Err(format!(
            "{} of {} entries left",
            entries.len(),
            promised.durable
        ));
    }
    for (index, stored) in &entries {
        if *stored != entry(*index) {
            return Err(format!("entry {index} is another"));
        }
    }
    let copies = disk.read(&second_place(), u64::MAX).unwrap_or_default();
    let copies = String::from_utf8_lossy(&copies).into_owned();
    match promised.notes.iter().find(|note| !copies.contains(*note)) {
        Some(_) => Err("a checkpoint is not in the second place".to_owned()),
        None => Ok(log),
    }
}

/// A disk with a log that was just made, and what it takes to make one. The folder of the second
/// place is somebody else's and durable.
fn fresh(skip: Option<&Skip>, stop_at: Option<u64>) -> (CrashDisk, Result<Log, LedgerError>) {
    let disk = CrashDisk::new(Path::new(ROOT));
    disk.create_folder(&Path::new(ROOT).join("elsewhere"))
        .unwrap();
    disk.sync_folder(Path::new(ROOT)).unwrap();
    if let Some(skip) = skip {
        disk.skip(Arc::clone(skip));
    }
    if let Some(call) = stop_at {
        disk.stop_at(call);
    }
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let log = Log::create(&shared, &folder(), signer(), Some(second_place()));
    // The owner of the data folder makes the ledger's own name durable.
    let log = log.and_then(|log| match disk.sync_folder(Path::new(ROOT)) {
        Ok(()) => Ok(log),
        Err(cause) => Err(LedgerError::Disk {
            path: folder(),
            cause,
        }),
    });
    (disk, log)
}

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
            let found = disk.after_crash(seed);
            // A second crash, somewhere in recovery or in what follows it.
            let second = (call * 7 + seed * 13) % 40;
            found.stop_at(second);
            let mut promised_then = promised.clone();
            if let Ok(log) = open(&found) {
                let _ = run(&found, log, &mut promised_then);
            }
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
