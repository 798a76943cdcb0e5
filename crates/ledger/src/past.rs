//! A log with a past, for proofs.
//!
//! Owns the making of a new log whose entries are as old as a proof asks for, so that what happens
//! to old entries is shown without waiting and without moving a clock. Refuses a folder that holds a
//! log already: nothing recorded ever gets company from here.

use std::{io, path::Path, sync::Arc, time::Duration};

use control::{Rng, Timestamp};

use crate::{
    alteration::LedgerError,
    disk::{Access, Disk, RealDisk, write_synced},
    home::{self, OpenError},
    lock::{Lock, LockError},
    minimum::{Announced, Minimum},
    segment::Batch,
    tile::{BUNDLE_LIMIT, Content, TileFile},
    tree::TILE_WIDTH,
};

/// Entries of each age: one bundle, because only whole bundles are ever removed.
pub const EACH: u64 = TILE_WIDTH as u64;

/// Ages that one past may have.
const MOST: usize = 64;

/// What a log looks back on.
#[derive(Clone, Copy, Debug)]
pub struct Past<'a> {
    /// How old its entries are, oldest first; [`EACH`] of each age, which carry its place as `age`.
    pub ages: &'a [Duration],
    /// How long ago it was announced that all of them go; never, where absent.
    pub announced: Option<Duration>,
    /// Whether one bit of the oldest is flipped once they are signed.
    pub altered: bool,
}

/// A past could not be laid down.
#[derive(Debug, thiserror::Error)]
pub enum PastError {
    /// The folder is in use.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The folder holds a log.
    #[error("there is a ledger in the folder already")]
    Taken,
    /// There are too many ages.
    #[error("a past has at most {MOST} ages")]
    TooMuch,
    /// The log could not be made.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Makes a log called `origin` in the data folder `data`, which looks back on `past` at `now`.
pub fn lay_down(
    data: &Path,
    origin: &str,
    past: &Past<'_>,
    now: Timestamp,
    rng: &dyn Rng,
) -> Result<(), PastError> {
    if past.ages.len() > MOST {
        return Err(PastError::TooMuch);
    }
    let _lock = Lock::acquire(data)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    if home::read_signer(&*disk, data)?.is_some() {
        return Err(PastError::Taken);
    }
    let (mut log, signer) = home::open(&disk, data, origin, None, rng)?;
    let folder = home::ledger_folder(data);
    let failed = |cause| OpenError::from(LedgerError::disk(&folder)(cause));
    for (place, age) in past.ages.iter().enumerate() {
        let time = before(now, *age).millis();
        let mut batch = Batch::default();
        for number in 0..EACH {
            let entry = format!(
                "{{\"v\":1,\"time\":{time},\"kind\":\"prove.past\",\"age\":{place},\"number\":{number}}}"
            );
            // It is neither empty nor longer than an entry may be.
            let _ = batch.push(entry.as_bytes());
        }
        log.append(&batch).map_err(failed)?;
    }
    log.publish().map_err(failed)?;
    if past.altered {
        flip(&*disk, &folder).map_err(failed)?;
    }
    if let Some(ago) = past.announced {
        let minimum = Minimum {
            announced: Some(Announced {
                index: log.publisher.size() / EACH * EACH,
                at: before(now, ago),
            }),
            ..Minimum::none(origin.to_owned())
        };
        minimum.write(&*disk, &folder, &signer).map_err(failed)?;
    }
    Ok(())
}

/// Flips the last bit of the first bundle.
fn flip(disk: &dyn Disk, folder: &Path) -> io::Result<()> {
    let first = TileFile {
        content: Content::Entries,
        index: 0,
        width: TILE_WIDTH,
    };
    let path = folder.join(first.to_string());
    let mut bytes = disk.read(&path, BUNDLE_LIMIT)?;
    if let Some(last) = bytes.last_mut() {
        *last ^= 1;
    }
    write_synced(disk, &path, Access::Shared, &bytes)
}

fn before(now: Timestamp, age: Duration) -> Timestamp {
    let millis = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(now.millis().saturating_sub(millis))
}

#[cfg(test)]
mod tests {
    use control::rng::CountingRng;

    use super::*;
    use crate::{
        retention::{Retention, Wish},
        verify::{Given, verify},
        view::View,
    };

    const DAY: Duration = Duration::from_secs(86_400);
    const ORIGIN: &str = "log.example/a/1";

    fn now() -> Timestamp {
        Timestamp::from_seconds(1_800_000_000)
    }

    fn laid(data: &Path, announced: Duration) -> Result<(), PastError> {
        let past = Past {
            ages: &[DAY * 40, DAY * 20],
            announced: Some(announced),
            altered: false,
        };
        lay_down(data, ORIGIN, &past, now(), &CountingRng::from_seed(7))
    }

    fn wish(data: &Path, keep: Duration) -> Wish {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let signer = home::read_signer(&*disk, data).unwrap().unwrap();
        let folder = home::ledger_folder(data);
        let signer = Arc::new(signer);
        let mut retention = Retention::open(&disk, &folder, &signer, keep, 2 * EACH).unwrap();
        let wish = retention.look(now(), Duration::ZERO, 2 * EACH);
        if let Wish::Remove(target) = wish {
            retention.remove(target, now()).unwrap();
        }
        wish
    }

    #[test]
    fn a_past_is_a_whole_log_of_which_retention_takes_what_is_old_and_announced() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        laid(&data, DAY * 2).unwrap();
        let ledger = home::ledger_folder(&data);
        let minimum = || {
            let whole = verify(&RealDisk, &ledger, Given::default()).unwrap();
            assert_eq!(whole.head.size, 2 * EACH);
            whole.minimum
        };
        assert_eq!(minimum(), 0);
        let last = View::open(&RealDisk, &ledger).unwrap().last(1).unwrap();
        let told = String::from_utf8(last[0].1.clone()).unwrap();
        let time = now().millis() - 20 * 86_400_000;
        assert!(
            told.starts_with(&format!("{{\"v\":1,\"time\":{time},")),
            "{told}"
        );
        assert_eq!(wish(&data, DAY * 30), Wish::Remove(2 * EACH));
        assert_eq!(minimum(), EACH);
    }

    #[test]
    fn what_was_announced_an_hour_ago_stays() {
        let folder = tempfile::tempdir().unwrap();
        laid(folder.path(), Duration::from_secs(3600)).unwrap();
        assert_eq!(wish(folder.path(), DAY * 30), Wish::Nothing);
    }

    #[test]
    fn an_altered_past_opens_and_does_not_verify() {
        for altered in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let past = Past {
                ages: &[DAY, DAY],
                announced: None,
                altered,
            };
            let rng = CountingRng::from_seed(7);
            lay_down(folder.path(), ORIGIN, &past, now(), &rng).unwrap();
            let disk: Arc<dyn Disk> = Arc::new(RealDisk);
            home::open(&disk, folder.path(), ORIGIN, None, &rng).unwrap();
            let ledger = home::ledger_folder(folder.path());
            let found = verify(&RealDisk, &ledger, Given::default());
            assert_eq!(found.is_err(), altered);
        }
    }

    #[test]
    fn a_log_that_is_there_gets_no_other_past() {
        let folder = tempfile::tempdir().unwrap();
        laid(folder.path(), DAY).unwrap();
        assert!(matches!(laid(folder.path(), DAY), Err(PastError::Taken)));
        let other = tempfile::tempdir().unwrap();
        let past = Past {
            ages: &[DAY; MOST + 1],
            announced: None,
            altered: false,
        };
        let rng = CountingRng::from_seed(7);
        let refused = lay_down(other.path(), ORIGIN, &past, now(), &rng);
        assert!(matches!(refused, Err(PastError::TooMuch)));
    }
}
