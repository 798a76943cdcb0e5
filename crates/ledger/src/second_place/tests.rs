//! The second place on the disk that forgets.

use super::*;
use crate::{crash_disk::CrashDisk, log::Log, segment::Batch};

const FOLDER: &str = "/ledger";
const PLACE: &str = "/mnt/checkpoints";

fn signer() -> Arc<SignerKey> {
    Arc::new(SignerKey::from_seed("log.example/a/1", [3; 32]).unwrap())
}

fn disk() -> (CrashDisk, Arc<dyn Disk>) {
    let disk = CrashDisk::new(Path::new("/"));
    disk.create_folder(Path::new("/mnt")).unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    (disk, shared)
}

/// A log of three entries and the notes of its four checkpoints.
fn log(disk: &Arc<dyn Disk>, place: Option<PathBuf>) -> (Log, Vec<String>) {
    let mut log = Log::create(disk, Path::new(FOLDER), signer(), place).unwrap();
    let mut notes = vec![log.publisher.note().to_owned()];
    for _ in 0..3 {
        let mut batch = Batch::default();
        assert!(batch.push(b"{}"));
        log.append(&batch).unwrap();
        let _ = log.publish();
        notes.push(log.publisher.note().to_owned());
    }
    (log, notes)
}

fn text(disk: &CrashDisk) -> String {
    String::from_utf8(disk.read(Path::new(PLACE), u64::MAX).unwrap()).unwrap()
}

fn write(disk: &CrashDisk, bytes: &[u8]) {
    let mut file = disk.create(Path::new(PLACE), Access::Shared).unwrap();
    file.write(bytes).unwrap();
}

fn place(shared: &Arc<dyn Disk>) -> SecondPlace {
    let path = PathBuf::from(PLACE);
    SecondPlace::new(Arc::clone(shared), path, Path::new(FOLDER), signer())
}

#[test]
fn a_copy_cut_short_anywhere_spoils_no_later_one() {
    let (disk, shared) = disk();
    let (_, all) = log(&shared, None);
    let first = &all[1];
    for cut in 0..=first.len() {
        if !first.is_char_boundary(cut) {
            continue;
        }
        write(&disk, format!("{}{}", all[0], &first[..cut]).as_bytes());
        let mut place = place(&shared);
        place.append(&all[2], 2).unwrap();
        place.append(&all[3], 3).unwrap();
        let text = text(&disk);
        let found: Vec<u64> = notes(&text)
            .filter_map(|note| Checkpoint::open(note, signer().verifier()).ok())
            .map(|head| head.size)
            .collect();
        // One that lacks nothing but its last line end is whole with what follows.
        let whole = usize::from(cut + 1 >= first.len());
        assert_eq!(found.len(), 3 + whole, "cut at {cut}: {text}");
        assert_eq!(found[found.len() - 2..], [2, 3], "cut at {cut}");
    }
}

#[test]
fn a_place_that_is_gone_keeps_no_log_from_starting_and_gets_its_copy_later() {
    let (disk, shared) = disk();
    let gone = PathBuf::from("/nowhere/checkpoints");
    let (log, all) = log(&shared, Some(gone.clone()));
    assert_eq!(log.publisher.signed(), 3);
    drop(log);
    let mut log = Log::open(&shared, Path::new(FOLDER), signer(), Some(gone.clone())).unwrap();
    log.publisher.copy_to_second_place().unwrap_err();
    disk.create_folder(Path::new("/nowhere")).unwrap();
    log.publisher.copy_to_second_place().unwrap();
    assert_eq!(disk.read(&gone, 9999).unwrap(), all[3].as_bytes());
}

#[test]
fn a_place_that_could_not_be_read_at_the_start_is_compared_before_anything_is_appended() {
    let (disk, shared) = disk();
    let (_, all) = log(&shared, None);
    let later = Checkpoint {
        origin: "log.example/a/1".to_owned(),
        size: 9,
        root: [7; 32],
    };
    let later = signer().sign(&later.to_string());
    disk.create_folder(Path::new(PLACE)).unwrap();
    let path = Some(PathBuf::from(PLACE));
    let mut log = Log::open(&shared, Path::new(FOLDER), signer(), path.clone()).unwrap();
    disk.remove_folder(Path::new(PLACE)).unwrap();
    write(&disk, later.as_bytes());
    let fault = log.publisher.copy_to_second_place().unwrap_err();
    assert!(fault.to_string().contains("cut back"), "{fault}");
    assert_eq!(text(&disk), later);
    // What can be read at the start refuses the start.
    let again = Log::open(&shared, Path::new(FOLDER), signer(), path.clone());
    assert!(again.is_err());
    write(&disk, all[2].as_bytes());
    Log::open(&shared, Path::new(FOLDER), signer(), path).unwrap();
}

#[test]
fn a_long_file_keeps_its_newest_half_and_every_sixtieth_before() {
    let (disk, shared) = disk();
    let (_, all) = log(&shared, None);
    write(&disk, all[0].repeat(599).as_bytes());
    let mut thinned = place(&shared);
    thinned.set_long(1000);
    thinned.append(&all[3], 3).unwrap();
    let kept = text(&disk);
    assert_eq!(notes(&kept).count(), 300 + 5);
    assert_eq!(notes(&kept).last(), Some(all[3].as_str()));
    // A file in which another log writes too is left alone.
    let other = SignerKey::from_seed("log.example/b/1", [4; 32]).unwrap();
    let head = Checkpoint::open_unverified(&all[0]).unwrap();
    let foreign = other.sign(&head.to_string().replace("/a/", "/b/"));
    write(&disk, format!("{foreign}{}", all[0].repeat(599)).as_bytes());
    let mut shared_place = place(&shared);
    shared_place.set_long(1000);
    shared_place.append(&all[3], 3).unwrap();
    assert_eq!(notes(&text(&disk)).count(), 601);
}

#[test]
fn a_crash_while_a_file_is_thinned_leaves_the_newest_checkpoint() {
    let (disk, shared) = disk();
    let (_, all) = log(&shared, None);
    write(&disk, all[0].repeat(20).as_bytes());
    let made = disk.after_crash(1);
    let run = |disk: &CrashDisk| {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut place = place(&shared);
        place.set_long(1000);
        place.append(&all[3], 3)
    };
    let trial = made.after_crash(1);
    run(&trial).unwrap();
    for call in 0..trial.calls() {
        for seed in 0..6 {
            let disk = made.after_crash(1);
            disk.stop_at(call);
            let appended = run(&disk).is_ok();
            let found = text(&disk.after_crash(seed));
            assert!(!appended || found.contains(&all[3]), "{call} {seed}");
            assert!(found.contains(&all[0]), "{call} {seed}");
        }
    }
}

#[test]
fn what_is_copied_after_a_file_was_thinned_outlives_a_crash_with_what_thinning_kept() {
    let (disk, shared) = disk();
    let (_, all) = log(&shared, None);
    write(&disk, all[0].repeat(20).as_bytes());
    let made = disk.after_crash(1);
    for seed in 0..6 {
        let disk = made.after_crash(1);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut place = place(&shared);
        place.set_long(1000);
        place.append(&all[2], 2).unwrap();
        let thinned = notes(&text(&disk)).count();
        assert!(thinned < 20, "{thinned}");
        place.append(&all[3], 3).unwrap();
        let found = text(&disk.after_crash(seed));
        assert_eq!(notes(&found).count(), thinned + 1, "{seed}");
        assert!(found.ends_with(&format!("{}{}", all[2], all[3])), "{seed}");
    }
}
