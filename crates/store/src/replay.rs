//! The table of webhook deliveries: which are in flight and which are done.
//!
//! Owns the claims. A delivery is claimed with a lease before it goes to the app, done on the app's
//! 2xx, released otherwise. A lease that ended, because the process died, may be claimed again and
//! keeps the delivery's id: the app sees the delivery at least once and can tell it is the same.
//! What makes two deliveries the same is decided by the caller, who gives the digest.
//!
//! Moments are the caller's: nodes that share a server agree on its rows, and their clocks have to
//! agree to within the margin of a lease.

use std::time::Duration;

use control::Timestamp;

use crate::{
    Access, StoreError,
    access::{Sql, Value},
};

/// What the app knows a delivery by; the same at every attempt.
pub type DeliveryId = [u8; 16];

/// A wish to forward a delivery.
#[derive(Clone, Debug)]
pub struct Claim {
    /// The source it came from, such as its route and scheme.
    pub source: String,
    /// What was signed, as a digest.
    pub digest: [u8; 32],
    /// A random id, taken if the delivery is new.
    pub candidate: DeliveryId,
    /// The moment of asking.
    pub now: Timestamp,
    /// How long the claim holds without being settled.
    pub lease: Duration,
    /// When the row may go; absent to keep it as long as the source's secret.
    pub expires: Option<Timestamp>,
}

/// What became of the wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// Forward it under this id, then settle with this attempt.
    Fresh {
        /// The id the app is told.
        delivery: DeliveryId,
        /// From 1; more than 1 after a release or a lost lease.
        attempt: i64,
    },
    /// Another attempt holds the lease.
    InFlight {
        /// The id the app was told.
        delivery: DeliveryId,
        /// When that lease ends.
        until: Timestamp,
    },
    /// The app has accepted it before.
    Done {
        /// The id the app was told.
        delivery: DeliveryId,
        /// When it accepted.
        at: Timestamp,
    },
}

/// How often a claim starts over because the row it met was removed meanwhile.
const TRIES: usize = 4;

struct Row {
    delivery: DeliveryId,
    attempt: i64,
    lease_until: Timestamp,
    done_at: Option<Timestamp>,
    expires: Option<Timestamp>,
}

/// Claims a delivery, or says why not. Atomic with regard to every other claim: of two at the same
/// moment, on whichever nodes, one is `Fresh`.
pub fn claim(access: &Access<'_>, wish: &Claim) -> Result<Claimed, StoreError> {
    for _ in 0..TRIES {
        // First the row, then the question: who adds it holds it, who finds it waits for whoever
        // does, and reads what that one left.
        if add(access, wish)? {
            return Ok(Claimed::Fresh {
                delivery: wish.candidate,
                attempt: 1,
            });
        }
        // A row that is gone was swept by another node in between.
        if let Some(row) = hold(access, wish)? {
            return judge(access, wish, &row);
        }
    }
    Err(StoreError::Contended)
}

fn judge(access: &Access<'_>, wish: &Claim, row: &Row) -> Result<Claimed, StoreError> {
    // What has expired counts as swept: whether the sweep ran must not change an answer.
    let expired = row.expires.is_some_and(|expires| expires <= wish.now);
    let (delivery, attempt) = match row.done_at {
        _ if expired => (wish.candidate, 1),
        Some(at) => {
            return Ok(Claimed::Done {
                delivery: row.delivery,
                at,
            });
        }
        None if row.lease_until > wish.now => {
            // No lease is longer than this one would be, unless the clock was set back since it was
            // given: then it would hold the delivery for as long as that step.
            let longest = wish.now.plus(wish.lease);
            if row.lease_until > longest {
                shorten(access, wish, longest)?;
            }
            return Ok(Claimed::InFlight {
                delivery: row.delivery,
                until: row.lease_until.min(longest),
            });
        }
        None => (row.delivery, row.attempt.saturating_add(1)),
    };
    renew(access, wish, delivery, attempt)?;
    Ok(Claimed::Fresh { delivery, attempt })
}

/// Adds the row of a new delivery; false if there is one.
fn add(access: &Access<'_>, wish: &Claim) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "INSERT INTO replay (source, digest, delivery, attempt, lease_until, done_at, expires)
         VALUES (?1, ?2, ?3, 1, ?4, NULL, ?5)
         ON CONFLICT (source, digest) DO NOTHING",
    );
    let changed = access.execute(
        SQL,
        &[
            Value::Text(&wish.source),
            Value::Bytes(&wish.digest),
            Value::Bytes(&wish.candidate),
            Value::Int(wish.now.plus(wish.lease).millis()),
            Value::MaybeInt(wish.expires.map(Timestamp::millis)),
        ],
    )?;
    Ok(changed == 1)
}

/// The row of a known delivery, held until the transaction ends. A transaction on an SQLite file
/// holds all of it.
fn hold(access: &Access<'_>, wish: &Claim) -> Result<Option<Row>, StoreError> {
    const SQL: Sql = Sql::each(
        "SELECT delivery, attempt, lease_until, done_at, expires FROM replay
         WHERE source = ?1 AND digest = ?2",
        "SELECT delivery, attempt, lease_until, done_at, expires FROM replay
         WHERE source = ?1 AND digest = ?2 FOR UPDATE",
    );
    let values = [Value::Text(&wish.source), Value::Bytes(&wish.digest)];
    access.row(SQL, &values, |row| {
        Ok(Row {
            delivery: row.bytes(0)?,
            attempt: row.int(1)?,
            lease_until: Timestamp::from_millis(row.int(2)?),
            done_at: row.maybe_int(3)?.map(Timestamp::from_millis),
            expires: row.maybe_int(4)?.map(Timestamp::from_millis),
        })
    })
}

fn renew(
    access: &Access<'_>,
    wish: &Claim,
    delivery: DeliveryId,
    attempt: i64,
) -> Result<(), StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE replay SET delivery = ?3, attempt = ?4, lease_until = ?5, done_at = NULL,
                           expires = ?6
         WHERE source = ?1 AND digest = ?2",
    );
    access.execute(
        SQL,
        &[
            Value::Text(&wish.source),
            Value::Bytes(&wish.digest),
            Value::Bytes(&delivery),
            Value::Int(attempt),
            Value::Int(wish.now.plus(wish.lease).millis()),
            Value::MaybeInt(wish.expires.map(Timestamp::millis)),
        ],
    )?;
    Ok(())
}

fn shorten(access: &Access<'_>, wish: &Claim, until: Timestamp) -> Result<(), StoreError> {
    const SQL: Sql =
        Sql::both("UPDATE replay SET lease_until = ?3 WHERE source = ?1 AND digest = ?2");
    let (source, digest) = (Value::Text(&wish.source), Value::Bytes(&wish.digest));
    access.execute(SQL, &[source, digest, Value::Int(until.millis())])?;
    Ok(())
}

/// Marks a delivery done at `now`; false if it is not known or was done before.
///
/// Any attempt may say so, also one whose lease had ended: the app has accepted the delivery, and
/// that is what counts.
pub fn done(
    access: &Access<'_>,
    source: &str,
    digest: &[u8; 32],
    now: Timestamp,
) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE replay SET done_at = ?3 WHERE source = ?1 AND digest = ?2 AND done_at IS NULL",
    );
    let values = [
        Value::Text(source),
        Value::Bytes(digest),
        Value::Int(now.millis()),
    ];
    Ok(access.execute(SQL, &values)? == 1)
}

/// Gives a claim back, so that the next delivery is forwarded at once under the same id; false if
/// a later attempt holds it or it is done.
pub fn release(
    access: &Access<'_>,
    source: &str,
    digest: &[u8; 32],
    attempt: i64,
) -> Result<bool, StoreError> {
    const SQL: Sql = Sql::both(
        "UPDATE replay SET lease_until = 0
         WHERE source = ?1 AND digest = ?2 AND attempt = ?3 AND done_at IS NULL",
    );
    let values = [
        Value::Text(source),
        Value::Bytes(digest),
        Value::Int(attempt),
    ];
    Ok(access.execute(SQL, &values)? == 1)
}

/// Removes up to 1000 rows that have expired by `now`; returns how many. Call again while it
/// returns 1000, so that one sweep never holds other jobs up. Rows that a claim holds are left for
/// the next sweep.
pub fn sweep(access: &Access<'_>, now: Timestamp) -> Result<usize, StoreError> {
    const SQL: Sql = Sql::each(
        "DELETE FROM replay WHERE (source, digest) IN
             (SELECT source, digest FROM replay WHERE expires <= ?1 LIMIT 1000)",
        "DELETE FROM replay WHERE (source, digest) IN
             (SELECT source, digest FROM replay WHERE expires <= ?1 LIMIT 1000
              FOR UPDATE SKIP LOCKED)",
    );
    access.execute(SQL, &[Value::Int(now.millis())])
}

/// Forgets every delivery of a source, once its secret is gone; returns how many.
pub fn forget(access: &Access<'_>, source: &str) -> Result<usize, StoreError> {
    const SQL: Sql = Sql::both("DELETE FROM replay WHERE source = ?1");
    access.execute(SQL, &[Value::Text(source)])
}
