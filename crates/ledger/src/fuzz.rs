//! Bodies for fuzzers: each takes any bytes and panics only when a property does not hold.

use std::{cell::RefCell, convert::Infallible, net::IpAddr, path::Path, sync::Arc};

use control::{ControlId, Timestamp, rng::CountingRng};

use crate::{
    checkpoint::{Checkpoint, notes},
    crash_disk::CrashDisk,
    encode::{Encoder, Routes},
    event::{Event, Kind, Notice, RequestId, RouteIndex},
    note::{Note, SignerKey, VerifierKey},
    pseudonyms::Pseudonyms,
    segment::{self, Batch},
    tile::{Content, ENTRY_LIMIT, TileFile, entries, push_entry},
    tree::{self, Hash, Nodes},
};

/// Notes, keys and checkpoints: what reads writes itself again.
pub fn note(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = (Note::parse(text), SignerKey::parse(text));
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_string(), text);
    }
    let length: usize = notes(text).map(str::len).sum();
    assert!(length <= text.len());
}

/// Tile paths and entry bundles: what reads writes itself again.
pub fn tile(data: &[u8]) {
    if let Some((text, tile)) = std::str::from_utf8(data)
        .ok()
        .and_then(|text| Some((text, TileFile::parse(text)?)))
    {
        assert_eq!(tile.to_string(), text);
    }
    let read: Option<Vec<&[u8]>> = entries(data).collect();
    if let Some(read) = read {
        let mut again = Vec::new();
        for entry in read {
            assert!(push_entry(&mut again, entry));
        }
        assert_eq!(again, data);
    }
}

/// Journal segments: whole batches survive being written again, and the end is where it is said.
pub fn journal(data: &[u8]) {
    let Ok(read) = segment::parse(data) else {
        return;
    };
    assert!(read.whole_bytes <= data.len());
    assert!(read.whole_entries <= read.entries.len());
    assert_eq!(read.torn.is_none(), read.whole_bytes == data.len());
    let mut batch = Batch::default();
    for entry in &read.entries {
        assert!(batch.push(entry));
    }
    if batch.is_empty() {
        return;
    }
    let mut again = segment::segment_head(read.first).to_vec();
    segment::encode(&batch, read.first, &mut again);
    let twice = segment::parse(&again).map(|segment| segment.entries.len());
    assert_eq!(twice, Ok(read.entries.len()));
}

/// A segment that the script `data` writes and then damages: what is read is what was written, from
/// the front and without a gap, and bytes that were only cut off are never taken for altered ones.
pub fn damaged_journal(data: &[u8]) {
    let Some(([place, count, how, at_low, at_high, by], script)) = data.split_first_chunk::<6>()
    else {
        return;
    };
    // At the very end of all indices too.
    let first = match place {
        0..=127 => u64::from(*place),
        _ => segment::LARGEST_FIRST - u64::from(255 - place),
    };
    let mut written: Vec<Vec<u8>> = Vec::new();
    let mut bytes = segment::segment_head(first).to_vec();
    let mut next = first;
    for piece in script.split(|byte| *byte == b'\n').take(8) {
        let mut batch = Batch::default();
        for entry in piece.chunks(usize::from(count % 16) + 1) {
            // An entry is UTF-8, so that none looks like the head of a batch.
            let entry = String::from_utf8_lossy(entry);
            if batch.push(entry.as_bytes()) {
                written.push(entry.into_owned().into_bytes());
            }
        }
        if !batch.is_empty() {
            segment::encode(&batch, next, &mut bytes);
        }
        next += batch.len() as u64;
    }
    let whole = segment::parse(&bytes);
    let whole = whole.map(|read| (read.entries.len(), read.torn.is_none()));
    assert_eq!(whole, Ok((written.len(), true)), "undamaged");

    let at = usize::from(u16::from_le_bytes([*at_low, *at_high])) % bytes.len();
    let cut_only = how % 2 == 0;
    if cut_only {
        bytes.truncate(at);
    } else if let Some(byte) = bytes.get_mut(at) {
        *byte ^= by;
    }
    match segment::parse(&bytes) {
        Err(_) => assert!(!cut_only || at < segment::SEGMENT_HEAD, "cut, and refused"),
        Ok(read) => {
            assert!(read.entries.len() <= written.len(), "an entry nobody wrote");
            let same = read
                .entries
                .iter()
                .zip(&written)
                .all(|(a, b)| *a == b.as_slice());
            assert!(same, "an entry is not as it was written");
            let all = read.entries.len() == written.len();
            let torn = read.torn.map(|torn| torn.followed);
            assert!(
                all || torn.is_some() || cut_only,
                "entries are gone without a word"
            );
            assert!(
                !cut_only || torn != Some(true),
                "a cut has nothing behind it"
            );
        }
    }
}

/// Proofs and tiles of trees of any size, up to the largest number there is: nothing overflows, and
/// no made-up proof shows anything. A small tree of the same bytes is the tree RFC 6962 describes,
/// and its proofs show what they should and nothing else.
pub fn merkle(data: &[u8]) {
    let mut taken = Taken(data);
    let (index, old, size) = (taken.number(), taken.number(), taken.number());
    let level = taken.byte();
    let _ = (tree::tile_levels(size), tree::partial_width(level, size));
    for content in [Content::Hashes(level % 64), Content::Entries] {
        if let Some(tile) = TileFile::in_tree(content, index, size) {
            assert!((1..=256).contains(&tile.width));
        }
    }
    let Taken(rest) = taken;
    let leaves: Vec<Hash> = rest.chunks(3).take(70).map(tree::leaf_hash).collect();
    let root = naive_root(&leaves);
    assert!(!tree::includes(&[1; 32], index, size, &leaves, &[2; 32]));
    assert!(!tree::extends(old, &[1; 32], size, &[2; 32], &leaves));

    assert_eq!(tree::root_over(&leaves), root);
    let Ok(count) = u64::try_from(leaves.len()) else {
        return;
    };
    if count == 0 {
        return;
    }
    let (index, old) = (index % count, old % (count + 1));
    let mut nodes = Leaves(&leaves);
    let Ok(proof) = tree::inclusion(&mut nodes, index, count);
    let leaf = usize::try_from(index).ok().and_then(|at| leaves.get(at));
    let leaf = leaf.copied().unwrap_or_default();
    assert!(tree::includes(&leaf, index, count, &proof, &root));
    assert!(!tree::includes(&[1; 32], index, count, &proof, &root));
    let Ok(path) = tree::consistency(&mut nodes, old, count);
    let before = usize::try_from(old).ok().and_then(|old| leaves.get(..old));
    let before = naive_root(before.unwrap_or_default());
    assert!(tree::extends(old, &before, count, &root, &path));
    if old > 0 {
        assert!(!tree::extends(old, &[1; 32], count, &root, &path));
    }
}

/// The root as RFC 6962 section 2.1 defines it.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => tree::empty_root(),
        [only] => *only,
        more => {
            let half = more.len().next_power_of_two() / 2;
            let (left, right) = more.split_at_checked(half).unwrap_or_default();
            tree::node_hash(&naive_root(left), &naive_root(right))
        }
    }
}

/// Nodes of a tree whose leaves are at hand.
struct Leaves<'a>(&'a [Hash]);

impl Nodes for Leaves<'_> {
    type Error = Infallible;

    fn node(&mut self, height: u8, index: u64) -> Result<Hash, Infallible> {
        let width = 1_usize << height;
        let from = usize::try_from(index).map_or(usize::MAX, |index| index * width);
        let below = self.0.get(from..from + width);
        assert!(below.is_some(), "a node that the tree does not have");
        Ok(naive_root(below.unwrap_or_default()))
    }
}

/// An event and a notice made of `data`: one JSON object each, which says exactly what the event
/// did, in the one form there is, and fits a bundle.
pub fn encoding(data: &[u8]) {
    ENCODER.with_borrow_mut(|encoder| {
        let mut taken = Taken(data);
        let mut event = Event::new(
            Timestamp::from_millis(taken.number().cast_signed()),
            Kind::REQUEST,
        );
        let present = taken.number();
        let given = |bit: u32| present & (1 << bit) != 0;
        event.request = given(0).then(|| RequestId([taken.byte(); 16]));
        event.status = given(1).then(|| u16::from_le_bytes([taken.byte(), taken.byte()]));
        event.sent = given(2).then(|| taken.number());
        event.received = given(3).then(|| taken.number());
        event.micros = given(4).then(|| taken.number());
        event.client = given(5).then(|| IpAddr::from([taken.byte(); 4]));
        event.route = given(6).then(|| RouteIndex(u16::from(taken.byte())));
        event.control = given(7).then_some(ControlId("gate.framing"));
        let count = given(8).then(|| taken.number());
        let read = one_form(encoder.event(&event, count));
        let said = |key: &str| read.get(key).and_then(serde_json::Value::as_u64);
        assert_eq!(said("status"), event.status.map(u64::from));
        assert_eq!(said("sent"), event.sent);
        assert_eq!(said("received"), event.received);
        assert_eq!(said("micros"), event.micros);
        assert_eq!(said("count"), count);
        assert_eq!(
            read.get("time").and_then(serde_json::Value::as_i64),
            Some(event.time.millis())
        );
        assert_eq!(read.get("client").is_some(), event.client.is_some());
        assert_eq!(read.get("route").is_some(), event.route.is_some());

        let Taken(rest) = taken;
        let words: Vec<String> = rest
            .split(|byte| *byte == b'\n')
            .map(|word| String::from_utf8_lossy(word).into_owned())
            .collect();
        let notice = Notice::new(event.time, Kind::KEY_CREATED)
            .text("id", words.first().cloned().unwrap_or_default())
            .list("scopes", words.clone())
            .count("days", event.time.millis());
        let bytes = encoder.notice(&notice);
        assert!(bytes.len() <= ENTRY_LIMIT, "does not fit a bundle");
        let read = one_form(bytes);
        let id = read.get("id").and_then(serde_json::Value::as_str);
        let whole = words.first().map(String::as_str);
        assert!(id.is_some_and(|id| whole.is_some_and(|whole| whole.starts_with(id))));
    });
}

/// Reads an entry and writes it again: there is one form of it.
fn one_form(bytes: &[u8]) -> serde_json::Value {
    let read: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    assert!(
        read.as_ref().is_some_and(serde_json::Value::is_object),
        "not an object"
    );
    let read = read.unwrap_or_default();
    let text = str::from_utf8(bytes).unwrap_or_default();
    assert_eq!(read.to_string(), text, "another form");
    read
}

/// Bytes taken from the front; zero when there are no more.
struct Taken<'a>(&'a [u8]);

impl Taken<'_> {
    fn byte(&mut self) -> u8 {
        let (first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        let mut bytes = [0; 8];
        for byte in &mut bytes {
            *byte = self.byte();
        }
        u64::from_le_bytes(bytes)
    }
}

thread_local! {
    /// Made once: its keys are the same for every input.
    static ENCODER: RefCell<Encoder> = RefCell::new(encoder());
}

#[expect(clippy::panic, reason = "without an encoder nothing is tried")]
fn encoder() -> Encoder {
    let disk = Arc::new(CrashDisk::new(Path::new("/d")));
    let rng = Arc::new(CountingRng::from_seed(1));
    match Pseudonyms::load(disk, Path::new("/d/keys"), rng) {
        Ok(pseudonyms) => Encoder::new(pseudonyms, Arc::new(Routes::default())),
        Err(cause) => panic!("no pseudonyms: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_break_a_property(data in prop::collection::vec(any::<u8>(), 0..300)) {
            note(&data);
            tile(&data);
            journal(&data);
            damaged_journal(&data);
            encoding(&data);
            merkle(&data);
        }

        #[test]
        fn no_damage_to_a_real_segment_breaks_a_property(at: usize, byte: u8, cut: usize) {
            let mut batch = Batch::default();
            for text in ["one", "two", "three"] {
                prop_assert!(batch.push(text.as_bytes()));
            }
            let mut data = segment::segment_head(u64::from(byte)).to_vec();
            segment::encode(&batch, u64::from(byte), &mut data);
            segment::encode(&batch, u64::from(byte) + 3, &mut data);
            let at = at % data.len();
            data[at] = byte;
            data.truncate(data.len() - cut % data.len());
            journal(&data);
        }
    }
}
