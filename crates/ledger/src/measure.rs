//! Measuring the ledger on a real folder, for `xtask bench ledger`.

use std::{path::Path, rc::Rc, sync::Arc, time::Duration};

use control::{Clock, ControlId, SystemClock, SystemRng, Timestamp};

use crate::{
    Event, Flushed, Kind, Ledger, Lock, Options, PrincipalId, RING, Recorder, RequestId,
    disk::{Access, Disk, RealDisk},
};

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Threads that record, each with a recorder of its own.
    pub producers: usize,
    /// Events in all.
    pub events: usize,
    /// Events of one producer that wait for the disk at a time; 0 records batched instead.
    pub in_flight: usize,
}

/// What it took.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Until the last event was on disk.
    pub elapsed: Duration,
    /// For each durable event how long its producer waited, shortest first; empty when batched.
    pub waits: Vec<Duration>,
    /// What the final flush left, checkpoints included.
    pub flushed: Flushed,
    /// The log's verifier key.
    pub key: String,
}

impl Figures {
    /// The wait that `share` (0 to 1) of the events did not exceed.
    #[must_use]
    pub fn wait(&self, share: f64) -> Duration {
        let last = self.waits.len().saturating_sub(1);
        let place = (last as f64 * share) as usize;
        self.waits.get(place).copied().unwrap_or_default()
    }
}

/// Records a load in a new ledger below `data`. Errors are told as text: they are for a person.
pub fn run(data: &Path, load: Load) -> Result<Figures, String> {
    let clock = SystemClock::new();
    let lock = Lock::acquire(data).map_err(|error| error.to_string())?;
    let ledger = Ledger::open(Options {
        lock: Arc::new(lock),
        origin: "bench.example/ledger/1".to_owned(),
        second_place: None,
        keeping: crate::Keeping::default(),
        ring: RING,
        clock: Arc::new(clock),
        rng: Arc::new(SystemRng),
    })
    .map_err(|error| error.to_string())?;
    let share = load.events.div_ceil(load.producers.max(1));
    let began = clock.monotonic();
    let waits = std::thread::scope(|scope| {
        let producers: Vec<_> = (0..load.producers)
            .map(|producer| {
                let recorder = ledger.recorder();
                scope.spawn(move || produce(recorder, producer as u64, share, load, clock))
            })
            .collect();
        producers
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .map_err(|_| "a producer fell over".to_owned())?
            })
            .collect::<Result<Vec<_>, String>>()
    })?;
    if load.in_flight == 0 {
        // Every batch until this notice is on disk when it is.
        let notice = crate::Notice::new(clock.now(), Kind::STOPPED);
        ledger
            .note_blocking(notice)
            .map_err(|error| error.to_string())?;
    }
    let elapsed = clock.monotonic().saturating_sub(began);
    let flushed = ledger.close().map_err(|error| error.to_string())?;
    let mut waits: Vec<Duration> = waits.into_iter().flatten().collect();
    waits.sort_unstable();
    Ok(Figures {
        elapsed,
        waits,
        flushed,
        key: ledger.verifier_key().to_owned(),
    })
}

fn event(now: Timestamp, producer: u64, number: u64) -> Event {
    let mut request = [0; 16];
    for (to, from) in request.iter_mut().zip(
        producer
            .to_be_bytes()
            .into_iter()
            .chain(number.to_be_bytes()),
    ) {
        *to = from;
    }
    let client = std::net::Ipv4Addr::from(0x0a00_0000 | (number % 200) as u32);
    Event {
        request: Some(RequestId(request)),
        status: Some(403),
        control: Some(ControlId("identity.scope")),
        reason: Some(control::Reason("scope-not-covered")),
        principal: PrincipalId::new("bench-key"),
        client: Some(client.into()),
        sent: Some(512),
        received: Some(128),
        micros: Some(number),
        ..Event::new(now, Kind::REQUEST)
    }
}

fn produce(
    recorder: Recorder,
    producer: u64,
    events: usize,
    load: Load,
    clock: SystemClock,
) -> Result<Vec<Duration>, String> {
    if load.in_flight == 0 {
        for number in 0..events as u64 {
            // A full ring would be a 503: the measure is how many are taken, so it waits.
            while recorder.ready(1).is_err() {
                std::thread::yield_now();
            }
            let event = event(clock.now(), producer, number);
            recorder.record(event).map_err(|error| error.to_string())?;
        }
        return Ok(Vec::new());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| error.to_string())?;
    let recorder = Rc::new(recorder);
    let share = events.div_ceil(load.in_flight);
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let tasks: Vec<_> = (0..load.in_flight)
            .map(|task| {
                let recorder = Rc::clone(&recorder);
                tokio::task::spawn_local(async move {
                    let mut waits = Vec::with_capacity(share);
                    for number in 0..share {
                        let began = clock.monotonic();
                        let event = event(clock.now(), producer, (task * share + number) as u64);
                        recorder.record_durable(event).await?;
                        waits.push(clock.monotonic().saturating_sub(began));
                    }
                    Ok::<_, crate::NotDurable>(waits)
                })
            })
            .collect();
        let mut all = Vec::with_capacity(events);
        for task in tasks {
            let waits = task.await.map_err(|error| error.to_string())?;
            all.extend(waits.map_err(|error| error.to_string())?);
        }
        Ok(all)
    })
}

/// The disk's own rate: how long each of `count` appends of `bytes` bytes with a sync took.
pub fn syncs(data: &Path, count: usize, bytes: usize) -> std::io::Result<Vec<Duration>> {
    let clock = SystemClock::new();
    let path = data.join("sync-rate");
    let mut file = RealDisk.create(&path, Access::Shared)?;
    let block = vec![b'x'; bytes];
    let mut taken = Vec::with_capacity(count);
    for _ in 0..count {
        let began = clock.monotonic();
        file.write(&block)?;
        file.sync()?;
        taken.push(clock.monotonic().saturating_sub(began));
    }
    RealDisk.remove(&path)?;
    taken.sort_unstable();
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{home::ledger_folder, note::VerifierKey, verify};

    #[test]
    fn both_loads_arrive_whole_on_a_real_disk() {
        for in_flight in [0, 8] {
            let folder = tempfile::tempdir().unwrap();
            let load = Load {
                producers: 2,
                events: 640,
                in_flight,
            };
            let figures = run(folder.path(), load).unwrap();
            let extra = u64::from(in_flight == 0);
            assert_eq!(figures.flushed.size, 640 + extra);
            assert_eq!(figures.waits.len(), if in_flight == 0 { 0 } else { 640 });
            assert!(figures.wait(0.5) <= figures.wait(1.0));
            let key = VerifierKey::parse(&figures.key).unwrap();
            let given = verify::Given {
                key: Some(&key),
                seen: Some(&figures.flushed.checkpoint),
            };
            let whole = verify::verify(&RealDisk, &ledger_folder(folder.path()), given).unwrap();
            assert_eq!(whole.head.size, figures.flushed.size);
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(syncs(folder.path(), 3, 100).unwrap().len(), 3);
    }
}
