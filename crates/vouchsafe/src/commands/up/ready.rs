//! The ready file: where the gate listens, for whoever started it.
//!
//! Owns the file from the moment the data folder is ours to the beginning of the end. Whoever finds
//! it finds a gate that takes requests: one that a killed instance left is removed before this one
//! starts, and this one's before the drain.

use std::path::{Path, PathBuf};

use crate::{
    commands::write_ready,
    failure::{Failure, io},
};

/// Removes its file when dropped.
pub(super) struct Ready(Option<PathBuf>);

impl Ready {
    /// Removes what is there. The caller holds the lock on the data folder, so whoever wrote it is
    /// gone.
    pub(super) fn none_yet(path: Option<&Path>) -> Result<Self, Failure> {
        if let Some(path) = path {
            match std::fs::remove_file(path) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    let hint = "choose a --ready-file in a folder that can be written";
                    return Err(io(format!("remove {}", path.display()), hint)(cause));
                }
                _ => {}
            }
        }
        Ok(Self(path.map(Path::to_owned)))
    }

    /// Says it.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        match &self.0 {
            Some(path) => write_ready(path, text),
            None => Ok(()),
        }
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // One that stays is removed by the next instance.
            let _ = std::fs::remove_file(path);
        }
    }
}
