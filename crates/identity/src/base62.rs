//! Digits and letters, upper before lower case, as the alphabet of keys.

use control::rng::{NoRandomness, Rng};
use zeroize::Zeroize as _;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// The greatest multiple of 62 a byte can reach: bytes from here on would favour some characters.
const FAIR: u8 = 248;

/// Draws before a generator that yields no usable byte is given up; a sound one needs two.
const DRAWS: usize = 64;

pub(crate) const fn is_member(character: u8) -> bool {
    character.is_ascii_alphanumeric()
}

/// Whether all of `text` are. Looks at each, so that many are looked at together and nothing shows
/// where one is foreign.
pub(crate) fn are_members(text: &[u8]) -> bool {
    text.iter().fold(true, |all, c| all & is_member(*c))
}

fn character(value: u32) -> u8 {
    // The remainder is below 62, so the character is always there.
    usize::try_from(value % 62)
        .ok()
        .and_then(|at| ALPHABET.get(at))
        .copied()
        .unwrap_or(b'0')
}

/// Fills `text` with characters, each of the 62 as likely as any other.
pub(crate) fn random(rng: &dyn Rng, text: &mut [u8]) -> Result<(), NoRandomness> {
    let mut left = text.iter_mut();
    let mut wanted = left.next();
    let mut drawn = [0; 64];
    for _ in 0..DRAWS {
        if wanted.is_none() {
            break;
        }
        rng.fill(&mut drawn)?;
        for byte in drawn.iter().filter(|byte| **byte < FAIR) {
            let Some(to) = wanted.take() else {
                break;
            };
            *to = character(u32::from(*byte));
            wanted = left.next();
        }
    }
    drawn.zeroize();
    wanted.map_or(Ok(()), |_| Err(NoRandomness))
}

/// Fills `text` with characters that follow from `digest`: its last base-62 digits, by long division,
/// so that each character is as likely as any other to within what a digest of this length allows.
pub(crate) fn of_digest(digest: &[u8; 32], text: &mut [u8]) {
    let mut number = *digest;
    for to in text.iter_mut().rev() {
        let mut rest = 0;
        for byte in &mut number {
            let value = rest << 8 | u32::from(*byte);
            // The remainder before was below 62, so the quotient fits a byte.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            rest = value % 62;
        }
        *to = character(rest);
    }
}

/// `value` as six characters, zeroes in front; 62^6 is more than 2^32.
pub(crate) fn six(value: u32) -> [u8; 6] {
    let mut text = [b'0'; 6];
    let mut rest = value;
    for to in text.iter_mut().rev() {
        *to = character(rest);
        rest /= 62;
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use control::rng::{CountingRng, SystemRng};

    use super::*;

    #[test]
    fn numbers_have_six_characters() {
        assert_eq!(&six(0), b"000000");
        assert_eq!(&six(61), b"00000z");
        assert_eq!(&six(62), b"000010");
        // 4*62^5 + 42*62^4 + 41*62^3 + 15*62^2 + 12*62 + 3, by another program.
        assert_eq!(&six(u32::MAX), b"4gfFC3");
    }

    #[test]
    fn every_character_is_as_likely_as_any_other() {
        let mut text = vec![0; 62_000];
        let mut counts = BTreeMap::new();
        let rng = CountingRng::from_seed(1);
        for piece in text.chunks_mut(62) {
            random(&rng, piece).unwrap();
        }
        for character in text {
            assert!(is_member(character));
            *counts.entry(character).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 62);
        // Mean 1000, standard deviation 31.4: six of them on either side.
        for (character, count) in counts {
            assert!((811..1189).contains(&count), "{character}: {count}");
        }
    }

    #[test]
    fn a_generator_without_a_usable_byte_is_an_error() {
        struct Stuck;
        impl Rng for Stuck {
            fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
                bytes.fill(0xff);
                Ok(())
            }
        }
        assert_eq!(random(&Stuck, &mut [0; 43]), Err(NoRandomness));
        assert_eq!(random(&SystemRng, &mut [0; 43]), Ok(()));
    }
}
