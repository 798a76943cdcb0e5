//! The store as a file: its mode, its damage, its neighbours, its commits.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::{
    fs,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::mpsc,
};

use control::Timestamp;
use rusqlite::Connection;
use store::{Store, StoreError, Tenant, Within, keys, keys::KeyRow};

fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vouchsafe.db");
    (folder, path)
}

fn key(id: &str) -> KeyRow {
    KeyRow {
        id: id.to_owned(),
        digest: [7; 32],
        name: "a \"name\"".to_owned(),
        scopes: vec!["GET /api".to_owned()],
        roles: vec!["mentor".to_owned(), "ops".to_owned()],
        tenant: "default".to_owned(),
        created: Timestamp::from_seconds(1),
        expires: None,
        last_used: None,
        revoked: None,
        probe: false,
    }
}

/// Runs `job` for every tenant.
fn every<T: Send + 'static>(
    store: &Store,
    job: impl FnOnce(&Within<'_>) -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    store.run(move |access| job(&access.within(&Tenant::every())?))
}

fn insert(store: &Store, row: &KeyRow) -> Result<bool, StoreError> {
    let row = row.clone();
    every(store, move |within| keys::insert(within, &row))
}

/// Hands the store a key and does not wait.
fn hand_over(store: &Store, row: KeyRow) -> store::Pending<bool> {
    store.submit(move |access| keys::insert(&access.within(&Tenant::every())?, &row))
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn every_file_of_the_store_is_for_its_owner_alone() {
    let (folder, path) = folder();
    let store = Store::open(&path).unwrap();
    insert(&store, &key("a")).unwrap();
    let files: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(files.len() >= 2, "the write-ahead log is a file of its own");
    for file in files {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
}

#[test]
fn what_was_stored_is_there_after_reopening() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    assert_eq!(insert(&store, &key("a")), Ok(true));
    drop(store);
    let store = Store::open(&path).unwrap();
    assert_eq!(every(&store, keys::list), Ok(vec![key("a")]));
}

#[test]
fn a_file_others_may_read_is_refused_until_its_mode_is_mended() {
    let (_folder, path) = folder();
    drop(Store::open(&path).unwrap());
    for mode in [0o640, 0o604, 0o602] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert_eq!(error.code(), "store.exposed");
        assert_eq!(error.hint(), format!("run: chmod 600 {}", path.display()));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(Store::open(&path).is_ok());
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    for content in [&b"short"[..], &[b'x'; 8192]] {
        let (_folder, path) = folder();
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Store::open(&path).unwrap_err().code(), "store.foreign");
        assert_eq!(fs::read(&path).unwrap(), content);
    }
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let (_folder, path) = folder();
    let theirs = Connection::open(&path).unwrap();
    theirs.execute_batch("CREATE TABLE theirs (a)").unwrap();
    drop(theirs);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(Store::open(&path).unwrap_err().code(), "store.foreign");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_damaged_file_is_refused_with_a_hint() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    for id in 0..200 {
        insert(&store, &key(&format!("key{id}"))).unwrap();
    }
    drop(store);
    let mut bytes = fs::read(&path).unwrap();
    let page = usize::from(u16::from_be_bytes([bytes[16], bytes[17]]));
    for byte in &mut bytes[page + 100..] {
        *byte = 0xa5;
    }
    fs::write(&path, bytes).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.code(), "store.damaged", "{error}");
    assert!(error.hint().contains("backup"));
}

#[test]
fn a_file_of_a_newer_build_is_refused() {
    let (_folder, path) = folder();
    drop(Store::open(&path).unwrap());
    let newer = Connection::open(&path).unwrap();
    newer
        .execute("UPDATE schema_version SET version = 99", [])
        .unwrap();
    drop(newer);
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.code(), "store.newer");
    assert!(error.to_string().contains("99"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let (folder, _) = folder();
    let error = Store::open(&folder.path().join("none/vouchsafe.db")).unwrap_err();
    assert_eq!(error.code(), "store.unopenable");
    assert!(error.hint().contains("none"));
}

/// Holds the store's thread inside a job until the returned sender is dropped.
fn hold(store: &Store) -> (mpsc::Sender<()>, store::Pending<()>) {
    let (release, held) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let pending = store.submit(move |_| {
        entered.send(()).unwrap();
        let _ = held.recv();
        Ok(())
    });
    inside.recv().unwrap();
    (release, pending)
}

#[test]
fn jobs_that_wait_together_share_one_commit() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    let (release, first) = hold(&store);
    let waiting: Vec<_> = (0..50)
        .map(|id| hand_over(&store, key(&format!("key{id}"))))
        .collect();
    drop(release);
    first.wait().unwrap();
    for pending in waiting {
        assert_eq!(pending.wait(), Ok(true));
    }
    assert_eq!(store.commits(), 1);
    insert(&store, &key("alone")).unwrap();
    assert_eq!(store.commits(), 2);
}

#[test]
fn a_job_that_fails_undoes_its_own_work_and_no_other() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    let (release, first) = hold(&store);
    let good = hand_over(&store, key("good"));
    let bad = store.submit(|access| {
        keys::insert(&access.within(&Tenant::every())?, &key("bad"))?;
        Err::<bool, _>(StoreError::Unreadable { table: "none" })
    });
    let after = hand_over(&store, key("after"));
    drop(release);
    first.wait().unwrap();
    assert_eq!(good.wait(), Ok(true));
    assert_eq!(bad.wait(), Err(StoreError::Unreadable { table: "none" }));
    assert_eq!(after.wait(), Ok(true));
    let rows = every(&store, keys::list).unwrap();
    let ids: Vec<_> = rows.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["after", "good"]);
}

#[test]
fn an_answer_comes_only_after_the_commit() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    let other = Connection::open(&path).unwrap();
    for stored in 1..=20 {
        insert(&store, &key(&format!("key{stored}"))).unwrap();
        let seen: i64 = other
            .query_row("SELECT count(*) FROM api_key", [], |row| row.get(0))
            .unwrap();
        assert_eq!(seen, stored);
    }
}

#[test]
fn more_jobs_than_the_queue_takes_are_refused_at_once() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    let (release, first) = hold(&store);
    let waiting: Vec<_> = (0..1024).map(|_| store.submit(|_| Ok(()))).collect();
    assert_eq!(store.submit(|_| Ok(())).wait(), Err(StoreError::Overloaded));
    drop(release);
    first.wait().unwrap();
    for pending in waiting {
        assert_eq!(pending.wait(), Ok(()));
    }
}

#[test]
fn dropping_the_store_finishes_what_waits() {
    let (folder, path) = folder();
    let store = Store::open(&path).unwrap();
    let pending = hand_over(&store, key("a"));
    drop(store);
    assert_eq!(pending.wait(), Ok(true));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "closing folds the write-ahead log in");
    let store = Store::open(&path).unwrap();
    assert_eq!(every(&store, keys::list).unwrap().len(), 1);
}

#[test]
fn a_change_by_another_process_changes_the_data_version_and_ours_does_not() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    insert(&store, &key("a")).unwrap();
    let before = store.data_version().wait().unwrap();
    insert(&store, &key("b")).unwrap();
    assert_eq!(store.data_version().wait().unwrap(), before);
    let other = Connection::open(&path).unwrap();
    other.execute("DELETE FROM api_key", []).unwrap();
    assert_ne!(store.data_version().wait().unwrap(), before);
}

#[test]
fn a_removed_row_leaves_no_bytes_in_the_file() {
    let (_folder, path) = folder();
    let store = Store::open(&path).unwrap();
    let mut canary = key("canary");
    canary.name = "a-name-found-nowhere-else".to_owned();
    canary.probe = true;
    canary.expires = Some(Timestamp::from_seconds(5));
    insert(&store, &canary).unwrap();
    drop(store);
    let holds = || {
        let needle = canary.name.as_bytes();
        let bytes = fs::read(&path).unwrap();
        bytes.windows(needle.len()).any(|window| window == needle)
    };
    assert!(holds());
    let store = Store::open(&path).unwrap();
    let swept = every(&store, |within| {
        keys::sweep_probes(within, Timestamp::from_seconds(5))
    });
    assert_eq!(swept, Ok(1));
    drop(store);
    assert!(!holds());
}
