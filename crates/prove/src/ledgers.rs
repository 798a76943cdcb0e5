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
