//! A ledger on the disk that forgets, and what is recorded in it.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use control::{ControlId, Reason, SystemClock, SystemRng, Timestamp};
use ledger::{
    Event, Kind, Ledger, Lock, Options, Pace, PrincipalId, RequestId,
    crash_disk::CrashDisk,
    disk::Disk,
    home::ledger_folder,
    note::VerifierKey,
    verify::{Given, Whole, verify},
    view::View,
};
use serde_json::Value;

/// The pace of tests: patient with a machine that is busy.
pub(crate) const PACE: Pace = Pace {
    interval: Duration::from_millis(5),
    quiet: 20,
    watch: Duration::from_millis(5),
    patience: Duration::from_secs(60),
    limit: Duration::from_secs(60),
    queue: 16 * 1024 * 1024,
    backlog: 64 * 1024 * 1024,
};

pub(crate) struct House {
    _folder: tempfile::TempDir,
    lock: Option<Arc<Lock>>,
    pub(crate) disk: CrashDisk,
}

impl House {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lock = Lock::acquire(folder.path()).unwrap();
        Self {
            disk: CrashDisk::new(folder.path()),
            lock: Some(Arc::new(lock)),
            _folder: folder,
        }
    }

    pub(crate) fn data(&self) -> &Path {
        self.lock.as_ref().unwrap().folder()
    }

    pub(crate) fn lock(&self) -> Arc<Lock> {
        Arc::clone(self.lock.as_ref().unwrap())
    }

    pub(crate) fn open(&self, disk: &CrashDisk, ring: usize, quiet: u32) -> Ledger {
        self.open_with(disk, ring, Pace { quiet, ..PACE })
    }

    /// Opens with other limits than the usual, so that a test sees them reached.
    pub(crate) fn open_with(&self, disk: &CrashDisk, ring: usize, pace: Pace) -> Ledger {
        let options = Options {
            lock: Arc::clone(self.lock.as_ref().unwrap()),
            origin: "log.example/test/1".to_owned(),
            second_place: None,
            keeping: ledger::Keeping::default(),
            ring,
            clock: Arc::new(SystemClock::new()),
            rng: Arc::new(SystemRng),
        };
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        Ledger::open_on(disk, options, pace).unwrap()
    }

    pub(crate) fn entries(&self, disk: &CrashDisk) -> Vec<Value> {
        let view = View::open(disk, &ledger_folder(self.data())).unwrap();
        let entries = view.last(u64::MAX).unwrap();
        let read = entries
            .iter()
            .map(|(_, e)| serde_json::from_slice(e).unwrap());
        read.collect()
    }

    pub(crate) fn verify(&self, disk: &CrashDisk, key: &str, seen: Option<&str>) -> Whole {
        let key = VerifierKey::parse(key).unwrap();
        let given = Given {
            key: Some(&key),
            seen,
        };
        verify(disk, &ledger_folder(self.data()), given).unwrap()
    }
}

pub(crate) fn event(id: u64) -> Event {
    let mut request = [0; 16];
    request[8..].copy_from_slice(&id.to_be_bytes());
    Event {
        request: Some(RequestId(request)),
        status: Some(200),
        client: Some("203.0.113.9".parse().unwrap()),
        principal: PrincipalId::new("key"),
        micros: Some(id),
        ..Event::new(Timestamp::from_millis(1_763_719_200_000), Kind::REQUEST)
    }
}

pub(crate) fn refusal(second: i64) -> Event {
    Event {
        control: Some(ControlId("gate.path")),
        reason: Some(Reason("dot-segment")),
        status: Some(400),
        client: Some("203.0.113.9".parse().unwrap()),
        ..Event::new(Timestamp::from_seconds(second), Kind::REQUEST)
    }
}

pub(crate) fn micros(entries: &[Value]) -> Vec<u64> {
    entries
        .iter()
        .filter_map(|e| e["micros"].as_u64())
        .collect()
}

/// Waits for another thread without a fixed time; gives up loudly.
#[expect(clippy::disallowed_methods, reason = "a test that waits for a thread")]
pub(crate) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::yield_now();
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(future)
}
