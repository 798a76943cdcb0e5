//! Parts of a head that were checked, and say so by their type.
//!
//! Owns names and values of our own. Refuses what would end a line or be read differently, when
//! this program is compiled where that can be known. Shows no value: it may be a credential.

use std::{fmt, rc::Rc};

use super::WriteFault;
use crate::scan::is_value;

/// The name of a field of ours, checked by the compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnName(pub(super) &'static [u8]);

impl OwnName {
    /// `text` is a name of letters, digits and dashes with a colon and a space behind it, such as
    /// `Host: `. Meant for constants, where anything else is a build failure.
    ///
    /// # Panics
    ///
    /// When `text` is anything else.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        let mut rest = text.as_bytes();
        while let [byte, more @ ..] = rest {
            if !byte.is_ascii_alphanumeric() && *byte != b'-' {
                break;
            }
            rest = more;
        }
        assert!(
            matches!(rest, b": ") && text.len() > 2,
            "a name is letters, digits and dashes, a colon and a space"
        );
        Self(text.as_bytes())
    }
}

/// Bytes that may stand in a field value: no control byte but tab.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Clean<'v>(pub(super) &'v [u8]);

impl<'v> Clean<'v> {
    /// Checks bytes that come from anywhere.
    ///
    /// # Errors
    ///
    /// When they hold a control byte other than tab.
    #[inline]
    pub fn new(bytes: &'v [u8]) -> Result<Self, WriteFault> {
        if is_value(bytes) {
            Ok(Self(bytes))
        } else {
            Err(WriteFault::Value)
        }
    }

    /// Visible ASCII and spaces. Meant for constants, where anything else is a build failure.
    ///
    /// # Panics
    ///
    /// When `text` holds anything else.
    #[must_use]
    pub const fn literal(text: &'static str) -> Clean<'static> {
        let mut rest = text.as_bytes();
        while let [byte, more @ ..] = rest {
            assert!(matches!(byte, b' '..=b'~'), "a value is visible ASCII");
            rest = more;
        }
        Clean(text.as_bytes())
    }

    /// Bytes that were found to be part of a value when they were parsed.
    pub(crate) const fn checked(bytes: &'v [u8]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for Clean<'_> {
    /// Shows the length alone: a value may be a credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clean({} bytes)", self.0.len())
    }
}

/// Text that may stand in a field value, checked once and kept for many.
#[derive(Clone)]
pub struct CleanText(Rc<str>);

impl CleanText {
    /// Checks `text`.
    ///
    /// # Errors
    ///
    /// As [`Clean::new`].
    pub fn new(text: impl Into<Rc<str>>) -> Result<Self, WriteFault> {
        let text = text.into();
        Clean::new(text.as_bytes())?;
        Ok(Self(text))
    }

    /// The text, for a field.
    #[must_use]
    pub fn clean(&self) -> Clean<'_> {
        Clean(self.0.as_bytes())
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for CleanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.clean().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_and_values_that_can_be_written_are_constants() {
        for name in ["Host: ", "X-Request-Id: "] {
            assert_eq!(OwnName::new(name).0, name.as_bytes());
        }
        for name in [
            "", ": ", "Host", "Host:", "A B: ", "A_B: ", "A: b", "A\r\n: ",
        ] {
            assert!(
                std::panic::catch_unwind(|| OwnName::new(name)).is_err(),
                "{name:?}"
            );
        }
        for value in ["a\r\nb", "a\tb", "\u{e9}"] {
            assert!(std::panic::catch_unwind(|| Clean::literal(value)).is_err());
        }
        assert_eq!(Clean::literal("a b"), Clean::new(b"a b").unwrap());
    }

    #[test]
    fn a_value_that_may_be_a_credential_is_not_shown() {
        let text = CleanText::new("a secret").unwrap();
        assert_eq!(
            format!("{text:?} {:?}", text.clean()),
            "Clean(8 bytes) Clean(8 bytes)"
        );
        assert_eq!(text.as_str(), "a secret");
    }
}
