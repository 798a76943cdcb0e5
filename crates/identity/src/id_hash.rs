//! The hash of tables of ids that are looked up on every request.
//!
//! Owns a multiplication where the standard library takes SipHash, which costs ten times as much for
//! an id of one or two words. Safe against whoever asks, for three reasons: the ids in these tables
//! are drawn or named by us and only looked up by strangers, so nobody fills a place on purpose; the
//! addresses that stand beside some of them are hashed with two secret numbers of this table, so that
//! nobody outside can tell which share a place; and every such table has a small bound. Not for
//! tables that strangers fill.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Hashes the ids of one table.
#[derive(Clone)]
pub struct IdHash {
    seed: u64,
    /// Odd, so that no bit of an id is lost.
    multiplier: u64,
}

impl Default for IdHash {
    /// With secret numbers of its own.
    fn default() -> Self {
        let secret = RandomState::new();
        Self {
            seed: secret.hash_one(0_u8),
            multiplier: secret.hash_one(1_u8) | 1,
        }
    }
}

impl std::fmt::Debug for IdHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdHash(..)")
    }
}

impl BuildHasher for IdHash {
    type Hasher = IdHasher;

    #[inline]
    fn build_hasher(&self) -> IdHasher {
        IdHasher {
            state: self.seed,
            multiplier: self.multiplier,
        }
    }
}

/// A hash under way.
pub struct IdHasher {
    state: u64,
    multiplier: u64,
}

impl Hasher for IdHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let byte = |word: u64, byte: &u8| word << 8 | u64::from(*byte);
            self.write_u64(rest.iter().fold(0, byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        // Both halves of the product, because the table takes its place from low bits and tells
        // neighbours apart by high ones.
        let product = u128::from(self.state ^ word) * u128::from(self.multiplier);
        self.state = (product as u64) ^ (product >> 64) as u64;
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.write_u64(word.into());
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.write_u64(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.state
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn one_table_always_gives_an_id_the_same_hash_and_another_table_another() {
        let (one, other) = (IdHash::default(), IdHash::default());
        let id = *b"abcdefGHIJ12";
        assert_eq!(one.hash_one(id), one.hash_one(id));
        assert_ne!(one.hash_one(id), other.hash_one(id));
        assert_eq!(format!("{one:?}"), "IdHash(..)");
    }

    #[test]
    fn ids_that_differ_in_any_byte_spread_over_high_and_low_bits() {
        let hash = IdHash::default();
        let mut ids: Vec<[u8; 12]> = Vec::new();
        for place in 0..12 {
            for byte in b'a'..=b'z' {
                let mut id = *b"000000000000";
                id[place] = byte;
                ids.push(id);
            }
        }
        let hashes: Vec<u64> = ids.iter().map(|id| hash.hash_one(id)).collect();
        let distinct: HashSet<u64> = hashes.iter().copied().collect();
        assert_eq!(distinct.len(), ids.len());
        // 312 ids over 128 values: even the unluckiest table has most values taken by few.
        for shift in [0, 57] {
            let mut taken = [0; 128];
            for hash in &hashes {
                taken[(hash >> shift) as usize & 127] += 1;
            }
            assert!(taken.iter().all(|taken| *taken < 24), "{taken:?}");
        }
    }

    #[test]
    fn parts_of_a_key_in_another_order_are_another_key() {
        let hash = IdHash::default();
        assert_ne!(hash.hash_one((1_u64, 2_u64)), hash.hash_one((2_u64, 1_u64)));
    }
}
