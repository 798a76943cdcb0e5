//! What one thread keeps for its connections.
//!
//! Owns the thread's upstream pool, the list of its open connections, which of them gives way when
//! there is no place for another, and its drain. Everything here belongs to one thread: cells, never
//! locks. How many connections there may be is counted over all threads, by [`Room`].

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use tokio::{net::TcpStream, sync::Notify, task::AbortHandle, time::Instant};
use wire::{Pool, PoolLimits};

use super::{held::Held, kit::Kits, resolve::Resolver};
use crate::{
    core::Core,
    metrics::Metric,
    room::{Full, Place as Counted},
    site::app::Upstream as Place,
    stages::Peer,
};

/// How long a connection must have been idle before it may have to give way.
const GIVES_WAY: Duration = Duration::from_secs(1);

/// How many connections are looked at to find one that gives way: few, because they are looked for
/// while there is more to do than can be done.
const LOOKED_AT: usize = 64;

/// State of one thread, shared by its tasks.
pub(crate) struct Local {
    pub(crate) core: Core,
    pub(crate) pool: RefCell<Pool<Place, TcpStream>>,
    pub(super) resolver: Resolver,
    pub(crate) kits: Kits,
    /// Memory taken by bodies that must be seen whole.
    pub(super) held: Held,
    /// Connections that were turned away and are about to close.
    pub(super) farewells: Cell<usize>,
    draining: Cell<bool>,
    connections: RefCell<Connections>,
    emptied: Notify,
    drained: Notify,
}

/// The open connections, each at the number of its seat.
#[derive(Default)]
struct Connections {
    seats: Vec<Option<Open>>,
    free: Vec<usize>,
    /// Where the search for a connection that gives way goes on.
    hand: usize,
}

/// An open connection as the drain sees it.
struct Open {
    idle: Rc<Idle>,
    /// Absent until its task exists.
    task: Option<AbortHandle>,
}

/// What a connection says of itself.
#[derive(Default)]
struct Idle {
    /// Since when it waits for a request; absent while it serves one.
    since: Cell<Option<Instant>>,
    /// Whether it ends by itself when the gate stops, because its client is told.
    takes_leave: Cell<bool>,
}

impl Connections {
    fn insert(&mut self, open: Open) -> usize {
        if let Some(number) = self.free.pop()
            && let Some(seat) = self.seats.get_mut(number)
        {
            *seat = Some(open);
            return number;
        }
        self.seats.push(Some(open));
        self.seats.len() - 1
    }

    fn remove(&mut self, number: usize) {
        if let Some(seat) = self.seats.get_mut(number)
            && seat.take().is_some()
        {
            self.free.push(number);
        }
    }

    fn is_empty(&self) -> bool {
        self.seats.len() == self.free.len()
    }

    fn open(&self) -> impl Iterator<Item = &Open> {
        self.seats.iter().flatten()
    }

    /// Takes out the task of a connection that has been idle for long enough, going round so that
    /// each is looked at in its turn.
    fn give_way(&mut self, now: Instant) -> Option<AbortHandle> {
        for _ in 0..LOOKED_AT.min(self.seats.len()) {
            self.hand = (self.hand + 1) % self.seats.len();
            let Some(Some(open)) = self.seats.get_mut(self.hand) else {
                continue;
            };
            let idle = open.idle.since.get();
            if idle.is_some_and(|since| now.saturating_duration_since(since) >= GIVES_WAY)
                && let Some(task) = open.task.take()
            {
                return Some(task);
            }
        }
        None
    }
}

impl Local {
    pub(crate) fn new(core: Core) -> Self {
        let service = core.gate().service.clone();
        Self {
            core,
            pool: RefCell::new(Pool::new(PoolLimits::default())),
            resolver: Resolver::new(service),
            kits: Kits::default(),
            held: Held::default(),
            farewells: Cell::new(0),
            draining: Cell::new(false),
            connections: RefCell::default(),
            emptied: Notify::new(),
            drained: Notify::new(),
        }
    }

    /// Whether connections close behind the answer they are giving.
    pub(super) const fn draining(&self) -> bool {
        self.draining.get()
    }

    /// A seat for a connection from `peer`, or why there is none. When all are taken, a connection
    /// that has been idle for a while gives way.
    pub(crate) fn enter(self: &Rc<Self>, peer: &Peer) -> Result<Seat, Full> {
        let site = self.core.site();
        let address = peer.address.ip();
        let counted = (!site.deployment().trusts(address)).then_some(address);
        let room = &self.core.gate().room;
        let counted = match room.enter(counted, site.limits(), false) {
            Err(Full::Everybody) if self.give_way() => room.enter(counted, site.limits(), true)?,
            other => other?,
        };
        let idle = Rc::new(Idle::default());
        let open = Open {
            idle: Rc::clone(&idle),
            task: None,
        };
        let number = self.connections.borrow_mut().insert(open);
        self.core.counters().add(Metric::ConnectionsAccepted, 1);
        self.core.counters().add(Metric::ConnectionsOpen, 1);
        let taken = Rc::new(Taken {
            local: Rc::clone(self),
            number,
            _counted: counted,
        });
        let idle = Some(idle);
        Ok(Seat { taken, idle })
    }

    /// Ends a connection that has been idle for a while, if there is one at hand.
    pub(super) fn give_way(&self) -> bool {
        let found = self.connections.borrow_mut().give_way(Instant::now());
        if let Some(task) = &found {
            self.core.counters().add(Metric::ConnectionsGivenUp, 1);
            task.abort();
        }
        found.is_some()
    }

    /// Makes room when there is no descriptor left: idle connections are the first to go, those to
    /// upstreams and one of a client.
    pub(super) fn lacks_descriptors(&self) {
        let core = &self.core;
        core.counters().add(Metric::DescriptorsLacking, 1);
        core.gate()
            .room
            .lacks_descriptors(core.gate().clock.monotonic());
        self.pool.borrow_mut().clear();
        self.give_way();
    }

    /// Notes which task serves the connection in a seat.
    pub(super) fn seated(&self, number: usize, task: AbortHandle) {
        let mut connections = self.connections.borrow_mut();
        if let Some(Some(open)) = connections.seats.get_mut(number) {
            open.task = Some(task);
        }
    }

    /// Closes idle connections, here and to upstreams, and lets the others finish.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.drained.notify_waiters();
        self.end(|open| open.idle.since.get().is_some() && !open.idle.takes_leave.get());
        self.pool.borrow_mut().clear();
    }

    /// Waits until the gate stops.
    pub(super) async fn drains(&self) {
        let drained = self.drained.notified();
        if !self.draining() {
            drained.await;
        }
    }

    /// Closes every connection, whatever it is doing.
    pub(super) fn abort(&self) {
        self.end(|_| true);
    }

    fn end(&self, which: impl Fn(&Open) -> bool) {
        // Collected first: a task that ends gives up its seat in this very list.
        let ending: Vec<AbortHandle> = self
            .connections
            .borrow()
            .open()
            .filter(|open| which(open))
            .filter_map(|open| open.task.clone())
            .collect();
        for task in ending {
            task.abort();
        }
    }

    /// Waits until no connection is open.
    pub(super) async fn empty(&self) {
        while !self.connections.borrow().is_empty() {
            self.emptied.notified().await;
        }
    }

    /// Once a second: closes upstream connections nobody will use.
    pub(super) fn sweep(&self) {
        self.pool.borrow_mut().sweep(Instant::now());
    }
}

/// An open connection's place in the list, or the share that one of its streams has in it.
pub(crate) struct Seat {
    taken: Rc<Taken>,
    /// None for a stream, which does not speak for its connection.
    idle: Option<Rc<Idle>>,
}

/// The place itself; leaving it, by a panic too, gives it back.
struct Taken {
    local: Rc<Local>,
    number: usize,
    _counted: Counted,
}

impl Seat {
    pub(super) fn number(&self) -> usize {
        self.taken.number
    }

    /// A stream's share: the place is held until both are gone.
    pub(super) fn share(&self) -> Self {
        Self {
            taken: Rc::clone(&self.taken),
            idle: None,
        }
    }

    /// Says that this connection ends by itself when the gate stops.
    pub(super) fn takes_leave(&self) {
        if let Some(idle) = &self.idle {
            idle.takes_leave.set(true);
        }
    }

    /// Says since when the connection waits for a request, so that a drain may close it, or that it
    /// does not wait.
    pub(super) fn set_idle(&self, since: Option<Instant>) {
        if let Some(idle) = &self.idle {
            idle.since.set(since);
        }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut connections = self.local.connections.borrow_mut();
        connections.remove(self.number);
        self.local.core.counters().lower(Metric::ConnectionsOpen);
        if connections.is_empty() {
            self.local.emptied.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(idle: Option<Instant>) -> Open {
        Open {
            idle: Rc::new(Idle {
                since: Cell::new(idle),
                ..Idle::default()
            }),
            task: Some(tokio::spawn(std::future::pending::<()>()).abort_handle()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn only_what_has_been_idle_for_a_while_gives_way_and_each_in_its_turn() {
        let start = Instant::now();
        tokio::time::advance(GIVES_WAY).await;
        let now = Instant::now();
        let mut connections = Connections::default();
        for idle in [None, Some(start), Some(now), Some(start)] {
            connections.insert(open(idle));
        }
        assert!(connections.give_way(now).is_some());
        assert!(connections.give_way(now).is_some());
        assert!(connections.give_way(now).is_none());
        for number in 0..4 {
            connections.remove(number);
        }
        assert!(connections.is_empty() && connections.give_way(now).is_none());
        assert_eq!(connections.insert(open(None)), 3);
        assert!(!connections.is_empty());
    }
}
