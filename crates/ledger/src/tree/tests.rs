use std::convert::Infallible;

use proptest::prelude::*;
use seal::encode::{hex, unhex};

use super::*;

/// The tree as RFC 6962 section 2.1 defines it, word for word and slow.
fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [only] => *only,
        _ => {
            let mut k = 1;
            while k * 2 < leaves.len() {
                k *= 2;
            }
            node_hash(&naive_root(&leaves[..k]), &naive_root(&leaves[k..]))
        }
    }
}

struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = Infallible;

    fn node(&mut self, height: u8, index: u64) -> Result<Hash, Infallible> {
        let begin = (index << height) as usize;
        Ok(naive_root(&self.0[begin..begin + (1 << height)]))
    }
}

/// The entries of the certificate-transparency reference implementation
/// (github.com/google/certificate-transparency, python/ct/crypto/merkle_test.py and
/// cpp/merkletree/merkle_tree_test.cc).
fn reference_entries() -> Vec<Vec<u8>> {
    [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    .iter()
    .map(|entry| unhex(entry).unwrap())
    .collect()
}

fn reference_leaves() -> Leaves {
    Leaves(reference_entries().iter().map(|e| leaf_hash(e)).collect())
}

/// Tree hashes of the first 0 to 8 reference entries, from the same files.
const REFERENCE_ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

fn root(size: usize) -> Hash {
    unhex(REFERENCE_ROOTS[size]).unwrap().try_into().unwrap()
}

#[test]
fn the_reference_roots_hold() {
    let mut edge = Edge::new();
    let mut nodes = reference_leaves();
    assert_eq!(hex(&edge.root()), REFERENCE_ROOTS[0]);
    for (size, entry) in reference_entries().iter().enumerate() {
        edge.push(leaf_hash(entry), |_| {});
        assert_eq!(hex(&edge.root()), REFERENCE_ROOTS[size + 1]);
        let Ok(stored) = root_of(&mut nodes, size as u64 + 1);
        assert_eq!(hex(&stored), REFERENCE_ROOTS[size + 1]);
    }
}

/// Inclusion paths of the reference entries, from the same files (and Trillian's merkle tests).
#[test]
fn the_reference_inclusion_proofs_hold() {
    let vectors: [(u64, &[&str]); 2] = [
        (
            0,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            5,
            &[
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
    ];
    let mut nodes = reference_leaves();
    for (index, expected) in vectors {
        let Ok(proof) = inclusion(&mut nodes, index, 8);
        assert_eq!(proof.iter().map(|h| hex(h)).collect::<Vec<_>>(), expected);
        let leaf = nodes.0[index as usize];
        assert!(includes(&leaf, index, 8, &proof, &root(8)));
        assert!(!includes(&leaf, index + 1, 8, &proof, &root(8)));
    }
}

/// Consistency proofs of the reference entries, from the same files.
#[test]
fn the_reference_consistency_proofs_hold() {
    let vectors: [(u64, u64, &[&str]); 4] = [
        (
            1,
            8,
            &[
                "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            2,
            8,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
            ],
        ),
        (
            6,
            8,
            &[
                "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            ],
        ),
        (
            2,
            5,
            &[
                "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            ],
        ),
    ];
    let mut nodes = reference_leaves();
    for (old, size, expected) in vectors {
        let Ok(proof) = consistency(&mut nodes, old, size);
        assert_eq!(proof.iter().map(|h| hex(h)).collect::<Vec<_>>(), expected);
        let (before, after) = (root(old as usize), root(size as usize));
        assert!(extends(old, &before, size, &after, &proof));
        assert!(!extends(old, &after, size, &before, &proof));
    }
}

fn leaves(count: usize) -> Vec<Hash> {
    (0..count as u64)
        .map(|i| leaf_hash(&i.to_be_bytes()))
        .collect()
}

#[test]
fn an_edge_grows_through_tile_levels_as_the_definition_says() {
    let leaves = leaves(66_000);
    let mut edge = Edge::new();
    let mut full = Vec::new();
    for (i, leaf) in leaves.iter().enumerate() {
        edge.push(*leaf, |tile| full.push((tile.level, tile.index)));
        if [1, 255, 256, 257, 511, 65_535, 65_536, 65_537, 66_000].contains(&(i + 1)) {
            assert_eq!(edge.root(), naive_root(&leaves[..=i]), "{}", i + 1);
            let levels = (0..tile_levels(edge.size()) as u8).map(|l| edge.partial(l).to_vec());
            let again = Edge::from_levels(edge.size(), levels.collect()).unwrap();
            assert_eq!(again, edge);
        }
    }
    assert_eq!(full.iter().filter(|(level, _)| *level == 0).count(), 257);
    assert!(full.contains(&(1, 0)));
    assert!(Edge::from_levels(66_000, vec![vec![[0; 32]]; 3]).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn edge_and_stored_roots_equal_the_definition(count in 0_usize..700) {
        let leaves = leaves(count);
        let mut edge = Edge::new();
        for leaf in &leaves {
            edge.push(*leaf, |_| {});
        }
        let naive = naive_root(&leaves);
        prop_assert_eq!(edge.root(), naive);
        let Ok(stored) = root_of(&mut Leaves(leaves), count as u64);
        prop_assert_eq!(stored, naive);
    }

    #[test]
    fn every_inclusion_proof_verifies_and_no_altered_one_does(
        size in 1_u64..300, at: u64, bit in 0_usize..256, which: usize,
    ) {
        let index = at % size;
        let mut nodes = Leaves(leaves(size as usize));
        let (root, leaf) = (naive_root(&nodes.0), nodes.0[index as usize]);
        let Ok(mut proof) = inclusion(&mut nodes, index, size);
        prop_assert!(includes(&leaf, index, size, &proof, &root));
        prop_assert!(!includes(&leaf, index, size + 300, &proof, &root));
        prop_assert!(size == 1 || !includes(&leaf, index, size, &proof[1..], &root));
        let mut longer = proof.clone();
        longer.push(root);
        prop_assert!(!includes(&leaf, index, size, &longer, &root));
        if !proof.is_empty() {
            let which = which % proof.len();
            proof[which][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!includes(&leaf, index, size, &proof, &root));
        }
    }

    #[test]
    fn every_consistency_proof_verifies_and_no_altered_one_does(
        size in 1_u64..300, at: u64, bit in 0_usize..256, which: usize,
    ) {
        let old = at % (size + 1);
        let mut nodes = Leaves(leaves(size as usize));
        let (before, after) = (naive_root(&nodes.0[..old as usize]), naive_root(&nodes.0));
        let Ok(mut proof) = consistency(&mut nodes, old, size);
        prop_assert!(extends(old, &before, size, &after, &proof));
        let mut other = before;
        other[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!extends(old, &other, size, &after, &proof));
        if !proof.is_empty() {
            let which = which % proof.len();
            proof[which][bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!extends(old, &before, size, &after, &proof));
        }
    }
}
