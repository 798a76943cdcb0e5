//! Entries and tiles that were altered.

use super::{altered, edge};

/// Where each entry of a bundle begins, and where the last one ends.
fn places(bundle: &[u8]) -> Vec<usize> {
    let mut places = vec![0];
    while let Some(at) = places.last().copied().filter(|at| *at < bundle.len()) {
        let length = u16::from_be_bytes([bundle[at], bundle[at + 1]]);
        places.push(at + 2 + usize::from(length));
    }
    places
}

#[test]
fn both_verifiers_name_the_same_entry() {
    let bundle = "tile/entries/000";
    altered("entry 3 ", |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes)[3] + 12;
            bytes[at] ^= 1;
        });
    });
    altered("entry 4 ", |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes);
            let swapped = [
                &bytes[..at[4]],
                &bytes[at[9]..at[10]],
                &bytes[at[5]..at[9]],
                &bytes[at[4]..at[5]],
                &bytes[at[10]..],
            ];
            *bytes = swapped.concat();
        });
    });
    altered("entry 8 ", |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes);
            *bytes = [&bytes[..at[8]], &bytes[at[7]..at[8]], &bytes[at[9]..]].concat();
        });
    });
    altered("entry 0 ", |copy| copy.swap(bundle, "tile/entries/001"));
    let cut = "tile/entries/000 has been cut or extended";
    altered(cut, |copy| {
        copy.change(bundle, |bytes| {
            let at = places(bytes);
            bytes.drain(at[5]..at[6]);
        });
    });
    altered(cut, |copy| {
        copy.change(bundle, |bytes| bytes.extend_from_slice(b"\0\x01x"));
    });
    altered(cut, |copy| {
        copy.change(bundle, |bytes| bytes.truncate(bytes.len() - 1));
    });
    altered("tile/entries/001 is missing", |copy| {
        copy.remove("tile/entries/001");
    });
    altered("tile/entries/002", |copy| {
        let edge = edge(copy, "entries");
        copy.change(&edge, |bytes| bytes.truncate(0));
    });
}

#[test]
fn both_verifiers_name_the_same_tile() {
    for (tile, hash) in [("tile/0/000", 9), ("tile/0/001", 0), ("tile/0/001", 255)] {
        altered(&format!("hash {hash} of {tile}"), |copy| {
            copy.change(tile, |bytes| bytes[hash * 32 + 31] ^= 1);
        });
    }
    altered("hash 1 of tile/1/000", |copy| {
        let edge = edge(copy, "1");
        copy.change(&edge, |bytes| bytes[32] ^= 0x80);
    });
    altered("hash 0 of tile/0/000", |copy| {
        copy.swap("tile/0/000", "tile/0/001");
    });
    altered("tile/0/000 has been cut or extended", |copy| {
        copy.change("tile/0/000", |bytes| bytes.truncate(8191));
    });
    altered("tile/0/001 is missing", |copy| copy.remove("tile/0/001"));
    altered("is missing", |copy| copy.remove(&edge(copy, "0")));
    // An entry together with its leaf hash.
    altered("the entries of tile/entries/000", |copy| {
        copy.change("tile/entries/000", |bytes| {
            let at = places(bytes)[3] + 12;
            bytes[at] ^= 1;
        });
        let bundle = copy.read("tile/entries/000");
        let at = places(&bundle);
        let leaf = [&b"\0"[..], &bundle[at[3] + 2..at[4]]].concat();
        let hash = seal::sha256(&leaf);
        copy.change("tile/0/000", |bytes| {
            bytes[96..128].copy_from_slice(&hash);
        });
    });
    // A partial tile narrower than the present one, kept from an earlier checkpoint.
    altered("tile/0/002.p/1", |copy| {
        copy.write("tile/0/002.p/1", &[7; 32]);
    });
    altered("tile/entries/000.p/1", |copy| {
        copy.write("tile/entries/000.p/1", b"\0\x01x");
    });
}
