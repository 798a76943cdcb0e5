//! A port of this machine that a server will listen on.
//!
//! Some servers have to be told a port, and one that was merely free a moment ago may be somebody
//! else's by then. A socket that is bound and does not listen keeps it: nobody is given it for port 0
//! or for an outgoing connection, while a server that names it may listen there, as often as it is
//! restarted, because both say `SO_REUSEADDR` (socket(7)).

use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// Kept for as long as this lives.
pub(crate) struct HeldPort(TcpSocket);

impl HeldPort {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket
            .bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
            .unwrap();
        Self(socket)
    }

    pub(crate) fn number(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }
}
