use std::io::{Read, Seek, SeekFrom};
use std::os::fd::AsRawFd;

use control::rng::{CountingRng, SystemRng};

use super::*;

const CANARY: &[u8] = b"canary-4711-of-a-person";

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn read_all(spool: &mut Spool) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    spool.reader().unwrap().read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[test]
fn what_was_written_is_read_back_whatever_its_length() {
    let folder = folder();
    for length in [
        0,
        1,
        SEGMENT - 1,
        SEGMENT,
        SEGMENT + 1,
        2 * SEGMENT,
        3 * SEGMENT + 5,
    ] {
        let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
        let mut spool = Spool::new(folder.path(), &Quota::new(1 << 20), &SystemRng).unwrap();
        bytes
            .chunks(1000)
            .try_for_each(|piece| spool.write(piece))
            .unwrap();
        assert_eq!(spool.len(), length as u64);
        assert_eq!(read_all(&mut spool).unwrap(), bytes);
        assert_eq!(read_all(&mut spool).unwrap(), bytes, "a second time");
        assert_eq!(spool.write(b"x"), Err(UploadRefusal::SpoolFailed));
    }
}

#[test]
fn any_place_can_be_read() {
    let folder = folder();
    let mut spool = Spool::new(folder.path(), &Quota::new(1 << 20), &SystemRng).unwrap();
    spool.write(&vec![b'.'; SEGMENT + 10]).unwrap();
    spool.write(CANARY).unwrap();
    let mut reader = spool.reader().unwrap();
    let mut found = [0; CANARY.len()];
    reader.seek(SeekFrom::End(-(CANARY.len() as i64))).unwrap();
    reader.read_exact(&mut found).unwrap();
    assert_eq!(found, CANARY);
    assert_eq!(reader.seek(SeekFrom::Start(1 << 40)).unwrap(), 1 << 40);
    assert_eq!(reader.read(&mut found).unwrap(), 0);
    assert!(reader.seek(SeekFrom::Current(i64::MIN)).is_err());
}

#[test]
fn nothing_stands_in_clear_on_disk_and_nothing_is_left_in_the_folder() {
    let folder = folder();
    let mut spool = Spool::new(folder.path(), &Quota::new(1 << 20), &SystemRng).unwrap();
    for _ in 0..8000 {
        spool.write(CANARY).unwrap();
    }
    drop(spool.reader().unwrap());
    let raw = std::fs::read(format!("/proc/self/fd/{}", spool.raw().as_raw_fd())).unwrap();
    assert_eq!(raw.len() as u64, spool.len() + 3 * TAG as u64);
    assert!(memchr::memmem::find(&raw, CANARY).is_none());
    assert!(memchr::memmem::find(&raw, &CANARY[..8]).is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    let plain = read_all(&mut spool).unwrap();
    assert!(
        memchr::memmem::find(&plain, CANARY).is_some(),
        "the search can find it"
    );
}

#[test]
fn what_was_changed_cut_or_moved_on_disk_is_not_given_back() {
    let folder = folder();
    let fill = || {
        let mut spool = Spool::new(folder.path(), &Quota::new(1 << 20), &SystemRng).unwrap();
        spool.write(&vec![b'.'; 2 * SEGMENT + 100]).unwrap();
        assert!(read_all(&mut spool).is_ok());
        spool
    };
    let mut changed = fill();
    changed.raw().write_all_at(b"x", 70_000).unwrap();
    assert!(read_all(&mut changed).is_err());
    let mut cut = fill();
    cut.raw().set_len(SEALED * 2).unwrap();
    assert!(read_all(&mut cut).is_err());
    let mut moved = fill();
    let mut first = vec![0; SEGMENT + TAG];
    moved.raw().read_exact_at(&mut first, 0).unwrap();
    moved.raw().write_all_at(&first, SEALED).unwrap();
    assert!(read_all(&mut moved).is_err());
}

#[test]
fn each_file_has_a_key_of_its_own() {
    let folder = folder();
    let rng = CountingRng::from_seed(1);
    let raw = |rng: &CountingRng| {
        let mut spool = Spool::new(folder.path(), &Quota::new(1 << 20), rng).unwrap();
        spool.write(CANARY).unwrap();
        drop(spool.reader().unwrap());
        let mut bytes = vec![0; CANARY.len()];
        spool.raw().read_exact_at(&mut bytes, 0).unwrap();
        bytes
    };
    assert_ne!(raw(&rng), raw(&rng));
    assert_eq!(
        raw(&CountingRng::from_seed(1)),
        raw(&CountingRng::from_seed(1))
    );
}

#[test]
fn the_quota_is_shared_and_given_back() {
    let folder = folder();
    let quota = Quota::new(10);
    let mut one = Spool::new(folder.path(), &quota, &SystemRng).unwrap();
    let mut two = Spool::new(folder.path(), &quota, &SystemRng).unwrap();
    one.write(b"123456").unwrap();
    assert_eq!(two.write(b"12345"), Err(UploadRefusal::QuotaFull));
    assert_eq!((two.len(), quota.used()), (0, 6));
    two.write(b"1234").unwrap();
    drop(one);
    assert_eq!(quota.used(), 4);
    two.write(b"123456").unwrap();
    drop(two);
    assert_eq!(quota.used(), 0);
}

#[test]
fn a_folder_that_is_not_there_is_a_fault_and_no_panic() {
    let gone = folder().path().join("gone");
    let spool = Spool::new(&gone, &Quota::new(1), &SystemRng);
    assert_eq!(spool.map(|_| ()), Err(UploadRefusal::SpoolFailed));
}

#[test]
fn a_disk_that_fails_once_fails_the_upload_for_good() {
    let folder = folder();
    let mut spool = Spool::new(folder.path(), &Quota::new(1 << 20), &SystemRng).unwrap();
    let disk = std::mem::replace(&mut spool.file, File::open("/dev/null").unwrap());
    assert_eq!(spool.write(&[7; SEGMENT]), Err(UploadRefusal::SpoolFailed));
    spool.file = disk;
    assert_eq!(spool.write(b"more"), Err(UploadRefusal::SpoolFailed));
    assert!(spool.reader().is_err());
}
