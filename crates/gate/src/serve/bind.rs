//! Listening sockets.
//!
//! Owns the binding of one socket for each core to each configured address. Refuses an address that
//! is in use: the first socket is bound alone, and shares its port with its siblings only once it
//! has it. With port 0 the system chooses once and every core gets the port it chose.

use std::{io, net::SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, for each core.
const BACKLOG: i32 = 1024;

/// One socket for each of `cores` on one address, bound and not yet listening.
pub(super) struct Bound {
    pub(super) address: SocketAddr,
    pub(super) sockets: Vec<Socket>,
}

/// Binds `cores` sockets to `address`.
///
/// # Errors
/// Those of the system; [`io::ErrorKind::AddrInUse`] when somebody else listens there.
pub(super) fn bind(address: SocketAddr, cores: usize) -> io::Result<Bound> {
    let first = socket(address)?;
    first.bind(&address.into())?;
    first.set_reuse_port(true)?;
    let address = first
        .local_addr()?
        .as_socket()
        .ok_or(io::ErrorKind::AddrNotAvailable)?;
    let mut sockets = vec![first];
    while sockets.len() < cores {
        let sibling = socket(address)?;
        sibling.set_reuse_port(true)?;
        sibling.bind(&address.into())?;
        sockets.push(sibling);
    }
    Ok(Bound { address, sockets })
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Lets a restart bind while old connections linger; never lets two listeners share an address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Starts listening.
///
/// # Errors
/// Those of the system.
pub(super) fn listen(socket: Socket) -> io::Result<std::net::TcpListener> {
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    const LOOPBACK: &str = "127.0.0.1:0";

    #[test]
    fn every_core_gets_the_port_the_system_chose() {
        let bound = bind(LOOPBACK.parse().unwrap(), 3).unwrap();
        assert_ne!(bound.address.port(), 0);
        assert_eq!(bound.sockets.len(), 3);
        let listening: Vec<_> = bound
            .sockets
            .into_iter()
            .map(|socket| listen(socket).unwrap())
            .collect();
        for listener in &listening {
            assert_eq!(listener.local_addr().unwrap(), bound.address);
        }
        TcpStream::connect(bound.address).unwrap();
    }

    #[test]
    fn a_port_in_use_is_seen_even_when_its_owner_would_share() {
        let taken = TcpListener::bind(LOOPBACK).unwrap();
        let fault = bind(taken.local_addr().unwrap(), 1).err().unwrap();
        assert_eq!(fault.kind(), io::ErrorKind::AddrInUse);

        let sharing = bind(LOOPBACK.parse().unwrap(), 2).unwrap();
        let address = sharing.address;
        let _listening: Vec<_> = sharing.sockets.into_iter().map(listen).collect();
        let fault = bind(address, 1).err().unwrap();
        assert_eq!(fault.kind(), io::ErrorKind::AddrInUse);
    }
}
