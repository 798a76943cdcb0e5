//! Reading behind a mark, and what it costs.

use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use control::{Secret, Timestamp};

use super::*;
use crate::{
    crash_disk::CrashDisk,
    disk::{Access, File},
    log::Log,
    note::SignerKey,
    segment::Batch,
};

const FOLDER: &str = "/ledger";
const LIMIT: u64 = 1 << 20;

fn signer() -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed("log.example/a/1", [3; 32]).unwrap())
}

fn mark(note: &str) -> Mark {
    Mark::open(note, signer().verifier()).unwrap()
}

struct Growing {
    disk: CrashDisk,
    log: Log,
}

impl Growing {
    fn new() -> Self {
        let disk = CrashDisk::new(Path::new("/"));
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let log = Log::create(&shared, Path::new(FOLDER), signer(), None).unwrap();
        Self { disk, log }
    }

    /// Adds entries that say their index; gives the mark behind them.
    fn grow(&mut self, count: u64) -> Mark {
        let mut batch = Batch::default();
        let size = self.log.publisher.size();
        for index in size..size + count {
            let entry = format!("{{\"v\":1,\"time\":{index},\"kind\":\"request\"}}");
            assert!(batch.push(entry.as_bytes()));
        }
        self.log.append(&batch).unwrap();
        self.log.publish().unwrap();
        mark(self.log.publisher.note())
    }

    fn since(&self, from: &Mark, to: &Mark) -> Result<Tail, TailError> {
        let key = signer();
        let both = (from, to);
        since(&self.disk, Path::new(FOLDER), key.verifier(), both, LIMIT)
    }

    fn write(&self, path: &str, bytes: &[u8]) {
        let path = Path::new(FOLDER).join(path);
        let mut file = self.disk.create(&path, Access::Shared).unwrap();
        file.write(bytes).unwrap();
    }

    fn read(&self, path: &str) -> Vec<u8> {
        let path = Path::new(FOLDER).join(path);
        self.disk.read(&path, u64::MAX).unwrap()
    }
}

fn altered(result: Result<Tail, TailError>) -> Alteration {
    match result {
        Err(TailError::Ledger(LedgerError::Altered(alteration))) => alteration,
        other => panic!("{other:?}"),
    }
}

/// A disk that counts what is read of another.
#[derive(Debug)]
struct Meter<'a> {
    disk: &'a CrashDisk,
    bytes: AtomicU64,
}

impl Disk for Meter<'_> {
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let bytes = self.disk.read(path, limit)?;
        self.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(bytes)
    }
    fn list(&self, _: &Path) -> io::Result<Vec<String>> {
        panic!("a list of an old log is long")
    }
    fn create_folder(&self, _: &Path) -> io::Result<()> {
        panic!("reading writes")
    }
    fn create(&self, _: &Path, _: Access) -> io::Result<Box<dyn File>> {
        panic!("reading writes")
    }
    fn append(&self, _: &Path) -> io::Result<Box<dyn File>> {
        panic!("reading writes")
    }
    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        panic!("reading writes")
    }
    fn remove(&self, _: &Path) -> io::Result<()> {
        panic!("reading writes")
    }
    fn remove_folder(&self, _: &Path) -> io::Result<()> {
        panic!("reading writes")
    }
    fn truncate(&self, _: &Path, _: u64) -> io::Result<()> {
        panic!("reading writes")
    }
    fn sync_folder(&self, _: &Path) -> io::Result<()> {
        panic!("reading writes")
    }
    fn read_secret(&self, _: &Path) -> io::Result<Secret> {
        panic!("a reader asks for a secret")
    }
    fn read_end(&self, _: &Path, _: u64) -> io::Result<Vec<u8>> {
        panic!("nothing is read from its end")
    }
    fn free(&self, _: &Path) -> io::Result<u64> {
        panic!("a reader asks for room")
    }
}

/// Bytes that a look at `count` new entries reads of a log that had `size` before.
fn cost(size: u64, count: u64) -> u64 {
    let mut log = Growing::new();
    let from = log.grow(size);
    let to = log.grow(count);
    let meter = Meter {
        disk: &log.disk,
        bytes: AtomicU64::new(0),
    };
    let key = signer();
    let folder = Path::new(FOLDER);
    let tail = since(&meter, folder, key.verifier(), (&from, &to), LIMIT).unwrap();
    assert_eq!((tail.first, tail.entries.len() as u64), (size, count));
    meter.bytes.load(Ordering::Relaxed)
}

#[test]
fn a_look_at_an_old_log_of_200_000_entries_reads_no_more_than_at_a_young_one() {
    // 200,000 entries end in the middle of a bundle and of the tiles on two levels.
    let (old, young) = (cost(200_000, 20), cost(200, 20));
    // One bundle of short entries and one tile of hashes for each of the three levels at most.
    let bound = 256 * 64 + 3 * 256 * 32;
    assert!(
        old <= bound,
        "{old} bytes were read, {bound} expected at most"
    );
    assert!(young <= bound && young > 0, "{young}");
}

#[test]
fn what_was_recorded_since_a_mark_is_shown_whole_and_in_order() {
    for (before, after) in [
        (0, 0),
        (0, 5),
        (5, 0),
        (5, 1),
        (255, 1),
        (256, 256),
        (300, 600),
    ] {
        let mut log = Growing::new();
        let from = log.grow(before);
        let to = log.grow(after);
        // What came later is not shown, and does no harm.
        log.grow(700);
        let tail = log.since(&from, &to).unwrap();
        assert_eq!(tail.first, before);
        let told: Vec<String> = tail
            .entries
            .iter()
            .map(|entry| String::from_utf8(entry.clone()).unwrap())
            .collect();
        let expected: Vec<String> = (before..before + after)
            .map(|index| format!("{{\"v\":1,\"time\":{index},\"kind\":\"request\"}}"))
            .collect();
        assert_eq!(told, expected, "{before} + {after}");
    }
}

#[test]
fn an_altered_missing_or_added_entry_behind_the_mark_is_no_tail() {
    let mut log = Growing::new();
    let from = log.grow(300);
    let to = log.grow(20);
    assert_eq!(log.since(&from, &to).unwrap().entries.len(), 20);
    let path = "tile/entries/001.p/64";
    let whole = log.read(path);
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    log.write(path, &flipped);
    assert_eq!(
        altered(log.since(&from, &to)),
        Alteration::Root { size: 320 }
    );
    for cut in [
        &whole[..whole.len() - 1],
        &[&whole[..], b"\0\x01x"].concat(),
    ] {
        log.write(path, cut);
        let found = altered(log.since(&from, &to));
        assert!(matches!(found, Alteration::MalformedTile(_)), "{found}");
    }
    log.disk.remove(&Path::new(FOLDER).join(path)).unwrap();
    let found = altered(log.since(&from, &to));
    assert!(matches!(found, Alteration::MissingTile(_)), "{found}");
    log.write(path, &whole);
    assert!(log.since(&from, &to).is_ok());
}

#[test]
fn a_log_that_was_forked_or_cut_back_does_not_extend_the_mark() {
    let mut log = Growing::new();
    let from = log.grow(300);
    let to = log.grow(20);
    let mut other = Growing::new();
    let mut batch = Batch::default();
    assert!(batch.push(b"{\"another\":1}"));
    other.log.append(&batch).unwrap();
    other.grow(299);
    let forked = other.grow(20);
    assert_eq!(forked.size(), to.size());
    assert_eq!(
        altered(other.since(&from, &forked)),
        Alteration::Forked { seen: 300 }
    );
    let (size, seen) = (300, 320);
    assert_eq!(
        altered(log.since(&to, &from)),
        Alteration::Older { size, seen }
    );
    assert!(log.since(&from, &to).is_ok());
    // A head that another key signed is no mark.
    let stranger = SignerKey::from_seed("log.example/a/1", [4; 32]).unwrap();
    assert!(Mark::open(log.log.publisher.note(), stranger.verifier()).is_err());
}

#[test]
fn more_bytes_than_asked_for_are_refused() {
    let mut log = Growing::new();
    let (from, to) = (log.grow(300), log.grow(20));
    let key = signer();
    let read = |limit| {
        let folder = PathBuf::from(FOLDER);
        since(&log.disk, &folder, key.verifier(), (&from, &to), limit)
    };
    let length = log.read("tile/entries/001.p/64").len() as u64;
    assert!(read(length).is_ok());
    assert!(matches!(read(length - 1), Err(TailError::TooLong(_))));
}

#[test]
fn from_the_beginning_what_is_below_the_minimum_index_is_left_out_and_the_rest_is_proved() {
    let mut log = Growing::new();
    let to = log.grow(5 * 256 + 7);
    let minimum = Minimum {
        index: 2 * 256,
        since: Timestamp::from_millis(5),
        ..Minimum::none("log.example/a/1".to_owned())
    };
    minimum
        .write(&log.disk, Path::new(FOLDER), &signer())
        .unwrap();
    for gone in ["tile/entries/000", "tile/0/000", "tile/entries/001"] {
        log.disk.remove(&Path::new(FOLDER).join(gone)).unwrap();
    }
    let key = signer();
    let beginning = Mark::beginning(key.verifier());
    let tail = log.since(&beginning, &to).unwrap();
    assert_eq!((tail.first, tail.minimum), (512, 512));
    assert_eq!(tail.entries.len(), 3 * 256 + 7);
    // A bundle that no signed minimum index covers is missing.
    log.disk
        .remove(&Path::new(FOLDER).join("tile/entries/002"))
        .unwrap();
    let found = altered(log.since(&beginning, &to));
    assert!(matches!(found, Alteration::MissingTile(_)), "{found}");
}
