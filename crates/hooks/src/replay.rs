//! Deliveries in flight and deliveries done.
//!
//! Owns the decision what a genuine delivery may do next: go to the app, wait, or be acknowledged
//! without going anywhere. Refuses to forward when the store cannot be asked. Trusts the digest of
//! a [`Verified<Signature>`] and nothing else: an id that is not signed tells no deliveries apart.
//!
//! A row is kept as long as the delivery it remembers could still be genuine: twice the tolerance
//! where a time is signed, as long as the secret where none is.

use std::time::Duration;

use control::{ControlId, Reason, Refusal, Rng, Timestamp, rng};
use seal::encode;
use store::{
    Store, StoreError,
    replay::{self as table, Claimed},
};

use crate::{
    scheme::{Ack, Scheme},
    source::Source,
    verify::{Signature, Verified},
};

/// The control that answers repeats.
pub const REPLAY: ControlId = ControlId("hooks.replay");

/// How long a lease outlives the time the app may take.
pub const LEASE_MARGIN: Duration = Duration::from_secs(10);

/// Seconds after which to ask again when the store cannot be asked.
const STORE_RETRY: u32 = 5;

/// The replay rules over the store.
#[derive(Clone, Debug)]
pub struct Replay {
    store: Store,
}

/// A delivery that goes to the app now; settle it with the app's answer.
#[derive(Debug)]
#[must_use = "a claim that is not settled holds repeats back until its lease ends"]
pub struct Claim {
    source: String,
    digest: [u8; 32],
    delivery: table::DeliveryId,
    attempt: i64,
}

impl Claim {
    /// What the app knows the delivery by, in hexadecimal: the same at every attempt. It goes in
    /// `X-Vouchsafe-Delivery`.
    #[must_use]
    pub fn delivery_id(&self) -> String {
        encode::hex(&self.delivery)
    }

    /// The number of this attempt, from 1.
    #[must_use]
    pub const fn attempt(&self) -> i64 {
        self.attempt
    }
}

/// What a genuine delivery may do next.
#[derive(Debug)]
pub enum Admission {
    /// Go to the app, with this claim.
    Forward(Claim),
    /// It was done before: acknowledge, do not forward, record `webhook.duplicate`.
    Duplicate(&'static Ack),
    /// It is in flight, or the store cannot be asked: 503 with `Retry-After`.
    Refused(Refusal),
}

impl Replay {
    /// The rules over `store`.
    #[must_use]
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Admits a genuine delivery. The work is done on the store's thread; awaiting it blocks no
    /// core.
    ///
    /// `upstream_timeout` is how long the app may take; the lease outlives it by
    /// [`LEASE_MARGIN`].
    pub async fn admit(
        &self,
        source: &Source,
        delivery: &Verified<Signature>,
        upstream_timeout: Duration,
        rng: &dyn Rng,
        now: Timestamp,
    ) -> Admission {
        let wish = match wish(source, delivery, upstream_timeout, rng, now) {
            Ok(wish) => wish,
            Err(refusal) => return Admission::Refused(refusal),
        };
        let asked = wish.clone();
        let answer = self
            .store
            .submit(move |access| table::claim(access, &asked));
        judge(source.scheme(), wish, answer.await)
    }

    /// Settles a claim: done on the app's 2xx, released otherwise. `None` is an app that did not
    /// answer.
    ///
    /// An error leaves the lease to run out, after which a repeat is forwarded under the same id.
    pub async fn settle(
        &self,
        claim: Claim,
        status: Option<u16>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        self.store
            .submit(move |access| settle(access, &claim, status, now))
            .await
    }

    /// Removes what can no longer be genuine; returns how many rows went. Run it every minute or
    /// so.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut gone = 0;
        loop {
            let round = self
                .store
                .submit(move |access| table::sweep(access, now))
                .await?;
            gone += round;
            if round == 0 {
                return Ok(gone);
            }
        }
    }

    /// Forgets what `old` had accepted, if nothing it held genuine could be genuine for `new`,
    /// which stands in its place: for a reload that replaced the secrets. Where nothing stands in
    /// its place nothing is forgotten: the route may come back with the same secret, and its old
    /// deliveries with it. Returns how many rows went.
    pub async fn retire(&self, old: &Source, new: Option<&Source>) -> Result<usize, StoreError> {
        let replaced =
            new.is_some_and(|new| new.id() == old.id() && !new.shares_a_secret_with(old));
        if !replaced {
            return Ok(0);
        }
        let id = old.id().to_owned();
        self.store
            .submit(move |access| table::forget(access, &id))
            .await
    }
}

fn wish(
    source: &Source,
    delivery: &Verified<Signature>,
    upstream_timeout: Duration,
    rng: &dyn Rng,
    now: Timestamp,
) -> Result<table::Claim, Refusal> {
    let lease = upstream_timeout.saturating_add(LEASE_MARGIN);
    Ok(table::Claim {
        source: source.id().to_owned(),
        digest: *delivery.fact().digest(),
        candidate: rng::array(rng).map_err(|_| unavailable())?,
        now,
        lease,
        // A row that could go while its delivery is in flight would let a repeat overtake it.
        expires: retention(source.scheme()).map(|kept| now.plus(kept.max(lease))),
    })
}

/// How long a delivery of `scheme` is remembered; `None` is as long as the secret.
#[must_use]
pub fn retention(scheme: &Scheme) -> Option<Duration> {
    let (past, future) = scheme.tolerance()?;
    let window = 2 * (u64::from(past) + u64::from(future));
    let kept = scheme.dedupe.retain.map_or(window, u64::from);
    Some(Duration::from_secs(kept))
}

fn judge(
    scheme: &'static Scheme,
    wish: table::Claim,
    answer: Result<Claimed, StoreError>,
) -> Admission {
    match answer {
        Ok(Claimed::Fresh { delivery, attempt }) => Admission::Forward(Claim {
            source: wish.source,
            digest: wish.digest,
            delivery,
            attempt,
        }),
        Ok(Claimed::InFlight { until, .. }) => {
            let wait = until.since(wish.now).as_secs().saturating_add(1);
            Admission::Refused(in_flight(u32::try_from(wait).unwrap_or(u32::MAX)))
        }
        Ok(Claimed::Done { .. }) => Admission::Duplicate(&scheme.ack),
        Err(_) => Admission::Refused(unavailable()),
    }
}

fn settle(
    access: &store::Access<'_>,
    claim: &Claim,
    status: Option<u16>,
    now: Timestamp,
) -> Result<(), StoreError> {
    if status.is_some_and(|status| (200..=299).contains(&status)) {
        table::done(access, &claim.source, &claim.digest, now)?;
    } else {
        table::release(access, &claim.source, &claim.digest, claim.attempt)?;
    }
    Ok(())
}

const fn in_flight(seconds: u32) -> Refusal {
    Refusal::new(
        REPLAY,
        503,
        "This delivery is being processed. Send it again later.",
        Reason("in-flight"),
    )
    .retry_after(seconds)
}

const fn unavailable() -> Refusal {
    Refusal::new(
        REPLAY,
        503,
        "Deliveries cannot be accepted right now. Send it again later.",
        Reason("store-unavailable"),
    )
    .retry_after(STORE_RETRY)
}
