//! The name of an account.
//!
//! Owns its form: small ASCII letters, digits and a few signs, so that no two names look alike and
//! none reads as something else in a log. Refuses everything else, rather than to clean it.

use std::fmt;

/// Longest name in bytes.
pub const LENGTH_LIMIT: usize = 128;

/// What people type to say who they are. Shown to operators, never written into a log.
#[derive(Clone, PartialEq, Eq)]
pub struct AccountName(Box<str>);

impl AccountName {
    /// Reads a name as it is typed; capitals are made small. None for names that are empty, too long,
    /// begin or end with a sign, hold two `@`, or anything but ASCII letters, digits and `._+-@`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let member = |byte: u8| byte.is_ascii_alphanumeric() || b"._+-@".contains(&byte);
        let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let fits = (1..=LENGTH_LIMIT).contains(&text.len())
            && text.bytes().all(member)
            && ends(text.bytes().next())
            && ends(text.bytes().next_back())
            && text.matches('@').count() <= 1;
        fits.then(|| Self(text.to_ascii_lowercase().into()))
    }

    /// The name.
    #[must_use]
    pub const fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AccountName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccountName(..)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        AccountName::read(text).map(|name| name.as_str().to_owned())
    }

    #[test]
    fn a_name_is_read_as_it_is_typed_with_small_letters() {
        for (text, name) in [
            ("ann", "ann"),
            ("Ann.Smith@Helpline.Example", "ann.smith@helpline.example"),
            ("a+b@c", "a+b@c"),
            ("7", "7"),
        ] {
            assert_eq!(read(text).as_deref(), Some(name));
        }
    }

    #[test]
    fn names_that_can_be_mistaken_are_refused() {
        let long = "a".repeat(LENGTH_LIMIT + 1);
        for text in [
            "",
            " ann",
            "ann ",
            "an n",
            "ann\n",
            "ann\0",
            "ann@a@b",
            "@ann",
            "ann.",
            "-ann",
            "\u{430}nn",
            "ann\u{200b}",
            "ann\u{301}",
            "a/b",
            "a;b",
            "<ann>",
            long.as_str(),
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_read_reads_as_itself(text in "\\PC{0,140}") {
            if let Some(name) = AccountName::read(&text) {
                prop_assert_eq!(AccountName::read(name.as_str()), Some(name));
            }
        }
    }
}
