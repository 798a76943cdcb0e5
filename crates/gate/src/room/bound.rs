//! How many may be under way at once, and who may wait for a place.
//!
//! Owns one count with a short queue in front of it. Refuses at once when the queue is full, and
//! soon when it does not get shorter: a queue that stands only makes everybody slower, so it is for
//! bursts alone. Shared by all cores; entering and leaving without a queue is one atomic step each.

use std::{
    pin::pin,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// How many wait at once: as many as may be under way, so that whoever waits does so for about as
/// long as a request takes.
fn queue(most: usize) -> usize {
    most.clamp(16, 128)
}

/// How long one waits in a queue that is emptied again and again.
const PATIENCE: Duration = Duration::from_secs(1);

/// For how long a queue may hold somebody before it is one that stands.
const STANDS: Duration = Duration::from_millis(100);

/// How long one waits in a queue that stands.
const BRIEFLY: Duration = Duration::from_millis(10);

/// There is no place, and none came free in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

/// A count of those under way, with its queue.
#[derive(Debug)]
pub(crate) struct Bound {
    busy: AtomicUsize,
    waiting: AtomicUsize,
    /// Since when somebody has been waiting without a break, in milliseconds from `born`.
    since: AtomicU64,
    born: Instant,
    freed: Notify,
}

impl Default for Bound {
    fn default() -> Self {
        Self {
            busy: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            since: AtomicU64::new(0),
            born: Instant::now(),
            freed: Notify::new(),
        }
    }
}

impl Bound {
    /// How many are under way.
    pub(crate) fn busy(&self) -> usize {
        self.busy.load(SeqCst)
    }

    /// Whether one more would not even be let into the queue. A look without a promise.
    pub(crate) fn is_full(&self, most: usize) -> bool {
        self.busy() >= most && self.waiting.load(SeqCst) >= queue(most)
    }

    /// Takes a place among `most`, or waits for one. Give it back with [`Bound::leave`].
    pub(crate) async fn enter(&self, most: usize) -> Result<(), Crowded> {
        // Those who wait come first.
        if self.waiting.load(SeqCst) == 0 && self.take(most) {
            return Ok(());
        }
        self.wait(most).await
    }

    /// Counts one that is under way already, whether there is a place or not.
    pub(crate) fn count(&self) {
        self.busy.fetch_add(1, SeqCst);
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        self.busy.fetch_sub(1, SeqCst);
        // In this order, and the other way round in `wait`: either that sees the place or this the
        // one who waits for it.
        if self.waiting.load(SeqCst) > 0 {
            self.freed.notify_one();
        }
    }

    fn take(&self, most: usize) -> bool {
        let more = |busy: usize| (busy < most).then(|| busy + 1);
        self.busy.fetch_update(SeqCst, SeqCst, more).is_ok()
    }

    async fn wait(&self, most: usize) -> Result<(), Crowded> {
        let queued = Queued::join(self, queue(most))?;
        let now = Instant::now();
        let until = now + queued.patience(now);
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.take(most) {
                return Ok(());
            }
            if timeout_at(until, freed).await.is_err() {
                return Err(Crowded);
            }
        }
    }
}

/// One who waits; leaves the queue when dropped.
struct Queued<'b>(&'b Bound);

impl<'b> Queued<'b> {
    fn join(bound: &'b Bound, most: usize) -> Result<Self, Crowded> {
        let before = bound.waiting.fetch_add(1, SeqCst);
        let queued = Self(bound);
        if before >= most {
            return Err(Crowded); // dropping it leaves the queue again
        }
        if before == 0 {
            bound.since.store(queued.millis(Instant::now()), SeqCst);
        }
        Ok(queued)
    }

    fn millis(&self, now: Instant) -> u64 {
        let age = now.saturating_duration_since(self.0.born);
        u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
    }

    fn patience(&self, now: Instant) -> Duration {
        let stood = self.millis(now).saturating_sub(self.0.since.load(SeqCst));
        if Duration::from_millis(stood) < STANDS {
            PATIENCE
        } else {
            BRIEFLY
        }
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::{task::yield_now, time::advance};

    use super::*;

    fn waiting(bound: &Arc<Bound>, most: usize) -> tokio::task::JoinHandle<Result<(), Crowded>> {
        let bound = Arc::clone(bound);
        tokio::spawn(async move { bound.enter(most).await })
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_that_comes_free_goes_to_the_one_who_waited_longest() {
        let bound = Arc::new(Bound::default());
        bound.enter(1).await.unwrap();
        let (first, second) = (waiting(&bound, 1), waiting(&bound, 1));
        yield_now().await;
        bound.leave();
        first.await.unwrap().unwrap();
        assert!(!second.is_finished());
        bound.leave();
        second.await.unwrap().unwrap();
        bound.leave();
        assert_eq!((bound.busy(), bound.waiting.load(SeqCst)), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_its_patience() {
        let bound = Arc::new(Bound::default());
        bound.enter(1).await.unwrap();
        let start = Instant::now();
        assert_eq!(bound.enter(1).await, Err(Crowded));
        assert_eq!(start.elapsed(), PATIENCE);
        assert_eq!((bound.busy(), bound.waiting.load(SeqCst)), (1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_queue_that_stands_one_waits_briefly() {
        let bound = Arc::new(Bound::default());
        bound.enter(1).await.unwrap();
        let first = waiting(&bound, 1);
        yield_now().await;
        advance(STANDS).await;
        // Somebody has been waiting all the while: this is no burst.
        let start = Instant::now();
        assert_eq!(bound.enter(1).await, Err(Crowded));
        assert_eq!(start.elapsed(), BRIEFLY);
        assert!(!first.is_finished());
        assert_eq!(first.await.unwrap(), Err(Crowded));
        // Empty at last: the next burst has its whole patience again.
        let start = Instant::now();
        assert_eq!(bound.enter(1).await, Err(Crowded));
        assert_eq!(start.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn the_queue_is_bounded() {
        let bound = Arc::new(Bound::default());
        bound.enter(1).await.unwrap();
        assert!(!bound.is_full(1));
        let tasks: Vec<_> = (0..queue(1)).map(|_| waiting(&bound, 1)).collect();
        while bound.waiting.load(SeqCst) < queue(1) {
            assert!(!bound.is_full(1));
            yield_now().await;
        }
        assert!(bound.is_full(1));
        let start = Instant::now();
        assert_eq!(bound.enter(1).await, Err(Crowded));
        assert_eq!(start.elapsed(), Duration::ZERO);
        for task in tasks {
            task.abort();
            let _ = task.await;
        }
        assert!(!bound.is_full(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_counted_in_any_case_takes_a_place_too() {
        let bound = Bound::default();
        bound.count();
        bound.count();
        assert_eq!(bound.enter(2).await, Err(Crowded));
        bound.leave();
        assert_eq!(bound.enter(2).await, Ok(()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn no_place_is_lost_and_none_is_given_twice_across_threads() {
        const MOST: usize = 3;
        let bound = Arc::new(Bound::default());
        let tasks: Vec<_> = (0..16)
            .map(|_| {
                let bound = Arc::clone(&bound);
                tokio::spawn(async move {
                    for _ in 0..200 {
                        // On a busy machine the queue may stand; whoever is refused asks again.
                        while bound.enter(MOST).await.is_err() {}
                        assert!(bound.busy() <= MOST);
                        yield_now().await;
                        bound.leave();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!((bound.busy(), bound.waiting.load(SeqCst)), (0, 0));
    }
}
