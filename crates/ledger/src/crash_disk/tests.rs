use super::*;
use crate::disk::{Access, Disk, write_synced};

fn disk() -> CrashDisk {
    CrashDisk::new(Path::new("/d"))
}

#[test]
fn a_synced_file_in_an_unsynced_folder_may_be_lost() {
    let disk = disk();
    write_synced(&disk, Path::new("/d/a"), Access::Shared, b"x").unwrap();
    assert!(disk.after_crash(0).read(Path::new("/d/a"), 9).is_err());
    disk.sync_folder(Path::new("/d")).unwrap();
    let found = disk.after_crash(0).read(Path::new("/d/a"), 9).unwrap();
    assert_eq!(found, b"x");
}

#[test]
fn an_unsynced_file_in_a_synced_folder_may_be_empty_or_torn() {
    let disk = disk();
    let mut file = disk.create(Path::new("/d/a"), Access::Shared).unwrap();
    file.write(b"abcdef").unwrap();
    disk.sync_folder(Path::new("/d")).unwrap();
    let found = |seed| disk.after_crash(seed).read(Path::new("/d/a"), 9).unwrap();
    assert_eq!(found(0), b"");
    assert_eq!(found(1), b"abcdef");
    let all: std::collections::BTreeSet<Vec<u8>> = (2..200).map(found).collect();
    for torn in [&b"abc"[..], b"abc\0\0\0", b"\0\0\0def"] {
        assert!(all.contains(torn), "{torn:?} is not among {all:?}");
    }
}

#[test]
fn a_rename_is_whole_or_not_at_all() {
    let disk = disk();
    write_synced(&disk, Path::new("/d/a"), Access::Shared, b"old").unwrap();
    write_synced(&disk, Path::new("/d/b"), Access::Shared, b"new").unwrap();
    disk.sync_folder(Path::new("/d")).unwrap();
    disk.rename(Path::new("/d/b"), Path::new("/d/a")).unwrap();
    for seed in 0..20 {
        let found = disk.after_crash(seed);
        let a = found.read(Path::new("/d/a"), 9).unwrap();
        let b = found.read(Path::new("/d/b"), 9).ok();
        assert!(matches!(
            (a.as_slice(), b.as_deref()),
            (b"old", Some(b"new")) | (b"new", None)
        ));
    }
}

#[test]
fn the_power_goes_at_the_chosen_call_and_stays_gone() {
    let disk = disk();
    disk.stop_at(1);
    let mut file = disk.create(Path::new("/d/a"), Access::Shared).unwrap();
    assert!(file.write(b"x").is_err());
    assert!(disk.stopped());
    assert!(file.sync().is_err());
    assert!(disk.read(Path::new("/d/a"), 9).is_err());
}

#[test]
fn a_skipped_sync_reports_success_and_keeps_nothing() {
    let disk = disk();
    disk.skip(Arc::new(|call| call.sync == Sync::File));
    write_synced(&disk, Path::new("/d/a"), Access::Shared, b"x").unwrap();
    disk.sync_folder(Path::new("/d")).unwrap();
    let found = disk.after_crash(0).read(Path::new("/d/a"), 9).unwrap();
    assert_eq!(found, b"");
}

#[test]
fn a_full_disk_takes_a_part_and_fails() {
    let disk = disk();
    disk.set_free(Some(2));
    let mut file = disk.create(Path::new("/d/a"), Access::Shared).unwrap();
    let error = file.write(b"abc").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.read(Path::new("/d/a"), 9).unwrap(), b"ab");
}

#[test]
fn an_interrupted_write_is_torn_where_the_test_says() {
    let disk = disk();
    write_synced(&disk, Path::new("/d/a"), Access::Shared, b"old").unwrap();
    disk.sync_folder(Path::new("/d")).unwrap();
    disk.stop_at(disk.calls());
    let mut file = disk.append(Path::new("/d/a")).unwrap();
    assert!(file.write(b"abcdef").is_err());
    assert_eq!(disk.interrupted_write(), Some(6));
    let found = |rest| {
        let found = disk.after_tear(Tear { kept: 2, rest }, false);
        found.read(Path::new("/d/a"), 9).unwrap()
    };
    assert_eq!(found(Torn::Absent), b"oldab");
    assert_eq!(found(Torn::Zeros), b"oldab\0\0\0\0");
    assert_eq!(found(Torn::First), b"old\0\0cdef");
}

#[test]
fn a_defective_disk_forgets_what_it_failed_to_sync_and_says_nothing_the_next_time() {
    let disk = disk();
    write_synced(&disk, Path::new("/d/a"), Access::Shared, b"old").unwrap();
    disk.sync_folder(Path::new("/d")).unwrap();
    let mut file = disk.append(Path::new("/d/a")).unwrap();
    disk.fail_at(disk.calls() + 1, 1, Fault::Defective);
    file.write(b"new").unwrap();
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(disk.read(Path::new("/d/a"), 9).unwrap(), b"oldnew");
    let found = disk.after_crash(1).read(Path::new("/d/a"), 9).unwrap();
    assert_eq!(found, b"old");
}

#[test]
fn a_full_disk_still_cuts_and_removes_and_a_read_only_one_does_nothing() {
    let disk = disk();
    let path = Path::new("/d/a");
    write_synced(&disk, path, Access::Shared, b"abcd").unwrap();
    disk.fail_at(disk.calls(), 99, Fault::Full);
    assert!(disk.create(Path::new("/d/b"), Access::Shared).is_err());
    let mut file = disk.append(path).unwrap();
    let error = file.write(b"efgh").unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(disk.read(path, 9).unwrap(), b"abcdef");
    disk.truncate(path, 4).unwrap();
    file.sync().unwrap();
    disk.fail_at(disk.calls(), 99, Fault::ReadOnly);
    assert!(file.write(b"x").is_err() && file.sync().is_err());
    assert!(disk.truncate(path, 0).is_err() && disk.remove(path).is_err());
    assert_eq!(disk.read(path, 9).unwrap(), b"abcd");
}
