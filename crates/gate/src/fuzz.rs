//! The engine of one thread, driven by a fuzz body instead of a listener.
//!
//! Owns nothing but the way in: connections are served by the very code that serves accepted ones,
//! with one upstream pool for all of them. Trusts its caller to run it on one thread.

use std::{rc::Rc, sync::Arc};

use wire::{Deadline, Stream};

use crate::{
    core::{Core, Gate},
    serve::{Connection, Local},
    stages::Peer,
};

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
        Connection::new(local, seat, peer, stream, deadline)
            .serve()
            .await;
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
