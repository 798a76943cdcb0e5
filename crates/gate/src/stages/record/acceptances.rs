//! Which acceptances of keys are news.
//!
//! Owns a core's short memory of who was accepted from where. Refuses to let it grow: whoever has
//! many keys or addresses only has their acceptances noted more often.

use std::{collections::HashMap, net::IpAddr, time::Duration};

use control::Timestamp;
use identity::IdHash;
use ledger::PrincipalId;

/// How often the acceptance of one key from one client is noted.
const NOTED_EVERY: Duration = Duration::from_secs(60);

/// Most pairs of key and client remembered.
const NOTED_CAPACITY: usize = 1024;

/// The acceptances of keys one core has noted lately.
#[derive(Default)]
pub(crate) struct Acceptances(HashMap<(PrincipalId, IpAddr), Timestamp, IdHash>);

impl Acceptances {
    /// Whether this acceptance is to be noted, which it then counts as.
    pub(super) fn is_news(&mut self, who: PrincipalId, from: IpAddr, now: Timestamp) -> bool {
        if let Some(noted) = self.0.get(&(who, from))
            && *noted <= now
            && now.since(*noted) < NOTED_EVERY
        {
            return false;
        }
        if self.0.len() >= NOTED_CAPACITY {
            self.0.retain(|_, noted| now.since(*noted) < NOTED_EVERY);
        }
        if self.0.len() >= NOTED_CAPACITY {
            self.0.clear();
        }
        self.0.insert((who, from), now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acceptance_is_news_once_a_minute_for_each_key_and_client() {
        let mut noted = Acceptances::default();
        let (one, two) = (
            PrincipalId::new("one").unwrap(),
            PrincipalId::new("two").unwrap(),
        );
        let (here, there) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let at = Timestamp::from_seconds;
        assert!(noted.is_news(one, here, at(0)));
        assert!(!noted.is_news(one, here, at(59)));
        assert!(noted.is_news(one, there, at(59)));
        assert!(noted.is_news(two, here, at(59)));
        assert!(noted.is_news(one, here, at(60)));
    }

    #[test]
    fn the_memory_of_acceptances_is_bounded() {
        let mut noted = Acceptances::default();
        let who = PrincipalId::new("one").unwrap();
        for client in 0..=u32::try_from(NOTED_CAPACITY).unwrap() {
            let client = IpAddr::from(std::net::Ipv4Addr::from_bits(client));
            noted.is_news(who, client, Timestamp::from_seconds(0));
        }
        assert!(noted.0.len() <= NOTED_CAPACITY);
    }
}
