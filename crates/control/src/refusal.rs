//! A request turned away.
//!
//! Owns the shape of a refusal: which control, which status, what the client is told and what the
//! ledger is told. Each control has its own small error type and turns it into a [`Refusal`]; one
//! layer of the gate renders them. Nothing here holds a value from the request.

use std::fmt;

/// The stable name of a control, such as `wire.framing` or `identity.key`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ControlId(pub &'static str);

impl fmt::Debug for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// One of a control's closed set of reasons, such as `signature-mismatch`.
///
/// A reason is a constant of the program, never text from a request: it may be logged anywhere.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reason(pub &'static str);

impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A request turned away by one control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The control that refused.
    pub control: ControlId,
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// What the client is told: says what to do next where that gives nothing away.
    pub public: &'static str,
    /// What the ledger is told.
    pub reason: Reason,
    /// Seconds for `Retry-After`; only on 429 and 503.
    pub retry_after: Option<u32>,
    /// Whether the connection must be closed after the answer, because its framing is not known.
    pub close: bool,
}

impl Refusal {
    /// A refusal that leaves the connection usable.
    #[must_use]
    pub const fn new(
        control: ControlId,
        status: u16,
        public: &'static str,
        reason: Reason,
    ) -> Self {
        Self {
            control,
            status,
            public,
            reason,
            retry_after: None,
            close: false,
        }
    }

    /// The same refusal, after which the connection is closed.
    #[must_use]
    pub const fn closing(mut self) -> Self {
        self.close = true;
        self
    }

    /// The same refusal with `Retry-After` in seconds.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}
