//! Why a request has no answer.
//!
//! Owns the variants, one for each cause. None shows a path, a query, a field or a body.

use std::{io, net::SocketAddr};

use wire::FramingRefusal;

use crate::{policy::Unreached, refused::Refused, resolve::LookupFault, target::UrlFault};

/// Why a request has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The destination, or one that a redirect named, is refused.
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    /// The name could not be looked up.
    #[error(transparent)]
    Lookup(#[from] LookupFault),
    /// None of the addresses accepted a connection; this is the last.
    #[error("{address} did not accept a connection: {cause}")]
    Connect {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        cause: io::Error,
    },
    /// No certificate could name the host.
    #[error("no certificate could name the host")]
    CertificateName,
    /// The certificate is not that of the host, or nobody we believe vouches for it.
    #[error("the certificate was refused: {0}")]
    Certificate(rustls::CertificateError),
    /// The TLS handshake failed otherwise.
    #[error("the TLS handshake failed: {0}")]
    Handshake(io::Error),
    /// Sending the request failed.
    #[error("sending the request failed: {0}")]
    Send(io::Error),
    /// Receiving the answer failed.
    #[error("receiving the answer failed: {0}")]
    Receive(io::Error),
    /// The answer is not HTTP/1.1 as everybody reads it, or its head is too large.
    #[error("the answer is malformed: {0}")]
    Malformed(FramingRefusal),
    /// The answer ended before its end.
    #[error("the answer was cut off")]
    Truncated,
    /// The body is longer than allowed.
    #[error("the body of the answer is longer than {0} bytes")]
    TooLarge(usize),
    /// More interim answers than anybody needs.
    #[error("the server sends interim answers without end")]
    Interim,
    /// The body is encoded although that was not asked for.
    #[error("the body of the answer is encoded")]
    Encoded,
    /// The whole took too long.
    #[error("the time for the request ran out")]
    TimedOut,
    /// A redirect without a `Location`, or with several.
    #[error("a redirect does not say where to")]
    NoLocation,
    /// A redirect to what is no URL that we follow.
    #[error("a redirect leads nowhere: {0}")]
    Location(UrlFault),
    /// A redirect from https to http.
    #[error("a redirect leads from https to http")]
    Downgrade,
    /// A redirect that would carry the body to another origin.
    #[error("a redirect would carry the body to another origin")]
    BodyElsewhere,
    /// More redirects than allowed.
    #[error("there are too many redirects")]
    TooManyRedirects,
}

impl From<Unreached> for Fault {
    fn from(fault: Unreached) -> Self {
        match fault {
            Unreached::Refused(refused) => Self::Refused(refused),
            Unreached::Lookup(fault) => Self::Lookup(fault),
        }
    }
}

impl Fault {
    /// The cause of a failed handshake.
    pub(super) fn of_tls(fault: io::Error) -> Self {
        let inner = fault
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match inner {
            Some(rustls::Error::InvalidCertificate(cause)) => Self::Certificate(cause.clone()),
            _ => Self::Handshake(fault),
        }
    }

    /// What to do next.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Refused(refused) => refused.hint(),
            Self::Lookup(fault) => fault.hint(),
            Self::Connect { .. } => "check that the server runs and the port is right",
            Self::CertificateName | Self::Certificate(_) => {
                "check the name in the URL; roots of your own authority go into `roots` of [connect]"
            }
            Self::TimedOut => "check that the server answers; it has a few seconds for everything",
            Self::Location(_)
            | Self::NoLocation
            | Self::Downgrade
            | Self::BodyElsewhere
            | Self::TooManyRedirects => "give the URL that the redirects lead to",
            Self::Handshake(_)
            | Self::Send(_)
            | Self::Receive(_)
            | Self::Malformed(_)
            | Self::Truncated
            | Self::TooLarge(_)
            | Self::Interim
            | Self::Encoded => "check that the URL names the server that is meant",
        }
    }
}
