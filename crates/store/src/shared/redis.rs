//! Shared state on Redis or Valkey.
//!
//! Owns the commands and scripts; each is atomic. Every key begins with
//! `vouchsafe:` and the name of the deployment, so that several can use one server.

use std::{fmt, sync::Arc, time::Duration};

use control::{Clock, Timestamp};
use redis::{Cmd, ErrorKind, RedisError, ServerErrorKind, cmd};
use tokio::runtime::Handle;

use super::{Name, Rate, Turns, door::Door, micros, micros_of};
use crate::{Address, Place, Roots, StoreError, postgres::Patience};

/// Sets a key if it is as expected: nothing is an empty argument, a value stands behind a `=`.
const REPLACE: &str = "
local is = redis.call('GET', KEYS[1])
if ARGV[1] == '' then
    if is then return 0 end
elseif not is or '=' .. is ~= ARGV[1] then
    return 0
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1";

/// GCRA for several names at once, each with a step and a window of its own. All of them are counted or
/// none: answers which has to wait and how many microseconds, or 0 and how far ahead each is now. Whole
/// numbers up to 2^53 are exact.
const TURNS: &str = "
local now, afters, answer = tonumber(ARGV[1]), {}, {0}
for i, key in ipairs(KEYS) do
    local step, window = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    local known = tonumber(redis.call('GET', key) or '') or now
    local after = math.min(math.max(known, now), now + window) + step
    local wait = after - window - now
    if wait > 0 then return {i, wait} end
    afters[i] = after
end
for i, key in ipairs(KEYS) do
    local ahead = afters[i] - now
    redis.call('SET', key, string.format('%.0f', afters[i]), 'PX', math.ceil(ahead / 1000))
    answer[i + 1] = ahead
end
return answer";

/// Adds a member to a sorted set of ends, unless there are too many that have not ended.
const ENLIST: &str = "
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4])
    and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
    return 0
end
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
local last = redis.call('ZREVRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
redis.call('PEXPIRE', KEYS[1], math.max(1, tonumber(last) - tonumber(ARGV[3])))
return 1";

/// Counts from the server's own microseconds, so that no number comes back after a loss of memory.
const REVISION: &str = "
if redis.call('EXISTS', KEYS[1]) == 0 then
    local time = redis.call('TIME')
    redis.call('SET', KEYS[1], string.format('%.0f', time[1] * 1000000 + time[2]))
end
return redis.call('INCRBY', KEYS[1], ARGV[1])";

/// The moment of its own, in microseconds, at which a server was first asked in this run.
const SINCE: &str = "
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') or ''
local key = KEYS[1] .. ':' .. run
if redis.call('EXISTS', key) == 0 then
    local time = redis.call('TIME')
    redis.call('SET', key, string.format('%.0f', time[1] * 1000000 + time[2]))
end
return redis.call('INCRBY', key, 0)";

/// How a server is asked.
#[derive(Clone)]
pub struct Options {
    /// The server, and the user that the node works as.
    pub address: Address,
    /// Who signs for the server; needed where [`Address::needs_ca`].
    pub roots: Option<Roots>,
    /// The deployment whose state it is.
    pub deployment: String,
    /// How long to wait for the server.
    pub patience: Patience,
    /// What durations are measured with.
    pub clock: Arc<dyn Clock>,
    /// The runtime that carries the connection.
    pub service: Handle,
}

impl Options {
    /// What is asked with the defaults.
    #[must_use]
    pub fn new(
        address: Address,
        deployment: impl Into<String>,
        clock: Arc<dyn Clock>,
        service: Handle,
    ) -> Self {
        Self {
            address,
            roots: None,
            deployment: deployment.into(),
            patience: Patience {
                connect: Duration::from_secs(2),
                statement: Duration::from_secs(1),
                ..Patience::default()
            },
            clock,
            service,
        }
    }

    pub(super) fn place(&self) -> Place {
        self.address.place()
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Options({})", self.place())
    }
}

pub(super) struct Redis(Door);

impl Redis {
    pub(super) async fn connect(options: Options) -> Result<Self, StoreError> {
        let redis = Self(Door::new(options));
        redis.ping().await?;
        Ok(redis)
    }

    pub(super) fn failing(&self) -> Option<StoreError> {
        self.0.failing()
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        self.0.ask::<String>(&cmd("PING")).await.map(drop)
    }

    pub(super) async fn get(&self, name: &Name) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.ask(cmd("GET").arg(self.key(name))).await
    }

    pub(super) async fn set(
        &self,
        name: &Name,
        value: &[u8],
        life: Duration,
    ) -> Result<(), StoreError> {
        let mut set = cmd("SET");
        set.arg(self.key(name))
            .arg(value)
            .arg("PX")
            .arg(millis(life));
        self.0.ask(&set).await
    }

    pub(super) async fn replace(
        &self,
        name: &Name,
        expected: Option<&[u8]>,
        value: &[u8],
        life: Duration,
    ) -> Result<bool, StoreError> {
        let expected = expected.map_or_else(Vec::new, |expected| [b"=", expected].concat());
        let mut replace = self.script(REPLACE, name);
        replace.arg(expected).arg(value).arg(millis(life));
        self.0.ask(&replace).await
    }

    pub(super) async fn remove(&self, name: &Name) -> Result<bool, StoreError> {
        self.0.ask(cmd("DEL").arg(self.key(name))).await
    }

    pub(super) async fn turns(
        &self,
        asked: &[(Name, Rate)],
        now: Timestamp,
    ) -> Result<Turns, StoreError> {
        let mut turns = cmd("EVAL");
        turns.arg(TURNS).arg(asked.len());
        for (name, _) in asked {
            turns.arg(self.key(name));
        }
        turns.arg(micros(now));
        for (_, rate) in asked {
            let step = micros_of(rate.every);
            turns
                .arg(step)
                .arg(step.saturating_mul(i64::from(rate.burst)));
        }
        let answer: Vec<i64> = self.0.ask(&turns).await?;
        let span = |micros: &i64| Duration::from_micros(u64::try_from(*micros).unwrap_or(0));
        match answer.split_first() {
            Some((0, ahead)) if ahead.len() == asked.len() => {
                Ok(Turns::Granted(ahead.iter().map(span).collect()))
            }
            Some((which, [wait])) => {
                let which = usize::try_from(*which)
                    .ok()
                    .and_then(|it| it.checked_sub(1));
                which
                    .filter(|which| *which < asked.len())
                    .map(|which| Turns::Wait(which, span(wait)))
                    .ok_or_else(unreadable)
            }
            _ => Err(unreadable()),
        }
    }

    pub(super) async fn enlist(
        &self,
        set: &Name,
        member: &Name,
        ends: Timestamp,
        now: Timestamp,
        most: usize,
    ) -> Result<bool, StoreError> {
        let mut enlist = self.script(ENLIST, set);
        enlist
            .arg(&member.0)
            .arg(ends.millis())
            .arg(now.millis())
            .arg(most);
        self.0.ask(&enlist).await
    }

    pub(super) async fn strike(&self, set: &Name, member: &Name) -> Result<bool, StoreError> {
        self.0
            .ask(cmd("ZREM").arg(self.key(set)).arg(&member.0))
            .await
    }

    pub(super) async fn members(
        &self,
        set: &Name,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<Name>, StoreError> {
        let mut range = cmd("ZRANGEBYSCORE");
        range
            .arg(self.key(set))
            .arg(format!("({}", now.millis()))
            .arg("+inf")
            .arg("LIMIT")
            .arg(0)
            .arg(most);
        let members: Vec<String> = self.0.ask(&range).await?;
        Ok(members.into_iter().map(Name).collect())
    }

    pub(super) async fn revision(&self, subject: &Name, by: i64) -> Result<i64, StoreError> {
        let mut revision = self.script(REVISION, subject);
        revision.arg(by);
        self.0.ask(&revision).await
    }

    /// Runs a script that makes its own keys below the beginning it is given.
    pub(super) async fn run<T: redis::FromRedisValue>(
        &self,
        text: &str,
        arguments: &[Vec<u8>],
    ) -> Result<T, StoreError> {
        let mut eval = cmd("EVAL");
        eval.arg(text).arg(1).arg(self.beginning());
        for argument in arguments {
            eval.arg(argument.as_slice());
        }
        self.0.ask(&eval).await
    }

    pub(super) async fn remembers_since(&self) -> Result<Timestamp, StoreError> {
        let mut since = cmd("EVAL");
        since
            .arg(SINCE)
            .arg(1)
            .arg(format!("{}since", self.beginning()));
        let micros: i64 = self.0.ask(&since).await?;
        Ok(Timestamp::from_millis(micros / 1000))
    }

    fn beginning(&self) -> String {
        format!("vouchsafe:{}:", self.0.options.deployment)
    }

    fn key(&self, name: &Name) -> String {
        format!("{}{}", self.beginning(), name.0)
    }

    fn script(&self, text: &str, name: &Name) -> Cmd {
        let mut eval = cmd("EVAL");
        eval.arg(text).arg(1).arg(self.key(name));
        eval
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.0.options.place())
    }
}

fn unreadable() -> StoreError {
    StoreError::Failed {
        cause: "an answer that does not read".to_owned(),
    }
}

fn millis(life: Duration) -> i64 {
    i64::try_from(life.as_millis()).unwrap_or(i64::MAX)
}

/// What the driver says, in our words, and whether the connection is of no more use. Nothing that
/// the server says is repeated: it quotes arguments.
pub(super) fn fault(error: &RedisError, place: &Place) -> (StoreError, bool) {
    let place = place.clone();
    let denied = |cause: &str| StoreError::Denied {
        place: place.clone(),
        cause: cause.to_owned(),
    };
    if error.is_timeout() {
        return (StoreError::Slow, true);
    }
    match (error.kind(), error.code()) {
        (ErrorKind::AuthenticationFailed, _) | (_, Some("WRONGPASS" | "NOAUTH")) => {
            (denied("user or password are not its own"), true)
        }
        (_, Some("NOPERM")) => (
            denied("it may not use a command or key of vouchsafe"),
            false,
        ),
        (_, Some("OOM")) => (StoreError::Crowded, false),
        (ErrorKind::Server(ServerErrorKind::ReadOnly), _) => (StoreError::ReadOnly { place }, true),
        (ErrorKind::Server(ServerErrorKind::BusyLoading), _) => {
            let cause = "it is still loading its data".to_owned();
            (StoreError::Unreachable { place, cause }, true)
        }
        (ErrorKind::Io | ErrorKind::Parse, _) => (StoreError::Lost, true),
        (_, code) => {
            let cause = code.unwrap_or("an answer that does not read").to_owned();
            (StoreError::Failed { cause }, error.is_unrecoverable_error())
        }
    }
}
