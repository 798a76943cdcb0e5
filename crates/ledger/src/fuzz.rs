//! Bodies for fuzzers: each takes any bytes and panics only when a property does not hold.

use crate::{
    checkpoint::{Checkpoint, notes},
    note::{Note, SignerKey, VerifierKey},
    segment::{self, Batch},
    tile::{TileFile, entries, push_entry},
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
