//! Why a delivery was turned away.
//!
//! Owns the closed set of reasons of the control `hooks.signature` and how they are answered.
//! Says the same public words for all of them: which part of a forgery was nearly right is the
//! ledger's business and nobody else's.

use control::{ControlId, Reason, Refusal};

/// The control that refuses deliveries without a valid signature.
pub const SIGNATURE: ControlId = ControlId("hooks.signature");

/// Why a delivery does not carry a valid signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum SignatureRefusal {
    /// The signature, or a field that it must cover, is not there.
    #[error("the signature or a field it must cover is missing")]
    Missing,
    /// The signature, or a field that it covers, is not of its shape.
    #[error("the signature or a field it covers is malformed")]
    Malformed,
    /// No signature fits any secret of the source.
    #[error("no signature fits a secret of this source")]
    Mismatch,
    /// None of the signatures carries a version this scheme knows.
    #[error("no signature carries a version this scheme knows")]
    UnknownVersion,
    /// It was sent longer ago than the scheme allows.
    #[error("the delivery was sent too long ago")]
    Stale,
    /// It says that it was sent in the future.
    #[error("the delivery says it was sent in the future")]
    Future,
    /// A field that may stand once stands more than once.
    #[error("a header that may stand once stands more than once")]
    DuplicateHeader,
    /// The provider never uses this method.
    #[error("this provider does not deliver with this method")]
    WrongMethod,
    /// The media type is not the one this shape of delivery has.
    #[error("the content type is not the one this kind of delivery has")]
    WrongContentType,
    /// Nothing signed covers the body.
    #[error("nothing that is signed covers the body")]
    BodyDigestMissing,
    /// The body is not the one whose digest was signed.
    #[error("the body is not the one whose digest was signed")]
    BodyDigestMismatch,
    /// A form has more parameters, or a list more signatures, than are looked at.
    #[error("there are more parameters or signatures than are looked at")]
    TooMany,
    /// The source has no secret: nothing can be genuine.
    #[error("this source has no secret, so nothing can be genuine")]
    NoSecret,
}

impl SignatureRefusal {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::Malformed,
        Self::Mismatch,
        Self::UnknownVersion,
        Self::Stale,
        Self::Future,
        Self::DuplicateHeader,
        Self::WrongMethod,
        Self::WrongContentType,
        Self::BodyDigestMissing,
        Self::BodyDigestMismatch,
        Self::TooMany,
        Self::NoSecret,
    ];

    /// The word the ledger keeps.
    #[must_use]
    pub const fn reason(self) -> Reason {
        Reason(match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Mismatch => "mismatch",
            Self::UnknownVersion => "unknown-version",
            Self::Stale => "stale",
            Self::Future => "future",
            Self::DuplicateHeader => "duplicate-header",
            Self::WrongMethod => "wrong-method",
            Self::WrongContentType => "wrong-content-type",
            Self::BodyDigestMissing => "body-digest-missing",
            Self::BodyDigestMismatch => "body-digest-mismatch",
            Self::TooMany => "too-many",
            Self::NoSecret => "no-secret",
        })
    }
}

impl From<SignatureRefusal> for Refusal {
    fn from(refusal: SignatureRefusal) -> Self {
        Self::new(
            SIGNATURE,
            403,
            "This delivery does not carry a valid signature. The operator finds the reason in the ledger under this request id.",
            refusal.reason(),
        )
    }
}
