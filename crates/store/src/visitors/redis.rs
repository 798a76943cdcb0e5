//! Sessions and logins under way on Redis or Valkey.
//!
//! Owns their keys and scripts. A session is a hash that ends by itself, a little after the moment from
//! which it no longer counts; beside it stand what it is called by, and indexes of all sessions and of
//! those of a person and of a provider's name. A script changes all of them at once, removes from an index
//! what it meets there that has ended, and so keeps indexes no longer than what they name.

use control::Timestamp;
use serde_json::{Value, json};

use super::Ending;
use crate::{
    StoreError,
    logins::LoginRow,
    sessions::{Bounds, Digest, Inserted, SessionRow},
    shared::Shared,
};

/// What a row that does not read is reported as.
const SESSION: &str = "session";
const LOGIN: &str = "login";

/// How much longer than it may be idle a session is kept, in milliseconds: another node may not have
/// stored yet that it was used.
const GRACE: i64 = 30_000;

/// Most uses that one script stores.
const TOUCHED_AT_ONCE: usize = 1000;

/// What every script on sessions begins with. `drop` ends one, and `keep` says until when one is kept.
const PRELUDE: &str = "
local p = KEYS[1]
local all = p .. 'sessions'
local function key(digest) return p .. 'session:' .. digest end
local function of(principal) return p .. 'sessions-of:' .. principal end
local function handle(name) return p .. 'session-handle:' .. name end
local function sid(name) return p .. 'session-sid:' .. name end
local function drop(digest)
    local is = redis.call('HMGET', key(digest), 'handle', 'principal', 'sid')
    redis.call('ZREM', all, digest)
    if not is[2] then return false end
    redis.call('DEL', key(digest), handle(is[1]))
    redis.call('ZREM', of(is[2]), digest)
    if is[3] ~= '' then redis.call('SREM', sid(is[3]), digest) end
    return true
end
local function keep(digest, now, seen)
    local is = redis.call('HMGET', key(digest), 'handle', 'principal', 'sid', 'ends', 'idle')
    local last = math.min(tonumber(is[4]), seen + tonumber(is[5]))
    local left = math.max(1, last - now)
    redis.call('PEXPIRE', key(digest), left)
    redis.call('PEXPIRE', handle(is[1]), left)
    redis.call('ZADD', all, string.format('%.0f', last), digest)
    redis.call('ZADD', of(is[2]), string.format('%.0f', seen), digest)
    local whole = math.max(1, tonumber(is[4]) - now)
    local indexes = {all, of(is[2])}
    if is[3] ~= '' then indexes[3] = sid(is[3]) end
    for _, index in ipairs(indexes) do
        if redis.call('PTTL', index) < whole then redis.call('PEXPIRE', index, whole) end
    end
end
";

const INSERT: &str = "
local digest, name, principal, said = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now, seen = tonumber(ARGV[9]), tonumber(ARGV[6])
local answer = {'made'}
if ARGV[12] ~= '' and drop(ARGV[12]) then table.insert(answer, ARGV[12]) end
redis.call('ZREMRANGEBYSCORE', all, '-inf', ARGV[9])
if redis.call('ZCARD', all) >= tonumber(ARGV[10]) then answer[1] = 'full' return answer end
if redis.call('EXISTS', key(digest), handle(name)) > 0 then answer[1] = 'taken' return answer end
redis.call('HSET', key(digest), 'row', ARGV[5], 'seen', ARGV[6], 'ends', ARGV[7], 'idle', ARGV[8],
    'handle', name, 'principal', principal, 'sid', said)
redis.call('SET', handle(name), digest)
if said ~= '' then redis.call('SADD', sid(said), digest) end
keep(digest, now, seen)
local rest = tonumber(ARGV[11]) - 1
for _, other in ipairs(redis.call('ZREVRANGE', of(principal), 0, -1)) do
    if other ~= digest then
        if redis.call('EXISTS', key(other)) == 0 then
            redis.call('ZREM', of(principal), other)
        elseif rest > 0 then
            rest = rest - 1
        elseif drop(other) then
            table.insert(answer, other)
        end
    end
end
return answer";

const GET: &str = "
local found = {}
for _, digest in ipairs(ARGV) do
    local is = redis.call('HMGET', key(digest), 'row', 'seen')
    table.insert(found, is[1] or '')
    table.insert(found, is[2] or '')
end
return found";

const LIST: &str = "
local index = all
if ARGV[1] ~= '' then index = of(ARGV[1]) end
local found = {}
for _, digest in ipairs(redis.call('ZREVRANGE', index, 0, tonumber(ARGV[2]) - 1)) do
    local is = redis.call('HMGET', key(digest), 'row', 'seen')
    if is[1] then
        table.insert(found, is[1])
        table.insert(found, is[2])
    else
        redis.call('ZREM', index, digest)
    end
end
return found";

const TOUCH: &str = "
local now = tonumber(ARGV[1])
for at = 2, #ARGV, 2 do
    local digest, seen = ARGV[at], ARGV[at + 1]
    local known = redis.call('HGET', key(digest), 'seen')
    if known and tonumber(seen) > tonumber(known) then
        redis.call('HSET', key(digest), 'seen', seen)
        keep(digest, now, tonumber(seen))
    end
end
return 1";

const REMOVE: &str = "
local digests = {}
if ARGV[1] == 'digest' then
    digests = {ARGV[2]}
elseif ARGV[1] == 'handle' then
    local digest = redis.call('GET', handle(ARGV[2]))
    if digest then digests = {digest} end
elseif ARGV[1] == 'principal' then
    digests = redis.call('ZRANGE', of(ARGV[2]), 0, -1)
    redis.call('DEL', of(ARGV[2]))
elseif ARGV[1] == 'begun' then
    for _, digest in ipairs(redis.call('ZRANGE', of(ARGV[2]), 0, -1)) do
        local row = redis.call('HGET', key(digest), 'row')
        if row and cjson.decode(row).created <= tonumber(ARGV[3]) then
            table.insert(digests, digest)
        end
    end
else
    digests = redis.call('SMEMBERS', sid(ARGV[2]))
    redis.call('DEL', sid(ARGV[2]))
end
local gone = {}
for _, digest in ipairs(digests) do
    if drop(digest) then table.insert(gone, digest) end
end
return gone";

const BEGIN: &str = "
local p = KEYS[1]
local login, all = p .. 'login:' .. ARGV[1], p .. 'logins'
redis.call('ZREMRANGEBYSCORE', all, '-inf', ARGV[4])
if redis.call('ZCARD', all) >= tonumber(ARGV[6]) then return 0 end
if redis.call('EXISTS', login) > 0 then return 0 end
local left = math.max(1, tonumber(ARGV[5]) - tonumber(ARGV[4]))
redis.call('HSET', login, 'binding', ARGV[2], 'row', ARGV[3])
redis.call('PEXPIRE', login, left)
redis.call('ZADD', all, ARGV[5], ARGV[1])
if redis.call('PTTL', all) < left then redis.call('PEXPIRE', all, left) end
return 1";

const TAKE: &str = "
local p = KEYS[1]
local login = p .. 'login:' .. ARGV[1]
local is = redis.call('HMGET', login, 'binding', 'row')
if is[1] ~= ARGV[2] then return '' end
redis.call('DEL', login)
redis.call('ZREM', p .. 'logins', ARGV[1])
return is[2]";

/// Runs a script on sessions.
async fn script<T: redis::FromRedisValue>(
    shared: &Shared,
    text: &str,
    arguments: &[Vec<u8>],
) -> Result<T, StoreError> {
    shared.run(&[PRELUDE, text].concat(), arguments).await
}

fn number(number: i64) -> Vec<u8> {
    number.to_string().into_bytes()
}

pub(super) async fn insert(
    shared: &Shared,
    row: &SessionRow,
    replaced: Option<Digest>,
    bounds: Bounds,
    now: Timestamp,
) -> Result<(Inserted, Vec<Digest>), StoreError> {
    let bound = |most: u64| number(i64::try_from(most).unwrap_or(i64::MAX));
    let arguments = [
        row.digest.to_vec(),
        row.handle.clone().into_bytes(),
        row.principal.clone().into_bytes(),
        row.sid.map_or_else(Vec::new, |sid| sid.to_vec()),
        written(row).into_bytes(),
        number(row.last_seen.millis()),
        number(row.ends.millis()),
        number(row.idle.saturating_add(GRACE)),
        number(now.millis()),
        bound(bounds.all),
        bound(bounds.of_one.max(1)),
        replaced.map_or_else(Vec::new, |digest| digest.to_vec()),
    ];
    let answer: Vec<Vec<u8>> = script(shared, INSERT, &arguments).await?;
    let (what, gone) = answer.split_first().ok_or_else(unreadable)?;
    let gone = digests(gone)?;
    let inserted = match what.as_slice() {
        b"made" => Inserted::Made(gone.clone()),
        b"taken" => Inserted::Taken,
        b"full" => Inserted::Full,
        _ => return Err(unreadable()),
    };
    Ok((inserted, gone))
}

pub(super) async fn get(
    shared: &Shared,
    digests: &[Digest],
) -> Result<Vec<Option<SessionRow>>, StoreError> {
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    let arguments: Vec<Vec<u8>> = digests.iter().map(|digest| digest.to_vec()).collect();
    let found: Vec<Vec<u8>> = script(shared, GET, &arguments).await?;
    let (pairs, _) = found.as_chunks::<2>();
    let rows = pairs.iter().map(|[row, seen]| {
        let there = !row.is_empty();
        there.then(|| read(row, seen)).transpose()
    });
    rows.collect()
}

pub(super) async fn list(
    shared: &Shared,
    principal: Option<&str>,
    most: u32,
) -> Result<Vec<SessionRow>, StoreError> {
    let principal = principal.unwrap_or_default().as_bytes().to_vec();
    let arguments = [principal, number(most.into())];
    let found: Vec<Vec<u8>> = script(shared, LIST, &arguments).await?;
    let (pairs, _) = found.as_chunks::<2>();
    let rows = pairs.iter().map(|[row, seen]| read(row, seen));
    let mut rows = rows.collect::<Result<Vec<_>, _>>()?;
    rows.sort_by_key(|row| (std::cmp::Reverse(row.last_seen), row.digest));
    Ok(rows)
}

pub(super) async fn touch(
    shared: &Shared,
    uses: &[(Digest, Timestamp)],
    now: Timestamp,
) -> Result<(), StoreError> {
    // Nobody else is served while a script runs.
    for some in uses.chunks(TOUCHED_AT_ONCE) {
        let mut arguments = vec![number(now.millis())];
        for (digest, seen) in some {
            arguments.push(digest.to_vec());
            arguments.push(number(seen.millis()));
        }
        script::<i64>(shared, TOUCH, &arguments).await?;
    }
    Ok(())
}

pub(super) async fn remove(shared: &Shared, ending: &Ending) -> Result<Vec<Digest>, StoreError> {
    let mut by = Timestamp::from_millis(0);
    let (kind, name) = match ending {
        Ending::Digest(digest) => ("digest", digest.to_vec()),
        Ending::Handle(handle) => ("handle", handle.clone().into_bytes()),
        Ending::Principal(principal) => ("principal", principal.clone().into_bytes()),
        Ending::Begun(principal, latest) => {
            by = *latest;
            ("begun", principal.clone().into_bytes())
        }
        Ending::Sid(sid) => ("sid", sid.to_vec()),
    };
    let arguments = [kind.as_bytes().to_vec(), name, number(by.millis())];
    let gone: Vec<Vec<u8>> = script(shared, REMOVE, &arguments).await?;
    digests(&gone)
}

pub(super) async fn begin(shared: &Shared, row: &LoginRow, most: u64) -> Result<bool, StoreError> {
    let written = json!({
        "return_to": row.return_to,
        "began": row.began.millis(),
        "expires": row.expires.millis(),
    });
    let arguments = [
        row.state.to_vec(),
        row.binding.to_vec(),
        written.to_string().into_bytes(),
        number(row.began.millis()),
        number(row.expires.millis()),
        number(i64::try_from(most).unwrap_or(i64::MAX)),
    ];
    let begun: i64 = shared.run(BEGIN, &arguments).await?;
    Ok(begun == 1)
}

pub(super) async fn take(
    shared: &Shared,
    state: &Digest,
    binding: &Digest,
    now: Timestamp,
) -> Result<Option<LoginRow>, StoreError> {
    let arguments = [state.to_vec(), binding.to_vec()];
    let taken: Vec<u8> = shared.run(TAKE, &arguments).await?;
    if taken.is_empty() {
        return Ok(None);
    }
    let unreadable = || StoreError::Unreadable { table: LOGIN };
    let value: Value = serde_json::from_slice(&taken).map_err(|_| unreadable())?;
    let moment = |name: &str| {
        let millis = value.get(name).and_then(Value::as_i64);
        millis.map(Timestamp::from_millis).ok_or_else(unreadable)
    };
    let return_to = value.get("return_to").and_then(Value::as_str);
    let row = LoginRow {
        state: *state,
        binding: *binding,
        return_to: return_to.ok_or_else(unreadable)?.to_owned(),
        began: moment("began")?,
        expires: moment("expires")?,
    };
    Ok(Some(row).filter(|row| now < row.expires))
}

/// A row as it is kept; when it was last used stands beside it.
fn written(row: &SessionRow) -> String {
    json!({
        "digest": row.digest,
        "handle": row.handle,
        "principal": row.principal,
        "issuer": row.issuer,
        "subject": row.subject,
        "display": row.display,
        "roles": row.roles,
        "tenant": row.tenant,
        "created": row.created.millis(),
        "idle": row.idle,
        "ends": row.ends.millis(),
        "sid": row.sid,
        "probe": row.probe,
    })
    .to_string()
}

/// Reads a row; one that lacks something hides nothing, it is an error.
fn read(row: &[u8], seen: &[u8]) -> Result<SessionRow, StoreError> {
    let value: Value = serde_json::from_slice(row).map_err(|_| unreadable())?;
    let seen = std::str::from_utf8(seen)
        .ok()
        .and_then(|seen| seen.parse().ok());
    let member = |name: &str| value.get(name).ok_or_else(unreadable);
    let text = |name: &str| {
        let text = member(name)?.as_str().map(str::to_owned);
        text.ok_or_else(unreadable)
    };
    let number = |name: &str| member(name)?.as_i64().ok_or_else(unreadable);
    let roles = member("roles")?.as_array().ok_or_else(unreadable)?;
    let roles = roles.iter().map(|role| role.as_str().map(str::to_owned));
    Ok(SessionRow {
        digest: digest(&bytes(member("digest")?)?)?,
        handle: text("handle")?,
        principal: text("principal")?,
        issuer: text("issuer")?,
        subject: text("subject")?,
        display: match member("display")? {
            Value::Null => None,
            display => Some(bytes(display)?),
        },
        roles: roles.collect::<Option<_>>().ok_or_else(unreadable)?,
        tenant: text("tenant")?,
        created: Timestamp::from_millis(number("created")?),
        last_seen: Timestamp::from_millis(seen.ok_or_else(unreadable)?),
        idle: number("idle")?,
        ends: Timestamp::from_millis(number("ends")?),
        sid: match member("sid")? {
            Value::Null => None,
            sid => Some(digest(&bytes(sid)?)?),
        },
        probe: member("probe")?.as_bool().ok_or_else(unreadable)?,
    })
}

fn bytes(value: &Value) -> Result<Vec<u8>, StoreError> {
    let byte = |value: &Value| value.as_u64().and_then(|byte| u8::try_from(byte).ok());
    let bytes = value.as_array().ok_or_else(unreadable)?.iter().map(byte);
    bytes.collect::<Option<_>>().ok_or_else(unreadable)
}

fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    bytes.try_into().map_err(|_| unreadable())
}

fn digests(all: &[Vec<u8>]) -> Result<Vec<Digest>, StoreError> {
    all.iter().map(|bytes| digest(bytes)).collect()
}

const fn unreadable() -> StoreError {
    StoreError::Unreadable { table: SESSION }
}
