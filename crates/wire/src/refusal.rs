//! Every reason to refuse, with status and clause.

use control::{ControlId, Reason, Refusal};

/// The control that refuses broken framing.
pub const FRAMING: ControlId = ControlId("wire.framing");

/// The control that refuses ambiguous paths.
pub const PATH: ControlId = ControlId("gate.path");

/// Why bytes are not one message that every parser reads alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum FramingRefusal {
    /// A line feed without carriage return (RFC 9112 section 2.2).
    #[error("a line ends with a bare line feed")]
    BareLf,
}

impl FramingRefusal {
    /// What the ledger is told.
    #[must_use]
    pub fn reason(self) -> Reason {
        todo!()
    }

    /// The status a client is answered with: 400, 413, 414, 417, 431, 501 or 505.
    #[must_use]
    pub fn status(self) -> u16 {
        todo!()
    }

    /// The refusal of a request; always closing.
    #[must_use]
    pub fn to_refusal(self) -> Refusal {
        todo!()
    }

    /// The refusal when the upstream's answer is at fault: 502.
    #[must_use]
    pub fn to_bad_gateway(self) -> Refusal {
        todo!()
    }
}

/// Why a path could be read in two ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PathRefusal {
    /// `%2f` in any case.
    #[error("the path holds an encoded slash")]
    EncodedSlash,
}

impl PathRefusal {
    /// What the ledger is told.
    #[must_use]
    pub fn reason(self) -> Reason {
        todo!()
    }

    /// The refusal; 400, and the connection stays usable.
    #[must_use]
    pub fn to_refusal(self) -> Refusal {
        todo!()
    }
}
