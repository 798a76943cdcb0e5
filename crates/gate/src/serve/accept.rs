//! How connections come in.
//!
//! Owns one listening socket of one thread. Refuses connections beyond the thread's share of the
//! limit with a short 503, and a handshake that takes too long. Survives a lack of descriptors or
//! memory by waiting: a listener that gives up would be an outage.

use std::{io, net::SocketAddr, rc::Rc, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    task::spawn_local,
    time::sleep,
};
use tokio_rustls::TlsAcceptor;
use wire::Deadline;

use super::{
    Tls,
    connection::Connection,
    local::{Local, Seat},
    refusals,
};
use crate::stages::{Peer, framing, record, response};

/// First wait after a failed accept; doubled up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(5);

/// Longest wait after a failed accept.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A listening socket and what it speaks.
pub(super) struct Door {
    pub(super) listener: std::net::TcpListener,
    pub(super) tls: Tls,
}

/// A door whose socket is registered with the thread's runtime.
pub(super) struct OpenDoor {
    listener: TcpListener,
    tls: Tls,
}

impl Door {
    /// Registers the socket with the runtime of this thread.
    pub(super) fn open(self) -> io::Result<OpenDoor> {
        Ok(OpenDoor {
            listener: TcpListener::from_std(self.listener)?,
            tls: self.tls,
        })
    }
}

/// Accepts until the task is ended.
pub(super) async fn accept(local: Rc<Local>, door: OpenDoor, threads: usize) {
    let mut wait = FIRST_WAIT;
    loop {
        match door.listener.accept().await {
            Ok((stream, address)) => {
                wait = FIRST_WAIT;
                admit(&local, stream, address, &door.tls, threads);
            }
            Err(fault) if belongs_to_connection(&fault) => {}
            Err(_) => {
                sleep(wait).await;
                wait = (wait * 2).min(LONGEST_WAIT);
            }
        }
    }
}

/// Whether a failed accept says something of one connection only (accept(2), "Error handling").
fn belongs_to_connection(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::HostUnreachable
    )
}

/// Starts the task of one connection, or turns it away.
fn admit(local: &Rc<Local>, stream: TcpStream, address: SocketAddr, tls: &Tls, threads: usize) {
    let config = tls.load_full();
    let peer = Peer {
        address,
        tls: config.is_some(),
    };
    let limit = local.core.site().limits().connections.div_ceil(threads);
    let Some(seat) = local.enter(limit) else {
        return turn_away(local, &stream, &peer);
    };
    // Without it small answers would wait for acknowledgements; a refusal changes nothing.
    let _ = stream.set_nodelay(true);
    let number = seat.number();
    let served = Rc::clone(local);
    let task = match config {
        None => spawn_local(serve_plain(served, seat, peer, stream)),
        Some(config) => spawn_local(serve_tls(served, seat, peer, stream, config)),
    };
    local.seated(number, task.abort_handle());
}

async fn serve_plain(local: Rc<Local>, seat: Seat, peer: Peer, stream: TcpStream) {
    let deadline = Deadline::after(local.core.site().limits().header_time);
    Connection::new(local, seat, peer, stream, deadline)
        .serve()
        .await;
}

async fn serve_tls(
    local: Rc<Local>,
    seat: Seat,
    peer: Peer,
    stream: TcpStream,
    config: Arc<ServerConfig>,
) {
    let mut deadline = Deadline::after(local.core.site().limits().header_time);
    let shaken = deadline.guard(TlsAcceptor::from(config).accept(stream));
    if let Ok(Ok(stream)) = shaken.await {
        Connection::new(local, seat, peer, stream, deadline)
            .serve()
            .await;
    }
}

/// Answers a connection there is no room for, as far as its socket takes the answer at once.
fn turn_away(local: &Local, stream: &TcpStream, peer: &Peer) {
    let site = local.core.site();
    let answer = framing::refuse(&local.core, &site, peer, refusals::NO_CONNECTIONS);
    if !peer.tls {
        let mut bytes = Vec::new();
        response::write_own(&answer, false, &mut bytes);
        let _ = stream.try_write(&bytes);
    }
    record::finish_own(&local.core, answer, 0);
}
