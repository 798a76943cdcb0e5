//! Requests that fall due whether the server keeps up or not.
//!
//! Owns the queue between the schedule and the connections of one thread. The time of a request is
//! counted from when it was due and not from when a connection was free for it: a server that stops
//! for a second has made all requests of that second late, and not only the one it held.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    io,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use crate::{
    clock::{Timer, clock},
    spec::Phase,
};

/// A request that is to be sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Due {
    pub(crate) at: Instant,
    pub(crate) phase: usize,
}

/// The requests of one thread that wait for a connection.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: RefCell<VecDeque<Due>>,
    arrived: Notify,
    ended: Cell<bool>,
}

impl Queue {
    fn offer(&self, due: Due) {
        self.waiting.borrow_mut().push_back(due);
        self.arrived.notify_one();
    }

    fn end(&self) {
        self.ended.set(true);
        self.arrived.notify_waiters();
    }

    /// The next request; `None` after the last. Connections are served in turn, so that all are
    /// used.
    pub(crate) async fn next(&self) -> Option<Due> {
        loop {
            let arrived = self.arrived.notified();
            let next = self.waiting.borrow_mut().pop_front();
            if next.is_some() {
                // One permit may stand for several arrivals: pass it on while there are more.
                if !self.waiting.borrow().is_empty() {
                    self.arrived.notify_one();
                }
                return next;
            }
            if self.ended.get() {
                return None;
            }
            arrived.await;
        }
    }
}

/// Puts each request of `phases` into the queue at its time. `share` of `shares` threads sends every
/// so-manieth.
pub(crate) async fn keep(
    queue: &Queue,
    phases: &[Phase],
    begin: Instant,
    (share, shares): (usize, usize),
) -> io::Result<()> {
    let timer = Timer::new()?;
    let mut begin = begin;
    for (phase, about) in phases.iter().enumerate() {
        let rate = about.rate.unwrap_or(0.0).max(f64::EPSILON);
        for number in (share..count(about)).step_by(shares.max(1)) {
            let at = begin + Duration::from_secs_f64(number as f64 / rate);
            let mut now = clock();
            while now < at {
                timer.wait(at - now).await?;
                now = clock();
            }
            queue.offer(Due { at, phase });
            // When late, connections still get their turn between two requests.
            if (number / shares.max(1)).is_multiple_of(32) {
                tokio::task::yield_now().await;
            }
        }
        begin += Duration::from_secs_f64(about.seconds);
    }
    queue.end();
    Ok(())
}

/// How many requests fall due in a phase for one of so many threads.
pub(crate) fn due(phases: &[Phase], phase: usize, (share, shares): (usize, usize)) -> u64 {
    let count = phases.get(phase).map_or(0, count);
    (share..count).step_by(shares.max(1)).count() as u64
}

fn count(phase: &Phase) -> usize {
    (phase.rate.unwrap_or(0.0) * phase.seconds).round() as usize
}

/// Which phase `now` lies in, for those who keep no schedule; `None` after the last.
pub(crate) fn phase(phases: &[Phase], begin: Instant, now: Instant) -> Option<usize> {
    let mut end = begin;
    phases.iter().position(|phase| {
        end += Duration::from_secs_f64(phase.seconds);
        now < end
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    fn run<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        tokio::task::LocalSet::new().block_on(&runtime, work)
    }

    #[test]
    fn every_request_falls_due_once_in_its_phase_and_never_early() {
        let phase = |seconds, rate| Phase {
            seconds,
            rate: Some(rate),
        };
        let phases = [phase(0.05, 2000.0), phase(0.02, 500.0)];
        for shares in [1, 3] {
            let mut seen = [0, 0];
            for share in 0..shares {
                let taken = run(async {
                    let queue = Rc::new(Queue::default());
                    let workers: Vec<_> = (0..4)
                        .map(|_| {
                            let queue = Rc::clone(&queue);
                            tokio::task::spawn_local(async move {
                                let mut taken = Vec::new();
                                while let Some(due) = queue.next().await {
                                    assert!(due.at <= clock());
                                    taken.push(due.phase);
                                }
                                taken
                            })
                        })
                        .collect();
                    keep(&queue, &phases, clock(), (share, shares))
                        .await
                        .unwrap();
                    let mut all = Vec::new();
                    for worker in workers {
                        all.extend(worker.await.unwrap());
                    }
                    all
                });
                for phase in taken {
                    seen[phase] += 1;
                }
            }
            assert_eq!(seen, [100, 10], "{shares}");
        }
    }

    #[test]
    fn a_server_that_stands_still_makes_all_that_fell_due_meanwhile_late() {
        let phases = [Phase {
            seconds: 0.1,
            rate: Some(1000.0),
        }];
        let lateness = run(async {
            let queue = Rc::new(Queue::default());
            let worker = tokio::task::spawn_local({
                let queue = Rc::clone(&queue);
                async move {
                    let mut late = Vec::new();
                    while let Some(due) = queue.next().await {
                        if late.is_empty() {
                            tokio::time::sleep(Duration::from_millis(60)).await;
                        }
                        late.push(clock() - due.at);
                    }
                    late
                }
            });
            keep(&queue, &phases, clock(), (0, 1)).await.unwrap();
            worker.await.unwrap()
        });
        let late = lateness
            .iter()
            .filter(|time| **time > Duration::from_millis(10));
        assert_eq!(lateness.len(), 100);
        assert!(late.count() >= 40, "only the held request counts as late");
    }

    #[test]
    fn phases_follow_each_other() {
        let phase_of = |millis| {
            let seconds = [0.1, 0.2].map(|seconds| Phase {
                seconds,
                rate: None,
            });
            let begin = clock();
            phase(&seconds, begin, begin + Duration::from_millis(millis))
        };
        assert_eq!(
            [0, 99, 101, 299, 301].map(phase_of),
            [Some(0), Some(0), Some(1), Some(1), None]
        );
    }
}
