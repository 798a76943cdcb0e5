//! Parts of the grammar against the plain reading of them.

use wire::{ChunkedDecoder, target::canonical};

use super::reference::{self, Chunked};

/// A chunked body against the reference decoder.
pub fn chunked_reference(data: &[u8]) {
    let mut decoder = ChunkedDecoder::new();
    let (mut decoded, mut used) = (Vec::new(), 0);
    let ours = loop {
        let rest = data.get(used..).unwrap_or_default();
        match decoder.next(rest) {
            Err(_) => break Chunked::Broken,
            Ok(step) => {
                decoded.extend_from_slice(rest.get(step.data.clone()).unwrap_or_default());
                used += step.consumed;
                if step.done {
                    break Chunked::Whole(decoded, used);
                }
                if step.data.is_empty() {
                    break Chunked::Open;
                }
            }
        }
    };
    match (ours, reference::chunked(data)) {
        // We refuse at the byte where it becomes known, the reference at the end of the line.
        (Chunked::Broken, Chunked::Open) => {}
        (ours, theirs) => assert_eq!(ours, theirs),
    }
}

/// A canonical path against the reference reading.
pub fn path_reference(data: &[u8]) {
    let ours = canonical(data).ok().map(std::borrow::Cow::into_owned);
    assert_eq!(ours, reference::canonical(data));
}
