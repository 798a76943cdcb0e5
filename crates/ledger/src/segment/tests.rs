use proptest::prelude::*;

use super::*;

fn segment(first: u64, batches: &[&[&str]]) -> Vec<u8> {
    let mut bytes = segment_head(first).to_vec();
    let mut next = first;
    for entries in batches {
        let mut batch = Batch::default();
        for entry in *entries {
            assert!(batch.push(entry.as_bytes()));
        }
        encode(&batch, next, &mut bytes);
        next += batch.len() as u64;
    }
    bytes
}

#[test]
fn a_segment_reads_back() {
    let bytes = segment(7, &[&["one", "two"], &["three"]]);
    let read = parse(&bytes).unwrap();
    assert_eq!(read.first, 7);
    assert_eq!(read.entries, [&b"one"[..], b"two", b"three"]);
    assert_eq!((read.whole_bytes, read.whole_entries), (bytes.len(), 3));
    assert_eq!(read.torn, None);
}

#[test]
fn a_tear_in_the_last_batch_keeps_what_came_before_it() {
    let bytes = segment(7, &[&["one", "two"], &["three", "four"]]);
    let before = segment(7, &[&["one", "two"]]).len();
    for cut in before + 1..bytes.len() {
        let read = parse(&bytes[..cut]).unwrap();
        assert_eq!(read.whole_bytes, before, "{cut}");
        assert_eq!(read.whole_entries, 2);
        let torn = read.torn.unwrap();
        assert!(!torn.followed);
        assert_eq!(torn.index, 7 + read.entries.len() as u64);
    }
    assert!(
        parse(&bytes[..bytes.len() - 1])
            .unwrap()
            .entries
            .contains(&&b"three"[..])
    );
}

#[test]
fn every_flipped_bit_of_an_earlier_batch_is_told_from_a_tear() {
    let bytes = segment(7, &[&["one", "two"], &["three", "four"]]);
    let before = segment(7, &[&["one", "two"]]).len();
    for at in SEGMENT_HEAD..before {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let torn = parse(&bytes).unwrap().torn.unwrap();
            assert!(torn.followed, "byte {at} bit {bit}");
        }
    }
}

#[test]
fn swapped_doubled_and_dropped_batches_are_found() {
    let [a, b, c] = [&["one"][..], &["two"], &["six"]];
    let parts = |list: &[(u64, &[&str])]| {
        let mut bytes = segment_head(0).to_vec();
        for (first, entries) in list {
            bytes.extend_from_slice(&segment(*first, &[entries])[SEGMENT_HEAD..]);
        }
        bytes
    };
    assert!(
        parse(&parts(&[(0, a), (1, b), (2, c)]))
            .unwrap()
            .torn
            .is_none()
    );
    for (list, expected, found) in [
        ([(0, a), (2, c), (1, b)], 1, 2),
        ([(0, a), (0, a), (1, b)], 1, 0),
        ([(1, b), (2, c), (0, a)], 0, 1),
    ] {
        let error = SegmentError::Sequence { expected, found };
        assert_eq!(parse(&parts(&list)), Err(error));
    }
}

#[test]
fn records_swapped_within_a_batch_are_damaged() {
    let bytes = segment(0, &[&["one", "two"], &["x"]]);
    let (first, second) = (SEGMENT_HEAD + BATCH_HEAD, SEGMENT_HEAD + BATCH_HEAD + 11);
    let mut swapped = bytes.clone();
    swapped[first..second].copy_from_slice(&bytes[second..second + 11]);
    swapped[second..second + 11].copy_from_slice(&bytes[first..second]);
    let torn = parse(&swapped).unwrap().torn.unwrap();
    assert_eq!((torn.index, torn.followed), (0, true));
}

#[test]
fn a_damaged_head_is_no_segment() {
    let bytes = segment(7, &[&["one"]]);
    for at in 0..SEGMENT_HEAD {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        assert_eq!(parse(&bytes), Err(SegmentError::Head));
    }
    assert_eq!(parse(&bytes[..SEGMENT_HEAD - 1]), Err(SegmentError::Head));
    assert!(parse(&bytes[..SEGMENT_HEAD]).unwrap().entries.is_empty());
}

#[test]
fn entries_that_cannot_be_stored_are_not_taken() {
    let mut batch = Batch::default();
    assert!(!batch.push(b""));
    assert!(!batch.push(&[b'x'; ENTRY_LIMIT + 1]));
    assert!(batch.push(&[b'x'; ENTRY_LIMIT]));
    assert_eq!(batch.len(), 1);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_falling_over(
        bytes in prop::collection::vec(any::<u8>(), 0..200), valid: bool,
    ) {
        let mut segment = if valid { segment_head(3).to_vec() } else { Vec::new() };
        segment.extend_from_slice(&bytes);
        let _ = parse(&segment);
    }

    #[test]
    fn any_batches_read_back(
        first in 0_u64..1 << 60,
        batches in prop::collection::vec(
            prop::collection::vec("[a-z]{1,30}", 1..9), 0..9,
        ),
    ) {
        let borrowed: Vec<Vec<&str>> = batches
            .iter()
            .map(|b| b.iter().map(String::as_str).collect())
            .collect();
        let slices: Vec<&[&str]> = borrowed.iter().map(Vec::as_slice).collect();
        let bytes = segment(first, &slices);
        let read = parse(&bytes).unwrap();
        let entries: Vec<&[u8]> = batches.iter().flatten().map(String::as_bytes).collect();
        prop_assert_eq!(read.entries, entries);
        prop_assert_eq!(read.torn, None);
    }
}

#[test]
fn fuzz_finding_a_segment_that_begins_at_the_end_of_all_indices_is_refused_and_not_counted_on_from()
{
    let mut batch = Batch::default();
    assert!(batch.push(b"entry"));
    for first in [u64::MAX, LARGEST_FIRST + 1] {
        // A head of a batch with a sound checksum, as anybody can make one.
        let mut bytes = segment_head(first).to_vec();
        encode(&batch, 0, &mut bytes);
        assert_eq!(parse(&bytes), Err(SegmentError::Head), "{first}");
    }
    let mut bytes = segment_head(LARGEST_FIRST).to_vec();
    encode(&batch, LARGEST_FIRST, &mut bytes);
    assert_eq!(parse(&bytes).map(|read| read.whole_entries), Ok(1));
}
