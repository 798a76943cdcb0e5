//! The inverse of verification, for tests, the command line and `prove`.

use control::{Secret, Timestamp};

use crate::{key::KeyFault, scheme::Scheme};

/// What is to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Signing<'a> {
    /// Method it will be sent with.
    pub method: &'a str,
    /// The public URL of the receiving deployment, without a path.
    pub public_url: &'a str,
    /// Target it will be sent to: an absolute path with its query.
    pub target: &'a str,
    /// Media type it will be sent with.
    pub content_type: Option<&'a str>,
    /// The body.
    pub body: &'a [u8],
    /// Identity of the message, for schemes that sign one.
    pub id: &'a str,
    /// When it is sent.
    pub at: Timestamp,
}

/// A signed delivery, ready to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// Target to send it to; a digest of the body may have been added to its query.
    pub target: String,
    /// Headers to send with it, content type included where one was given.
    pub headers: Vec<(String, String)>,
}

/// A delivery cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignFault {
    /// The secret is not one this scheme signs with.
    #[error(transparent)]
    Key(#[from] KeyFault),
}

/// Signs with `secret` as the provider of `scheme` would.
pub fn sign(
    _scheme: &Scheme,
    _secret: &Secret,
    _signing: &Signing<'_>,
) -> Result<Signed, SignFault> {
    todo!()
}
