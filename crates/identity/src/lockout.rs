//! Slow guessing: who has failed too often has to wait.
//!
//! Owns the count of failed attempts by account and by address, each for itself, and how long either
//! is locked. Refuses an attempt before anything is checked, so that a locked account costs nothing
//! and tells nothing. Every attempt counts as failed from its beginning until it is known to have
//! succeeded: attempts made at the same moment cannot all see the same count, and one that is dropped
//! stays a failure. What is counted lies in [`store::shared`], so that nodes count together.
//!
//! An attempt from one address never locks another's account by way of the address; it does count for
//! the account it tries. Attempts while locked are not counted: whoever keeps trying does not keep
//! somebody else out for ever. The delay doubles with each lock and is forgotten after a long quiet.

mod record;

use std::{fmt, net::IpAddr, time::Duration};

use control::Timestamp;
use store::{
    StoreError,
    shared::{Name, Shared},
};

use self::record::Record;

/// Most times a count is tried to be changed while other nodes change it.
const TRIES: usize = 32;

/// How long to wait where so many try at once that they cannot be counted.
const CROWD: Duration = Duration::from_secs(1);

/// When something is locked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Failures in a window that lock.
    pub failures: u32,
    /// From the first failure of a window.
    pub window: Duration,
    /// How long the first lock holds; each further one twice as long.
    pub first: Duration,
    /// How long a lock holds at most, and how long it must be quiet behind one for the next to be a
    /// first again.
    pub longest: Duration,
}

impl Default for Rules {
    /// Five failures in a quarter of an hour lock for a quarter of an hour, at most for a day.
    fn default() -> Self {
        Self {
            failures: 5,
            window: Duration::from_secs(15 * 60),
            first: Duration::from_secs(15 * 60),
            longest: Duration::from_secs(24 * 60 * 60),
        }
    }
}

/// What is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The account that was tried.
    Account,
    /// The address it was tried from: for IPv6 its network of 64 bits.
    Address,
}

/// Something is locked. What a client is told does not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Locked {
    /// What is locked.
    pub subject: Subject,
    /// For how long from now.
    pub wait: Duration,
}

/// Where an attempt comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A client.
    Client(IpAddr),
    /// A proof, whose attempts count under an address that nobody has: however often it fails, nobody
    /// else is locked out.
    Proof,
}

/// An attempt that may be made. It is a failure until [`Attempt::succeeded`].
#[derive(Debug)]
#[must_use = "an attempt that is dropped stays counted as failed"]
pub struct Attempt {
    account: Name,
    address: Name,
    locks: Option<Locked>,
}

impl Attempt {
    /// What is locked if this attempt fails: what an event and an alert speak of.
    #[must_use]
    pub const fn locks(&self) -> Option<Locked> {
        self.locks
    }

    /// Takes the attempt back: the account has nothing against it any more, and the address what it
    /// had before. Failures of others from the same address stay, so that nobody wipes out what he
    /// did by coming in with an account of his own now and then.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it stays counted.
    pub async fn succeeded(self, lockout: &Lockout, now: Timestamp) -> Result<(), StoreError> {
        lockout.shared.remove(&self.account).await?;
        let rules = lockout.address;
        lockout
            .change(&self.address, rules, now, |record| {
                record.take_back(rules);
                Ok(())
            })
            .await
            .map(drop)
    }
}

impl Attempt {
    /// Takes an attempt back that was never judged, because nothing could be checked: it says nothing
    /// of either. Both have what they had before.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; then it stays counted.
    pub async fn unjudged(self, lockout: &Lockout, now: Timestamp) -> Result<(), StoreError> {
        for (name, rules) in [
            (&self.account, lockout.account),
            (&self.address, lockout.address),
        ] {
            let change = lockout.change(name, rules, now, |record| {
                record.take_back(rules);
                Ok(())
            });
            let _ = change.await?;
        }
        Ok(())
    }
}

/// Counts failed attempts. Clones count together.
#[derive(Clone)]
pub struct Lockout {
    shared: Shared,
    account: Rules,
    address: Rules,
}

impl Lockout {
    /// Counts in `shared`, accounts and addresses by rules of their own.
    #[must_use]
    pub const fn new(shared: Shared, account: Rules, address: Rules) -> Self {
        Self {
            shared,
            account,
            address,
        }
    }

    /// Begins an attempt on `account` from `origin`, unless one of them is locked. The account need
    /// not exist: what does not is counted and locked like what does.
    ///
    /// # Errors
    ///
    /// [`StoreError`] where it cannot be counted; nothing may be checked then.
    pub async fn begin(
        &self,
        account: &str,
        origin: Origin,
        now: Timestamp,
    ) -> Result<Result<Attempt, Locked>, StoreError> {
        let address = origin_name(origin);
        let account = account_name(account);
        let mut locks = None;
        // The address first: one that is locked cannot lock accounts.
        for (name, rules, subject) in [
            (&address, self.address, Subject::Address),
            (&account, self.account, Subject::Account),
        ] {
            let counted = self.change(name, rules, now, |record| record.begin(rules, now));
            match counted.await? {
                Ok(wait) => locks = wait.map(|wait| Locked { subject, wait }).or(locks),
                Err(wait) => return Ok(Err(Locked { subject, wait })),
            }
        }
        Ok(Ok(Attempt {
            account,
            address,
            locks,
        }))
    }

    /// Forgets what an account has against it, because somebody who may says so; false if there was
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn unlock(&self, account: &str) -> Result<bool, StoreError> {
        self.shared.remove(&account_name(account)).await
    }

    /// Forgets what attempts from `origin` have against them; false if there was nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError`].
    pub async fn forgive(&self, origin: Origin) -> Result<bool, StoreError> {
        self.shared.remove(&origin_name(origin)).await
    }

    /// Changes a record as if nobody else did. `change` says what comes of it, or for how long to
    /// wait, in which case nothing is written.
    async fn change<T>(
        &self,
        name: &Name,
        rules: Rules,
        now: Timestamp,
        change: impl Fn(&mut Record) -> Result<T, Duration>,
    ) -> Result<Result<T, Duration>, StoreError> {
        for _ in 0..TRIES {
            let before = self.shared.get(name).await?;
            let mut record = match &before {
                Some(bytes) => Record::read(bytes)?,
                None => Record::new(now),
            };
            let made = match change(&mut record) {
                Ok(made) => made,
                Err(wait) => return Ok(Err(wait)),
            };
            let life = record.life(rules, now);
            let bytes = record.bytes();
            if self
                .shared
                .replace(name, before.as_deref(), &bytes, life)
                .await?
            {
                return Ok(Ok(made));
            }
        }
        Ok(Err(CROWD))
    }
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lockout({})", self.shared.kind())
    }
}

/// The name of an account: a digest, because what people type there is now and then a password.
fn account_name(account: &str) -> Name {
    name_of("lockout-account", account.as_bytes())
}

fn origin_name(origin: Origin) -> Name {
    match origin {
        Origin::Client(address) => address_name(address),
        Origin::Proof => name_of("lockout-address", b"proof"),
    }
}

fn address_name(address: IpAddr) -> Name {
    match address.to_canonical() {
        IpAddr::V4(address) => name_of("lockout-address", &address.octets()),
        // Whoever has one address of a network of 64 bits has them all (RFC 6177).
        IpAddr::V6(address) => {
            let network = (address.to_bits() >> 64).to_be_bytes();
            name_of("lockout-address", &network)
        }
    }
}

fn name_of(kind: &'static str, bytes: &[u8]) -> Name {
    Name::of_digest(kind, &seal::sha256(bytes))
}

#[cfg(test)]
mod tests;
