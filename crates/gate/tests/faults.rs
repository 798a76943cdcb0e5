//! Faults of our own and of what we stand on: code that falls over, a store that does not answer.
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

mod support;

use std::{
    sync::{Arc, Mutex, mpsc},
    time::Duration,
};

use control::{Clock, SystemClock, Timestamp};
use gate::metrics::Metric;
use support::{HOOK, OPEN, Origin, PATIENCE, Started, get, ok, start_at, start_under};

/// A clock that falls over once, on a thread of the engine, the time it is told to.
#[derive(Debug)]
struct Trap {
    clock: SystemClock,
    /// How often it may still be read before it falls over; nothing when it does not.
    left: Mutex<Option<u32>>,
}

impl Trap {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            clock: SystemClock::new(),
            left: Mutex::default(),
        })
    }

    fn set(&self, left: Option<u32>) -> Option<u32> {
        std::mem::replace(&mut *self.left.lock().unwrap(), left)
    }

    fn read(&self) {
        let engine = std::thread::current()
            .name()
            .is_some_and(|name| name.starts_with("gate-"));
        if !engine {
            return;
        }
        let left = self.set(None);
        assert_ne!(left, Some(0), "the trap");
        self.set(left.map(|left| left - 1));
    }
}

impl Clock for Trap {
    fn now(&self) -> Timestamp {
        self.read();
        self.clock.now()
    }

    fn monotonic(&self) -> Duration {
        self.read();
        self.clock.monotonic()
    }
}

fn total(gate: &Started, metric: Metric) -> u64 {
    gate.gate.metrics().total(metric)
}

/// Waits until every connection has been accepted and given its seat back.
fn all_closed(gate: &Started) {
    let clock = SystemClock::new();
    while total(gate, Metric::ConnectionsOpen) > 0 {
        assert!(clock.monotonic() < PATIENCE, "a seat was not given back");
        std::thread::yield_now();
    }
}

#[test]
fn a_connection_that_falls_over_ends_alone_and_is_counted_and_recorded() {
    let trap = Trap::new();
    let origin = Origin::mirror();
    let clock: Arc<dyn Clock> = Arc::<Trap>::clone(&trap);
    let gate = start_under(clock, origin.address, OPEN, None, 1);
    let (mut other, mut falls) = (gate.connect(), gate.connect());
    other.send(get("/"));
    assert_eq!(other.answer().status, 200);
    falls.send(get("/"));
    assert_eq!(falls.answer().status, 200);

    trap.set(Some(0));
    falls.send(get("/"));
    assert!(falls.ended());
    gate.has_refused("gate.defect");
    assert_eq!(total(&gate, Metric::Panics), 1);
    // The others go on, those that are open as well as new ones.
    other.send(get("/"));
    assert_eq!(other.answer().status, 200);
    assert!(gate.serves_again());
    drop((other, falls));
    all_closed(&gate);
}

#[test]
fn wherever_a_request_falls_over_it_has_one_end() {
    let trap = Trap::new();
    let origin = Origin::mirror();
    let clock: Arc<dyn Clock> = Arc::<Trap>::clone(&trap);
    let gate = start_under(clock, origin.address, OPEN, None, 1);
    let defects = || {
        let metrics = gate.gate.metrics();
        metrics.refusals(control::ControlId("gate.defect"))
    };
    // At each time the clock is read, until a request comes to its end before it is read so often.
    let mut fell = 0;
    loop {
        trap.set(Some(fell));
        let mut client = gate.connect();
        client.send(get("/"));
        let served = client.try_head().is_some();
        drop(client);
        all_closed(&gate);
        if trap.set(None).is_some() {
            assert!(served);
            break;
        }
        fell += 1;
        assert_eq!(total(&gate, Metric::Panics), u64::from(fell));
        assert_eq!(defects(), u64::from(fell));
    }
    assert!(fell >= 4, "{fell}");
    assert_eq!(defects(), u64::from(fell));
}

fn delivery(body: &str) -> String {
    let tag = seal::hmac::sign(seal::hmac::Algorithm::Sha256, HOOK, &[body.as_bytes()]);
    format!(
        "POST /hook HTTP/1.1\r\nHost: gate.test\r\nContent-Length: {}\r\n\
         X-Hub-Signature-256: sha256={}\r\n\r\n{body}",
        body.len(),
        seal::encode::hex(tag.as_bytes()),
    )
}

#[test]
fn a_store_that_does_not_answer_is_503_and_nothing_is_forwarded() {
    let origin = Origin::answering(|_, body| ok(body));
    let hook = "[[route]]\npath = \"/hook\"\nmethods = [\"POST\"]\napp = \"app\"\n\
                webhook = { scheme = \"github\", secret = [\"hook\"] }\n";
    let gate = start_at(origin.address, hook);
    let (release, released) = mpsc::channel::<()>();
    let store = gate.store.clone();
    let (hung, hanging) = mpsc::channel::<()>();
    let hangs = std::thread::spawn(move || {
        store.run(move |_| {
            let _ = hung.send(());
            let _ = released.recv();
            Ok(())
        })
    });
    hanging.recv().unwrap();
    let mut client = gate.connect();
    client.send(delivery("one"));
    // Everything that needs no store is served meanwhile.
    let mut other = gate.connect();
    other.send(get("/"));
    assert_eq!(other.answer().status, 200);
    let head = client.head_whenever();
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.to_ascii_lowercase().contains("retry-after: "));
    assert_eq!(origin.connections(), 1);
    gate.has_refused("hooks.replay");
    release.send(()).unwrap();
    hangs.join().unwrap().unwrap();
    let mut client = gate.connect();
    client.send(delivery("two"));
    assert_eq!(client.answer().text(), "two");
}
