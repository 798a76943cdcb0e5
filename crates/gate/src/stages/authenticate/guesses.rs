//! Guessed keys and tokens, by the address they come from.
//!
//! Owns a core's count of what was presented and is nobody's. An address that presents too much of it
//! within a minute is refused for the rest of that minute whatever it presents, with the answer that a
//! wrong key gets, so that a guess that is right does not show. No other address is touched. Refuses to
//! grow: of a flood from many addresses some are forgotten. Each core counts for itself, so that whoever
//! guesses on several cores has as many tries as there are cores. A valid key costs one look at an empty
//! table, and no lock.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use control::Timestamp;

use crate::room::addresses::network;

/// Failures within [`WINDOW`] that an address has; one in a healthy deployment is rare.
const MOST: u32 = 100;

/// From the first failure on.
const WINDOW: Duration = Duration::from_secs(60);

/// Most addresses that are remembered.
const CAPACITY: usize = 1024;

/// What one core has counted.
#[derive(Default)]
pub(crate) struct Guesses(HashMap<IpAddr, Counted>);

struct Counted {
    since: Timestamp,
    failures: u32,
}

impl Counted {
    fn is_of_now(&self, now: Timestamp) -> bool {
        self.since <= now && now.since(self.since) < WINDOW
    }
}

impl Guesses {
    /// Whether `from` has guessed too often to be believed at `now`.
    pub(super) fn hold(&self, from: IpAddr, now: Timestamp) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let counted = self.0.get(&network(from));
        counted.is_some_and(|counted| counted.failures >= MOST && counted.is_of_now(now))
    }

    /// Counts one more of `from`, and says for how long it is held if this was the last it had.
    pub(super) fn count(&mut self, from: IpAddr, now: Timestamp) -> Option<Duration> {
        if self.0.len() >= CAPACITY {
            self.0.retain(|_, counted| counted.is_of_now(now));
        }
        if self.0.len() >= CAPACITY {
            self.0.clear();
        }
        let counted = self.0.entry(network(from)).or_insert(Counted {
            since: now,
            failures: 0,
        });
        if !counted.is_of_now(now) {
            *counted = Counted {
                since: now,
                failures: 0,
            };
        }
        counted.failures = counted.failures.saturating_add(1);
        (counted.failures == MOST).then(|| WINDOW.saturating_sub(now.since(counted.since)))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(1_000_000 + seconds)
    }

    #[test]
    fn an_address_that_guesses_is_held_for_the_rest_of_its_minute() {
        let mut guesses = Guesses::default();
        for _ in 1..MOST {
            guesses.count(HERE, at(0));
        }
        assert!(!guesses.hold(HERE, at(1)));
        guesses.count(HERE, at(30));
        assert!(guesses.hold(HERE, at(59)));
        assert!(!guesses.hold(HERE, at(60)));
        assert!(!guesses.hold(HERE, at(-1)), "a clock that was set back");
        assert!(!guesses.hold([192, 0, 2, 2].into(), at(59)));
        guesses.count(HERE, at(60));
        assert!(!guesses.hold(HERE, at(60)), "a new minute");
    }

    #[test]
    fn an_address_of_ipv6_is_its_network() {
        let mut guesses = Guesses::default();
        for host in 0..MOST {
            let from: IpAddr = format!("2001:db8::{host:x}").parse().unwrap();
            guesses.count(from, at(0));
        }
        assert!(guesses.hold("2001:db8::ffff".parse().unwrap(), at(1)));
        assert!(!guesses.hold("2001:db8:0:1::1".parse().unwrap(), at(1)));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut guesses = Guesses::default();
        for client in 0..=u32::try_from(CAPACITY).unwrap() {
            guesses.count(Ipv4Addr::from_bits(client).into(), at(0));
        }
        assert!(guesses.0.len() <= CAPACITY);
    }
}
