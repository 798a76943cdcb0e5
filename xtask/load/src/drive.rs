//! A run: threads, their connections, and what each does.
//!
//! Owns the common beginning of all threads, the end after which nothing is waited for, and the
//! choice between schedule and turn-taking. A connection that breaks is counted and made anew at the
//! next request, inside of that request's time.

use std::{
    cell::{Cell, RefCell},
    io,
    rc::Rc,
    sync::{Barrier, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tokio::task::{LocalSet, spawn_local};

use crate::{
    client::{Answer, Client},
    clock::clock,
    report::{Phase, Report, Seen},
    schedule::{self, Due, Queue},
    script::Script,
    spec::Spec,
    tls::Tls,
};

/// What the connections of one thread share.
struct Thread {
    spec: Spec,
    script: Script,
    queue: Queue,
    seen: RefCell<Vec<Seen>>,
    refused: Cell<u64>,
    begin: Cell<Instant>,
}

/// Waits until every thread is ready, and says when all begin.
type Together<'a> = &'a (dyn Fn() -> Instant + Sync);

/// Runs it to its end.
pub(crate) fn run(spec: &Spec) -> io::Result<Report> {
    let scheduled = spec.phases.iter().filter(|phase| phase.rate.is_some());
    if spec.phases.is_empty() || ![0, spec.phases.len()].contains(&scheduled.count()) {
        return Err(io::Error::other("phases keep a schedule all or none"));
    }
    let threads = spec.threads.clamp(1, spec.connections.max(1));
    let (barrier, begin) = (Barrier::new(threads), Mutex::new(None));
    let together = || {
        barrier.wait();
        let mut begin = begin.lock().unwrap_or_else(PoisonError::into_inner);
        *begin.get_or_insert_with(|| clock() + Duration::from_millis(5))
    };
    let outcomes: Vec<io::Result<_>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|at| scope.spawn(move || thread(spec, at, threads, &together)))
            .collect();
        threads
            .into_iter()
            .map(|thread| {
                let lost = |_| Err(io::Error::other("a thread of the generator was lost"));
                thread.join().unwrap_or_else(lost)
            })
            .collect()
    });
    let mut sums = vec![Seen::default(); spec.phases.len()];
    let mut refused_connections = 0;
    for outcome in outcomes {
        let (seen, refused) = outcome?;
        refused_connections += refused;
        sums.iter_mut()
            .zip(&seen)
            .for_each(|(sum, seen)| sum.add(seen));
    }
    let phases = sums.iter().zip(&spec.phases);
    Ok(Report {
        phases: phases
            .map(|(seen, phase)| Phase::of(seen, phase.seconds))
            .collect(),
        refused_connections,
    })
}

fn thread(
    spec: &Spec,
    at: usize,
    threads: usize,
    together: Together<'_>,
) -> io::Result<(Vec<Seen>, u64)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        // The others wait for all.
        together();
        return Err(io::Error::other("a thread of the generator has no runtime"));
    };
    let thread = Rc::new(Thread {
        spec: spec.clone(),
        script: Script::of(&spec.talk),
        queue: Queue::default(),
        seen: RefCell::new(vec![Seen::default(); spec.phases.len()]),
        refused: Cell::new(0),
        begin: Cell::new(clock()),
    });
    let work = thread.work((at, threads), together);
    LocalSet::new().block_on(&runtime, work)?;
    Ok((thread.seen.take(), thread.refused.get()))
}

impl Thread {
    /// Makes the connections, waits for the other threads, and serves the schedule.
    async fn work(
        self: &Rc<Self>,
        share: (usize, usize),
        together: Together<'_>,
    ) -> io::Result<()> {
        let (at, threads) = share;
        let made: io::Result<Vec<Connection>> = (at..self.spec.connections)
            .step_by(threads)
            .map(|_| Connection::new(self))
            .collect();
        let mut connections = made.unwrap_or_default();
        if !self.spec.fresh {
            for connection in &mut connections {
                connection.open().await;
            }
        }
        let begin = together();
        self.begin.set(begin);
        if connections.is_empty() {
            return Err(io::Error::other("the certificate to trust is unusable"));
        }
        let total: f64 = self.spec.phases.iter().map(|phase| phase.seconds).sum();
        let end = begin + Duration::from_secs_f64(total);
        let scheduled = self.spec.phases.iter().all(|phase| phase.rate.is_some());
        let tasks: Vec<_> = connections
            .into_iter()
            .map(|connection| spawn_local(connection.serve(scheduled)))
            .collect();
        tokio::time::sleep_until(begin.into()).await;
        if scheduled {
            schedule::keep(&self.queue, &self.spec.phases, begin, share).await?;
            for (phase, seen) in self.seen.borrow_mut().iter_mut().enumerate() {
                seen.due = schedule::due(&self.spec.phases, phase, share);
            }
        }
        let last = end + Duration::from_secs_f64(self.spec.drain_seconds);
        for task in tasks {
            let abort = task.abort_handle();
            if tokio::time::timeout_at(last.into(), task).await.is_err() {
                abort.abort();
            }
        }
        Ok(())
    }

    fn phase(&self, phase: usize, note: impl FnOnce(&mut Seen)) {
        if let Some(seen) = self.seen.borrow_mut().get_mut(phase) {
            note(seen);
        }
    }

    /// Whether an answer is what was asked for.
    fn good(&self, answer: &Answer) -> bool {
        let status = matches!(answer.status, 101 | 200..=299);
        status
            && self
                .script
                .length
                .is_none_or(|length| length == answer.length)
    }
}

/// One connection of the load, made anew as often as it must.
struct Connection {
    thread: Rc<Thread>,
    tls: Option<Tls>,
    client: Option<Client>,
}

impl Connection {
    fn new(thread: &Rc<Thread>) -> io::Result<Self> {
        Ok(Self {
            thread: Rc::clone(thread),
            tls: thread.spec.tls.as_ref().map(Tls::new).transpose()?,
            client: None,
        })
    }

    /// Dials, where there is no connection.
    async fn open(&mut self) -> Option<&mut Client> {
        if self.client.is_none() {
            let spec = &self.thread.spec;
            let dialled = async {
                let mut client = Client::dial(spec.address, self.tls.as_ref()).await?;
                if let Some((request, _)) = &self.thread.script.upgrade {
                    client.upgrade(request).await?;
                }
                Ok::<_, io::Error>(client)
            };
            match dialled.await {
                Ok(client) => self.client = Some(client),
                Err(_) => self.thread.refused.set(self.thread.refused.get() + 1),
            }
        }
        self.client.as_mut()
    }

    async fn serve(mut self, scheduled: bool) {
        let thread = Rc::clone(&self.thread);
        if scheduled {
            while let Some(due) = thread.queue.next().await {
                self.exchange(due).await;
            }
            return;
        }
        let begin = thread.begin.get();
        tokio::time::sleep_until(begin.into()).await;
        loop {
            let at = clock();
            let Some(phase) = schedule::phase(&thread.spec.phases, begin, at) else {
                break;
            };
            thread.phase(phase, |seen| seen.due += 1);
            if !self.exchange(Due { at, phase }).await {
                // Who is turned away at the door does not knock as fast as it can.
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
        if let Some(client) = self.client.take() {
            client.close().await;
        }
    }

    /// One exchange; whether it was answered.
    async fn exchange(&mut self, due: Due) -> bool {
        let thread = Rc::clone(&self.thread);
        let answer = self.attempt(due.phase).await;
        let time = clock().saturating_duration_since(due.at);
        let keep = answer.as_ref().is_ok_and(|answer| !answer.last);
        thread.phase(due.phase, |seen| match &answer {
            Err(_) => seen.broken += 1,
            Ok(answer) => {
                *seen.statuses.entry(answer.status).or_default() += 1;
                if thread.good(answer) {
                    seen.good.record(time);
                } else {
                    seen.wrong += u64::from(matches!(answer.status, 200..=299));
                    seen.other.record(time);
                }
            }
        });
        if (!keep || thread.spec.fresh)
            && let Some(client) = self.client.take()
        {
            client.close().await;
        }
        answer.is_ok()
    }

    async fn attempt(&mut self, phase: usize) -> io::Result<Answer> {
        let thread = Rc::clone(&self.thread);
        let fresh = self.client.is_none();
        let client = self.open().await.ok_or(io::ErrorKind::ConnectionRefused)?;
        if let (true, Some(resumed)) = (fresh, client.resumed) {
            thread.phase(phase, |seen| {
                seen.resumed += u64::from(resumed);
                seen.full += u64::from(!resumed);
            });
        }
        match thread.script.upgrade {
            Some((_, message)) => client.echo(&thread.script.bytes, message).await,
            None => client.ask(&thread.script.bytes).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin;
    use serde_json::{Value, json};

    /// A run against our own origin.
    fn run_on_origin(talk: Value, more: Value) -> Value {
        let address = origin::start().unwrap();
        let mut spec = json!({
            "address": address, "threads": 2, "connections": 4,
            "phases": [{"seconds": 0.1}], "talk": talk,
        });
        let all = spec.as_object_mut().unwrap();
        all.extend(more.as_object().unwrap().clone());
        let report = run(&serde_json::from_value(spec).unwrap()).unwrap();
        serde_json::to_value(report).unwrap()
    }

    fn get(path: &str) -> Value {
        json!({"request": {"method": "GET", "path": path, "headers": ["Host: a"], "answer": 99}})
    }

    #[test]
    fn connections_take_turns_and_every_answer_is_counted() {
        let report = run_on_origin(get("/"), json!({}));
        let phase = &report["phases"][0];
        assert!(phase["good"].as_u64().unwrap() > 0, "{report}");
        assert_eq!(phase["due"], phase["good"]);
        assert_eq!(phase["statuses"]["200"], phase["good"]);
        assert_eq!(report["refused_connections"], 0);
    }

    #[test]
    fn a_schedule_is_kept_in_each_phase() {
        let phases = json!([{"seconds": 0.1, "rate": 1000.0}, {"seconds": 0.1, "rate": 200.0}]);
        let report = run_on_origin(get("/"), json!({ "phases": phases }));
        for (phase, due) in report["phases"].as_array().unwrap().iter().zip([100, 20]) {
            assert_eq!((&phase["due"], &phase["good"]), (&json!(due), &json!(due)));
        }
    }

    #[test]
    fn an_answer_of_the_wrong_length_is_not_good() {
        let talk = json!({"request":
            {"method": "GET", "path": "/", "headers": ["Host: a"], "answer": 98}});
        let report = run_on_origin(talk, json!({}));
        let phase = &report["phases"][0];
        assert_eq!(phase["good"], 0);
        assert_eq!(phase["wrong"], phase["due"]);
    }

    #[test]
    fn uploads_and_messages_come_through() {
        for chunked in [false, true] {
            let body = 100_000;
            let talk = json!({"request": {"method": "POST", "path": "/upload",
                "headers": ["Host: a"], "body": body, "chunked": chunked, "answer": 19}});
            let report = run_on_origin(talk, json!({}));
            assert!(
                report["phases"][0]["good"].as_u64().unwrap() > 0,
                "{report}"
            );
            assert_eq!(report["phases"][0]["wrong"], 0);
        }
        let talk = json!({"echo": {"path": "/ws", "headers": ["Host: a"], "message": 300}});
        let report = run_on_origin(talk, json!({}));
        assert!(
            report["phases"][0]["good"].as_u64().unwrap() > 0,
            "{report}"
        );
        assert_eq!(report["phases"][0]["broken"], 0);
    }

    #[test]
    fn a_server_that_is_not_there_is_counted_and_not_waited_for() {
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = gone.local_addr().unwrap();
        drop(gone);
        let spec = json!({
            "address": address, "threads": 1, "connections": 1,
            "phases": [{"seconds": 0.02}], "talk": get("/"),
        });
        let report = run(&serde_json::from_value(spec).unwrap()).unwrap();
        let report = serde_json::to_value(report).unwrap();
        assert!(report["refused_connections"].as_u64().unwrap() > 0);
        assert_eq!(report["phases"][0]["good"], 0);
    }

    #[test]
    fn half_a_schedule_is_refused() {
        let spec = json!({
            "address": "127.0.0.1:1", "threads": 1, "connections": 1,
            "phases": [{"seconds": 0.02}, {"seconds": 0.02, "rate": 1.0}], "talk": get("/"),
        });
        assert!(run(&serde_json::from_value(spec).unwrap()).is_err());
    }
}
