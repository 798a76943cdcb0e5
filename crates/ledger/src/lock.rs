//! The exclusive lock on a data folder.
//!
//! Owns the proof that this process alone writes below the folder: ledger and store are opened
//! only by its holder. Refuses a second holder, naming the first where it is known, and a folder that
//! another user owns or can write to. Trusts the
//! kernel to release the lock when a process ends in whatever way.

use std::{
    fs::{DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use nix::unistd::geteuid;

/// Held while this process alone may write below a data folder; released when dropped.
#[derive(Debug)]
pub struct Lock {
    folder: PathBuf,
    /// The kernel's lock lives as long as this stays open.
    _file: File,
}

/// The data folder could not be locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("another vouchsafe{} already uses the data folder {}", .pid.map_or_else(String::new, |pid| format!(" (pid {pid})")), .folder.display())]
    Held {
        /// The data folder.
        folder: PathBuf,
        /// The holder, where it is known.
        pid: Option<u32>,
    },
    /// The folder belongs to another user.
    #[error("the data folder {} belongs to user {owner}, and this is user {user}", .folder.display())]
    Foreign {
        /// The data folder.
        folder: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who asks.
        user: u32,
    },
    /// Other users may put files into the folder.
    #[error("other users can write to the data folder {} (mode {mode:03o})", .folder.display())]
    Exposed {
        /// The data folder.
        folder: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The folder or the lock file could not be made or opened.
    #[error("cannot lock the data folder {}: {cause}", .folder.display())]
    Unusable {
        /// The data folder.
        folder: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
}

impl LockError {
    /// Stable code.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Held { .. } => "ledger.locked",
            Self::Foreign { .. } => "ledger.folder-foreign",
            Self::Exposed { .. } => "ledger.folder-exposed",
            Self::Unusable { .. } => "ledger.lock-unusable",
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Held { .. } => {
                "ask the running instance instead, or stop it first; two instances \
                                  never share a data folder"
                    .to_owned()
            }
            Self::Foreign { folder, owner, .. } => format!(
                "run it as that user (sudo -u '#{owner}'), or give the folder to this one (chown -R \
                 {} {})",
                geteuid(),
                folder.display()
            ),
            Self::Exposed { folder, .. } => format!(
                "run: chmod go-w {}; if others could have written there, compare with a backup",
                folder.display()
            ),
            Self::Unusable { folder, .. } => format!(
                "check that {} is a folder of this user on a disk that is neither full nor \
                 read-only",
                folder.display()
            ),
        }
    }
}

/// Longest content of the lock file that is read: a process id.
const PID_LIMIT: u64 = 16;

impl Lock {
    /// Locks `folder`, making it for this user alone if it is missing.
    pub fn acquire(folder: &Path) -> Result<Self, LockError> {
        let unusable = |cause| LockError::Unusable {
            folder: folder.to_owned(),
            cause,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(unusable)?;
        judge(folder, &std::fs::metadata(folder).map_err(unusable)?)?;
        // Not emptied when opened: the file of a holder names its process.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("lock"))
            .map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = file.take(PID_LIMIT).read_to_string(&mut text);
                return Err(LockError::Held {
                    folder: folder.to_owned(),
                    pid: read.ok().and_then(|_| text.trim().parse().ok()),
                });
            }
            Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
        }
        // The lock counts, the name in it is a courtesy: failing to write it is no failure.
        let _ = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        Ok(Self {
            folder: folder.to_owned(),
            _file: file,
        })
    }

    /// The locked folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

/// Refuses a folder in which somebody else could put one file in place of another: the modes of the
/// files would then protect nothing.
fn judge(folder: &Path, about: &std::fs::Metadata) -> Result<(), LockError> {
    let user = geteuid().as_raw();
    if about.uid() != user {
        return Err(LockError::Foreign {
            folder: folder.to_owned(),
            owner: about.uid(),
            user,
        });
    }
    let mode = about.mode() & 0o777;
    if mode & 0o022 != 0 {
        return Err(LockError::Exposed {
            folder: folder.to_owned(),
            mode,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_and_told_who_the_first_is() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let lock = Lock::acquire(&data).unwrap();
        assert_eq!(lock.folder(), data);
        let error = Lock::acquire(&data).unwrap_err();
        assert!(
            matches!(error, LockError::Held { pid: Some(pid), .. } if pid == std::process::id()),
            "{error}"
        );
        drop(lock);
        Lock::acquire(&data).unwrap();
    }

    #[test]
    fn a_folder_that_others_can_write_to_is_refused() {
        use std::{fs, os::unix::fs::PermissionsExt};
        let folder = tempfile::tempdir().unwrap();
        for (mode, good) in [(0o700, true), (0o755, true), (0o770, false), (0o702, false)] {
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
            let locked = Lock::acquire(folder.path());
            assert_eq!(locked.is_ok(), good, "{mode:o}");
            if let Err(error) = locked {
                assert_eq!(error.code(), "ledger.folder-exposed");
                assert!(error.hint().contains("chmod go-w"));
            }
        }
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::write(&path, "").unwrap();
        let error = Lock::acquire(&path).unwrap_err();
        assert_eq!(error.code(), "ledger.lock-unusable");
    }
}
