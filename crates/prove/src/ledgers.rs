//! Ledgers as a prober reads them.
//!
//! Owns copies that a probe may alter, and the two questions asked of one: which events it holds and
//! whether it is whole. Trusts the `ledger` crate for both answers.

use std::{ops::ControlFlow, path::Path};

use control::probe::{Inspection, TargetError};
use ledger::{
    alteration::LedgerError,
    disk::RealDisk,
    note::VerifierKey,
    verify::{Given, VerifyError},
    view::View,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::search;

/// Bytes of a ledger that are copied for one proof.
const LARGEST: u64 = 1 << 30;

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

/// Every event of the ledger in `folder`, oldest first.
pub(crate) fn events(folder: &Path) -> Result<Vec<Value>, TargetError> {
    const DOING: &str = "read the ledger";
    let failed = |cause: LedgerError| TargetError::new(DOING, cause);
    let mut events = Vec::new();
    let mut unread = None;
    View::open(&RealDisk, folder)
        .map_err(failed)?
        .each(0, |index, entry| match serde_json::from_slice(entry) {
            Ok(event) => {
                events.push(event);
                ControlFlow::Continue(())
            }
            Err(_) => {
                unread = Some(index);
                ControlFlow::Break(())
            }
        })
        .map_err(failed)?;
    match unread {
        None => Ok(events),
        Some(index) => Err(TargetError::new(
            DOING,
            format!("entry {index} is not JSON"),
        )),
    }
}

/// What the verifier says of the ledger in `folder`.
pub(crate) fn verify(
    folder: &Path,
    key: &str,
    seen: Option<&str>,
) -> Result<Inspection, TargetError> {
    const DOING: &str = "verify the ledger";
    let key = VerifierKey::parse(key).map_err(|cause| TargetError::new(DOING, cause))?;
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
    fn a_copy_reads_and_verifies_while_the_ledger_runs() {
        let data = tempfile::tempdir().unwrap();
        let ledger = ledger(data.path());
        let flushed = ledger.flush_blocking().unwrap();
        let copy = copy(ledger.folder()).unwrap();
        let events = events(copy.path()).unwrap();
        let ours = events.iter().filter(|event| event["kind"] == "prove.run");
        assert_eq!(ours.count(), 5);
        let seen = Some(flushed.checkpoint.as_str());
        let whole = verify(copy.path(), ledger.verifier_key(), seen).unwrap();
        assert_eq!(whole, Inspection::Whole(events.len() as u64));
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
