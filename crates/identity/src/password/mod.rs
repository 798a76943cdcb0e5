//! Passwords of local accounts.
//!
//! Owns what a password may be, how it is stored and how it is checked. Refuses a password that is
//! too short, digits alone, common, or too much like what is known of its owner; a stored hash that
//! would cost more than ours to check. Trusts its callers to check one away from the threads of the
//! gate: that is slow on purpose, and takes [`hash::MEMORY`] of memory each time.
//!
//! - [`Password`]: the text, in the one form that is hashed;
//! - [`strength`]: the rules;
//! - [`common`]: passwords that everybody knows;
//! - [`hash`]: storing and checking.

pub mod common;
pub mod hash;
pub mod strength;

use std::fmt;

use icu_normalizer::ComposingNormalizerBorrowed;
use zeroize::Zeroizing;

pub use hash::{Checked, Hashed};
pub use strength::{About, Documented, Sound, Weakness};

/// Longest password in bytes, as given.
pub const LENGTH_LIMIT: usize = 512;

/// A password as somebody gave it. Wiped when dropped, and never shown.
pub struct Password(Zeroizing<String>);

/// What was given cannot be anybody's password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPassword {
    /// Nothing.
    #[error("the password is empty")]
    Empty,
    /// More than [`LENGTH_LIMIT`] bytes.
    #[error("the password is longer than {LENGTH_LIMIT} bytes")]
    TooLong,
    /// With a line break or another control character, which is not typed on purpose.
    #[error("the password holds a control character")]
    Control,
}

impl Password {
    /// Reads a password. Letters that look alike in two encodings are made one (NFKC, as NIST SP
    /// 800-63B section 5.1.1.2 asks), so that another keyboard gives the same password.
    ///
    /// # Errors
    ///
    /// [`NoPassword`].
    pub fn read(text: &str) -> Result<Self, NoPassword> {
        if text.is_empty() {
            return Err(NoPassword::Empty);
        }
        if text.len() > LENGTH_LIMIT {
            return Err(NoPassword::TooLong);
        }
        if text.contains(char::is_control) {
            return Err(NoPassword::Control);
        }
        let normal = ComposingNormalizerBorrowed::new_nfkc().normalize(text);
        Ok(Self(Zeroizing::new(normal.into_owned())))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_in_two_encodings_is_one_password() {
        let read = |text| Password::read(text).unwrap().text().to_owned();
        assert_eq!(read("caf\u{e9}"), read("cafe\u{301}"));
        assert_eq!(read("\u{ff11}\u{ff12}"), "12");
        assert_eq!(read(" spaces stay "), " spaces stay ");
    }

    #[test]
    fn what_nobody_types_is_no_password() {
        let refused = |text: &str| Password::read(text).unwrap_err();
        assert_eq!(refused(""), NoPassword::Empty);
        assert_eq!(refused("a\nb"), NoPassword::Control);
        assert_eq!(refused("a\0"), NoPassword::Control);
        let longest = "a".repeat(LENGTH_LIMIT);
        assert!(Password::read(&longest).is_ok());
        assert_eq!(refused(&(longest + "a")), NoPassword::TooLong);
    }

    #[test]
    fn a_password_is_not_shown() {
        let password = Password::read("hunter2 and more").unwrap();
        assert_eq!(format!("{password:?}"), "Password(..)");
    }
}
