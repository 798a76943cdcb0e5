//! Keys that an issuer publishes.
//!
//! Owns when they are asked for: at once, every hour, and when a token names one that is not among
//! them, twice a minute at most. No request waits for that: while it is not known whether a key is the
//! issuer's, its token is refused for now and not for good. One asking runs at a time. Refuses a set
//! without a key of the pinned algorithms; while the issuer does not answer, the keys that it
//! published last go on.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use connect::{Client, Target, client::Request};
use control::Timestamp;
use seal::jws::read_set;

use super::Issuer;
use crate::oidc::{ProviderFault, provider::send, settings::may_be_asked};

/// How long keys are used before they are asked for again.
const KEPT: Duration = Duration::from_secs(60 * 60);

/// How long keys are not asked for again because of a name that is not among them.
const PAUSE: Duration = Duration::from_secs(30);

/// How long an asking that failed is not repeated while there are no keys at all.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// Before the first time.
const NEVER: i64 = i64::MIN;

/// Where keys are published, and how fresh ours are.
#[derive(Debug)]
pub struct Published {
    target: Target,
    text: Box<str>,
    asked: AtomicI64,
    had: AtomicI64,
    /// Whether a token named a key that is not among them.
    wanted: AtomicBool,
    asking: AtomicBool,
    /// Digest of the set that was taken in last.
    set: Mutex<Option<[u8; 32]>>,
}

impl Published {
    /// The place called `text`, which must be https or on this machine.
    ///
    /// # Errors
    ///
    /// A few words that follow the key's name.
    pub fn read(text: &str) -> Result<Self, &'static str> {
        let target = Target::parse(text).map_err(|_| "is no URL that can be asked")?;
        if !may_be_asked(&target) || text.contains('#') {
            return Err("is not an https URL");
        }
        Ok(Self {
            target,
            text: text.into(),
            asked: AtomicI64::new(NEVER),
            had: AtomicI64::new(NEVER),
            wanted: AtomicBool::new(false),
            asking: AtomicBool::new(false),
            set: Mutex::default(),
        })
    }

    /// Whether a key that is not among ours may be known a moment later; asks for that.
    pub(super) fn may_soon_know(&self, now: Timestamp) -> bool {
        let soon = self.had.load(Ordering::Relaxed) == NEVER
            || self.asking.load(Ordering::Relaxed)
            || passed(&self.asked, PAUSE, now);
        if soon {
            self.wanted.store(true, Ordering::Relaxed);
        }
        soon
    }

    /// Whether keys are to be asked for at `now`.
    fn is_due(&self, now: Timestamp) -> bool {
        let asked_for = |pause| passed(&self.asked, pause, now);
        if self.had.load(Ordering::Relaxed) == NEVER {
            return asked_for(FIRST_PAUSE);
        }
        let wanted = self.wanted.load(Ordering::Relaxed) || passed(&self.had, KEPT, now);
        wanted && asked_for(PAUSE)
    }

    fn set(&self) -> MutexGuard<'_, Option<[u8; 32]>> {
        // One value: a panic elsewhere leaves it whole.
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether `pause` has passed since then, or it never was. A clock that was set back counts as time.
fn passed(then: &AtomicI64, pause: Duration, now: Timestamp) -> bool {
    let then = then.load(Ordering::Relaxed);
    then == NEVER || now.millis() < then || now.since(Timestamp::from_millis(then)) >= pause
}

/// The one asking that runs; ends with it, however that ends.
struct Asking<'a>(&'a Published);

impl<'a> Asking<'a> {
    fn begin(published: &'a Published, now: Timestamp) -> Option<Self> {
        if published.asking.swap(true, Ordering::Relaxed) {
            return None;
        }
        published.asked.store(now.millis(), Ordering::Relaxed);
        Some(Self(published))
    }
}

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asking.store(false, Ordering::Relaxed);
    }
}

impl Issuer {
    /// Whether its keys are published somewhere.
    #[must_use]
    pub const fn publishes(&self) -> bool {
        self.published.is_some()
    }

    /// Whether it is to be asked for its keys at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.published.as_ref().is_some_and(|it| it.is_due(now))
    }

    /// Asks for its keys, unless somebody does so already.
    ///
    /// # Errors
    ///
    /// [`ProviderFault`]; the keys that were there go on.
    pub async fn refresh(&self, client: &Client, now: Timestamp) -> Result<(), ProviderFault> {
        let Some(published) = &self.published else {
            return Ok(());
        };
        let Some(_asking) = Asking::begin(published, now) else {
            return Ok(());
        };
        let answer = send(client, Request::get(published.target.clone())).await?;
        if answer.status() != 200 {
            return Err(ProviderFault::Busy);
        }
        self.take_in(published, answer.body(), now)
    }

    fn take_in(
        &self,
        published: &Published,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), ProviderFault> {
        let keys = read_set(body, &self.algorithms).map_err(|_| ProviderFault::Keys)?;
        if keys.is_empty() {
            return Err(ProviderFault::Keys);
        }
        let digest = seal::sha256(body);
        let mut set = published.set();
        if *set != Some(digest) {
            self.renew(keys);
            *set = Some(digest);
        }
        published.wanted.store(false, Ordering::Relaxed);
        published.had.store(now.millis(), Ordering::Relaxed);
        Ok(())
    }

    /// Takes up the keys that `before` had, the same issuer before a reload: nobody has to wait for
    /// what is known already.
    pub fn adopt(&self, before: &Self) {
        let (Some(ours), Some(theirs)) = (&self.published, &before.published) else {
            return;
        };
        let same = ours.text == theirs.text
            && self.rules.issuer == before.rules.issuer
            && self.algorithms == before.algorithms;
        if !same {
            return;
        }
        self.keys.store(before.keys.load_full());
        *ours.set() = *theirs.set();
        for (own, other) in [(&ours.asked, &theirs.asked), (&ours.had, &theirs.had)] {
            own.store(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests;
