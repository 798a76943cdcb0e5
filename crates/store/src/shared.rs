//! What nodes share for a while: failed attempts, and where they share no store, sessions and tokens.
//!
//! Owns the few operations that those need, over memory for one node and over Redis or Valkey for
//! several. Refuses names and values without bounds, and to answer from memory when the server
//! cannot be asked: its callers then say 503. What must outlive a restart of the server does not
//! belong here but in [`crate::Store`].
//!
//! Lifetimes run on the clock of whoever keeps the value. Moments are arguments: nodes that count
//! together must agree on them to within the precision they ask for.

mod door;
mod memory;
pub mod redis;

use std::{fmt, fmt::Write as _, sync::Arc, time::Duration};

use control::{Clock, Timestamp};

use crate::StoreError;

/// Longest value in bytes.
pub const VALUE_LIMIT: usize = 64 * 1024;

/// Longest name in bytes.
pub const NAME_LIMIT: usize = 256;

/// Most members of one set.
pub const MEMBERS_LIMIT: usize = 1000;

/// Most notices on one board.
pub const NOTICES_LIMIT: usize = 10_000;

/// Longest notice in bytes.
pub const NOTICE_LIMIT: usize = 8 * 1024;

/// Longest life of a value.
pub const LIFE_LIMIT: Duration = Duration::from_secs(400 * 24 * 60 * 60);

/// Volatile state. Clones share it.
#[derive(Clone, Debug)]
pub struct Shared(Arc<Place>);

#[derive(Debug)]
enum Place {
    Memory(memory::Memory),
    Redis(Box<redis::Redis>),
}

/// What a value is called. Names of different kinds never meet.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// How often something may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    burst: u32,
    every: Duration,
}

/// Whether several things may happen now that count together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turns {
    /// They may, and were counted. How long each needs from now on until nothing is counted any more.
    Granted(Vec<Duration>),
    /// The one in this place may not, so none was counted. Again after this long.
    Wait(usize, Duration),
}

impl Name {
    /// The name `name` among those of `kind`, a word of our own such as `session`. `None` for names
    /// that are empty, longer than [`NAME_LIMIT`] or hold control characters.
    #[must_use]
    pub fn new(kind: &'static str, name: &str) -> Option<Self> {
        let fits = (1..=NAME_LIMIT).contains(&name.len()) && !name.contains(char::is_control);
        fits.then(|| Self(format!("{kind}:{name}")))
    }

    /// The name of what has this digest: for names that must say nothing, and have no bounds.
    #[must_use]
    pub fn of_digest(kind: &'static str, digest: &[u8; 32]) -> Self {
        let mut name = format!("{kind}:");
        for byte in digest {
            let _ = write!(name, "{byte:02x}");
        }
        Self(name)
    }
}

impl fmt::Debug for Name {
    /// The kind alone: a name may be an address, or something that opens a session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.0.split(':').next().unwrap_or_default();
        write!(f, "Name({kind}:..)")
    }
}

impl Rate {
    /// `burst` at once, and one more `every` so often: 1 to a million, of a microsecond to a year.
    #[must_use]
    pub fn new(burst: u32, every: Duration) -> Option<Self> {
        let year = Duration::from_secs(366 * 24 * 60 * 60);
        let fits = (1..=1_000_000).contains(&burst)
            && (Duration::from_micros(1)..=year).contains(&every)
            && every.saturating_mul(burst) <= LIFE_LIMIT;
        fits.then_some(Self { burst, every })
    }
}

impl Shared {
    /// State of this process alone.
    #[must_use]
    pub fn in_process(clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Place::Memory(memory::Memory::new(clock))))
    }

    /// State on a server. Connects, so that what is wrong is known now.
    pub async fn connect(options: redis::Options) -> Result<Self, StoreError> {
        let redis = redis::Redis::connect(options).await?;
        Ok(Self(Arc::new(Place::Redis(Box::new(redis)))))
    }

    /// The value of `name`.
    pub async fn get(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => Ok(memory.get(name)),
            Place::Redis(redis) => redis.get(name).await,
        }
    }

    /// Sets `name` for as long as `life`, whatever it was.
    pub async fn set(&self, name: &Name, value: &[u8], life: Duration) -> Result<(), StoreError> {
        let life = bounded(value, life)?;
        match &*self.0 {
            Place::Memory(memory) => memory.set(name, value, life),
            Place::Redis(redis) => redis.set(name, value, life).await,
        }
    }

    /// Sets `name` if its value is `expected`, `None` being no value; false if it is another.
    pub async fn replace(
        &self,
        name: &Name,
        expected: Option<&[u8]>,
        value: &[u8],
        life: Duration,
    ) -> Result<bool, StoreError> {
        let life = bounded(value, life)?;
        match &*self.0 {
            Place::Memory(memory) => memory.replace(name, expected, value, life),
            Place::Redis(redis) => redis.replace(name, expected, value, life).await,
        }
    }

    /// Removes `name`; false if it had no value.
    pub async fn remove(&self, name: &Name) -> Result<bool, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => Ok(memory.remove(name)),
            Place::Redis(redis) => redis.remove(name).await,
        }
    }

    /// Whether everything that is `asked` may happen at `now` (GCRA): all of it is counted, or nothing. One
    /// question to the server, however many they are.
    pub async fn turns(&self, asked: &[(Name, Rate)], now: Timestamp) -> Result<Turns, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => memory.turns(asked, now),
            Place::Redis(redis) => redis.turns(asked, now).await,
        }
    }

    /// Puts `member` into the set called `set` until `ends`, or moves its end there; false if the
    /// set has [`MEMBERS_LIMIT`] others that have not ended by `now`.
    pub async fn enlist(
        &self,
        set: &Name,
        member: &Name,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => memory.enlist(set, member, ends, now, MEMBERS_LIMIT),
            Place::Redis(redis) => redis.enlist(set, member, ends, now, MEMBERS_LIMIT).await,
        }
    }

    /// Puts `notice` on the board called `board` until `ends`, or moves its end there; false if the
    /// board has [`NOTICES_LIMIT`] others that have not ended by `now`.
    pub async fn post(
        &self,
        board: &Name,
        notice: &str,
        ends: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        if notice.len() > NOTICE_LIMIT {
            return Err(StoreError::TooLong);
        }
        let notice = Name(notice.to_owned());
        match &*self.0 {
            Place::Memory(memory) => memory.enlist(board, &notice, ends, now, NOTICES_LIMIT),
            Place::Redis(redis) => redis.enlist(board, &notice, ends, now, NOTICES_LIMIT).await,
        }
    }

    /// The notices on a board that have not ended by `now`, in no order.
    pub async fn notices(&self, board: &Name, now: Timestamp) -> Result<Vec<String>, StoreError> {
        let notices = match &*self.0 {
            Place::Memory(memory) => memory.members(board, now),
            Place::Redis(redis) => redis.members(board, now, NOTICES_LIMIT).await?,
        };
        Ok(notices.into_iter().map(|notice| notice.0).collect())
    }

    /// Takes `member` out of a set; false if it was not in it.
    pub async fn strike(&self, set: &Name, member: &Name) -> Result<bool, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => Ok(memory.strike(set, member)),
            Place::Redis(redis) => redis.strike(set, member).await,
        }
    }

    /// The members of a set that have not ended by `now`, in no order.
    pub async fn members(&self, set: &Name, now: Timestamp) -> Result<Vec<Name>, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => Ok(memory.members(set, now)),
            Place::Redis(redis) => redis.members(set, now, MEMBERS_LIMIT).await,
        }
    }

    /// A number that changes with every [`Shared::revise`] on any node, and when the server has lost
    /// its memory. Asked for once a second, it says when to drop what was kept in between.
    pub async fn revision(&self, subject: &Name) -> Result<i64, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => memory.revision(subject, 0),
            Place::Redis(redis) => redis.revision(subject, 0).await,
        }
    }

    /// Says that what `subject` names has changed.
    pub async fn revise(&self, subject: &Name) -> Result<i64, StoreError> {
        match &*self.0 {
            Place::Memory(memory) => memory.revision(subject, 1),
            Place::Redis(redis) => redis.revision(subject, 1).await,
        }
    }

    /// Runs a script on a server, which is told how keys of the deployment begin and these arguments.
    pub(crate) async fn run<T: ::redis::FromRedisValue>(
        &self,
        script: &str,
        arguments: &[Vec<u8>],
    ) -> Result<T, StoreError> {
        match &*self.0 {
            Place::Redis(redis) => redis.run(script, arguments).await,
            Place::Memory(_) => Err(StoreError::Stopped),
        }
    }

    /// Whether other nodes see what is in it.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(&*self.0, Place::Redis(_))
    }

    /// Since when everything that was set here is there until its end: since the server's start, even if
    /// it read back what it had stored, because that may be older than what it had acknowledged. None
    /// for memory of this process.
    pub async fn remembers_since(&self) -> Result<Option<Timestamp>, StoreError> {
        match &*self.0 {
            Place::Memory(_) => Ok(None),
            Place::Redis(redis) => redis.remembers_since().await.map(Some),
        }
    }

    /// What kind of place it is: `in-process` or `redis`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &*self.0 {
            Place::Memory(_) => "in-process",
            Place::Redis(_) => "redis",
        }
    }

    /// Why the server could not be asked the last time; `None` once it answers again.
    #[must_use]
    pub fn failing(&self) -> Option<StoreError> {
        match &*self.0 {
            Place::Memory(_) => None,
            Place::Redis(redis) => redis.failing(),
        }
    }

    /// Asks the server for nothing, to see whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match &*self.0 {
            Place::Memory(_) => Ok(()),
            Place::Redis(redis) => redis.ping().await,
        }
    }
}

/// Refuses values that are too long; a life is at least a millisecond and at most [`LIFE_LIMIT`].
fn bounded(value: &[u8], life: Duration) -> Result<Duration, StoreError> {
    if value.len() > VALUE_LIMIT {
        return Err(StoreError::TooLong);
    }
    Ok(life.clamp(Duration::from_millis(1), LIFE_LIMIT))
}

/// Microseconds of a moment, which is what turns are counted in.
fn micros(at: Timestamp) -> i64 {
    at.millis().saturating_mul(1000)
}

fn micros_of(length: Duration) -> i64 {
    i64::try_from(length.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_bounds_and_kinds_keep_them_apart() {
        for name in ["", "a\nb", "\0", &"a".repeat(257)] {
            assert_eq!(Name::new("session", name), None);
        }
        assert!(Name::new("session", &"a".repeat(256)).is_some());
        assert_ne!(Name::new("session", "a"), Name::new("user", "a"));
        assert_eq!(
            Some(Name::of_digest("session", &[0xa0; 32])),
            Name::new("session", &"a0".repeat(32))
        );
        let shown = format!("{:?}", Name::new("session", "s3cret").unwrap());
        assert_eq!(shown, "Name(session:..)");
    }

    #[test]
    fn rates_have_bounds() {
        let second = Duration::from_secs(1);
        assert_eq!(Rate::new(0, second), None);
        assert_eq!(Rate::new(1_000_001, second), None);
        assert_eq!(Rate::new(1, Duration::from_nanos(999)), None);
        assert_eq!(Rate::new(10, Duration::from_secs(366 * 24 * 60 * 60)), None);
        assert!(Rate::new(5, second).is_some());
    }
}
