//! Chance as an argument.
//!
//! Owns the one place that asks the operating system for random bytes. Secrets take an [`Rng`] so
//! that a test can know what they will be.

use std::sync::atomic::{AtomicU64, Ordering};

/// The operating system gave no randomness; nothing that needs a secret may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no random bytes")]
pub struct NoRandomness;

impl NoRandomness {
    /// What to do next.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        "the system gives no random bytes: check /dev/urandom and the seccomp profile"
    }
}

/// Where random bytes come from.
pub trait Rng: Send + Sync {
    /// Fills `bytes` with unpredictable bytes, or fails and leaves them unusable.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// An array of `N` random bytes.
pub fn array<const N: usize>(rng: &dyn Rng) -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    rng.fill(&mut bytes)?;
    Ok(bytes)
}

/// The operating system's generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the system"
    )]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(bytes).map_err(|_| NoRandomness)
    }
}

/// A known sequence, for tests alone: the same seed gives the same bytes. Not a secret generator.
#[derive(Debug, Default)]
pub struct CountingRng {
    next: AtomicU64,
}

impl CountingRng {
    /// A sequence that starts at `seed`.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self {
            next: AtomicU64::new(seed),
        }
    }
}

impl Rng for CountingRng {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: spreads a counter over all bits, so that test values do not look alike.
            let mut z = self
                .next
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            for (to, from) in chunk.iter_mut().zip((z ^ (z >> 31)).to_le_bytes()) {
                *to = from;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_gives_different_bytes_each_time() {
        let (one, two) = (array::<32>(&SystemRng), array::<32>(&SystemRng));
        assert_ne!(one.unwrap(), two.unwrap());
    }

    #[test]
    fn a_counting_sequence_repeats_from_its_seed() {
        let (a, b) = (CountingRng::from_seed(7), CountingRng::from_seed(7));
        assert_eq!(array::<20>(&a).unwrap(), array::<20>(&b).unwrap());
        assert_ne!(array::<20>(&a).unwrap(), [0; 20]);
    }
}
