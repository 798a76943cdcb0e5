//! A request as it was received.
//!
//! Owns the view of a request that verification reads: raw bytes and nothing parsed from them by
//! somebody else. Refuses a field that may stand once and stands twice. Trusts `public_url`, which
//! comes from the configuration.

use control::Timestamp;

use crate::refusal::SignatureRefusal;

/// One delivery: everything a signature may cover, byte for byte as received.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// Method as received.
    pub method: &'a str,
    /// The deployment's public URL from the configuration, without a path: never `Host`.
    pub public_url: &'a str,
    /// Request target as received: an absolute path with its query.
    pub target: &'a [u8],
    /// Header names and values as received, values without surrounding white space.
    pub headers: &'a [(&'a [u8], &'a [u8])],
    /// The whole body, framing removed and nothing else.
    pub body: &'a [u8],
    /// The moment it is judged at.
    pub now: Timestamp,
}

impl<'a> Delivery<'a> {
    /// The value of the header `name`, which may stand once.
    pub(crate) fn header(&self, name: &str) -> Result<Option<&'a [u8]>, SignatureRefusal> {
        let mut found = self
            .headers
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| *value);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(SignatureRefusal::DuplicateHeader),
            (first, None) => Ok(first),
        }
    }
}
