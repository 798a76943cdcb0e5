//! New connections to upstreams.
//!
//! Owns the order in which the addresses of an upstream are tried and how the time to connect is
//! shared among them: an address that says nothing must not use up the time of the one behind it.
//! Refuses with 503 what cannot be reached, and says so where it is a descriptor that is lacking.

use std::{io, net::SocketAddr, time::Duration};

use control::Refusal;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use wire::Deadline;

use super::{accept::lacks_descriptors, local::Local, refusals};
use crate::{site::app::Upstream as Place, stages::Destination};

/// Connects to `destination` within `limit`.
///
/// # Errors
/// The refusal to answer with.
pub(super) async fn dial(
    local: &Local,
    destination: Destination<'_>,
    limit: Duration,
    deadline: &mut Deadline,
) -> Result<TcpStream, Refusal> {
    // The second attempt is for a lack of descriptors, which the first has done something about.
    for last in [false, true] {
        deadline.restart(limit);
        let until = deadline.at();
        let dialled = match destination {
            Destination::App(place) => {
                let Ok(Ok(addresses)) = deadline.guard(local.resolver.addresses(place)).await
                else {
                    return Err(refusals::UNRESOLVED);
                };
                deadline
                    .guard(to_app(local, place, &addresses, until))
                    .await
            }
            Destination::Echo(address) => deadline.guard(TcpStream::connect(address)).await,
        };
        match dialled {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(fault)) if lacks_descriptors(&fault) => {
                local.lacks_descriptors();
                if last {
                    return Err(refusals::NO_DESCRIPTORS_HERE);
                }
            }
            _ => return Err(refusals::UNREACHABLE),
        }
    }
    Err(refusals::NO_DESCRIPTORS_HERE)
}

/// Connects to the first of the `addresses` of `place` that accepts.
async fn to_app(
    local: &Local,
    place: &Place,
    addresses: &[SocketAddr],
    until: Instant,
) -> io::Result<TcpStream> {
    let stream = to_any(addresses, until).await?;
    if addresses.len() > 1
        && let Ok(address) = stream.peer_addr()
    {
        local.resolver.prefer(place, address);
    }
    Ok(stream)
}

/// Connects to the first of `addresses` that accepts; each gets an equal share of the time that is
/// left when its turn comes.
async fn to_any(addresses: &[SocketAddr], until: Instant) -> io::Result<TcpStream> {
    let mut fault = io::ErrorKind::NotFound.into();
    for (tried, address) in addresses.iter().enumerate() {
        let now = Instant::now();
        let left = until.saturating_duration_since(now);
        let turns = u32::try_from(addresses.len() - tried).unwrap_or(u32::MAX);
        fault = match timeout_at(now + left / turns, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(fault)) if lacks_descriptors(&fault) => return Err(fault),
            Ok(Err(fault)) => fault,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
    }
    Err(fault)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use socket2::{Domain, Socket, Type};

    use super::*;

    /// An address that says nothing: its queue of connections is full, so it drops what comes.
    fn silent() -> (Socket, Vec<Socket>, SocketAddr) {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&any.into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let full = (0..4)
            .map(|_| {
                let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
                socket.set_nonblocking(true).unwrap();
                let _ = socket.connect(&address.into());
                socket
            })
            .collect();
        (listener, full, address)
    }

    #[tokio::test]
    async fn an_address_that_says_nothing_leaves_time_for_the_next() {
        let (_listener, _full, silent) = silent();
        let live = TcpListener::bind("127.0.0.1:0").unwrap();
        let addresses = [silent, live.local_addr().unwrap()];
        let until = Instant::now() + Duration::from_secs(2);
        let stream = to_any(&addresses, until).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), live.local_addr().unwrap());
        // Its twin: alone, it uses all the time there is and is not reached.
        let until = Instant::now() + Duration::from_millis(50);
        let fault = to_any(&[silent], until).await.unwrap_err();
        assert_eq!(fault.kind(), io::ErrorKind::TimedOut);
    }
}
