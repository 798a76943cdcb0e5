//! Ledgers as a prober reads them.
//!
//! Owns copies that a probe may alter, and the two questions asked of a ledger: which events it gained
//! since a mark, and whether it is whole. Trusts the `ledger` crate for both answers.

use std::path::Path;

use control::probe::{Inspection, LedgerMark, LedgerTail, TargetError};
use ledger::{
    alteration::LedgerError,
    disk::RealDisk,
    note::VerifierKey,
    tail::Mark,
    verify::{Given, VerifyError},
};
use tempfile::TempDir;

use crate::search;

/// Bytes of a ledger that are copied for one proof.
const LARGEST: u64 = 1 << 30;

/// Bytes that a ledger may gain while a probe looks at it.
const MOST_GAINED: u64 = 256 << 20;

/// How often a look is tried: entries that it was about to read may be removed meanwhile, which the
/// minimum index says beforehand and the next look knows. What is really missing is missing each time.
const LOOKS: usize = 3;

const READING: &str = "read the ledger";

/// A copy of the ledger folder at `from`.
pub(crate) fn copy(from: &Path) -> Result<TempDir, TargetError> {
    const DOING: &str = "copy the ledger";
    let files =
        search::files(&[from.to_owned()]).map_err(|cause| TargetError::new(DOING, cause))?;
    let length = |file: &std::path::PathBuf| std::fs::metadata(file).map_or(0, |meta| meta.len());
    if files.iter().map(length).sum::<u64>() > LARGEST {
        return Err(TargetError::new(
            DOING,
            format!("it has more than {LARGEST} bytes"),
        ));
    }
    let copy = tempfile::Builder::new()
        .prefix("vouchsafe-ledger-")
        .tempdir()
        .map_err(|cause| TargetError::new(DOING, cause))?;
    ledger::view::copy(from, copy.path()).map_err(|cause| TargetError::new(DOING, cause))?;
    Ok(copy)
}

/// The checkpoint in `folder`.
pub(crate) fn checkpoint(folder: &Path) -> Result<String, TargetError> {
    ledger::publish::read_checkpoint(&RealDisk, folder)
        .map_err(|cause| TargetError::new(READING, cause))
}

/// The mark that the signed checkpoint `note` makes.
pub(crate) fn mark(key: &str, note: &str) -> Result<LedgerMark, TargetError> {
    Ok(LedgerMark {
        size: opened(&parse(key)?, note)?.size(),
        checkpoint: note.to_owned(),
    })
}

fn parse(key: &str) -> Result<VerifierKey, TargetError> {
    VerifierKey::parse(key).map_err(|cause| TargetError::new(READING, cause))
}

fn opened(key: &VerifierKey, note: &str) -> Result<Mark, TargetError> {
    Mark::open(note, key).map_err(|cause| TargetError::new(READING, cause))
}

/// Every event of the ledger in `folder` between `mark`, or its beginning, and the checkpoint `head`.
pub(crate) fn since(
    folder: &Path,
    key: &str,
    mark: Option<&LedgerMark>,
    head: &str,
) -> Result<LedgerTail, TargetError> {
    let key = parse(key)?;
    let from = match mark {
        Some(mark) => opened(&key, &mark.checkpoint)?,
        None => Mark::beginning(&key),
    };
    let to = opened(&key, head)?;
    let look = || ledger::tail::since(&RealDisk, folder, &key, (&from, &to), MOST_GAINED);
    let mut looked = look();
    for _ in 1..LOOKS {
        if looked.is_ok() {
            break;
        }
        looked = look();
    }
    let tail = looked.map_err(|cause| TargetError::new(READING, cause))?;
    let mut events = Vec::with_capacity(tail.entries.len());
    for (entry, index) in tail.entries.iter().zip(tail.first..) {
        let event = serde_json::from_slice(entry);
        let not_json = |_| TargetError::new(READING, format!("entry {index} is not JSON"));
        events.push(event.map_err(not_json)?);
    }
    Ok(LedgerTail {
        first: tail.first,
        events,
        end: LedgerMark {
            size: to.size(),
            checkpoint: head.to_owned(),
        },
        minimum: tail.minimum,
    })
}

/// What the verifier says of the ledger in `folder`.
pub(crate) fn verify(
    folder: &Path,
    key: &str,
    seen: Option<&str>,
) -> Result<Inspection, TargetError> {
    const DOING: &str = "verify the ledger";
    let key = parse(key)?;
    let given = Given {
        key: Some(&key),
        seen,
    };
    match ledger::verify::verify(&RealDisk, folder, given) {
        Ok(whole) => Ok(Inspection::Whole(
            whole.head.size.saturating_add(whole.unsigned),
        )),
        Err(VerifyError::Ledger(LedgerError::Altered(alteration))) => {
            Ok(Inspection::Altered(alteration.to_string()))
        }
        Err(cause) => Err(TargetError::new(DOING, cause)),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use control::{Clock, SystemClock, SystemRng};
    use ledger::{Kind, Ledger, Lock, Notice, Options, service::RING};

    use super::*;

    fn ledger(data: &Path) -> Ledger {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let ledger = Ledger::open(Options {
            lock: Arc::new(Lock::acquire(data).unwrap()),
            origin: "coach.example/coach/node".to_owned(),
            second_place: None,
            keeping: ledger::Keeping::default(),
            ring: RING,
            clock: Arc::clone(&clock),
            rng: Arc::new(SystemRng),
        })
        .unwrap();
        for number in 0..5 {
            let notice = Notice::new(clock.now(), Kind::PROVE_RUN).count("number", number);
            ledger.note_blocking(notice).unwrap();
        }
        ledger
    }

    #[test]
    fn a_ledger_is_read_from_a_mark_on_and_verifies_while_it_runs() {
        let data = tempfile::tempdir().unwrap();
        let ledger = ledger(data.path());
        let key = ledger.verifier_key();
        let before = ledger.flush_blocking().unwrap();
        let mark = mark(key, &before.checkpoint).unwrap();
        assert_eq!(mark.size, before.size);
        let notice = Notice::new(SystemClock::new().now(), Kind::PROVE_VERDICT);
        ledger.note_blocking(notice).unwrap();
        let after = ledger.flush_blocking().unwrap();
        let read = |mark| since(ledger.folder(), key, mark, &after.checkpoint).unwrap();
        let tail = read(Some(&mark));
        let kinds: Vec<_> = tail.events.iter().map(|event| &event["kind"]).collect();
        assert_eq!(kinds, ["prove.verdict"]);
        assert_eq!((tail.first, tail.end.size), (mark.size, after.size));
        let all = read(None);
        assert_eq!((all.first, all.events.len() as u64), (0, after.size));
        let seen = Some(before.checkpoint.as_str());
        let whole = Inspection::Whole(after.size);
        assert_eq!(verify(ledger.folder(), key, seen).unwrap(), whole);
        let copy = copy(ledger.folder()).unwrap();
        assert_eq!(verify(copy.path(), key, seen).unwrap(), whole);
    }

    #[test]
    fn a_checkpoint_that_the_ledger_did_not_sign_marks_nothing() {
        let (data, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (ledger, stranger) = (ledger(data.path()), self::ledger(other.path()));
        let note = stranger.flush_blocking().unwrap().checkpoint;
        assert!(mark(stranger.verifier_key(), &note).is_ok());
        assert!(mark(ledger.verifier_key(), &note).is_err());
    }

    #[test]
    fn an_altered_copy_is_called_so_and_a_strange_key_is_an_error() {
        let data = tempfile::tempdir().unwrap();
        let ledger = ledger(data.path());
        ledger.flush_blocking().unwrap();
        let copy = copy(ledger.folder()).unwrap();
        let bundles = search::files(&[copy.path().join("tile/entries")]).unwrap();
        let bundle = bundles.last().unwrap();
        let mut bytes = std::fs::read(bundle).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(bundle, bytes).unwrap();
        let inspection = verify(copy.path(), ledger.verifier_key(), None).unwrap();
        assert!(
            matches!(inspection, Inspection::Altered(_)),
            "{inspection:?}"
        );
        assert!(verify(copy.path(), "no key", None).is_err());
        assert!(
            verify(
                data.path().join("none").as_path(),
                ledger.verifier_key(),
                None
            )
            .is_err()
        );
    }
}
