//! What one thread keeps for its connections.
//!
//! Owns the thread's upstream pool, the list of its open connections and its drain. Refuses a
//! connection beyond the thread's share of the limit. Everything here belongs to one thread: cells,
//! never locks.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
};

use tokio::{net::TcpStream, sync::Notify, task::AbortHandle, time::Instant};
use wire::{Pool, PoolLimits};

use super::{resolve::Resolver, whole::Held};
use crate::{core::Core, metrics::Metric, site::app::Upstream as Place};

/// State of one thread, shared by its tasks.
pub(super) struct Local {
    pub(super) core: Core,
    pub(super) pool: RefCell<Pool<Place, TcpStream>>,
    pub(super) resolver: Resolver,
    /// Memory taken by bodies that must be seen whole.
    pub(super) held: Held,
    draining: Cell<bool>,
    connections: RefCell<HashMap<u64, Open>>,
    next: Cell<u64>,
    emptied: Notify,
}

/// An open connection as the drain sees it.
struct Open {
    idle: Rc<Cell<bool>>,
    /// Absent until its task exists.
    task: Option<AbortHandle>,
}

impl Local {
    pub(super) fn new(core: Core) -> Self {
        let service = core.gate().service.clone();
        Self {
            core,
            pool: RefCell::new(Pool::new(PoolLimits::default())),
            resolver: Resolver::new(service),
            held: Held::default(),
            draining: Cell::new(false),
            connections: RefCell::default(),
            next: Cell::new(0),
            emptied: Notify::new(),
        }
    }

    /// Whether connections close behind the answer they are giving.
    pub(super) const fn draining(&self) -> bool {
        self.draining.get()
    }

    /// A place among at most `limit` connections, or none.
    pub(super) fn enter(self: &Rc<Self>, limit: usize) -> Option<Seat> {
        let mut connections = self.connections.borrow_mut();
        if connections.len() >= limit {
            return None;
        }
        let number = self.next.get();
        self.next.set(number.wrapping_add(1));
        let idle = Rc::new(Cell::new(false));
        let open = Open {
            idle: Rc::clone(&idle),
            task: None,
        };
        connections.insert(number, open);
        self.core.counters().add(Metric::ConnectionsAccepted, 1);
        self.core.counters().add(Metric::ConnectionsOpen, 1);
        Some(Seat {
            local: Rc::clone(self),
            number,
            idle,
        })
    }

    /// Notes which task serves the connection in a seat.
    pub(super) fn seated(&self, number: u64, task: AbortHandle) {
        if let Some(open) = self.connections.borrow_mut().get_mut(&number) {
            open.task = Some(task);
        }
    }

    /// Closes idle connections, here and to upstreams, and lets the others finish.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.end(|open| open.idle.get());
        self.pool.borrow_mut().clear();
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
            .values()
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

/// An open connection's place in the list; leaving it, by a panic too, gives the place back.
pub(super) struct Seat {
    local: Rc<Local>,
    number: u64,
    idle: Rc<Cell<bool>>,
}

impl Seat {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Says whether the connection waits for a request, so that a drain may close it.
    pub(super) fn set_idle(&self, idle: bool) {
        self.idle.set(idle);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut connections = self.local.connections.borrow_mut();
        connections.remove(&self.number);
        self.local.core.counters().lower(Metric::ConnectionsOpen);
        if connections.is_empty() {
            self.local.emptied.notify_one();
        }
    }
}
