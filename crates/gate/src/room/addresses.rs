//! How many of something each client address holds.
//!
//! Owns one count for each address that holds any. Refuses what would go beyond the limit it is shown.
//! Shared by all cores: what an address comes to is spread over several locks, each held for one look
//! into a table, and by a secret of this process, so that nobody can choose addresses that meet.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Locks that addresses are spread over.
const SHARDS: usize = 16;

/// The counts of all addresses.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    shards: [Mutex<HashMap<IpAddr, usize>>; SHARDS],
    spread: RandomState,
}

impl Addresses {
    /// Counts one more of `address`, unless it holds `most` already.
    pub(crate) fn enter(&self, address: IpAddr, most: usize) -> bool {
        let network = network(address);
        let Some(mut counts) = self.of(network) else {
            return false;
        };
        let held = counts.entry(network).or_default();
        if *held >= most {
            return false;
        }
        *held += 1;
        true
    }

    /// Counts one less of `address`.
    pub(crate) fn leave(&self, address: IpAddr) {
        let network = network(address);
        if let Some(mut counts) = self.of(network)
            && let Some(held) = counts.get_mut(&network)
        {
            *held -= 1;
            if *held == 0 {
                counts.remove(&network);
            }
        }
    }

    fn of(&self, network: IpAddr) -> Option<MutexGuard<'_, HashMap<IpAddr, usize>>> {
        let shard = self.spread.hash_one(network) % SHARDS as u64;
        let shard = self.shards.get(usize::try_from(shard).ok()?)?;
        Some(shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.shards
            .iter()
            .all(|shard| shard.lock().unwrap().is_empty())
    }
}

/// What one client is known by: an IPv4 address, or the /64 that an IPv6 client may fill at will.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(four) => IpAddr::V4(four),
        IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_count_and_gives_it_back() {
        let addresses = Addresses::default();
        for last in 0..100 {
            let own = IpAddr::from([192, 0, 2, last]);
            assert!(addresses.enter(own, 2) && addresses.enter(own, 2));
            assert!(!addresses.enter(own, 2), "{own}");
        }
        for last in 0..100 {
            let own = IpAddr::from([192, 0, 2, last]);
            addresses.leave(own);
            assert!(addresses.enter(own, 2));
            addresses.leave(own);
            addresses.leave(own);
        }
        assert!(addresses.is_empty());
    }

    #[test]
    fn one_client_is_one_however_its_address_is_written() {
        let addresses = Addresses::default();
        assert!(addresses.enter(address("192.0.2.1"), 1));
        assert!(!addresses.enter(address("::ffff:192.0.2.1"), 1));
        assert!(addresses.enter(address("2001:db8:0:1::1"), 1));
        assert!(!addresses.enter(address("2001:db8:0:1:ffff::2"), 1));
        assert!(addresses.enter(address("2001:db8:0:2::1"), 1));
    }

    #[test]
    fn a_refusal_leaves_no_trace() {
        let addresses = Addresses::default();
        addresses.leave(address("192.0.2.1"));
        assert!(addresses.enter(address("192.0.2.1"), 1));
        assert!(!addresses.enter(address("192.0.2.1"), 1));
        addresses.leave(address("192.0.2.1"));
        assert!(addresses.is_empty());
    }
}
