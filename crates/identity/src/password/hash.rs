//! Storing and checking passwords.
//!
//! Owns Argon2id (RFC 9106) in its PHC form. Refuses a stored hash of another algorithm, and one whose
//! parameters would make a check dearer than ours: a row of a database must not be able to stop a
//! machine. Whoever has no account costs as much as somebody who has.

use std::fmt;

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash,
};
use control::{Rng, rng, rng::NoRandomness};

use super::{Password, strength::Sound};

/// Memory that each check takes, in KiB: 19 MiB with two passes and one lane, the second of the
/// choices that OWASP's password storage cheat sheet calls equal.
pub const MEMORY: u32 = 19 * 1024;
/// Passes over it.
pub const PASSES: u32 = 2;

/// Bytes of salt.
const SALT: usize = 16;

/// Longest stored hash.
const STORED_LIMIT: usize = 256;

/// How dear a check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    memory: u32,
    passes: u32,
}

impl Cost {
    /// What passwords are stored with.
    pub const OURS: Self = Self {
        memory: MEMORY,
        passes: PASSES,
    };

    /// A cost for tests: next to nothing.
    #[must_use]
    pub const fn least() -> Self {
        Self {
            memory: 8,
            passes: 1,
        }
    }

    fn argon2(self) -> Result<Argon2<'static>, HashFault> {
        let params = Params::new(self.memory, self.passes, 1, None).map_err(|_| HashFault::Form)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// A password could not be hashed or checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashFault {
    /// No randomness for a salt.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What is stored is no hash of ours.
    #[error("the stored hash of the password does not read")]
    Form,
}

/// A password as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct Hashed(Box<str>);

/// A password that is the right one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// Stored as it should be.
    Good,
    /// Stored at another cost than now: hash it again while it is at hand.
    Stale,
}

impl Hashed {
    /// Hashes a password that was found sound, with a salt of its own.
    ///
    /// # Errors
    ///
    /// [`HashFault`].
    pub fn new(sound: &Sound, cost: Cost, rng: &dyn Rng) -> Result<Self, HashFault> {
        Self::with_salt(sound.password(), cost, &rng::array::<SALT>(rng)?)
    }

    /// Hashes a password that has just been found to be the right one, at today's cost.
    ///
    /// # Errors
    ///
    /// [`HashFault`].
    pub(crate) fn again(password: &Password, cost: Cost, rng: &dyn Rng) -> Result<Self, HashFault> {
        Self::with_salt(password, cost, &rng::array::<SALT>(rng)?)
    }

    /// Reads what [`Hashed::as_str`] gave.
    ///
    /// # Errors
    ///
    /// [`HashFault::Form`], also where the parameters are not between none and ours.
    pub fn stored(text: &str) -> Result<Self, HashFault> {
        read(text)?;
        Ok(Self(text.into()))
    }

    /// The PHC string.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `password` is the one that was stored; `None` if it is another.
    ///
    /// # Errors
    ///
    /// [`HashFault::Form`].
    pub fn check(&self, password: &Password, cost: Cost) -> Result<Option<Checked>, HashFault> {
        let (parsed, of) = read(&self.0)?;
        // Compared in constant time by the library.
        let right = of
            .argon2()?
            .verify_password(password.text().as_bytes(), &parsed);
        Ok(right.is_ok().then_some(if of == cost {
            Checked::Good
        } else {
            Checked::Stale
        }))
    }

    /// Spends what a check costs, where there is nobody to check.
    ///
    /// # Errors
    ///
    /// [`HashFault`].
    pub fn nobody(password: &Password, cost: Cost) -> Result<(), HashFault> {
        Self::with_salt(password, cost, &[0; SALT]).map(drop)
    }

    fn with_salt(password: &Password, cost: Cost, salt: &[u8]) -> Result<Self, HashFault> {
        let hash = cost
            .argon2()?
            .hash_password_with_salt(password.text().as_bytes(), salt)
            .map_err(|_| HashFault::Form)?;
        Ok(Self(hash.to_string().into()))
    }
}

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed(..)")
    }
}

/// Reads a stored hash and what a check of it costs.
fn read(text: &str) -> Result<(PasswordHash, Cost), HashFault> {
    if text.len() > STORED_LIMIT {
        return Err(HashFault::Form);
    }
    let parsed = PasswordHash::new(text).map_err(|_| HashFault::Form)?;
    let number = |name: &str| parsed.params.get_decimal(name).ok_or(HashFault::Form);
    let (memory, passes, lanes) = (number("m")?, number("t")?, number("p")?);
    let ours = parsed.algorithm.as_str() == "argon2id"
        && parsed.version == Some(Version::V0x13.into())
        && (8..=MEMORY).contains(&memory)
        && (1..=PASSES).contains(&passes)
        && lanes == 1
        && parsed.salt.is_some()
        && parsed.hash.is_some();
    if !ours {
        return Err(HashFault::Form);
    }
    Ok((parsed, Cost { memory, passes }))
}

#[cfg(test)]
mod tests {
    use control::rng::CountingRng;

    use super::*;
    use crate::password::strength::{About, judge};

    const TEXT: &str = "copper lantern walks slowly";

    fn password(text: &str) -> Password {
        Password::read(text).unwrap()
    }

    fn hashed(cost: Cost) -> Hashed {
        let sound = judge(password(TEXT), About::default(), 12).unwrap();
        Hashed::new(&sound, cost, &CountingRng::from_seed(1)).unwrap()
    }

    #[test]
    fn the_right_password_is_good_and_every_other_is_not() {
        let stored = Hashed::stored(hashed(Cost::least()).as_str()).unwrap();
        let check = |text| stored.check(&password(text), Cost::least()).unwrap();
        assert_eq!(check(TEXT), Some(Checked::Good));
        for other in [
            "copper lantern walks slowl",
            "Copper lantern walks slowly",
            "x",
        ] {
            assert_eq!(check(other), None, "{other}");
        }
        let now = stored.check(&password(TEXT), Cost::OURS).unwrap();
        assert_eq!(now, Some(Checked::Stale));
    }

    #[test]
    fn what_is_stored_is_argon2id_at_our_cost_with_a_salt_of_its_own() {
        let text = hashed(Cost::OURS);
        assert!(
            text.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{}",
            text.as_str()
        );
        let sound = judge(password(TEXT), About::default(), 12).unwrap();
        let rng = CountingRng::from_seed(7);
        let one = Hashed::new(&sound, Cost::least(), &rng).unwrap();
        let next = Hashed::new(&sound, Cost::least(), &rng).unwrap();
        assert_ne!(one, next);
        assert_eq!(format!("{one:?}"), "Hashed(..)");
    }

    #[test]
    fn a_hash_of_another_kind_or_too_dear_to_check_does_not_read() {
        let good = hashed(Cost::least()).as_str().to_owned();
        assert!(Hashed::stored(&good).is_ok());
        for (from, to) in [
            ("argon2id", "argon2i"),
            ("argon2id", "argon2d"),
            ("v=19", "v=16"),
            ("m=8,", "m=4294967295,"),
            ("m=8,", "m=19457,"),
            ("m=8,", ""),
            ("t=1", "t=3"),
            ("t=1", "t=0"),
            ("p=1", "p=2"),
        ] {
            let other = good.replacen(from, to, 1);
            assert_ne!(other, good);
            assert_eq!(Hashed::stored(&other), Err(HashFault::Form), "{other}");
        }
        let (start, _) = good.rsplit_once('$').unwrap();
        for other in ["", "plain", start, &"$".repeat(300)] {
            assert_eq!(Hashed::stored(other), Err(HashFault::Form), "{other}");
        }
    }

    /// RFC 9106 section 5.3 uses a secret and associated data, which stored passwords have not; this
    /// vector is of the reference implementation's own test file (`src/test.c` of
    /// P-H-C/phc-winner-argon2, Argon2id, version 19, two passes, 256 KiB).
    #[test]
    fn a_published_vector_is_met() {
        let stored =
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
        let stored = Hashed::stored(stored).unwrap();
        let checked = stored.check(&password("password"), Cost::OURS).unwrap();
        assert_eq!(checked, Some(Checked::Stale));
        assert_eq!(stored.check(&password("Password"), Cost::OURS), Ok(None));
    }

    #[test]
    fn nobody_is_checked_at_the_same_cost() {
        assert_eq!(Hashed::nobody(&password(TEXT), Cost::least()), Ok(()));
    }
}
