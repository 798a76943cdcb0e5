//! The end of a connection that must not look like the end of an answer.
//!
//! Owns the one way to say "this broke off" that every client understands: a reset. A client of
//! HTTP/1.0, and one that reads until the end, would take an ordinary close for the end of the answer.
//! A reset also drops what the system still holds for a client that takes nothing.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use wire::Stream;

/// A stream from a client.
pub(crate) trait Client: Stream {
    /// From now on, closing it is a reset.
    fn reset_on_close(&self);
}

impl Client for TcpStream {
    fn reset_on_close(&self) {
        // A socket that refuses this is gone already.
        let _ = SockRef::from(self).set_linger(Some(Duration::ZERO));
    }
}

impl Client for TlsStream<TcpStream> {
    /// Without the closing alert of TLS, which would say that nothing is missing.
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}
