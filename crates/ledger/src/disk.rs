//! The disk, as the ledger uses it.
//!
//! Owns the few calls from which everything durable is made, so that a double
//! ([`crate::crash_disk`]) can lose and tear whatever was not yet synced. Refuses to hide a sync:
//! files and folders are synced by name, and a new or renamed file is durable only once its folder
//! is. Trusts the system that a sync which returned has reached the disk.

use std::{
    collections::BTreeSet,
    fmt, fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use control::Secret;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// The owner and, by umask, others: tiles and checkpoints are meant to be shown.
    Shared,
    /// The owner alone (0600).
    Secret,
}

/// The calls from which everything durable is made. Paths are used as given.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Makes one folder; one that exists is no error.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes a file, or empties one that exists.
    fn create(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>>;

    /// Opens a file that exists for writing at its end.
    fn append(&self, path: &Path) -> io::Result<Box<dyn File>>;

    /// Writes whole files that anyone may read and syncs each, in any order; their names are
    /// durable once their folders are synced.
    fn write_files(&self, files: &[WholeFile<'_>]) -> io::Result<()> {
        for file in files {
            write_synced(self, file.path, Access::Shared, file.bytes)?;
        }
        Ok(())
    }

    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder that is empty.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Cuts a file to `length` bytes; durable after the next [`File::sync`].
    fn truncate(&self, path: &Path, length: u64) -> io::Result<()>;

    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;

    /// The bytes of a file of at most `limit` bytes; a longer one is an error.
    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// The bytes of a file that others must not be able to read; without a final newline.
    fn read_secret(&self, path: &Path) -> io::Result<Secret>;

    /// The last bytes of a file, at most `limit`.
    fn read_end(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>>;

    /// The names in a folder, sorted.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Bytes that this user may still write to the file system of a folder.
    fn free(&self, path: &Path) -> io::Result<u64>;
}

/// A whole file to be written.
#[derive(Clone, Copy, Debug)]
pub struct WholeFile<'a> {
    /// Where.
    pub path: &'a Path,
    /// What.
    pub bytes: &'a [u8],
}

/// A file open for writing at its end.
pub trait File: Send {
    /// Writes all of `bytes`, or an unknown part of them and fails.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Makes everything written so far durable (`fdatasync`).
    fn sync(&mut self) -> io::Result<()>;
}

/// Writes a whole file and syncs it; its name is durable once its folder is synced.
pub(crate) fn write_synced<D: Disk + ?Sized>(
    disk: &D,
    path: &Path,
    access: Access,
    bytes: &[u8],
) -> io::Result<()> {
    let mut file = disk.create(path, access)?;
    file.write(bytes)?;
    file.sync()
}

/// Makes `path` and what is missing above it, up to `root`; the parents of new folders are added
/// to `touched`.
pub(crate) fn make_folders(
    disk: &dyn Disk,
    path: &Path,
    root: &Path,
    known: &BTreeSet<PathBuf>,
    touched: &mut BTreeSet<PathBuf>,
) -> io::Result<()> {
    if path == root || known.contains(path) || touched.contains(path) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        make_folders(disk, parent, root, known, touched)?;
        disk.create_folder(path)?;
        touched.insert(parent.to_owned());
    }
    Ok(())
}

/// The error of a read beyond its limit.
pub(crate) fn too_long(path: &Path, limit: u64) -> io::Error {
    io::Error::new(
        io::ErrorKind::FileTooLarge,
        format!("{} is longer than {limit} bytes", path.display()),
    )
}

/// Threads that write many files together.
const WRITERS: usize = 8;

/// The disk of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(path) {
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            other => other,
        }
    }

    fn create(&self, path: &Path, access: Access) -> io::Result<Box<dyn File>> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        if access == Access::Secret {
            options.mode(0o600);
        }
        Ok(Box::new(RealFile(options.open(path)?)))
    }

    fn write_files(&self, files: &[WholeFile<'_>]) -> io::Result<()> {
        // A file system commits the syncs that arrive together as one: many files in a row would
        // each wait for a commit of their own.
        let share = files.len().div_ceil(WRITERS).max(4);
        let one = |files: &[WholeFile<'_>]| {
            for file in files {
                write_synced(self, file.path, Access::Shared, file.bytes)?;
            }
            Ok(())
        };
        let mut shares = files.chunks(share);
        let first = shares.next().unwrap_or_default();
        std::thread::scope(|scope| {
            let others: Vec<_> = shares
                .map(|files| scope.spawn(move || one(files)))
                .collect();
            let mut result = one(first);
            for other in others {
                let other = other.join();
                result = result
                    .and(other.unwrap_or_else(|_| Err(io::Error::other("a writer fell over"))));
            }
            result
        })
    }

    fn append(&self, path: &Path) -> io::Result<Box<dyn File>> {
        Ok(Box::new(RealFile(
            fs::OpenOptions::new().append(true).open(path)?,
        )))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn truncate(&self, path: &Path, length: u64) -> io::Result<()> {
        fs::OpenOptions::new()
            .write(true)
            .open(path)?
            .set_len(length)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn read(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let file = fs::File::open(path)?;
        let expected = file.metadata()?.len().min(limit);
        let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > limit {
            return Err(too_long(path, limit));
        }
        Ok(bytes)
    }

    fn read_secret(&self, path: &Path) -> io::Result<Secret> {
        config::files::read_secret(path).map_err(|fault| match fault {
            config::files::FileFault::Io { cause, .. } => cause,
            other => io::Error::new(
                io::ErrorKind::PermissionDenied,
                format!("{other}; {}", other.hint()),
            ),
        })
    }

    fn read_end(&self, path: &Path, limit: u64) -> io::Result<Vec<u8>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(limit)))?;
        let mut bytes = Vec::new();
        file.take(limit).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(path)? {
            // Names that are not UTF-8 are none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn free(&self, path: &Path) -> io::Result<u64> {
        let system = nix::sys::statvfs::statvfs(path)?;
        Ok(system
            .blocks_available()
            .saturating_mul(system.fragment_size()))
    }
}

struct RealFile(fs::File);

impl File for RealFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_reaches_the_system() {
        // What has nothing to sync refuses it: who reports success has not asked.
        let mut null = RealDisk.append(Path::new("/dev/null")).unwrap();
        null.write(b"x").unwrap();
        let refused = null.sync().unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let refused = RealDisk.sync_folder(Path::new("/proc/self")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_synced(&RealDisk, &path, Access::Shared, b"x").unwrap();
        RealDisk.sync_folder(folder.path()).unwrap();
    }

    #[test]
    fn a_secret_file_is_readable_by_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write_synced(&RealDisk, &path, Access::Secret, b"x").unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_file_beyond_the_limit_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write_synced(&RealDisk, &path, Access::Shared, b"four").unwrap();
        assert_eq!(RealDisk.read(&path, 4).unwrap(), b"four");
        assert!(RealDisk.read(&path, 3).is_err());
    }

    #[test]
    fn a_folder_may_exist_already_but_a_file_may_not_stand_in_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("inner");
        RealDisk.create_folder(&path).unwrap();
        RealDisk.create_folder(&path).unwrap();
        assert_eq!(RealDisk.list(folder.path()).unwrap(), ["inner"]);
        write_synced(&RealDisk, &path.join("file"), Access::Shared, b"").unwrap();
        assert!(RealDisk.create_folder(&path.join("file")).is_err());
    }
}
