//! Addresses of upstreams that are configured by name.
//!
//! Owns a short memory of what names stand for, and what is done while nobody can say: the last
//! addresses go on for some minutes. Refuses to look anything up on a gate core: a lookup runs on the
//! service runtime, one for each name at a time, and only its result comes back. Trusts the system's
//! resolver for the names in the configuration, and no other name is ever asked for.

use std::{cell::RefCell, io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    runtime::Handle,
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::site::app::Upstream as Place;

/// How long an answer is used before the name is looked up again.
const FRESH: Duration = Duration::from_secs(10);

/// How long an answer may be used while no newer one is to be had: a resolver that is down for some
/// minutes must not take the app with it, and one that never comes back must not decide for ever.
const USABLE: Duration = Duration::from_secs(300);

/// How long a request waits for a newer answer while there is a usable one.
const BRIEF: Duration = Duration::from_millis(250);

/// How long after a lookup has failed the next one begins.
const AGAIN: Duration = Duration::from_secs(1);

/// Names remembered at once.
const CAPACITY: usize = 64;

/// What a lookup has come to: nothing yet, or no addresses or some, and when.
type Outcome = Option<(Instant, Option<Arc<[SocketAddr]>>)>;

struct Known {
    place: Place,
    addresses: Arc<[SocketAddr]>,
    /// When the addresses were found; they are empty before.
    found: Instant,
    /// The lookup that goes on or has gone wrong.
    lookup: Option<Lookup>,
}

/// One lookup, shared by all who need its answer.
#[derive(Clone)]
struct Lookup {
    begun: Instant,
    outcome: watch::Receiver<Outcome>,
}

/// Looks up upstreams for one thread, each name once at a time.
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

    /// The addresses of `place`, in the order to try them; never empty. Waits as long as it is polled
    /// where there are none yet.
    ///
    /// # Errors
    /// When the name stands for nothing, as far as can be found out now.
    pub(super) async fn addresses(&self, place: &Place) -> io::Result<Arc<[SocketAddr]>> {
        if let Some(address) = place.address {
            return Ok(Arc::new([address]));
        }
        let (usable, mut lookup) = match self.look(place, Instant::now()) {
            Look::Fresh(addresses) => return Ok(addresses),
            Look::Pending { usable, lookup } => (usable, lookup),
        };
        let answer = lookup.outcome.wait_for(Option::is_some);
        match usable {
            None => {
                // A lookup that fell over has found nothing.
                let _ = answer.await;
            }
            Some(_) => {
                let _ = timeout_at(lookup.begun + BRIEF, answer).await;
            }
        }
        let found = lookup.outcome.borrow().clone().and_then(|(_, found)| found);
        found.or(usable).ok_or(io::ErrorKind::NotFound.into())
    }

    /// What is known of `place` now; begins a lookup where one is due.
    fn look(&self, place: &Place, now: Instant) -> Look {
        let mut known = self.known.borrow_mut();
        let at = known.iter().position(|known| known.place == *place);
        if let Some(known) = at.and_then(|at| known.get_mut(at)) {
            known.take_up();
        }
        let usable = at.and_then(|at| known.get(at)).and_then(|known| {
            let age = now.saturating_duration_since(known.found);
            (!known.addresses.is_empty() && age < USABLE)
                .then(|| (Arc::clone(&known.addresses), age))
        });
        if let Some((addresses, age)) = &usable
            && *age < FRESH
        {
            return Look::Fresh(Arc::clone(addresses));
        }
        let usable = usable.map(|(addresses, _)| addresses);
        let kept = at
            .and_then(|at| known.get(at))
            .and_then(|known| known.lookup.clone())
            .filter(|lookup| {
                !lookup.is_over() || now.saturating_duration_since(lookup.begun) < AGAIN
            });
        if let Some(lookup) = kept {
            return Look::Pending { usable, lookup };
        }
        let lookup = self.begin(place, now);
        match at.and_then(|at| known.get_mut(at)) {
            Some(known) => known.lookup = Some(lookup.clone()),
            None => {
                known.truncate(CAPACITY - 1);
                known.push(Known {
                    place: place.clone(),
                    addresses: Arc::new([]),
                    found: now,
                    lookup: Some(lookup.clone()),
                });
            }
        }
        Look::Pending { usable, lookup }
    }

    fn begin(&self, place: &Place, now: Instant) -> Lookup {
        let (tell, outcome) = watch::channel(None);
        let (host, port) = (place.host.clone(), place.port);
        self.service.spawn(async move {
            let found = tokio::net::lookup_host((&*host, port)).await;
            let found: Option<Arc<[SocketAddr]>> = found.ok().map(Iterator::collect);
            // Whoever asked may have gone.
            let found = found.filter(|found| !found.is_empty());
            let _ = tell.send(Some((Instant::now(), found)));
        });
        Lookup {
            begun: now,
            outcome,
        }
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

/// What is known of a name.
enum Look {
    Fresh(Arc<[SocketAddr]>),
    Pending {
        usable: Option<Arc<[SocketAddr]>>,
        lookup: Lookup,
    },
}

impl Known {
    /// Takes up the answer of a lookup that has ended, whoever waited for it or not.
    fn take_up(&mut self) {
        let outcome = self
            .lookup
            .as_ref()
            .map(|lookup| lookup.outcome.borrow().clone());
        if let Some(Some((at, Some(addresses)))) = outcome {
            self.addresses = addresses;
            self.found = at;
            self.lookup = None;
        }
    }
}

impl Lookup {
    /// Whether it has come to an end, or never will.
    fn is_over(&self) -> bool {
        self.outcome.borrow().is_some() || self.outcome.has_changed().is_err()
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
        assert!(Arc::ptr_eq(&found, &again));
    }
    #[tokio::test]
    async fn the_address_that_accepted_is_tried_first() {
        let resolver = Resolver::new(Handle::current());
        let place = place("app.test", None);
        let address = |last: u8| SocketAddr::from(([192, 0, 2, last], 80));
        resolver.known.borrow_mut().push(Known {
            place: place.clone(),
            addresses: Arc::new([address(1), address(2), address(3)]),
            found: Instant::now(),
            lookup: None,
        });
        resolver.prefer(&place, address(3));
        let found = resolver.addresses(&place).await.unwrap();
        assert_eq!(&*found, [address(3), address(1), address(2)]);
        resolver.prefer(&place, address(9));
        let found = resolver.addresses(&place).await.unwrap();
        assert_eq!(&*found, [address(3), address(1), address(2)]);
    }

    /// A resolver that knows `place` since `age` ago, and whose next lookup is in the test's hands.
    fn knowing(place: &Place, age: Duration) -> (Resolver, watch::Sender<Outcome>) {
        let resolver = Resolver::new(Handle::current());
        let (tell, outcome) = watch::channel(None);
        let now = Instant::now();
        resolver.known.borrow_mut().push(Known {
            place: place.clone(),
            addresses: Arc::new([old()]),
            found: now.checked_sub(age).unwrap(),
            lookup: Some(Lookup {
                begun: now,
                outcome,
            }),
        });
        (resolver, tell)
    }

    fn old() -> SocketAddr {
        "192.0.2.1:80".parse().unwrap()
    }

    fn new() -> SocketAddr {
        "192.0.2.2:80".parse().unwrap()
    }

    #[tokio::test]
    async fn while_a_lookup_hangs_the_last_addresses_go_on_for_a_while() {
        let place = place("app.test", None);
        let (resolver, _tell) = knowing(&place, USABLE - Duration::from_secs(60));
        assert_eq!(*resolver.addresses(&place).await.unwrap(), [old()]);
        // Its twin: not for ever.
        let (resolver, tell) = knowing(&place, USABLE);
        drop(tell);
        assert!(resolver.addresses(&place).await.is_err());
    }

    #[tokio::test]
    async fn a_lookup_that_fails_leaves_the_last_addresses_and_one_that_succeeds_replaces_them() {
        let place = place("app.test", None);
        for (found, expected) in [(None, old()), (Some(Arc::from([new()])), new())] {
            let (resolver, tell) = knowing(&place, FRESH);
            tell.send(Some((Instant::now(), found))).unwrap();
            assert_eq!(*resolver.addresses(&place).await.unwrap(), [expected]);
            assert_eq!(*resolver.addresses(&place).await.unwrap(), [expected]);
        }
    }

    #[tokio::test]
    async fn an_answer_that_nobody_waited_for_is_as_old_as_it_is() {
        let place = place("app.test", None);
        for (age, fresh) in [(Duration::ZERO, true), (FRESH, false)] {
            let (resolver, tell) = knowing(&place, FRESH);
            let at = Instant::now().checked_sub(age).unwrap();
            tell.send(Some((at, Some(Arc::from([new()]))))).unwrap();
            let look = resolver.look(&place, Instant::now());
            assert_eq!(matches!(look, Look::Fresh(_)), fresh);
        }
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_all_who_wait() {
        let resolver = Resolver::new(Handle::current());
        let place = place("localhost", None);
        for _ in 0..3 {
            assert!(matches!(
                resolver.look(&place, Instant::now()),
                Look::Pending { usable: None, .. }
            ));
        }
        let lookups: Vec<_> = resolver
            .known
            .borrow()
            .iter()
            .map(|known| known.lookup.is_some())
            .collect();
        assert_eq!(lookups, [true]);
        let (one, two) = tokio::join!(resolver.addresses(&place), resolver.addresses(&place));
        assert!(Arc::ptr_eq(&one.unwrap(), &two.unwrap()));
        assert!(resolver.known.borrow().len() == 1);
    }
}
