//! The engine of one thread, driven by a fuzz body instead of a listener, and a site from its text
//! alone.
//!
//! Owns nothing but the way in: connections are served by the very code that serves accepted ones,
//! with one upstream pool for all of them. Trusts its caller to run it on one thread.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
};

use config::{Document, Faults, secret::Sources};
use control::{Secret, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wire::{Deadline, Stream};

use crate::{
    core::{Core, Gate},
    serve::{Client, Local, connection, h2},
    site::{Site, Surroundings},
    stages::Peer,
};

/// The site of a configuration in which the gate's sections stand alone; none where one of them was
/// not understood and nothing is named as wrong.
///
/// # Errors
///
/// Everything that is wrong with the text.
pub fn site(
    text: String,
    secrets: &BTreeMap<String, Option<Secret>>,
    durable: bool,
) -> Result<Option<Site>, Faults> {
    site_from(text, secrets, durable, &Sources::unresolved())
}

/// The same, with files and secrets from `sources`.
pub fn site_from(
    text: String,
    secrets: &BTreeMap<String, Option<Secret>>,
    durable: bool,
    sources: &Sources,
) -> Result<Option<Site>, Faults> {
    let mut document = Document::parse("vouchsafe.toml", text);
    let mut root = document.root();
    let mut deployment = root.table("deployment");
    let surroundings = Surroundings {
        sources,
        secrets,
        durable,
        now: Timestamp::from_seconds(1_800_000_000),
    };
    let site = Site::read(&mut root, &mut deployment, &surroundings);
    deployment.done();
    root.done();
    document.finish()?;
    Ok(site)
}

/// What one thread keeps for its connections.
pub struct Engine(Rc<Local>);

impl Engine {
    /// An engine with an empty pool.
    #[must_use]
    pub fn new(gate: Arc<Gate>) -> Self {
        Self(Rc::new(Local::new(Core::new(gate))))
    }

    /// Serves a connection from `peer` until it ends; not at all when there is no place for it.
    pub async fn serve<S: Stream>(&self, peer: Peer, stream: S) {
        let Ok(seat) = self.0.enter(&peer) else {
            return;
        };
        let local = Rc::clone(&self.0);
        let deadline = Deadline::after(local.core.site().limits().header_time);
        connection::serve(local, seat, peer, Bare(stream), deadline).await;
    }

    /// Serves a connection whose two sides chose HTTP/2, from its preface on.
    pub async fn serve_http2<S: Stream>(&self, peer: Peer, stream: S) {
        let Ok(seat) = self.0.enter(&peer) else {
            return;
        };
        let local = Rc::clone(&self.0);
        let deadline = Deadline::after(local.core.site().limits().header_time);
        h2::serve(local, seat, peer, stream, deadline).await;
    }

    /// Idle upstream connections.
    #[must_use]
    pub fn idle(&self) -> usize {
        self.0.pool.borrow().idle()
    }

    /// Closes every idle upstream connection.
    pub fn forget(&self) {
        self.0.pool.borrow_mut().clear();
    }
}

/// A stream that knows no reset: its other end sees no difference.
struct Bare<S>(S);

impl<S: Stream> Client for Bare<S> {
    fn reset_on_close(&self) {}
}

impl<S: Stream> AsyncRead for Bare<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: Stream> AsyncWrite for Bare<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
