//! What of an authority lies in the data folder.
//!
//! Owns `acme/`: an account for each authority, a certificate with its key in one file, so that they
//! change together, and why the last order came to nothing. Only the gate's user may read any of it.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use config::files::{FileFault, create_secret, read_secret};
use control::{Secret, Timestamp};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use seal::certificate::Leaf;
use serde::{Deserialize, Serialize};

use crate::Settings;

/// The folder.
#[derive(Clone, Debug)]
pub struct Files(PathBuf);

/// Why the last order came to nothing.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
pub struct Failure {
    /// How many orders have, one after the other.
    pub failures: u32,
    /// When the last one did, in seconds since 1970.
    pub at: i64,
    /// Why, in words of the authority or of ours.
    pub why: String,
}

/// Why a file is not there.
#[derive(Debug, thiserror::Error)]
pub enum FilesFault {
    /// It cannot be read or made.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The folder does not do what it is told.
    #[error("the folder acme in the data folder cannot be written: {0}")]
    Folder(#[from] io::Error),
}

impl Files {
    /// Those in the data folder.
    #[must_use]
    pub fn in_folder(data_dir: &Path) -> Self {
        Self(data_dir.join("acme"))
    }

    /// Where the certificate lies, and its key with it.
    #[must_use]
    pub fn certificate(&self, settings: &Settings) -> PathBuf {
        self.0.join(format!("{}.pem", settings.id()))
    }

    /// What the certificate says of itself, where there is one with its key.
    #[must_use]
    pub fn leaf(&self, settings: &Settings) -> Option<Leaf> {
        let pem = read_secret(&self.certificate(settings)).ok()?;
        let first = CertificateDer::pem_slice_iter(pem.expose()).next()?.ok()?;
        Leaf::read(&first)
    }

    /// Why there is none, or none that is newer.
    #[must_use]
    pub fn failure(&self, settings: &Settings) -> Option<Failure> {
        let text = read_secret(&self.failure_path(settings)).ok()?;
        serde_json::from_slice(text.expose()).ok()
    }

    pub(crate) fn store(&self, settings: &Settings, pem: &Secret) -> Result<(), FilesFault> {
        self.replace(&self.certificate(settings), pem.expose())?;
        match fs::remove_file(self.failure_path(settings)) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => Err(fault.into()),
            _ => Ok(()),
        }
    }

    pub(crate) fn failed(
        &self,
        settings: &Settings,
        now: Timestamp,
        why: &str,
    ) -> Result<(), FilesFault> {
        let before = self.failure(settings).map_or(0, |failure| failure.failures);
        let failure = Failure {
            failures: before.saturating_add(1),
            at: now.seconds(),
            why: why.to_owned(),
        };
        let text = serde_json::to_vec(&failure).map_err(io::Error::from)?;
        self.replace(&self.failure_path(settings), &text)
    }

    pub(crate) fn account(&self, directory: &str) -> Option<Secret> {
        read_secret(&self.account_path(directory)).ok()
    }

    pub(crate) fn store_account(&self, directory: &str, text: &[u8]) -> Result<(), FilesFault> {
        self.replace(&self.account_path(directory), text)
    }

    fn account_path(&self, directory: &str) -> PathBuf {
        let digest = seal::sha256(directory.as_bytes());
        let name = seal::encode::hex(digest.get(..8).unwrap_or_default());
        self.0.join(format!("account-{name}.json"))
    }

    fn failure_path(&self, settings: &Settings) -> PathBuf {
        self.0.join(format!("{}.failure.json", settings.id()))
    }

    /// Whoever looks finds the old file or the new one, whole.
    fn replace(&self, path: &Path, bytes: &[u8]) -> Result<(), FilesFault> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.0)?;
        let fresh = path.with_extension("new");
        match fs::remove_file(&fresh) {
            Err(fault) if fault.kind() != io::ErrorKind::NotFound => return Err(fault.into()),
            _ => {}
        }
        create_secret(&fresh, bytes)?;
        fs::rename(&fresh, path)?;
        fs::File::open(&self.0)?.sync_all()?;
        Ok(())
    }
}
