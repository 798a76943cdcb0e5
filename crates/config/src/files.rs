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

/// Opens a regular file for reading. Anything else could keep the reader waiting for ever: nobody may
/// ever write into a pipe.
///
/// # Errors
///
/// Those of the system, and one of its own for a pipe, a socket, a device or a folder.
pub fn open_regular(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits())
        .open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("it is not a regular file"))
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
    judge(path, about.mode() & 0o777, || {
        kept_by_the_machine(&file, &real, credentials)
    })?;
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

/// Refuses permission bits that let others in, unless the file is `exempt`.
fn judge(path: &Path, mode: u32, exempt: impl FnOnce() -> bool) -> Result<(), FileFault> {
    if mode & 0o077 != 0 && !exempt() {
        return Err(FileFault::Exposed {
            path: path.to_path_buf(),
            mode,
        });
    }
    Ok(())
}

fn kept_by_the_machine(file: &File, real: &Path, credentials: Option<&Path>) -> bool {
    let in_credentials = credentials
        .and_then(|folder| folder.canonicalize().ok())
        .is_some_and(|folder| real.starts_with(folder));
    real.starts_with("/run/secrets")
        || in_credentials
        || fstatfs(file).is_ok_and(|about| about.filesystem_type() == TMPFS_MAGIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::fs;

    /// The judgement alone: the folder for temporary files may be a tmpfs, where all is allowed.
    fn kept(mode: u32, exempt: bool) -> Result<(), FileFault> {
        judge(Path::new("key"), mode, || exempt)
    }

    #[test]
    fn a_file_others_can_read_is_refused_with_the_command_to_run() {
        for mode in [0o644, 0o640, 0o604, 0o620, 0o610] {
            let fault = kept(mode, false).unwrap_err();
            assert_eq!(fault.code(), "config.secret-exposed", "{mode:o}");
            assert!(
                fault.hint().starts_with("run: chmod 600 "),
                "{}",
                fault.hint()
            );
        }
    }

    #[test]
    fn a_private_file_and_one_the_machine_keeps_are_read() {
        for (mode, exempt) in [
            (0o600, false),
            (0o400, false),
            (0o700, false),
            (0o644, true),
        ] {
            kept(mode, exempt).unwrap();
        }
    }

    #[test]
    fn a_secret_is_created_once_for_us_alone_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/key");
        create_secret(&path, b"secret\n").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(read_secret(&path).unwrap().expose(), b"secret");
        let again = create_secret(&path, b"other").unwrap_err();
        assert_eq!(again.code(), "config.secret-exists");
        assert_eq!(read_secret(&path).unwrap().expose(), b"secret");
    }

    #[test]
    fn exactly_one_final_newline_is_taken_off() {
        let folder = tempfile::tempdir().unwrap();
        for (at, (written, read)) in [
            ("a", "a"),
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            (" a ", " a "),
        ]
        .iter()
        .enumerate()
        {
            let path = folder.path().join(at.to_string());
            create_secret(&path, written.as_bytes()).unwrap();
            assert_eq!(read_secret(&path).unwrap().expose(), read.as_bytes());
        }
    }

    #[test]
    fn folders_pipes_and_files_of_no_secrets_size_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let code = |path: &Path| read_secret(path).unwrap_err().code();
        assert_eq!(code(folder.path()), "config.secret-unreadable");
        assert_eq!(
            code(&folder.path().join("none")),
            "config.secret-unreadable"
        );
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(code(&pipe), "config.secret-unreadable");
        let large = folder.path().join("large");
        let limit = usize::try_from(SECRET_LIMIT).unwrap();
        create_secret(&large, &vec![b'a'; limit + 1]).unwrap();
        assert_eq!(code(&large), "config.secret-too-large");
        let full = folder.path().join("full");
        create_secret(&full, &vec![b'a'; limit]).unwrap();
        assert_eq!(read_secret(&full).unwrap().expose().len(), limit);
    }

    #[test]
    fn a_link_is_judged_by_what_it_points_to() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("key"), folder.path().join("link"));
        create_secret(&path, b"secret").unwrap();
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(read_secret(&link).unwrap().expose(), b"secret");
    }
}
