//! The unsigned end, and what is made of a log that is or is not whole.

use super::*;

#[test]
fn alterations_of_the_journal_are_named() {
    let folder = journal_folder(Path::new(FOLDER));
    let disk = log("true");
    let segment = newest_segment(&disk);
    let bytes = read(&disk, &segment);
    let parsed = segment::parse(&bytes).unwrap();
    let first = parsed.first;
    assert!(first < SIGNED, "the segment must cover signed entries too");

    // A flipped byte of an entry that was followed by another batch.
    let mut flipped = bytes.clone();
    flipped[segment::SEGMENT_HEAD + segment::BATCH_HEAD + 12] ^= 1;
    write(&disk, &segment, &flipped);
    assert_eq!(named(&disk, None), Alteration::Journal { index: first });

    // Cut below the signed head.
    write(&disk, &segment, &bytes[..segment::SEGMENT_HEAD]);
    let short = Alteration::Short {
        end: first,
        signed: SIGNED,
    };
    assert_eq!(named(&disk, None), short);

    // Another entry with sums that fit.
    let mut batch = Batch::default();
    for index in first..SIGNED + TAIL {
        let history = if index == 598 { "false" } else { "true" };
        assert!(batch.push(&entry(index, history)));
    }
    let mut forged = segment::segment_head(first).to_vec();
    segment::encode(&batch, first, &mut forged);
    write(&disk, &segment, &forged);
    assert_eq!(
        named(&disk, None),
        Alteration::JournalDiffers { index: 598 }
    );

    write(&disk, &segment, &bytes[1..]);
    assert_eq!(named(&disk, None), Alteration::SegmentHead(first));

    // A segment that begins behind the signed head.
    disk.remove(&segment).unwrap();
    let late = segment::segment_head(SIGNED + 1);
    write(&disk, &folder.join(format!("{:020}", SIGNED + 1)), &late);
    let gap = Alteration::Sequence {
        expected: SIGNED,
        found: SIGNED + 1,
    };
    assert_eq!(named(&disk, None), gap);
    disk.remove(&folder.join(format!("{:020}", SIGNED + 1)))
        .unwrap();
    assert_eq!(named(&disk, None), Alteration::NoJournal);
}

#[test]
fn an_unfinished_end_is_told_apart_from_an_alteration() {
    let disk = log("true");
    let segment = newest_segment(&disk);
    let bytes = read(&disk, &segment);
    write(&disk, &segment, &bytes[..bytes.len() - 3]);
    let whole = judge(&disk, None).unwrap();
    assert!(whole.unfinished);
    assert_eq!(whole.unsigned, TAIL - 1);
}

#[test]
fn an_empty_folder_is_no_ledger() {
    let disk = CrashDisk::new(Path::new("/"));
    disk.create_folder(Path::new(FOLDER)).unwrap();
    assert!(matches!(judge(&disk, None), Err(VerifyError::NoLedger(_))));
}

#[test]
fn an_altered_log_is_not_opened() {
    let disk = with_entries(bundle(2), |list| list[1] = entry(513, "false"));
    let shared: Arc<dyn Disk> = Arc::new(disk);
    assert!(Log::open(&shared, Path::new(FOLDER), signer(), None).is_err());
    let disk: Arc<dyn Disk> = Arc::new(log("true"));
    let opened = Log::open(&disk, Path::new(FOLDER), signer(), None).unwrap();
    assert_eq!(opened.publisher.signed(), SIGNED + TAIL);
}

#[test]
fn a_reader_finds_entries_and_their_proofs() {
    let disk = log("true");
    let view = View::open(&disk, Path::new(FOLDER)).unwrap();
    assert_eq!(view.size().unwrap(), SIGNED + TAIL);
    let last = view.last(7).unwrap();
    let indices: Vec<u64> = last.iter().map(|(index, _)| *index).collect();
    assert_eq!(indices, (SIGNED - 2..SIGNED + TAIL).collect::<Vec<_>>());
    let mut lines = Vec::new();
    assert_eq!(view.export(&mut lines).unwrap(), SIGNED + TAIL);
    let lines = String::from_utf8(lines).unwrap();
    assert_eq!(
        lines.lines().nth(300).unwrap().as_bytes(),
        entry(300, "true")
    );

    let proof = view.proof(300).unwrap().unwrap();
    let (head, checkpoint) = proof.split_once("\n\n").unwrap();
    assert!(head.starts_with("c2sp.org/tlog-proof@v1\nindex 300\n"));
    let head_of = Checkpoint::open(checkpoint, signer().verifier()).unwrap();
    let path: Vec<ledger::tree::Hash> = head
        .lines()
        .skip(2)
        .map(|line| seal::encode::unbase64(line).unwrap().try_into().unwrap())
        .collect();
    let leaf = leaf_hash(&entry(300, "true"));
    assert!(ledger::tree::includes(
        &leaf,
        300,
        SIGNED,
        &path,
        &head_of.root
    ));
    assert!(!ledger::tree::includes(
        &leaf,
        301,
        SIGNED,
        &path,
        &head_of.root
    ));
    assert_eq!(view.proof(SIGNED).unwrap(), None);
}
