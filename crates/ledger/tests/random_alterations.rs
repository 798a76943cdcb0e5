//! Whatever is done to the files of a ledger, verification never calls it whole unless every byte
//! under the checkpoint is the one that was signed.

#![expect(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use ledger::{
    crash_disk::CrashDisk,
    disk::{Access, Disk},
    log::Log,
    note::SignerKey,
    segment::Batch,
    verify::{Effort, Given, verify, verify_with},
    view::View,
};
use proptest::{prelude::*, sample::Index};

const FOLDER: &str = "/ledger";

fn signer(name: &str) -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed(name, [3; 32]).unwrap())
}

/// A log with 600 signed entries and a tail of 5.
fn log(name: &str, history: &str) -> CrashDisk {
    let disk = CrashDisk::new(Path::new("/"));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut log = Log::create(&shared, Path::new(FOLDER), signer(name), None).unwrap();
    log.journal.set_segment_limit(4000);
    for count in [300, 280, 15, 5, 5] {
        let mut batch = Batch::default();
        for index in (log.journal.next()..).take(count) {
            assert!(batch.push(format!("{{\"n\":{index},\"is\":\"{history}\"}}").as_bytes()));
        }
        log.append(&batch).unwrap();
        if log.journal.next() <= 600 {
            log.publish().unwrap();
        }
    }
    disk
}

/// The log that is altered, the same under another history, and that of another node.
fn logs() -> &'static [CrashDisk; 3] {
    static LOGS: OnceLock<[CrashDisk; 3]> = OnceLock::new();
    LOGS.get_or_init(|| {
        [
            log("log.example/a/1", "so"),
            log("log.example/a/1", "no"),
            log("log.example/a/2", "so"),
        ]
    })
}

fn files(disk: &CrashDisk) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut folders = vec![PathBuf::from(FOLDER)];
    let mut found = BTreeMap::new();
    while let Some(folder) = folders.pop() {
        for name in disk.list(&folder).unwrap() {
            let path = folder.join(name);
            match disk.read(&path, u64::MAX) {
                Ok(bytes) => drop(found.insert(path, bytes)),
                Err(_) => folders.push(path),
            }
        }
    }
    found
}

fn write(disk: &CrashDisk, path: &Path, bytes: &[u8]) {
    let mut file = disk.create(path, Access::Shared).unwrap();
    file.write(bytes).unwrap();
}

/// What is done to a file that is chosen by an index, as a place in it is.
#[derive(Clone, Debug)]
enum Alteration {
    Flip(Index, Index, u8),
    Truncate(Index, Index),
    Extend(Index, Vec<u8>),
    Double(Index, Index, Index),
    Drop(Index, Index, Index),
    Remove(Index),
    Swap(Index, Index),
    Replace(Index, Index),
    /// Takes a file from one of the other two logs.
    Take(Index, bool),
}

fn alteration() -> impl Strategy<Value = Alteration> {
    let index = any::<Index>;
    prop_oneof![
        (index(), index(), 1_u8..=255).prop_map(|(f, at, bits)| Alteration::Flip(f, at, bits)),
        (index(), index()).prop_map(|(f, at)| Alteration::Truncate(f, at)),
        (index(), prop::collection::vec(any::<u8>(), 1..40))
            .prop_map(|(f, more)| Alteration::Extend(f, more)),
        (index(), index(), index()).prop_map(|(f, a, b)| Alteration::Double(f, a, b)),
        (index(), index(), index()).prop_map(|(f, a, b)| Alteration::Drop(f, a, b)),
        index().prop_map(Alteration::Remove),
        (index(), index()).prop_map(|(a, b)| Alteration::Swap(a, b)),
        (index(), index()).prop_map(|(a, b)| Alteration::Replace(a, b)),
        (index(), any::<bool>()).prop_map(|(f, node)| Alteration::Take(f, node)),
    ]
}

fn apply(disk: &CrashDisk, alteration: &Alteration) {
    let files: Vec<(PathBuf, Vec<u8>)> = files(disk).into_iter().collect();
    let get = |index: &Index| {
        let (path, bytes) = index.get(&files);
        (path.as_path(), bytes.clone())
    };
    let range = |bytes: &[u8], a: &Index, b: &Index| {
        let (a, b) = (a.index(bytes.len() + 1), b.index(bytes.len() + 1));
        a.min(b)..a.max(b)
    };
    match alteration {
        Alteration::Flip(file, at, bits) => {
            let (path, mut bytes) = get(file);
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= bits;
                write(disk, path, &bytes);
            }
        }
        Alteration::Truncate(file, at) => {
            let (path, bytes) = get(file);
            write(disk, path, &bytes[..at.index(bytes.len() + 1)]);
        }
        Alteration::Extend(file, more) => {
            let (path, bytes) = get(file);
            write(disk, path, &[&bytes[..], more].concat());
        }
        Alteration::Double(file, a, b) => {
            let (path, bytes) = get(file);
            let range = range(&bytes, a, b);
            let end = range.end;
            write(
                disk,
                path,
                &[&bytes[..end], &bytes[range], &bytes[end..]].concat(),
            );
        }
        Alteration::Drop(file, a, b) => {
            let (path, mut bytes) = get(file);
            bytes.drain(range(&bytes, a, b));
            write(disk, path, &bytes);
        }
        Alteration::Remove(file) => disk.remove(get(file).0).unwrap(),
        Alteration::Swap(one, other) => {
            let (one, other) = (get(one), get(other));
            write(disk, one.0, &other.1);
            write(disk, other.0, &one.1);
        }
        Alteration::Replace(one, other) => write(disk, get(one).0, &get(other).1),
        Alteration::Take(file, node) => {
            let (path, _) = get(file);
            if let Ok(bytes) = logs()[1 + usize::from(*node)].read(path, u64::MAX) {
                write(disk, path, &bytes);
            }
        }
    }
}

/// The signed entries and what lies behind them.
fn entries(disk: &CrashDisk, size: u64) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let all = View::open(disk, Path::new(FOLDER)).unwrap().last(u64::MAX);
    let mut all: Vec<Vec<u8>> = all.unwrap().into_iter().map(|(_, entry)| entry).collect();
    let tail = all.split_off(size as usize);
    (all, tail)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_log_called_whole_is_what_was_signed(list in prop::collection::vec(alteration(), 1..4)) {
        let sound = &logs()[0];
        let disk = sound.after_crash(1);
        for alteration in &list {
            apply(&disk, alteration);
        }
        let key = signer("log.example/a/1").verifier().clone();
        let given = Given { key: Some(&key), seen: None };
        let note = String::from_utf8(sound.read(&Path::new(FOLDER).join("checkpoint"), 9999).unwrap());
        let note = note.unwrap();
        let beside = Given { seen: Some(&note), ..given };
        // Beside the newest checkpoint, no other log of the same key passes either.
        let judged = verify(&disk, Path::new(FOLDER), beside);
        let effort = Effort { threads: NonZeroUsize::new(4).unwrap(), ..Effort::default() };
        let together = verify_with(&disk, Path::new(FOLDER), beside, &effort);
        prop_assert_eq!(format!("{together:?}"), format!("{judged:?}"));
        if let Ok(whole) = judged {
            let (signed, tail) = entries(sound, 600);
            let (found, found_tail) = entries(&disk, whole.head.size);
            prop_assert_eq!(whole.head.size, 600);
            prop_assert!(signed == found, "entries differ");
            // A forged tail has sums of its own; what random changes leave is a beginning of it,
            // or that of the log that was taken whole.
            let other = |entry: &Vec<u8>| entry.ends_with(b"\"no\"}");
            let explained = tail.starts_with(&found_tail) || found_tail.iter().all(other);
            prop_assert!(explained, "the tail differs");
            let before = files(sound);
            for (path, bytes) in files(&disk) {
                // Files that no checkpoint asks for are none of the log's.
                let covered = path.starts_with("/ledger/tile") && before.contains_key(&path);
                if covered {
                    prop_assert!(before[&path] == bytes, "{} differs", path.display());
                }
            }
        }
        // Alone, a log that passes is one that the key signed.
        if let Ok(whole) = verify(&disk, Path::new(FOLDER), given) {
            let known = logs()[..2].iter().any(|log| {
                let file = Path::new(FOLDER).join("checkpoint");
                log.read(&file, 9999).unwrap() == disk.read(&file, 9999).unwrap()
                    && entries(log, 600).0 == entries(&disk, whole.head.size).0
            });
            prop_assert!(known);
        }
    }
}

#[test]
fn the_untouched_logs_are_whole() {
    for (log, name) in logs().iter().zip(["a/1", "a/1", "a/2"]) {
        let key = signer(&format!("log.example/{name}")).verifier().clone();
        let given = Given {
            key: Some(&key),
            seen: None,
        };
        let whole = verify(log, Path::new(FOLDER), given).unwrap();
        assert_eq!((whole.head.size, whole.unsigned), (600, 5));
    }
}
