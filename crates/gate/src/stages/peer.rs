//! Peer: the connection a request came in on, as the engine tells the stages.

use std::{net::SocketAddr, sync::Arc};

use identity::certificate::Presented;

/// The connection a request came in on.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Address of the other end.
    pub address: SocketAddr,
    /// What is spoken on the connection.
    pub spoken: Spoken,
    /// The certificate it began with, which is verified; what a field of a request says of one is not.
    pub certificate: Option<Arc<Presented>>,
}

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoken {
    /// HTTP as it is.
    Plain,
    /// HTTP/1.1 within TLS.
    Tls,
    /// HTTP/2 within TLS: many requests at once on one connection.
    Http2,
    /// HTTP as it is, to be told that this site is served over HTTPS alone.
    Redirect,
}

impl Peer {
    /// Whether the connection speaks TLS.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        matches!(self.spoken, Spoken::Tls | Spoken::Http2)
    }
}
