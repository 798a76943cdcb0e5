//! TLS as the driver wants it.
//!
//! Owns the adapter between the two libraries and nothing else.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use crate::{address::Host, tls::Roots};

/// What the driver shakes hands with once the server has agreed to TLS.
pub(super) struct Proof {
    pub(super) roots: Roots,
    pub(super) host: Host,
}

/// A stream whose other end has proved who it is.
pub(super) struct Proven<S>(tokio_rustls::client::TlsStream<S>);

impl<S> TlsConnect<S> for Proof
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = Proven<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Proven<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move { self.roots.prove(self.host, stream).await.map(Proven) })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for Proven<S> {
    /// None: the certificate was verified against the name, which is what a binding stands in for
    /// where it was not.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Proven<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, into)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Proven<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
