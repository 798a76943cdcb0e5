//! The table of webhook deliveries: which are in flight and which are done.
//!
//! Owns the claims. A delivery is claimed with a lease before it goes to the app, done on the app's
//! 2xx, released otherwise. A lease that ended, because the process died, may be claimed again and
//! keeps the delivery's id: the app sees the delivery at least once and can tell it is the same.
//! What makes two deliveries the same is decided by the caller, who gives the digest.

use std::time::Duration;

use control::Timestamp;
use rusqlite::OptionalExtension as _;

use crate::{Access, StoreError};

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

struct Row {
    delivery: DeliveryId,
    attempt: i64,
    lease_until: Timestamp,
    done_at: Option<Timestamp>,
    expires: Option<Timestamp>,
}

/// Claims a delivery, or says why not. Atomic with regard to every other claim.
pub fn claim(access: &Access<'_>, wish: &Claim) -> Result<Claimed, StoreError> {
    let known = find(access, wish)?
        // What has expired counts as swept: whether the sweep ran must not change an answer.
        .filter(|row| row.expires.is_none_or(|expires| expires > wish.now));
    let (delivery, attempt) = match known {
        Some(Row {
            delivery,
            done_at: Some(at),
            ..
        }) => return Ok(Claimed::Done { delivery, at }),
        Some(row) if row.lease_until > wish.now => {
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
        Some(row) => (row.delivery, row.attempt.saturating_add(1)),
        None => (wish.candidate, 1),
    };
    access
        .0
        .prepare_cached(
            "INSERT INTO replay (source, digest, delivery, attempt, lease_until, done_at, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, NULL, ?6)
             ON CONFLICT (source, digest) DO UPDATE SET
                 delivery = excluded.delivery, attempt = excluded.attempt,
                 lease_until = excluded.lease_until, done_at = NULL, expires = excluded.expires",
        )?
        .execute((
            &wish.source,
            &wish.digest,
            &delivery,
            attempt,
            wish.now.plus(wish.lease).millis(),
            wish.expires.map(Timestamp::millis),
        ))?;
    Ok(Claimed::Fresh { delivery, attempt })
}

fn shorten(access: &Access<'_>, wish: &Claim, until: Timestamp) -> Result<(), StoreError> {
    access
        .0
        .prepare_cached("UPDATE replay SET lease_until = ?3 WHERE source = ?1 AND digest = ?2")?
        .execute((&wish.source, &wish.digest, until.millis()))?;
    Ok(())
}

fn find(access: &Access<'_>, wish: &Claim) -> Result<Option<Row>, StoreError> {
    let row = access
        .0
        .prepare_cached(
            "SELECT delivery, attempt, lease_until, done_at, expires FROM replay
             WHERE source = ?1 AND digest = ?2",
        )?
        .query_row((&wish.source, &wish.digest), |row| {
            Ok(Row {
                delivery: row.get(0)?,
                attempt: row.get(1)?,
                lease_until: Timestamp::from_millis(row.get(2)?),
                done_at: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_millis),
                expires: row.get::<_, Option<i64>>(4)?.map(Timestamp::from_millis),
            })
        })
        .optional()?;
    Ok(row)
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
    let changed = access
        .0
        .prepare_cached(
            "UPDATE replay SET done_at = ?3 WHERE source = ?1 AND digest = ?2 AND done_at IS NULL",
        )?
        .execute((source, digest, now.millis()))?;
    Ok(changed == 1)
}

/// Gives a claim back, so that the next delivery is forwarded at once under the same id; false if
/// a later attempt holds it or it is done.
pub fn release(
    access: &Access<'_>,
    source: &str,
    digest: &[u8; 32],
    attempt: i64,
) -> Result<bool, StoreError> {
    let changed = access
        .0
        .prepare_cached(
            "UPDATE replay SET lease_until = 0
             WHERE source = ?1 AND digest = ?2 AND attempt = ?3 AND done_at IS NULL",
        )?
        .execute((source, digest, attempt))?;
    Ok(changed == 1)
}

/// Removes up to 1000 rows that have expired by `now`; returns how many. Call again while it
/// returns 1000, so that one sweep never holds other jobs up.
pub fn sweep(access: &Access<'_>, now: Timestamp) -> Result<usize, StoreError> {
    let changed = access
        .0
        .prepare_cached(
            "DELETE FROM replay WHERE (source, digest) IN
                 (SELECT source, digest FROM replay WHERE expires <= ?1 LIMIT 1000)",
        )?
        .execute([now.millis()])?;
    Ok(changed)
}

/// Forgets every delivery of a source, once its secret is gone; returns how many.
pub fn forget(access: &Access<'_>, source: &str) -> Result<usize, StoreError> {
    let changed = access
        .0
        .prepare_cached("DELETE FROM replay WHERE source = ?1")?
        .execute([source])?;
    Ok(changed)
}
