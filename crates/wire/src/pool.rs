//! Idle connections to upstreams, one pool for each core.
//!
//! Owns which connection may carry another request: one that was returned clean, is neither old
//! nor long idle, and has said nothing since. The key holds everything that makes two connections
//! interchangeable (scheme, name, address, verification), so that a connection made under one
//! setting never serves another. Refuses connections with unread or unsent bytes. Trusts the
//! caller to return a connection only after a whole request and a whole answer.

use std::time::Duration;

use tokio::time::Instant;

use crate::link::{Link, Stream};

/// How many connections are kept, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// Idle connections kept for one key.
    pub idle_per_key: usize,
    /// How long one may have been idle. Below the keep-alive time of common application servers
    /// (5 seconds), so that we close first and a request does not meet a closing connection.
    pub idle: Duration,
    /// How long one may have been idle to carry a request that cannot be repeated.
    pub idle_unrepeatable: Duration,
    /// How old one may be, so that a change of the upstream's address takes effect.
    pub age: Duration,
}

impl Default for PoolLimits {
    fn default() -> Self {
        Self {
            idle_per_key: 256,
            idle: Duration::from_secs(4),
            idle_unrepeatable: Duration::from_millis(1500),
            age: Duration::from_secs(600),
        }
    }
}

/// A connection to an upstream.
pub struct Upstream<S> {
    /// The connection with its buffers.
    pub link: Link<S>,
    born: Instant,
    used: Instant,
    reused: bool,
}

impl<S: Stream> Upstream<S> {
    /// A connection made now.
    pub fn fresh(stream: S) -> Self {
        let now = Instant::now();
        Self {
            link: Link::new(stream),
            born: now,
            used: now,
            reused: false,
        }
    }

    /// Whether it has carried a request before, and so may be closing just now.
    pub const fn reused(&self) -> bool {
        self.reused
    }
}

/// Idle connections of one key in the order of their last use. Boxed, because a connection with its
/// buffers is moved several times for each request it carries.
type Shelf<S> = Vec<Box<Upstream<S>>>;

/// Idle connections by key.
pub struct Pool<K, S> {
    limits: PoolLimits,
    /// A handful of upstreams: looking through a list costs less than hashing a name.
    shelves: Vec<(K, Shelf<S>)>,
}

impl<K: Eq + Clone, S: Stream> Pool<K, S> {
    /// An empty pool.
    pub const fn new(limits: PoolLimits) -> Self {
        Self {
            limits,
            shelves: Vec::new(),
        }
    }

    /// The most recently used idle connection for `key`, if one is fit for a request that
    /// `repeatable` says may be sent twice.
    pub fn take(&mut self, key: &K, now: Instant, repeatable: bool) -> Option<Box<Upstream<S>>> {
        let (_, shelf) = self.shelves.iter_mut().find(|(known, _)| known == key)?;
        while let Some(mut upstream) = shelf.pop() {
            if now > upstream.used + self.limits.idle {
                // The shelf is ordered by last use: everything below is older still.
                shelf.clear();
                return None;
            }
            if !repeatable && now > upstream.used + self.limits.idle_unrepeatable {
                shelf.push(upstream);
                return None;
            }
            if now <= upstream.born + self.limits.age && upstream.link.quiet() {
                upstream.reused = true;
                return Some(upstream);
            }
        }
        None
    }

    /// Keeps a connection whose request was sent and whose answer was read, both to the end. One
    /// with bytes left over, at its end or in excess is closed.
    pub fn give(&mut self, key: &K, mut upstream: Box<Upstream<S>>, now: Instant) {
        if upstream.link.ended()
            || !upstream.link.input.is_empty()
            || !upstream.link.output.is_empty()
        {
            return;
        }
        upstream.used = now;
        match self.shelves.iter_mut().find(|(known, _)| known == key) {
            Some((_, shelf)) if shelf.len() < self.limits.idle_per_key => shelf.push(upstream),
            Some(_) => {}
            None => self.shelves.push((key.clone(), vec![upstream])),
        }
    }

    /// Closes what has been idle too long, is too old or was closed by its peer, and takes large
    /// buffers from the others; called about once a second.
    pub fn sweep(&mut self, now: Instant) {
        let limits = self.limits;
        for (_, shelf) in &mut self.shelves {
            shelf.retain_mut(|upstream| {
                upstream.link.input.shrink();
                upstream.link.output.shrink();
                now.duration_since(upstream.used) <= limits.idle
                    && now.duration_since(upstream.born) <= limits.age
                    && upstream.link.quiet()
            });
        }
        self.shelves.retain(|(_, shelf)| !shelf.is_empty());
    }

    /// Closes every idle connection.
    pub fn clear(&mut self) {
        self.shelves.clear();
    }

    /// Number of idle connections.
    pub fn idle(&self) -> usize {
        self.shelves.iter().map(|(_, shelf)| shelf.len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncWriteExt, DuplexStream, duplex};

    fn connection() -> (Box<Upstream<DuplexStream>>, DuplexStream) {
        let (near, far) = duplex(64);
        (Box::new(Upstream::fresh(near)), far)
    }

    fn pool() -> Pool<&'static str, DuplexStream> {
        Pool::new(PoolLimits::default())
    }

    #[tokio::test(start_paused = true)]
    async fn a_clean_connection_is_used_again_for_its_own_key_alone() {
        let mut pool = pool();
        let (upstream, _far) = connection();
        pool.give(&"http a", upstream, Instant::now());
        assert!(pool.take(&"https a", Instant::now(), true).is_none());
        assert!(pool.take(&"http a", Instant::now(), true).unwrap().reused());
        assert!(pool.take(&"http a", Instant::now(), true).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_with_bytes_left_over_is_never_kept() {
        let mut pool = pool();
        let (mut unread, _far) = connection();
        unread.link.input.extend(b"HTTP/1.1 200 OK");
        pool.give(&"a", unread, Instant::now());
        let (mut unsent, _far) = connection();
        unsent.link.output.begin().push(b'x');
        pool.give(&"a", unsent, Instant::now());
        assert_eq!(pool.idle(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_speaks_or_closes_while_idle_is_not_used() {
        let mut pool = pool();
        let (speaks, mut far) = connection();
        pool.give(&"a", speaks, Instant::now());
        far.write_all(b"surplus").await.unwrap();
        assert!(pool.take(&"a", Instant::now(), true).is_none());
        let (closes, far) = connection();
        pool.give(&"a", closes, Instant::now());
        drop(far);
        assert!(pool.take(&"a", Instant::now(), true).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn idle_and_age_limits_are_kept() {
        let mut pool = pool();
        let (upstream, _far) = connection();
        pool.give(&"a", upstream, Instant::now());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert!(pool.take(&"a", Instant::now(), false).is_none());
        assert!(pool.take(&"a", Instant::now(), true).is_some());

        let (upstream, _far) = connection();
        pool.give(&"a", upstream, Instant::now());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(pool.take(&"a", Instant::now(), true).is_none());

        let (upstream, _far) = connection();
        tokio::time::advance(Duration::from_secs(601)).await;
        pool.give(&"a", upstream, Instant::now());
        assert!(pool.take(&"a", Instant::now(), true).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_sweep_closes_what_nobody_will_use() {
        let mut pool = pool();
        let (kept, _far) = connection();
        let (closed, gone) = connection();
        pool.give(&"a", kept, Instant::now());
        pool.give(&"b", closed, Instant::now());
        drop(gone);
        pool.sweep(Instant::now());
        assert_eq!(pool.idle(), 1);
        tokio::time::advance(Duration::from_secs(5)).await;
        pool.sweep(Instant::now());
        assert_eq!(pool.idle(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_cap_are_kept() {
        let mut pool = Pool::new(PoolLimits {
            idle_per_key: 2,
            ..PoolLimits::default()
        });
        let mut far = Vec::new();
        for _ in 0..5 {
            let (upstream, end) = connection();
            far.push(end);
            pool.give(&"a", upstream, Instant::now());
        }
        assert_eq!(pool.idle(), 2);
    }
}
