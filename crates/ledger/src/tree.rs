//! The Merkle tree (RFC 6962 section 2.1, SHA-256).
//!
//! Owns the hashes of leaves and nodes, the growing right edge of a tree, roots of any earlier
//! size, inclusion and consistency proofs and their verification. Pure: stored hashes come through
//! [`Nodes`]. Trusts nothing it is given; what does not fit is an error or simply does not verify.

use seal::Sha256;

/// A SHA-256 hash of the tree.
pub type Hash = [u8; 32];

/// The hash of an entry.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(&[0]);
    hash.update(entry);
    hash.finish()
}

/// [`leaf_hash`] with memory that is used again: an entry is hashed in one piece, which is faster.
pub(crate) fn leaf_hash_with(scratch: &mut Vec<u8>, entry: &[u8]) -> Hash {
    scratch.clear();
    scratch.push(0);
    scratch.extend_from_slice(entry);
    seal::sha256(scratch)
}

/// The hash of a node with two subtrees.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0; 65];
    let (mark, pair) = bytes.split_at_mut(1);
    mark.copy_from_slice(&[1]);
    let (first, second) = pair.split_at_mut(32);
    first.copy_from_slice(left);
    second.copy_from_slice(right);
    seal::sha256(&bytes)
}

/// The root of the tree without entries: the hash of nothing.
#[must_use]
pub fn empty_root() -> Hash {
    seal::sha256(b"")
}

/// The root over `hashes`, each of them the root of a subtree of the same size, the last one
/// possibly of a smaller subtree.
#[must_use]
pub fn root_over(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [only] => *only,
        more => {
            // Levels are combined from below; a lone hash at the end is carried up as it is.
            let mut level: Vec<Hash> = more.chunks(2).map(pair).collect();
            let mut above = Vec::with_capacity(level.len().div_ceil(2));
            while level.len() > 1 {
                above.clear();
                above.extend(level.chunks(2).map(pair));
                std::mem::swap(&mut level, &mut above);
            }
            level.first().copied().unwrap_or_else(empty_root)
        }
    }
}

fn pair(hashes: &[Hash]) -> Hash {
    match hashes {
        [left, right] => node_hash(left, right),
        [only] => *only,
        _ => empty_root(),
    }
}

/// Hashes per tile, and entries per bundle.
pub const TILE_WIDTH: usize = 256;

/// The right edge of a growing tree: for each tile level, the hashes of its incomplete tile.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    levels: Vec<Vec<Hash>>,
}

/// A tile that the last entry completed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    /// Its level.
    pub level: u8,
    /// Its index within the level.
    pub index: u64,
    /// Its 256 hashes.
    pub hashes: Vec<Hash>,
}

impl Edge {
    /// The edge of the tree without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The edge of a tree of `size`, from the hashes of its incomplete tiles, lowest level first.
    /// `None` unless each level has exactly the width that `size` asks for.
    #[must_use]
    pub fn from_levels(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let fits = levels.len() == tile_levels(size)
            && levels
                .iter()
                .zip(0_u8..)
                .all(|(hashes, level)| hashes.len() == partial_width(level, size));
        fits.then_some(Self { size, levels })
    }

    /// Entries in the tree.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The incomplete tile at `level`; empty where there is none.
    #[must_use]
    pub fn partial(&self, level: u8) -> &[Hash] {
        self.levels
            .get(usize::from(level))
            .map_or(&[], Vec::as_slice)
    }

    /// Adds a leaf and hands every tile that it completes to `full`.
    pub fn push(&mut self, leaf: Hash, full: impl FnMut(FullTile)) {
        self.push_at(0, leaf, full);
        self.size += 1;
    }

    /// Adds 256 entries by the root over them, where the size is a multiple of 256.
    pub(crate) fn push_bundle(&mut self, root: Hash, full: impl FnMut(FullTile)) {
        if self.levels.is_empty() {
            self.levels.push(Vec::new());
        }
        self.push_at(1, root, full);
        self.size += TILE_WIDTH as u64;
    }

    fn push_at(&mut self, lowest: u8, hash: Hash, mut full: impl FnMut(FullTile)) {
        let mut carried = hash;
        for level in lowest.. {
            let place = usize::from(level);
            if self.levels.len() <= place {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(place) else {
                break;
            };
            hashes.push(carried);
            if hashes.len() < TILE_WIDTH {
                break;
            }
            let hashes = std::mem::take(hashes);
            carried = root_over(&hashes);
            full(FullTile {
                level,
                index: self
                    .size
                    .checked_shr(8 * (u32::from(level) + 1))
                    .unwrap_or(0),
                hashes,
            });
        }
    }

    /// The root of the tree.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut below: Option<Hash> = None;
        for hashes in &self.levels {
            if hashes.is_empty() {
                continue;
            }
            let mut level = hashes.clone();
            level.extend(below);
            below = Some(root_over(&level));
        }
        below.unwrap_or_else(empty_root)
    }
}

/// Tile levels that a tree of `size` has, complete or not.
#[must_use]
pub const fn tile_levels(size: u64) -> usize {
    ((u64::BITS - size.leading_zeros()) as usize).div_ceil(8)
}

/// Hashes in the incomplete tile at `level` of a tree of `size`; 0 where there is none.
#[must_use]
pub fn partial_width(level: u8, size: u64) -> usize {
    let above = size.checked_shr(8 * u32::from(level)).unwrap_or(0);
    (above % TILE_WIDTH as u64) as usize
}

/// Stored hashes of complete subtrees.
pub trait Nodes {
    /// Why a hash could not be had.
    type Error;

    /// The hash of the complete subtree of `2^height` entries that begins at entry
    /// `index * 2^height`.
    fn node(&mut self, height: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// The largest power of two below `count`, which is at least 2.
const fn split(count: u64) -> u64 {
    1 << (u64::BITS - 1 - (count - 1).leading_zeros())
}

/// The root over entries `begin..end`, where `begin` is a multiple of the power of two that is not
/// below `end - begin`, as it is for every node of a tree.
fn subtree<N: Nodes>(nodes: &mut N, begin: u64, end: u64) -> Result<Hash, N::Error> {
    let count = end.saturating_sub(begin);
    if count == 0 {
        return Ok(empty_root());
    }
    if count.is_power_of_two() {
        let height = count.trailing_zeros();
        return nodes.node(height as u8, begin >> height);
    }
    let middle = begin + split(count);
    let left = subtree(nodes, begin, middle)?;
    let right = subtree(nodes, middle, end)?;
    Ok(node_hash(&left, &right))
}

/// The root of the tree of the first `size` entries.
pub fn root_of<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    subtree(nodes, 0, size)
}

/// The proof that entry `index` is in the tree of the first `size` entries (RFC 6962 section
/// 2.1.1), leaf side first. Empty when there is no such entry.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end) = (0, size);
    let mut proof = Vec::new();
    if index >= size {
        return Ok(proof);
    }
    while end - begin > 1 {
        let middle = begin + split(end - begin);
        if index < middle {
            proof.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree(nodes, begin, middle)?);
            begin = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `old` entries is a prefix of that of the first `size`
/// (RFC 6962 section 2.1.2). Empty when both are the same or either is empty.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end) = (0, size);
    let mut proof = Vec::new();
    if old == 0 || old >= size {
        return Ok(proof);
    }
    // Walks down to the node that ends at `old`; `begin` moves only past whole old subtrees.
    while end != old {
        let middle = begin + split(end - begin);
        if old <= middle {
            proof.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(subtree(nodes, begin, middle)?);
            begin = middle;
        }
    }
    if begin > 0 {
        proof.push(subtree(nodes, begin, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether `proof` shows that `leaf` is entry `index` under `root` of a tree of `size` (RFC 9162
/// section 2.1.3.2).
#[must_use]
pub fn includes(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let mut hash = *leaf;
    let fits = climb(index, size - 1, proof.iter(), |sibling, side| {
        hash = side.join(sibling, &hash);
    });
    fits && hash == *root
}

/// Whether `proof` shows that the tree of `old` entries under `old_root` is a prefix of the tree of
/// `size` entries under `root` (RFC 9162 section 2.1.4.2).
#[must_use]
pub fn extends(old: u64, old_root: &Hash, size: u64, root: &Hash, proof: &[Hash]) -> bool {
    if old > size {
        return false;
    }
    if old == size {
        return proof.is_empty() && old_root == root;
    }
    if old == 0 {
        return proof.is_empty() && *old_root == empty_root();
    }
    let mut path = proof.iter();
    let first = if old.is_power_of_two() {
        Some(old_root)
    } else {
        path.next()
    };
    let Some(first) = first else {
        return false;
    };
    let (mut node, mut last) = (old - 1, size - 1);
    while node % 2 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old_hash, mut hash) = (*first, *first);
    let fits = climb(node, last, path, |sibling, side| {
        // What stands to the right was not there yet.
        if side == Side::Left {
            old_hash = side.join(sibling, &old_hash);
        }
        hash = side.join(sibling, &hash);
    });
    fits && old_hash == *old_root && hash == *root
}

/// On which side of a node its sibling in a proof stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

impl Side {
    fn join(self, sibling: &Hash, hash: &Hash) -> Hash {
        match self {
            Self::Left => node_hash(sibling, hash),
            Self::Right => node_hash(hash, sibling),
        }
    }
}

/// Walks a proof from `node` of a level that ends with `last` up to the root, the loop that both
/// algorithms of RFC 9162 share: `join` is told of each sibling. Whether the proof is as long as the way.
fn climb<'p>(
    mut node: u64,
    mut last: u64,
    proof: impl Iterator<Item = &'p Hash>,
    mut join: impl FnMut(&Hash, Side),
) -> bool {
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            join(sibling, Side::Left);
            while node.is_multiple_of(2) && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            join(sibling, Side::Right);
        }
        node >>= 1;
        last >>= 1;
    }
    last == 0
}

#[cfg(test)]
mod tests;
