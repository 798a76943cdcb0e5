//! The Connection field (RFC 9110 section 7.6.1).
//!
//! Owns its options. Refuses what is no list of tokens, long lists, and options that name a field
//! which decides framing or routing. Trusts nothing: what it lists is dropped, never kept.

use crate::identity::governs_message;
use crate::refusal::FramingRefusal;
use crate::scan::{is_token, trim};

/// The options one Connection field lists; empty elements are ignored (RFC 9110 section 5.6.1).
pub(crate) fn options(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&byte| byte == b',')
        .map(trim)
        .filter(|option| !option.is_empty())
}

/// What the Connection fields of a head say (RFC 9110 section 7.6.1).
#[derive(Clone, Copy, Debug)]
pub(crate) struct ConnectionOptions {
    pub(crate) close: bool,
    pub(crate) upgrade: bool,
    /// Whether any option names a field.
    pub(crate) others: bool,
    count: u8,
}

impl ConnectionOptions {
    pub(crate) const NONE: Self = Self {
        close: false,
        upgrade: false,
        others: false,
        count: 0,
    };

    /// Each further option costs a comparison with every field, so their number is limited.
    const MOST: u8 = 32;

    /// Reads one Connection field.
    pub(crate) fn note(&mut self, value: &[u8]) -> Result<(), FramingRefusal> {
        // What nearly every sender says, in the spelling of nearly every sender.
        if value == b"keep-alive" && self.count < Self::MOST {
            self.count += 1;
            return Ok(());
        }
        for option in options(value) {
            self.count += 1;
            if self.count > Self::MOST || !is_token(option) {
                return Err(FramingRefusal::Connection);
            }
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrade = true;
            } else if governs_message(option) {
                return Err(FramingRefusal::ConnectionNamesFraming);
            } else if !option.eq_ignore_ascii_case(b"keep-alive") {
                self.others = true;
            }
        }
        Ok(())
    }
}
