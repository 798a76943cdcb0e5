//! The memory of bodies that must be seen whole.
//!
//! Owns how much of it one thread gives out and to whom. Bodies are held before anybody has proved
//! anything, so strangers compete here: one client address has a share, one route has a share, and
//! when there is no more, the body that has been coming for longest gives way. A genuine delivery
//! comes within moments; what has been coming for long is what holds memory for its own sake.
//! Refuses what finds no room even so. A body that is whole is held until its upstream has answered
//! and never gives way.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    rc::Rc,
    task::{Context, Waker},
    time::Duration,
};

use tokio::time::Instant;

use crate::room::addresses::network;

/// Bytes of whole bodies that one thread holds at once.
pub(super) const PER_THREAD: usize = 64 * 1024 * 1024;

/// Bytes of them for one route, while others hold any.
const PER_ROUTE: usize = PER_THREAD / 2;

/// Bytes of them for one client address, while it holds more than one body.
const PER_ADDRESS: usize = PER_THREAD / 8;

/// How long a body must have been coming before it may have to give way.
const GIVES_WAY: Duration = Duration::from_secs(1);

/// Who a body comes from and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    network: IpAddr,
    route: Option<usize>,
}

impl Origin {
    pub(super) fn new(client: IpAddr, route: Option<usize>) -> Self {
        Self {
            network: network(client),
            route,
        }
    }
}

/// The memory of one thread.
#[derive(Default)]
pub(super) struct Held(Rc<RefCell<Shelf>>);

#[derive(Default)]
struct Shelf {
    total: usize,
    addresses: HashMap<IpAddr, usize>,
    routes: HashMap<Option<usize>, usize>,
    /// Bodies that are still coming, oldest first.
    coming: BTreeMap<u64, Rc<Coming>>,
    next: u64,
}

/// A body that is still coming.
struct Coming {
    origin: Origin,
    since: Instant,
    bytes: Cell<usize>,
    given_up: Cell<bool>,
    waiting: Cell<Option<Waker>>,
}

impl Shelf {
    fn take(&mut self, origin: Origin, bytes: usize) {
        self.total += bytes;
        *self.addresses.entry(origin.network).or_default() += bytes;
        *self.routes.entry(origin.route).or_default() += bytes;
    }

    fn give_back(&mut self, origin: Origin, bytes: usize) {
        fn less<K: std::hash::Hash + Eq>(held: &mut HashMap<K, usize>, key: &K, bytes: usize) {
            if let Some(count) = held.get_mut(key) {
                *count = count.saturating_sub(bytes);
                if *count == 0 {
                    held.remove(key);
                }
            }
        }
        self.total = self.total.saturating_sub(bytes);
        less(&mut self.addresses, &origin.network, bytes);
        less(&mut self.routes, &origin.route, bytes);
    }

    /// Whether `more` bytes fit for a body of `origin` that holds `own` already, and if not, whether
    /// another body of its route alone could make room.
    fn fits(&self, origin: Origin, own: usize, more: usize) -> Result<(), NoRoom> {
        let of_address = self.addresses.get(&origin.network).copied().unwrap_or(0);
        if of_address > own && of_address + more > PER_ADDRESS {
            return Err(NoRoom::OfAddress);
        }
        let of_route = self.routes.get(&origin.route).copied().unwrap_or(0);
        if self.total > of_route && of_route + more > PER_ROUTE {
            return Err(NoRoom::OfRoute);
        }
        if self.total + more > PER_THREAD {
            return Err(NoRoom::AtAll);
        }
        Ok(())
    }

    /// Takes its memory from the body that has been coming for longest, but for `own`.
    fn give_way(&mut self, own: u64, route: Option<Option<usize>>, now: Instant) -> bool {
        let oldest = self
            .coming
            .iter()
            .filter(|(number, body)| {
                **number != own && route.is_none_or(|route| body.origin.route == route)
            })
            .map(|(number, body)| (*number, Rc::clone(body)))
            .next();
        let Some((number, body)) = oldest else {
            return false;
        };
        if now.saturating_duration_since(body.since) < GIVES_WAY {
            return false;
        }
        self.coming.remove(&number);
        self.give_back(body.origin, body.bytes.replace(0));
        body.given_up.set(true);
        if let Some(waker) = body.waiting.take() {
            waker.wake();
        }
        true
    }
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NoRoom {
    OfAddress,
    OfRoute,
    AtAll,
}

impl Held {
    /// The share of a body that begins to come now.
    pub(super) fn hold(&self, origin: Origin, now: Instant) -> Holding {
        let mut shelf = self.0.borrow_mut();
        let number = shelf.next;
        shelf.next += 1;
        let body = Rc::new(Coming {
            origin,
            since: now,
            bytes: Cell::new(0),
            given_up: Cell::new(false),
            waiting: Cell::new(None),
        });
        shelf.coming.insert(number, Rc::clone(&body));
        Holding {
            shelf: Rc::clone(&self.0),
            number,
            body,
        }
    }
}

/// One body's share, given back when it is dropped.
pub(super) struct Holding {
    shelf: Rc<RefCell<Shelf>>,
    number: u64,
    body: Rc<Coming>,
}

impl Holding {
    /// Takes as much as `bytes` in all, or says that there is no room.
    pub(super) fn grow(&mut self, bytes: usize, now: Instant) -> bool {
        if self.body.given_up.get() {
            return false;
        }
        let (origin, own) = (self.body.origin, self.body.bytes.get());
        let more = bytes.saturating_sub(own);
        let mut shelf = self.shelf.borrow_mut();
        while more > 0
            && let Err(why) = shelf.fits(origin, own, more)
        {
            let made = match why {
                NoRoom::OfAddress => false,
                NoRoom::OfRoute => shelf.give_way(self.number, Some(origin.route), now),
                NoRoom::AtAll => shelf.give_way(self.number, None, now),
            };
            if !made {
                return false;
            }
        }
        shelf.take(origin, more);
        self.body.bytes.set(own + more);
        true
    }

    /// The body is whole: it no longer gives way.
    pub(super) fn whole(&mut self) {
        self.shelf.borrow_mut().coming.remove(&self.number);
    }

    /// Whether it had to give way; if not, the task is woken when it has to.
    pub(super) fn poll_given_up(&self, cx: &mut Context<'_>) -> bool {
        self.body.waiting.set(Some(cx.waker().clone()));
        self.body.given_up.get()
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut shelf = self.shelf.borrow_mut();
        shelf.coming.remove(&self.number);
        shelf.give_back(self.body.origin, self.body.bytes.get());
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn origin(client: u32, route: usize) -> Origin {
        Origin::new(IpAddr::V4(Ipv4Addr::from_bits(client)), Some(route))
    }

    const LATER: Duration = GIVES_WAY;

    #[test]
    fn memory_is_bounded_and_given_back() {
        let (held, now) = (Held::default(), Instant::now());
        let mut one = held.hold(origin(1, 1), now);
        let mut two = held.hold(origin(2, 2), now);
        assert!(one.grow(PER_THREAD / 2, now) && two.grow(PER_THREAD / 2, now));
        assert!(!held.hold(origin(3, 3), now).grow(1, now));
        drop(one);
        assert!(held.hold(origin(3, 3), now).grow(1, now));
        drop(two);
        let shelf = held.0.borrow();
        assert_eq!(shelf.total, 0);
        assert!(shelf.addresses.is_empty() && shelf.routes.is_empty() && shelf.coming.is_empty());
    }

    #[test]
    fn one_address_has_a_share_and_one_body_may_be_as_long_as_it_may() {
        let (held, now) = (Held::default(), Instant::now());
        let mut first = held.hold(origin(1, 1), now);
        assert!(first.grow(PER_ADDRESS, now));
        let mut second = held.hold(origin(1, 1), now);
        assert!(!second.grow(1, now + LATER), "whoever else could give way");
        assert!(held.hold(origin(2, 1), now).grow(1, now));
        drop((first, second));
        assert!(held.hold(origin(1, 1), now).grow(PER_THREAD, now));
    }

    #[test]
    fn a_flood_for_one_route_leaves_room_for_another() {
        let (held, now) = (Held::default(), Instant::now());
        let mut other = held.hold(origin(0, 2), now);
        assert!(other.grow(1, now));
        let mut flood = Vec::new();
        for client in 1.. {
            let mut body = held.hold(origin(client, 1), now);
            if !body.grow(1 << 20, now) {
                break;
            }
            flood.push(body);
        }
        assert_eq!(flood.len(), PER_ROUTE >> 20);
        assert!(held.hold(origin(99, 2), now).grow(1 << 20, now));
        // Among its own, the oldest gives way, and the other route's does not.
        assert!(held.hold(origin(98, 1), now).grow(1 << 20, now + LATER));
        assert!(!other.body.given_up.get());
        assert!(flood[0].body.given_up.get() && !flood[1].body.given_up.get());
        assert!(
            !flood[0].grow(2 << 20, now + LATER),
            "what gave way is over"
        );
    }

    #[test]
    fn a_body_that_is_whole_or_has_just_begun_does_not_give_way() {
        let (held, now) = (Held::default(), Instant::now());
        let mut whole = held.hold(origin(1, 1), now);
        assert!(whole.grow(PER_THREAD, now));
        whole.whole();
        assert!(!held.hold(origin(2, 2), now).grow(1, now + LATER));
        drop(whole);
        let mut fresh = held.hold(origin(1, 1), now);
        assert!(fresh.grow(PER_THREAD, now));
        assert!(!held.hold(origin(2, 2), now).grow(1, now));
        assert!(held.hold(origin(2, 2), now).grow(1, now + LATER));
    }
}
