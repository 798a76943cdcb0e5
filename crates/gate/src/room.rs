//! What there is room for, over all cores.
//!
//! Owns the counts that no core can keep alone: open connections, how many of them one client
//! address holds, how many requests a client address behind a proxy has under way, how many
//! descriptors may go to sockets, and in [`loads`] what each app has to do.
//! Refuses what would go beyond a limit, before it costs more than the count. Trusts the limits it
//! is shown, which a reload may change at any time.

pub(crate) mod addresses;
pub(crate) mod bound;
pub(crate) mod loads;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use self::addresses::Addresses;
use crate::site::limits::Limits;

/// Descriptors kept for what is not a socket of a request: ledger, store, log, admin surface.
const KEPT_BACK: usize = 64;

/// How long a lack of descriptors is told after it was last met.
const LACKING: Duration = Duration::from_secs(10);

/// Why a connection has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// Every place is taken.
    Everybody,
    /// Its address holds as many as one address may.
    Address,
}

/// The counts that all cores share.
#[derive(Debug)]
pub(crate) struct Room {
    connections: AtomicUsize,
    /// Connections of each address that is no proxy's.
    addresses: Addresses,
    /// Requests under way of each client that a proxy speaks for.
    pub(crate) clients: Addresses,
    /// Most connections the descriptors of this process allow.
    affordable: AtomicUsize,
    /// When descriptors were last lacking, in milliseconds of the monotonic clock, plus one.
    lacked: AtomicU64,
    /// What the apps have to do.
    pub(crate) loads: loads::Registry,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            connections: AtomicUsize::new(0),
            addresses: Addresses::default(),
            clients: Addresses::default(),
            affordable: AtomicUsize::new(usize::MAX),
            lacked: AtomicU64::new(0),
            loads: loads::Registry::default(),
        }
    }
}

/// How many connections may be open when a process with `used` descriptors in use may have `most`
/// of them: some are kept back, and of the others a third is for upstreams, which idle connections
/// do without.
#[must_use]
pub(crate) fn affordable(most: usize, used: usize) -> usize {
    let free = most.saturating_sub(used);
    let kept = KEPT_BACK.min(free / 4);
    ((free - kept) / 3).saturating_mul(2).max(1)
}

impl Room {
    /// Says how many connections the descriptors of this process allow.
    pub(crate) fn afford(&self, connections: usize) {
        self.affordable.store(connections, Ordering::Relaxed);
    }

    /// Most connections at once, by these limits and by the descriptors there are.
    pub(crate) fn most_connections(&self, limits: &Limits) -> usize {
        limits
            .connections
            .min(self.affordable.load(Ordering::Relaxed))
    }

    /// Connections open now.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// A place for a connection from `address`; `None` is an address that is not counted. `forced`
    /// takes one even when all are taken, for a caller that has just given up another.
    pub(crate) fn enter(
        self: &Arc<Self>,
        address: Option<IpAddr>,
        limits: &Limits,
        forced: bool,
    ) -> Result<Place, Full> {
        let most = limits.connections_per_address;
        if address.is_some_and(|address| !self.addresses.enter(address, most)) {
            return Err(Full::Address);
        }
        let place = Place {
            room: Arc::clone(self),
            address,
        };
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        if before >= self.most_connections(limits) && !forced {
            return Err(Full::Everybody); // dropping the place takes both counts back
        }
        Ok(place)
    }

    /// Notes that a descriptor was wanted and there was none.
    pub(crate) fn lacks_descriptors(&self, now: Duration) {
        let millis = u64::try_from(now.as_millis()).unwrap_or(u64::MAX - 1);
        self.lacked.store(millis + 1, Ordering::Relaxed);
    }

    /// Whether descriptors have been lacking lately.
    pub(crate) fn is_lacking(&self, now: Duration) -> bool {
        match self.lacked.load(Ordering::Relaxed).checked_sub(1) {
            None => false,
            Some(millis) => now.saturating_sub(Duration::from_millis(millis)) < LACKING,
        }
    }
}

/// A connection's place, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    room: Arc<Room>,
    address: Option<IpAddr>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.connections.fetch_sub(1, Ordering::Relaxed);
        if let Some(address) = self.address {
            self.room.addresses.leave(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: usize, connections_per_address: usize) -> Limits {
        Limits {
            connections,
            connections_per_address,
            ..Limits::default()
        }
    }

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn one_address_gets_its_share_and_others_theirs() {
        let (room, limits) = (Arc::new(Room::default()), limits(10, 2));
        let enter = |text| room.enter(address(text), &limits, false);
        let (one, two) = (enter("192.0.2.1").unwrap(), enter("192.0.2.1").unwrap());
        assert_eq!(enter("192.0.2.1").unwrap_err(), Full::Address);
        assert_eq!(enter("::ffff:192.0.2.1").unwrap_err(), Full::Address);
        let other = enter("192.0.2.2").unwrap();
        assert_eq!(room.connections(), 3);
        drop(one);
        let again = enter("192.0.2.1").unwrap();
        drop((two, other, again));
        assert_eq!(room.connections(), 0);
        assert!(room.addresses.is_empty());
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let (room, limits) = (Arc::new(Room::default()), limits(10, 1));
        let enter = |text| room.enter(address(text), &limits, false);
        let _held = enter("2001:db8:0:1::1").unwrap();
        assert_eq!(enter("2001:db8:0:1:ffff::2").unwrap_err(), Full::Address);
        assert!(enter("2001:db8:0:2::1").is_ok());
    }

    #[test]
    fn places_are_bounded_over_all_and_a_refusal_takes_none() {
        let (room, limits) = (Arc::new(Room::default()), limits(2, 2));
        let enter = |address| room.enter(address, &limits, false);
        let (_one, two) = (enter(None).unwrap(), enter(None).unwrap());
        assert_eq!(enter(address("192.0.2.1")).unwrap_err(), Full::Everybody);
        assert!(room.addresses.is_empty());
        assert!(room.enter(None, &limits, true).is_ok());
        drop(two);
        assert!(enter(address("192.0.2.1")).is_ok());
    }

    #[test]
    fn connections_are_bounded_by_the_descriptors_there_are() {
        assert_eq!(affordable(1024, 40), (1024 - 40 - 64) / 3 * 2);
        assert_eq!(affordable(64, 40), (24 - 6) / 3 * 2);
        assert_eq!(affordable(10, 40), 1);
        let (room, limits) = (Arc::new(Room::default()), limits(10, 10));
        room.afford(1);
        let _one = room.enter(None, &limits, false).unwrap();
        assert_eq!(
            room.enter(None, &limits, false).unwrap_err(),
            Full::Everybody
        );
    }

    #[test]
    fn a_lack_of_descriptors_is_told_for_a_while() {
        let room = Room::default();
        let at = Duration::from_secs;
        assert!(!room.is_lacking(at(0)));
        room.lacks_descriptors(at(5));
        assert!(room.is_lacking(at(5)) && room.is_lacking(at(14)));
        assert!(!room.is_lacking(at(15)));
    }
}
