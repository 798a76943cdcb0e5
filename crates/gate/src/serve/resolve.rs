//! Addresses of upstreams that are configured by name.
//!
//! Owns a short memory of what names stand for. Refuses to look anything up on a gate core: a
//! lookup runs on the service runtime and only its result comes back. Trusts the system's resolver
//! for the names in the configuration, and no other name is ever asked for.

use std::{cell::RefCell, io, net::SocketAddr, rc::Rc, time::Duration};

use tokio::{runtime::Handle, time::Instant};

use crate::site::app::Upstream as Place;

/// How long an answer is used before the name is looked up again.
const FRESH: Duration = Duration::from_secs(10);

/// Names remembered at once.
const CAPACITY: usize = 64;

struct Known {
    place: Place,
    addresses: Rc<[SocketAddr]>,
    asked: Instant,
}

/// Looks up upstreams for one thread.
pub(super) struct Resolver {
    service: Handle,
    known: RefCell<Vec<Known>>,
}

impl Resolver {
    pub(super) const fn new(service: Handle) -> Self {
        Self {
            service,
            known: RefCell::new(Vec::new()),
        }
    }

    /// The addresses of `place`, in the order to try them; never empty.
    pub(super) async fn addresses(&self, place: &Place) -> io::Result<Rc<[SocketAddr]>> {
        if let Some(address) = place.address {
            return Ok(Rc::new([address]));
        }
        let now = Instant::now();
        let fresh = |known: &&Known| known.place == *place && now - known.asked < FRESH;
        if let Some(known) = self.known.borrow().iter().find(fresh) {
            return Ok(Rc::clone(&known.addresses));
        }
        let (host, port) = (place.host.clone(), place.port);
        let asked = self.service.spawn(async move {
            let found = tokio::net::lookup_host((&*host, port)).await?;
            io::Result::Ok(found.collect::<Vec<_>>())
        });
        let addresses: Rc<[SocketAddr]> = asked.await.map_err(io::Error::other)??.into();
        if addresses.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut known = self.known.borrow_mut();
        known.retain(|known| known.place != *place);
        known.truncate(CAPACITY - 1);
        known.push(Known {
            place: place.clone(),
            addresses: Rc::clone(&addresses),
            asked: now,
        });
        Ok(addresses)
    }

    /// Tries the address that accepted first from now on, until the name is looked up again.
    pub(super) fn prefer(&self, place: &Place, accepted: SocketAddr) {
        let mut known = self.known.borrow_mut();
        let Some(known) = known.iter_mut().find(|known| known.place == *place) else {
            return;
        };
        if known.addresses.first() != Some(&accepted) && known.addresses.contains(&accepted) {
            let others = known.addresses.iter().filter(|other| **other != accepted);
            known.addresses = [accepted].iter().chain(others).copied().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(host: &str, address: Option<SocketAddr>) -> Place {
        Place {
            host: host.into(),
            port: 80,
            address,
        }
    }

    #[tokio::test]
    async fn an_address_needs_no_lookup_and_a_name_is_remembered() {
        let resolver = Resolver::new(Handle::current());
        let address = "192.0.2.1:80".parse().unwrap();
        let found = resolver.addresses(&place("192.0.2.1", Some(address))).await;
        assert_eq!(&*found.unwrap(), [address]);
        assert!(resolver.known.borrow().is_empty());

        let found = resolver.addresses(&place("localhost", None)).await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        let again = resolver.addresses(&place("localhost", None)).await.unwrap();
        assert!(Rc::ptr_eq(&found, &again));
    }
    #[tokio::test]
    async fn the_address_that_accepted_is_tried_first() {
        let resolver = Resolver::new(Handle::current());
        let place = place("app.test", None);
        let address = |last: u8| SocketAddr::from(([192, 0, 2, last], 80));
        resolver.known.borrow_mut().push(Known {
            place: place.clone(),
            addresses: Rc::new([address(1), address(2), address(3)]),
            asked: Instant::now(),
        });
        resolver.prefer(&place, address(3));
        let found = resolver.addresses(&place).await.unwrap();
        assert_eq!(&*found, [address(3), address(1), address(2)]);
        resolver.prefer(&place, address(9));
        let found = resolver.addresses(&place).await.unwrap();
        assert_eq!(&*found, [address(3), address(1), address(2)]);
    }
}
