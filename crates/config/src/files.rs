//! Files that hold secrets.
//!
//! Owns creating them for our eyes only and reading them with suspicion. Refuses a secret file
//! that its group or others can read, unless it lies where only the machine puts secrets: under
//! `/run/secrets`, in the service manager's credentials directory, or on a tmpfs. Refuses files
//! above [`SECRET_LIMIT`] and everything that is not a regular file.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::{
    fcntl::OFlag,
    sys::statfs::{TMPFS_MAGIC, fstatfs},
};
use zeroize::Zeroizing;

/// The largest secret file that is read: 64 KiB.
pub const SECRET_LIMIT: u64 = 64 * 1024;

/// A file that was to hold a secret cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// It cannot be opened, read or written.
    #[error("{}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
    /// It is a folder, a device or a socket.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Its group or others can read or write it.
    #[error("{} can be read by others (mode {mode:03o})", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is larger than [`SECRET_LIMIT`].
    #[error("{} is larger than a secret can be ({SECRET_LIMIT} bytes)", .0.display())]
    TooLarge(PathBuf),
    /// It was to be created and is there already.
    #[error("{} exists already", .0.display())]
    Exists(PathBuf),
}

impl FileFault {
    /// Stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Io { .. } | Self::NotAFile(_) => "config.secret-unreadable",
            Self::Exposed { .. } => "config.secret-exposed",
            Self::TooLarge(_) => "config.secret-too-large",
            Self::Exists(_) => "config.secret-exists",
        }
    }

    /// What to do.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Io { path, .. } => {
                format!(
                    "check that {} exists and this user may read it",
                    path.display()
                )
            }
            Self::NotAFile(path) => format!("name a file instead of {}", path.display()),
            Self::Exposed { path, .. } => format!(
                "run: chmod 600 {}; if others could have read it, replace the secret",
                path.display()
            ),
            Self::TooLarge(_) => "check that the path names the secret".to_owned(),
            Self::Exists(path) => {
                format!("keep {}, or move it away first", path.display())
            }
        }
    }
}

/// Creates a file for a secret, readable and writable by this user alone, and makes it durable.
/// Its folder is created for this user alone if it is missing.
///
/// # Errors
///
/// [`FileFault::Exists`] when there is one already: a secret is never overwritten.
pub fn create_secret(path: &Path, bytes: &[u8]) -> Result<(), FileFault> {
    let fault = |cause: io::Error| match cause.kind() {
        io::ErrorKind::AlreadyExists => FileFault::Exists(path.to_path_buf()),
        _ => FileFault::Io {
            path: path.to_path_buf(),
            cause,
        },
    };
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|cause| FileFault::Io {
            path: folder.to_path_buf(),
            cause,
        })?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(fault)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    if let Err(cause) = written {
        // Half a secret must not be taken for a whole one later.
        let _ = std::fs::remove_file(path);
        return Err(fault(cause));
    }
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(fault)
}

/// Reads a secret, less one final newline. Others must not be able to read the file; see the
/// module for the places where that does not matter.
///
/// # Errors
///
/// See [`FileFault`].
pub fn read_secret(path: &Path) -> Result<control::Secret, FileFault> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
    read(path, credentials.as_deref()).map(|bytes| control::Secret::new(bytes.to_vec()))
}

/// As [`read_secret`], with the credentials directory as an argument.
pub(crate) fn read(
    path: &Path,
    credentials: Option<&Path>,
) -> Result<Zeroizing<Vec<u8>>, FileFault> {
    let fault = |cause: io::Error| FileFault::Io {
        path: path.to_path_buf(),
        cause,
    };
    // What is judged is what is opened: links are followed once, here.
    let real = path.canonicalize().map_err(fault)?;
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits())
        .open(&real)
        .map_err(fault)?;
    let about = file.metadata().map_err(fault)?;
    if !about.is_file() {
        return Err(FileFault::NotAFile(path.to_path_buf()));
    }
    let mode = about.mode() & 0o777;
    if mode & 0o077 != 0 && !kept_by_the_machine(&file, &real, credentials) {
        return Err(FileFault::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(
        usize::try_from(about.len().min(SECRET_LIMIT) + 1).unwrap_or(0),
    ));
    (&mut file)
        .take(SECRET_LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    if bytes.len() as u64 > SECRET_LIMIT {
        return Err(FileFault::TooLarge(path.to_path_buf()));
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    Ok(bytes)
}

fn kept_by_the_machine(file: &File, real: &Path, credentials: Option<&Path>) -> bool {
    let in_credentials = credentials
        .and_then(|folder| folder.canonicalize().ok())
        .is_some_and(|folder| real.starts_with(folder));
    real.starts_with("/run/secrets")
        || in_credentials
        || fstatfs(file).is_ok_and(|about| about.filesystem_type() == TMPFS_MAGIC)
}
