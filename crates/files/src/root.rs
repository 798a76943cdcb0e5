//! A root, and what is opened beneath it.
//!
//! Owns the folder as a descriptor that is opened once, so that nothing which happens to its name later
//! moves it, and the one way to open a file in it: `openat2` (Linux 5.6) with `RESOLVE_BENEATH`, by which
//! the kernel itself refuses to leave the folder while it walks, without a moment between check and
//! opening. Refuses links of every kind, whatever is no regular file, `/`, folders that hold what nobody
//! may be served, and kernels or sandboxes without `openat2`. A hard link cannot be told from a file:
//! who may make one in a root may put the file there as well.

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::{FileStat, SFlag, fstat},
};

use crate::name::Name;

/// How often an opening is tried again that another change of names interrupted.
const TRIES: u32 = 16;

/// Folders that are not a root, nor is anything in them.
const MACHINERY: [&str; 3] = ["/proc", "/sys", "/dev"];

/// What may be opened beneath a root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether other file systems that are mounted beneath it belong to it.
    pub mounts: bool,
}

/// A folder beneath which files are opened.
#[derive(Debug)]
pub struct Root {
    folder: OwnedFd,
    path: PathBuf,
    settings: Settings,
    shared: bool,
}

/// A folder cannot be a root.
#[derive(Debug, thiserror::Error)]
pub enum RootFault {
    /// It cannot be opened.
    #[error("it cannot be opened: {0}")]
    Io(#[from] io::Error),
    /// It is the root of everything.
    #[error("it is the root of everything")]
    Everything,
    /// It is the machine's own.
    #[error("it belongs to the system")]
    Machinery,
    /// It holds what nobody may be served, or lies in it.
    #[error("it shares its files with {}", .0.display())]
    Private(PathBuf),
    /// The kernel, or what it lets this process do, has no `openat2`.
    #[error("this kernel cannot confine what is opened (openat2: {0})")]
    Unconfined(Errno),
}

impl RootFault {
    /// What to do.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Io(_) => "name a folder that exists and that this user may read",
            Self::Everything | Self::Machinery | Self::Private(_) => {
                "give what is served a folder of its own"
            }
            Self::Unconfined(_) => "use Linux 5.6 or later, and let this process call openat2",
        }
    }
}

/// What is known of a file that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its bytes.
    pub length: u64,
    /// When its content was last changed, in seconds since 1970.
    pub modified: i64,
    /// What changes when the file does: device, number, length, and the times of content and entry.
    pub marks: [i64; 7],
}

/// What lies at a name.
#[derive(Debug)]
pub enum Found {
    /// A regular file, open for reading.
    File(Opened),
    /// A folder.
    Folder,
}

/// A regular file beneath a root.
#[derive(Debug)]
pub struct Opened {
    file: File,
    /// What was known of it when it was opened.
    pub facts: Facts,
}

/// Why nothing was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Missed {
    /// Nothing is there, or nothing that this process may read.
    #[error("nothing is there")]
    Nothing,
    /// A link is in the way.
    #[error("a link is in the way")]
    Link,
    /// The way leaves the root.
    #[error("the way leaves the root")]
    Outside,
    /// It is neither a regular file nor a folder.
    #[error("it is no regular file")]
    Special,
    /// Names change all the time, or the system has nothing left to open it with.
    #[error("it cannot be opened now")]
    Busy,
    /// The disk or the kernel failed.
    #[error("it cannot be read")]
    Failed,
}

impl Missed {
    /// Its stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Nothing => "file-missing",
            Self::Link => "file-link",
            Self::Outside => "file-outside",
            Self::Special => "file-special",
            Self::Busy => "file-busy",
            Self::Failed => "file-failed",
        }
    }

    /// Whether it may be there all the same: 503 and not 404.
    #[must_use]
    pub const fn is_failure(self) -> bool {
        matches!(self, Self::Busy | Self::Failed)
    }
}

impl From<Errno> for Missed {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ENOENT
            | Errno::ENOTDIR
            | Errno::EACCES
            | Errno::EPERM
            | Errno::ENAMETOOLONG
            | Errno::EINVAL => Self::Nothing,
            Errno::ELOOP => Self::Link,
            Errno::EXDEV => Self::Outside,
            Errno::ENXIO | Errno::ENODEV | Errno::EISDIR => Self::Special,
            Errno::EAGAIN | Errno::EINTR | Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM => {
                Self::Busy
            }
            // ENOSYS, EIO and whatever else: nothing was confined, so nothing is opened.
            _ => Self::Failed,
        }
    }
}

impl Root {
    /// Opens a folder as a root. `private` are files and folders that nobody may be served: none may lie
    /// in it, and it may lie in none of those that are folders.
    ///
    /// # Errors
    ///
    /// What makes it no root.
    pub fn open(path: &Path, settings: Settings, private: &[&Path]) -> Result<Self, RootFault> {
        // Where the links in its own path lead is the operator's to say, once.
        let path = path.canonicalize()?;
        if path.parent().is_none() {
            return Err(RootFault::Everything);
        }
        if MACHINERY.iter().any(|machine| path.starts_with(machine)) {
            return Err(RootFault::Machinery);
        }
        for private in private {
            // What is not there yet is made in a folder that is.
            let whole = settled(private);
            if whole.starts_with(&path) || whole.is_dir() && path.starts_with(&whole) {
                return Err(RootFault::Private(private.to_path_buf()));
            }
        }
        let folder = File::options()
            .read(true)
            .custom_flags((OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC).bits())
            .open(&path)?;
        let here = folder.metadata()?;
        let top = Path::new("/").metadata()?;
        if (here.dev(), here.ino()) == (top.dev(), top.ino()) {
            return Err(RootFault::Everything);
        }
        let root = Self {
            folder: folder.into(),
            path,
            settings,
            shared: here.mode() & 0o002 != 0,
        };
        // Asked once now, so that a kernel without it refuses to start and not to serve.
        let how = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        root.open_at(".", how).map_err(RootFault::Unconfined)?;
        Ok(root)
    }

    /// Where it was when it was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether anybody on this machine may write into it.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// Whether it is so far up that it holds more than one thing: `/srv`, or what is right below `/home`.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        let segments = self.path.components().count() - 1;
        segments < 2 || segments == 2 && self.path.starts_with("/home")
    }

    /// Opens what lies at `name`. May wait for a disk.
    ///
    /// # Errors
    ///
    /// Why it is not opened.
    pub fn find(&self, name: &Name) -> Result<Found, Missed> {
        // Without blocking: opening a pipe would wait for whoever writes into it.
        let how = OFlag::O_RDONLY
            | OFlag::O_NOFOLLOW
            | OFlag::O_CLOEXEC
            | OFlag::O_NONBLOCK
            | OFlag::O_NOCTTY;
        let file = self.open_at(segments(name), how)?;
        // Asked of what is open, and not of its name, which may have changed since.
        let stat = fstat(&file)?;
        match kind(&stat) {
            SFlag::S_IFREG => Ok(Found::File(Opened {
                file: File::from(file),
                facts: Facts::of(&stat),
            })),
            SFlag::S_IFDIR => Ok(Found::Folder),
            _ => Err(Missed::Special),
        }
    }

    /// Opens a folder to list it. May wait for a disk.
    pub(crate) fn folder(&self, name: &Name) -> Result<OwnedFd, Missed> {
        let how = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(self.open_at(segments(name), how)?)
    }

    /// Whether `name` stays beneath the root as things are, without opening it for reading. What is not
    /// there passes unless it must be, as long as its folder is there. What an app does with the name
    /// comes later: links that are made in between are its own to refuse.
    ///
    /// # Errors
    ///
    /// Why it does not.
    pub fn holds(&self, name: &Name, exists: bool) -> Result<(), Missed> {
        // Without O_NOFOLLOW: beside O_PATH it would open a link in place of what it leads to.
        let how = OFlag::O_PATH | OFlag::O_CLOEXEC;
        match self.open_at(segments(name), how) {
            Ok(_) => Ok(()),
            Err(Errno::ENOENT) if !exists => {
                let above = name.parent();
                self.open_at(segments(&above), how | OFlag::O_DIRECTORY)?;
                Ok(())
            }
            Err(errno) => Err(errno.into()),
        }
    }

    fn open_at(&self, segments: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
        let mut resolve = ResolveFlag::RESOLVE_BENEATH
            | ResolveFlag::RESOLVE_NO_SYMLINKS
            | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        if !self.settings.mounts {
            resolve |= ResolveFlag::RESOLVE_NO_XDEV;
        }
        let how = OpenHow::new().flags(flags).resolve(resolve);
        let mut tries = 0;
        loop {
            tries += 1;
            match openat2(self.folder.as_fd(), segments, how) {
                // The kernel cannot be sure while somebody renames a folder on the way.
                Err(Errno::EAGAIN | Errno::EINTR) if tries < TRIES => {}
                opened => return opened,
            }
        }
    }
}

/// The way to a name, as the kernel is asked for it.
fn segments(name: &Name) -> &str {
    if name.as_str().is_empty() {
        "."
    } else {
        name.as_str()
    }
}

/// Where a path leads, as far as it is there.
fn settled(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    for above in absolute.ancestors() {
        if let (Ok(there), Ok(rest)) = (above.canonicalize(), absolute.strip_prefix(above)) {
            return if rest.as_os_str().is_empty() {
                there
            } else {
                there.join(rest)
            };
        }
    }
    absolute
}

fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits())
}

impl Facts {
    pub(crate) fn of(stat: &FileStat) -> Self {
        let number = |value: u64| i64::from_ne_bytes(value.to_ne_bytes());
        Self {
            length: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
            marks: [
                number(stat.st_dev),
                number(stat.st_ino),
                stat.st_size,
                stat.st_mtime,
                stat.st_mtime_nsec,
                stat.st_ctime,
                stat.st_ctime_nsec,
            ],
        }
    }
}

impl Opened {
    /// Reads up to `most` bytes from `offset` on, into `buffer`, which is emptied before. Fewer come only
    /// at the end of the file. Waits for a disk.
    ///
    /// # Errors
    ///
    /// Those of the disk.
    pub fn read(&self, offset: u64, most: usize, buffer: &mut Vec<u8>) -> io::Result<()> {
        buffer.clear();
        buffer.resize(most, 0);
        let mut read = 0;
        while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(u64::try_from(read).unwrap_or(u64::MAX));
            match self.file.read_at(rest, at) {
                Ok(0) => break,
                Ok(count) => read += count,
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(cause),
            }
        }
        buffer.truncate(read);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
