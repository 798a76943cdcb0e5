//! What lies in a folder, and nothing of what is in it.
//!
//! Owns the list of one folder: names, sizes and times of regular files, names of folders. Refuses to look
//! into a file or a folder below, leaves out hidden names and those that no request can ask for, and ends
//! at [`MOST`] entries.

use nix::{
    dir::Dir,
    fcntl::AtFlags,
    sys::stat::{SFlag, fstatat},
};

use crate::{
    name::Name,
    root::{Facts, Missed, Root},
};

/// The most entries of a list.
pub const MOST: usize = 1000;

/// The most entries of a folder that are looked at.
const LOOKED_AT: usize = 10_000;

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name; with a slash at its end where it is a folder.
    pub name: String,
    /// Its bytes; none of a folder.
    pub size: Option<u64>,
    /// When it was last changed, in seconds since 1970.
    pub modified: i64,
}

/// A list, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The entries.
    pub entries: Vec<Entry>,
    /// Whether there are more than are listed.
    pub more: bool,
}

/// Lists a folder. Waits for a disk.
///
/// # Errors
///
/// Why it is not listed.
pub fn list(root: &Root, name: &Name, hidden: bool) -> Result<Listing, Missed> {
    let mut folder = Dir::from_fd(root.folder(name)?)?;
    let mut names = Vec::new();
    let mut looked_at = 0;
    for entry in folder.iter() {
        looked_at += 1;
        if looked_at > LOOKED_AT {
            break;
        }
        // Nobody can ask for a name that is none.
        if let Ok(text) = entry?.file_name().to_str()
            && Name::plain(text, hidden).is_ok()
        {
            names.push(text.to_owned());
        }
    }
    names.sort_unstable();
    let more = looked_at > LOOKED_AT || names.len() > MOST;
    names.truncate(MOST);
    let mut entries = Vec::with_capacity(names.len());
    for name in names {
        // Gone in the meantime, or nothing that is served: it is not listed.
        let Ok(stat) = fstatat(&folder, name.as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) else {
            continue;
        };
        let facts = Facts::of(&stat);
        let (name, size) = match SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFREG => (name, Some(facts.length)),
            SFlag::S_IFDIR => (format!("{name}/"), None),
            _ => continue,
        };
        entries.push(Entry {
            name,
            size,
            modified: facts.modified,
        });
    }
    Ok(Listing { entries, more })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;
    use crate::root::Settings;

    #[test]
    fn a_list_has_names_sizes_and_times_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("b.txt"), "four").unwrap();
        fs::create_dir(at("a")).unwrap();
        fs::write(at("a/below"), "x").unwrap();
        for unseen in [".hidden", "turned\u{202e}", "edge "] {
            fs::write(at(unseen), "x").unwrap();
        }
        symlink("b.txt", at("link")).unwrap();
        let root = Root::open(folder.path(), Settings::default(), &[]).unwrap();
        let here = Name::below("", false).unwrap();
        let listing = list(&root, &here, false).unwrap();
        let seen: Vec<_> = listing
            .entries
            .iter()
            .map(|entry| (entry.name.as_str(), entry.size))
            .collect();
        assert_eq!(seen, [("a/", None), ("b.txt", Some(4))]);
        assert!(!listing.more && listing.entries[1].modified > 0);
        let names = |hidden| list(&root, &here, hidden).unwrap().entries.len();
        assert_eq!((names(false), names(true)), (2, 3));
        let file = Name::below("b.txt", false).unwrap();
        assert_eq!(list(&root, &file, false), Err(Missed::Nothing));
    }

    #[test]
    fn a_list_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..=MOST {
            fs::write(folder.path().join(number.to_string()), "").unwrap();
        }
        let root = Root::open(folder.path(), Settings::default(), &[]).unwrap();
        let listing = list(&root, &Name::below("", false).unwrap(), false).unwrap();
        assert_eq!((listing.entries.len(), listing.more), (MOST, true));
    }
}
