//! A log, what it is made to do, and what it has promised by then.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use ledger::{
    alteration::LedgerError,
    crash_disk::{CrashDisk, Skip},
    disk::Disk,
    log::Log,
    note::SignerKey,
    publish::checkpoint_path,
    segment::Batch,
    verify::{Given, verify},
    view::View,
};

/// Bytes after which a segment is followed by another: some end between two checkpoints.
pub(crate) const SEGMENT: u64 = 200;

pub(crate) const ROOT: &str = "/data";

pub(crate) fn folder() -> PathBuf {
    Path::new(ROOT).join("ledger")
}

pub(crate) fn second_place() -> PathBuf {
    Path::new(ROOT).join("elsewhere/checkpoints")
}

pub(crate) fn signer() -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed("log.example/crash/1", [3; 32]).unwrap())
}

pub(crate) fn entry(index: u64) -> Vec<u8> {
    format!(
        "{{\"entry\":{index},\"pad\":\"{}\"}}",
        "x".repeat((index % 7) as usize)
    )
    .into_bytes()
}

/// What the log has promised so far.
#[derive(Clone, Default)]
pub(crate) struct Promised {
    pub(crate) durable: u64,
    pub(crate) notes: Vec<String>,
    /// A checkpoint that stood in its place when the power went, synced or not: who read it then
    /// holds it against the log for ever.
    read: Option<String>,
}

impl Promised {
    /// Reads the checkpoint as a stranger could until the power went.
    pub(crate) fn read_by_others(&mut self, disk: &CrashDisk) {
        let bytes = disk.visible(&checkpoint_path(&folder()));
        self.read = bytes.map(|bytes| String::from_utf8(bytes).unwrap());
    }
}

/// The batches of the script, for a log that goes on at `next`, and whether a checkpoint follows.
pub(crate) fn batches(next: u64) -> Vec<(Batch, bool)> {
    let mut index = next;
    let counts = [2_u64, 1, 5, 250, 3, 1, 2].into_iter().enumerate();
    let batch = |(step, count)| {
        let mut batch = Batch::default();
        for _ in 0..count {
            assert!(batch.push(&entry(index)));
            index += 1;
        }
        (batch, step % 2 == 1 || step == 6)
    };
    counts.map(batch).collect()
}

/// Appends and publishes until the power goes or the script ends.
pub(crate) fn run(disk: &CrashDisk, log: Log, promised: &mut Promised) -> Result<(), LedgerError> {
    let mut log = log;
    log.journal.set_segment_limit(SEGMENT);
    let failed = |cause| LedgerError::Disk {
        path: folder(),
        cause,
    };
    for (batch, publish) in batches(log.journal.next()) {
        log.append(&batch).map_err(failed)?;
        promised.durable = log.journal.next();
        if publish {
            log.publish().map_err(failed)?;
            promised.notes.push(log.publisher.note().to_owned());
        }
    }
    assert!(!disk.stopped());
    Ok(())
}

pub(crate) fn open(disk: &CrashDisk) -> Result<Log, LedgerError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Log::open(&disk, &folder(), signer(), Some(second_place()))
}

/// Opens what a crash left and holds it against what was promised.
pub(crate) fn examine(disk: &CrashDisk, promised: &Promised) -> Result<Log, String> {
    let log = open(disk).map_err(|error| format!("does not open: {error}"))?;
    let key = signer().verifier().clone();
    for note in promised.notes.last().into_iter().chain(&promised.read) {
        let given = Given {
            key: Some(&key),
            seen: Some(note),
        };
        verify(disk, &folder(), given).map_err(|error| format!("does not verify: {error}"))?;
    }
    let given = Given {
        key: Some(&key),
        seen: None,
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
pub(crate) fn fresh(
    skip: Option<&Skip>,
    stop_at: Option<u64>,
) -> (CrashDisk, Result<Log, LedgerError>) {
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
