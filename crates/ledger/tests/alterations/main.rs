//! Every alteration of a ledger folder is named, and the untouched folder is whole.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod journal;

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
};

use ledger::{
    alteration::Alteration,
    checkpoint::Checkpoint,
    crash_disk::CrashDisk,
    disk::{Access, Disk},
    log::Log,
    note::{NoteError, SignerKey},
    publish::{checkpoint_path, journal_folder},
    segment::{self, Batch},
    tile::{Content, TileFile, entries, push_entry},
    tree::leaf_hash,
    verify::{Effort, Given, VerifyError, Whole, verify, verify_with},
    view::View,
};

const FOLDER: &str = "/ledger";
const SIGNED: u64 = 600;
const TAIL: u64 = 5;

fn signer() -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed("log.example/a/1", [3; 32]).unwrap())
}

fn entry(index: u64, history: &str) -> Vec<u8> {
    format!("{{\"n\":{index},\"history\":\"{history}\"}}").into_bytes()
}

/// A log with 600 signed entries, of which the last journal segment covers some, and a tail of 5.
fn log(history: &str) -> CrashDisk {
    let disk = CrashDisk::new(Path::new("/"));
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut log = Log::create(&shared, Path::new(FOLDER), signer(), None).unwrap();
    log.journal.set_segment_limit(4000);
    let append = |log: &mut Log, count: u64| {
        let mut batch = Batch::default();
        for index in (log.journal.next()..).take(count as usize) {
            assert!(batch.push(&entry(index, history)));
        }
        log.append(&batch).unwrap();
    };
    for count in [300, 280, 15, 5] {
        append(&mut log, count);
        log.publish().unwrap();
    }
    for count in [2, 3] {
        append(&mut log, count);
    }
    disk
}

fn judge(disk: &CrashDisk, seen: Option<&str>) -> Result<Whole, VerifyError> {
    let key = signer().verifier().clone();
    let given = Given {
        key: Some(&key),
        seen,
    };
    let judged = verify(disk, Path::new(FOLDER), given);
    // However many threads look, the same is found.
    for threads in [2, 4] {
        let effort = Effort {
            threads: NonZeroUsize::new(threads).unwrap(),
            ..Effort::default()
        };
        let again = verify_with(disk, Path::new(FOLDER), given, &effort);
        assert_eq!(format!("{again:?}"), format!("{judged:?}"), "{threads}");
    }
    judged
}

fn named(disk: &CrashDisk, seen: Option<&str>) -> Alteration {
    let error = judge(disk, seen).unwrap_err();
    error.alteration().unwrap().clone()
}

fn path(tile: TileFile) -> PathBuf {
    Path::new(FOLDER).join(tile.to_string())
}

fn bundle(index: u64) -> TileFile {
    TileFile::in_tree(Content::Entries, index, SIGNED).unwrap()
}

fn hashes(level: u8, index: u64) -> TileFile {
    TileFile::in_tree(Content::Hashes(level), index, SIGNED).unwrap()
}

fn read(disk: &CrashDisk, path: &Path) -> Vec<u8> {
    disk.read(path, u64::MAX).unwrap()
}

fn write(disk: &CrashDisk, path: &Path, bytes: &[u8]) {
    let mut file = disk.create(path, Access::Shared).unwrap();
    file.write(bytes).unwrap();
}

/// The log with the entries of one bundle changed.
fn with_entries(tile: TileFile, change: impl Fn(&mut Vec<Vec<u8>>)) -> CrashDisk {
    let disk = log("true");
    let bytes = read(&disk, &path(tile));
    let mut list: Vec<Vec<u8>> = entries(&bytes).map(|e| e.unwrap().to_vec()).collect();
    change(&mut list);
    let mut again = Vec::new();
    for entry in list {
        assert!(push_entry(&mut again, &entry));
    }
    write(&disk, &path(tile), &again);
    disk
}

fn newest_segment(disk: &CrashDisk) -> PathBuf {
    let folder = journal_folder(Path::new(FOLDER));
    folder.join(disk.list(&folder).unwrap().last().unwrap())
}

fn note(disk: &CrashDisk) -> String {
    String::from_utf8(read(disk, &checkpoint_path(Path::new(FOLDER)))).unwrap()
}

#[test]
fn the_untouched_log_is_whole_and_says_what_it_cannot_exclude() {
    let disk = log("true");
    let whole = judge(&disk, Some(&note(&disk))).unwrap();
    assert_eq!((whole.head.size, whole.unsigned), (SIGNED, TAIL));
    assert_eq!((whole.unfinished, whole.seen), (false, Some(SIGNED)));
    assert_eq!(whole.cannot_exclude().len(), 1);
    let blind = verify(&disk, Path::new(FOLDER), Given::default()).unwrap();
    assert!(!blind.signature_checked);
    assert_eq!(blind.cannot_exclude().len(), 3);
}

#[test]
fn a_changed_entry_is_named() {
    for (tile, at, index) in [(bundle(0), 3, 3), (bundle(1), 0, 256), (bundle(2), 87, 599)] {
        let disk = with_entries(tile, |list| list[at] = entry(index, "false"));
        assert_eq!(named(&disk, None), Alteration::Entry { index, tile });
    }
}

#[test]
fn swapped_doubled_dropped_and_added_entries_are_named() {
    for tile in [bundle(0), bundle(2)] {
        let first = tile.index * 256;
        let swapped = with_entries(tile, |list| list.swap(4, 9));
        let index = first + 4;
        assert_eq!(named(&swapped, None), Alteration::Entry { index, tile });
        let doubled = with_entries(tile, |list| list[7] = list[6].clone());
        let index = first + 7;
        assert_eq!(named(&doubled, None), Alteration::Entry { index, tile });
        let malformed = Alteration::MalformedTile(tile);
        let dropped = with_entries(tile, |list| drop(list.remove(5)));
        assert_eq!(named(&dropped, None), malformed);
        let added = with_entries(tile, |list| list.push(b"more".to_vec()));
        assert_eq!(named(&added, None), malformed);
        let cut = log("true");
        let bytes = read(&cut, &path(tile));
        write(&cut, &path(tile), &bytes[..bytes.len() - 1]);
        assert_eq!(named(&cut, None), malformed);
    }
}

#[test]
fn every_flipped_byte_of_a_bundle_is_found() {
    let disk = log("true");
    let tile = bundle(2);
    let bytes = read(&disk, &path(tile));
    for at in (0..bytes.len()).step_by(7) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 0x10;
        write(&disk, &path(tile), &flipped);
        assert!(
            judge(&disk, None).unwrap_err().alteration().is_some(),
            "{at}"
        );
    }
    write(&disk, &path(tile), &bytes);
    judge(&disk, None).unwrap();
}

#[test]
fn a_changed_hash_and_a_missing_tile_are_named() {
    let all = [
        bundle(0),
        bundle(2),
        hashes(0, 0),
        hashes(0, 2),
        hashes(1, 0),
    ];
    for tile in all {
        let disk = log("true");
        disk.remove(&path(tile)).unwrap();
        assert_eq!(named(&disk, None), Alteration::MissingTile(tile));
    }
    for (tile, position, entry) in [
        (hashes(0, 0), 9, 9),
        (hashes(0, 2), 1, 513),
        (hashes(1, 0), 1, 256),
    ] {
        let disk = log("true");
        let mut bytes = read(&disk, &path(tile));
        bytes[position * 32 + 31] ^= 1;
        write(&disk, &path(tile), &bytes);
        let wrong = Alteration::TileHash {
            tile,
            position,
            entry,
        };
        assert_eq!(named(&disk, None), wrong);
        write(&disk, &path(tile), &bytes[1..]);
        assert_eq!(named(&disk, None), Alteration::MalformedTile(tile));
    }
}

#[test]
fn an_entry_forged_together_with_its_hash_is_found() {
    let tile = bundle(0);
    let forged = entry(3, "false");
    let disk = with_entries(tile, |list| list[3] = forged.clone());
    let mut bytes = read(&disk, &path(hashes(0, 0)));
    bytes[3 * 32..4 * 32].copy_from_slice(&leaf_hash(&forged));
    write(&disk, &path(hashes(0, 0)), &bytes);
    assert_eq!(named(&disk, None), Alteration::Bundle(tile));
}

#[test]
fn a_tile_kept_from_an_earlier_head_is_checked_too() {
    for content in [Content::Entries, Content::Hashes(0)] {
        let kept = TileFile::in_tree(content, 2, 595).unwrap();
        let disk = log("true");
        let mut bytes = read(&disk, &path(kept));
        *bytes.last_mut().unwrap() ^= 1;
        write(&disk, &path(kept), &bytes);
        assert_eq!(named(&disk, None), Alteration::Kept(kept));
    }
}

#[test]
fn a_forged_checkpoint_is_named() {
    let disk = log("true");
    let at = checkpoint_path(Path::new(FOLDER));
    let true_note = note(&disk);
    for place in 0..true_note.len() {
        let mut bytes = true_note.clone().into_bytes();
        bytes[place] ^= 1;
        write(&disk, &at, &bytes);
        let found = named(&disk, None);
        assert!(
            matches!(found, Alteration::BadCheckpoint(_)),
            "{place}: {found}"
        );
    }
    disk.remove(&at).unwrap();
    assert_eq!(named(&disk, None), Alteration::NoCheckpoint);
}

#[test]
fn a_log_rewritten_under_another_key_is_named_with_the_key_alone() {
    let disk = log("false");
    let head = Checkpoint::open_unverified(&note(&disk)).unwrap();
    let other = SignerKey::from_seed("log.example/a/1", [4; 32]).unwrap();
    let forged = other.sign(&head.to_string());
    write(
        &disk,
        &checkpoint_path(Path::new(FOLDER)),
        forged.as_bytes(),
    );
    let unsigned = NoteError::Unsigned("log.example/a/1".to_owned());
    assert_eq!(named(&disk, None), Alteration::BadCheckpoint(unsigned));
    let blind = verify(&disk, Path::new(FOLDER), Given::default()).unwrap();
    assert!(blind.cannot_exclude()[0].contains("--key"));
}

#[test]
fn an_older_and_a_forked_log_are_named_by_what_was_seen() {
    let disk = log("true");
    let seen = note(&disk);
    let key = signer();
    let longer = Checkpoint {
        size: SIGNED + 1,
        ..Checkpoint::open_unverified(&seen).unwrap()
    };
    let longer = key.sign(&longer.to_string());
    let older = Alteration::Older {
        size: SIGNED,
        seen: SIGNED + 1,
    };
    assert_eq!(named(&disk, Some(&longer)), older);
    let fork = log("false");
    judge(&fork, None).unwrap();
    assert_eq!(
        named(&fork, Some(&seen)),
        Alteration::Forked { seen: SIGNED }
    );
    let other = SignerKey::from_seed("log.example/b/1", [3; 32]).unwrap();
    let foreign = other.sign("log.example/b/1\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n");
    assert!(matches!(
        judge(&disk, Some(&foreign)),
        Err(VerifyError::Seen(_))
    ));
    let blind = Given {
        key: None,
        seen: Some(&foreign),
    };
    let error = verify(&disk, Path::new(FOLDER), blind).unwrap_err();
    let other = Alteration::OtherLog("log.example/b/1".to_owned());
    assert_eq!(error.alteration(), Some(&other));
}
