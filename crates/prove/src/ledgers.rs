//! Ledgers as a prober reads them.
//!
//! Owns copies that a probe may alter, and the two questions asked of one: which events it holds and
//! whether it is whole. Trusts the `ledger` crate for both answers.

use std::path::Path;

use control::probe::{Inspection, TargetError};
use serde_json::Value;
use tempfile::TempDir;

use crate::search;

/// Bytes of a ledger that are copied for one proof.
const LARGEST: u64 = 1 << 30;

/// A copy of the ledger folder at `from`.
pub(crate) fn copy(from: &Path) -> Result<TempDir, TargetError> {
    const DOING: &str = "copy the ledger";
    let failed = |cause: std::io::Error| TargetError::new(DOING, cause);
    let copy = tempfile::Builder::new()
        .prefix("vouchsafe-ledger-")
        .tempdir()
        .map_err(failed)?;
    let mut left = LARGEST;
    let files =
        search::files(&[from.to_owned()]).map_err(|cause| TargetError::new(DOING, cause))?;
    for file in files {
        let Ok(inside) = file.strip_prefix(from) else {
            continue;
        };
        let to = copy.path().join(inside);
        if let Some(folder) = to.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        match std::fs::copy(&file, &to) {
            Ok(bytes) => {
                left = left
                    .checked_sub(bytes)
                    .ok_or_else(|| TargetError::new(DOING, "it has more than 1 GiB"))?;
            }
            // A journal segment that a checkpoint covers may go at any moment.
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(failed(cause)),
        }
    }
    Ok(copy)
}

/// Every event of the ledger in `folder`, oldest first.
pub(crate) fn events(folder: &Path) -> Result<Vec<Value>, TargetError> {
    Err(TargetError::new(
        "read the ledger",
        format!("{} cannot be read yet", folder.display()),
    ))
}

/// What the verifier says of the ledger in `folder`.
pub(crate) fn verify(
    folder: &Path,
    _key: &str,
    _seen: Option<&str>,
) -> Result<Inspection, TargetError> {
    Err(TargetError::new(
        "verify the ledger",
        format!("{} cannot be read yet", folder.display()),
    ))
}
