//! A genuine delivery goes to the app once: in flight, done, released, expired.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]
#![expect(
    unreachable_pub,
    reason = "the shared module serves several test binaries"
)]
#![expect(dead_code, reason = "the shared module serves several test binaries")]

mod common;

use std::{
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use common::{NOW, Request, any_secret, secret};
use control::{Timestamp, rng::CountingRng};
use hooks::{
    Admission, Replay, Scheme, Signature, Source, Verified,
    replay::{Claim, retention},
};
use store::Store;
use tempfile::TempDir;

const TIMEOUT: Duration = Duration::from_secs(60);

struct Bench {
    replay: Replay,
    rng: CountingRng,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("vouchsafe.db")).unwrap();
        Self {
            replay: Replay::new(store),
            rng: CountingRng::from_seed(1),
            _folder: folder,
        }
    }

    fn admit(&self, source: &Source, proof: &Verified<Signature>, at: i64) -> Admission {
        let now = Timestamp::from_seconds(at);
        let admitted = self.replay.admit(source, proof, TIMEOUT, &self.rng, now);
        block_on(admitted)
    }

    fn forwarded(&self, source: &Source, proof: &Verified<Signature>, at: i64) -> Claim {
        match self.admit(source, proof, at) {
            Admission::Forward(claim) => claim,
            other => panic!("{other:?}"),
        }
    }

    fn settle(&self, claim: Claim, status: Option<u16>, at: i64) {
        let now = Timestamp::from_seconds(at);
        block_on(self.replay.settle(claim, status, now)).unwrap();
    }
}

fn source(scheme: &str) -> Source {
    Source::new("/hook", Scheme::find(scheme).unwrap(), &[any_secret()]).unwrap()
}

fn proof(scheme: &str, body: &[u8]) -> Verified<Signature> {
    Request::signed(scheme, "/hook", None, body)
        .proof()
        .unwrap()
}

/// Runs a future on this thread, without a runtime.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn an_accepted_delivery_is_acknowledged_and_not_forwarded_again() {
    let bench = Bench::new();
    for (scheme, status, kind, body) in [
        ("twilio", 200, Some("text/xml"), "<Response/>"),
        ("github", 202, None, ""),
        ("standard-webhooks", 204, None, ""),
    ] {
        let (source, proof) = (source(scheme), proof(scheme, b"a=1"));
        let claim = bench.forwarded(&source, &proof, NOW);
        bench.settle(claim, Some(204), NOW + 1);
        let Admission::Duplicate(ack) = bench.admit(&source, &proof, NOW + 2) else {
            panic!("{scheme} was forwarded twice");
        };
        assert_eq!(
            (ack.status, ack.content_type.as_deref(), ack.body.as_str()),
            (status, kind, body)
        );
    }
}

#[test]
fn a_repeat_in_flight_waits_for_the_lease() {
    let bench = Bench::new();
    let (source, proof) = (source("github"), proof("github", b"x"));
    let claim = bench.forwarded(&source, &proof, NOW);
    let Admission::Refused(refusal) = bench.admit(&source, &proof, NOW + 10) else {
        panic!("two in flight");
    };
    assert_eq!((refusal.status, refusal.retry_after), (503, Some(61)));
    assert_eq!(
        (refusal.control.0, refusal.reason.0),
        ("hooks.replay", "in-flight")
    );
    // The process died with it: the lease of 60 s and 10 s ends, and the app sees the same id.
    let id = claim.delivery_id();
    let again = bench.forwarded(&source, &proof, NOW + 70);
    assert_eq!((again.delivery_id(), again.attempt()), (id, 2));
}

#[test]
fn what_the_app_did_not_accept_is_forwarded_again_at_once() {
    let bench = Bench::new();
    let (source, proof) = (source("github"), proof("github", b"x"));
    let mut id = None;
    for status in [None, Some(500), Some(302), Some(404), Some(199)] {
        let claim = bench.forwarded(&source, &proof, NOW);
        assert_eq!(*id.get_or_insert(claim.delivery_id()), claim.delivery_id());
        bench.settle(claim, status, NOW);
    }
    let claim = bench.forwarded(&source, &proof, NOW);
    bench.settle(claim, Some(299), NOW);
    assert!(matches!(
        bench.admit(&source, &proof, NOW),
        Admission::Duplicate(_)
    ));
}

#[test]
fn deliveries_to_two_sources_do_not_meet() {
    let bench = Bench::new();
    let scheme = Scheme::find("github").unwrap();
    let proof = proof("github", b"x");
    for path in ["/one", "/two"] {
        let source = Source::new(path, scheme, &[any_secret()]).unwrap();
        let claim = bench.forwarded(&source, &proof, NOW);
        bench.settle(claim, Some(200), NOW);
    }
}

/// A retry carries a new timestamp and so another signed message, under the same signed id.
#[test]
fn a_retry_of_standard_webhooks_is_known_by_its_signed_id() {
    let bench = Bench::new();
    let source = source("standard-webhooks");
    let mut request = Request::signed("standard-webhooks", "/hook", None, b"x");
    let claim = bench.forwarded(&source, &request.proof().unwrap(), NOW);
    bench.settle(claim, Some(200), NOW);
    let tag = seal::hmac::sign(
        seal::hmac::Algorithm::Sha256,
        &seal::encode::unbase64("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap(),
        &[b"msg_1.1614268930.x"],
    );
    let signature = format!("v1,{}", seal::encode::base64(tag.as_bytes()));
    request.now = NOW + 3600;
    let retry = request
        .with("webhook-timestamp", &["1614268930"])
        .with("webhook-signature", &[&signature]);
    let admission = bench.admit(&source, &retry.proof().unwrap(), NOW + 3600);
    assert!(matches!(admission, Admission::Duplicate(_)));
}

#[test]
fn rows_go_when_their_delivery_could_no_longer_be_genuine() {
    let bench = Bench::new();
    for (scheme, gone) in [("standard-webhooks", 1), ("github", 0)] {
        let (source, proof) = (source(scheme), proof(scheme, b"x"));
        let claim = bench.forwarded(&source, &proof, NOW);
        bench.settle(claim, Some(200), NOW);
        for (later, gone) in [(172_799, 0), (172_800, gone), (400_000_000, 0)] {
            let now = Timestamp::from_seconds(NOW + later);
            assert_eq!(
                block_on(bench.replay.sweep(now)).unwrap(),
                gone,
                "{scheme} {later}"
            );
        }
    }
    let github = source("github");
    assert!(matches!(
        bench.admit(&github, &proof("github", b"x"), NOW + 400_000_000),
        Admission::Duplicate(_)
    ));
    assert_eq!(retention(github.scheme()), None);
}

#[test]
fn deliveries_are_forgotten_with_the_last_secret_they_were_signed_with() {
    let bench = Bench::new();
    let scheme = Scheme::find("github").unwrap();
    let old = source("github");
    let claim = bench.forwarded(&old, &proof("github", b"x"), NOW);
    bench.settle(claim, Some(200), NOW);
    let both = Source::new("/hook", scheme, &[secret("new"), any_secret()]).unwrap();
    assert_eq!(block_on(bench.replay.retire(&old, Some(&both))).unwrap(), 0);
    let new = Source::new("/hook", scheme, &[secret("new")]).unwrap();
    assert_eq!(
        block_on(bench.replay.retire(&both, Some(&new))).unwrap(),
        0,
        "they share one"
    );
    assert_eq!(block_on(bench.replay.retire(&old, Some(&new))).unwrap(), 1);
    assert_eq!(
        block_on(bench.replay.retire(&old, Some(&new))).unwrap(),
        0,
        "nothing is left"
    );
}

#[test]
fn a_route_that_is_taken_away_and_comes_back_knows_what_it_has_done() {
    let bench = Bench::new();
    let source = source("github");
    let claim = bench.forwarded(&source, &proof("github", b"x"), NOW);
    bench.settle(claim, Some(200), NOW);
    assert_eq!(block_on(bench.replay.retire(&source, None)).unwrap(), 0);
    assert!(matches!(
        bench.admit(&source, &proof("github", b"x"), NOW),
        Admission::Duplicate(_)
    ));
}

#[test]
fn of_two_at_once_one_is_forwarded() {
    let bench = Bench::new();
    let source = source("github");
    let forwarded = thread::scope(|scope| {
        let asking: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let proof = proof("github", b"x");
                    matches!(bench.admit(&source, &proof, NOW), Admission::Forward(_))
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|asker| asker.join().unwrap())
            .filter(|forwarded| *forwarded)
            .count()
    });
    assert_eq!(forwarded, 1);
}
