//! The ways in which a copy of a ledger is altered, and how each is taken back.
//!
//! Owns its own reading of paths and bundles: what the ledger thinks of its files is what is tried.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// What a copy was before.
pub(super) struct Undo {
    path: PathBuf,
    before: Vec<u8>,
}

impl Undo {
    /// Puts it back.
    pub(super) fn undo(self) -> std::io::Result<()> {
        fs::write(self.path, self.before)
    }
}

/// What became of an alteration: `None` where the copy has nothing to alter so.
type Altering = std::io::Result<Option<Undo>>;

type Alter = fn(&Path) -> Altering;

/// Every alteration, in words.
pub(super) const ALTERATIONS: &[(&str, Alter)] = &[
    ("one bit of an entry is flipped", flip),
    ("two entries change places", swap),
    ("the last entry is cut off", truncate),
    ("an entry bundle is removed", remove),
    ("a hash tile is altered", alter_tile),
    ("the checkpoint names another root", forge),
];

/// The last tile of `kind` under the checkpoint, as C2SP tlog-tiles names it: groups of three
/// digits, all but the last with an `x`, and the width of a tile that is not full. Tiles of earlier
/// checkpoints lie beside it and count for nothing.
fn last_tile(folder: &Path, kind: &str) -> std::io::Result<Option<PathBuf>> {
    let checkpoint = fs::read_to_string(folder.join("checkpoint"))?;
    let size = size(&checkpoint);
    let Some(last) = size.checked_sub(1) else {
        return Ok(None);
    };
    let (index, width) = (last / TILE, size % TILE);
    let mut name = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        name = format!("x{:03}/{name}", rest % 1000);
        rest /= 1000;
    }
    if width > 0 {
        name.push_str(&format!(".p/{width}"));
    }
    Ok(Some(folder.join("tile").join(kind).join(name)))
}

/// How many entries a checkpoint covers: its second line.
fn size(checkpoint: &str) -> u64 {
    let line = checkpoint.lines().nth(1);
    line.and_then(|line| line.parse().ok()).unwrap_or(0)
}

/// Entries or hashes in a full tile.
const TILE: u64 = 256;

/// The last entry bundle: what the newest checkpoint covers.
fn bundle(folder: &Path) -> std::io::Result<Option<PathBuf>> {
    last_tile(folder, "entries")
}

/// Where each entry of a bundle begins and ends, its length bytes included.
fn entries(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut from = 0;
    while let Some([high, low]) = bytes.get(from..from + 2) {
        let to = from + 2 + usize::from(u16::from_be_bytes([*high, *low]));
        spans.push((from, to));
        from = to;
    }
    spans
}

fn rewrite(path: PathBuf, change: impl FnOnce(&mut Vec<u8>) -> bool) -> Altering {
    let before = fs::read(&path)?;
    let mut bytes = before.clone();
    if !change(&mut bytes) {
        return Ok(None);
    }
    fs::write(&path, bytes)?;
    Ok(Some(Undo { path, before }))
}

fn flip(folder: &Path) -> Altering {
    let Some(path) = bundle(folder)? else {
        return Ok(None);
    };
    rewrite(path, |bytes| {
        bytes.last_mut().is_some_and(|byte| {
            *byte ^= 1;
            true
        })
    })
}

fn swap(folder: &Path) -> Altering {
    let Some(path) = bundle(folder)? else {
        return Ok(None);
    };
    rewrite(path, |bytes| {
        let spans = entries(bytes);
        let [.., (a, b), (c, d)] = spans.as_slice() else {
            return false;
        };
        let (Some(one), Some(two)) = (bytes.get(*a..*b), bytes.get(*c..*d)) else {
            return false;
        };
        if one == two {
            return false;
        }
        let swapped = [two, one].concat();
        bytes.truncate(*a);
        bytes.extend_from_slice(&swapped);
        true
    })
}

fn truncate(folder: &Path) -> Altering {
    let Some(path) = bundle(folder)? else {
        return Ok(None);
    };
    rewrite(path, |bytes| {
        let Some((from, _)) = entries(bytes).last().copied() else {
            return false;
        };
        bytes.truncate(from);
        true
    })
}

fn remove(folder: &Path) -> Altering {
    let Some(path) = bundle(folder)? else {
        return Ok(None);
    };
    let before = fs::read(&path)?;
    fs::remove_file(&path)?;
    Ok(Some(Undo { path, before }))
}

fn alter_tile(folder: &Path) -> Altering {
    let Some(path) = last_tile(folder, "0")? else {
        return Ok(None);
    };
    rewrite(path, |bytes| {
        bytes.first_mut().is_some_and(|byte| {
            *byte ^= 1;
            true
        })
    })
}

fn forge(folder: &Path) -> Altering {
    rewrite(folder.join("checkpoint"), |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return false;
        };
        let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
        let Some(root) = lines.get_mut(2) else {
            return false;
        };
        *root = seal::encode::base64(&[0; 32]);
        *bytes = lines.join("\n").into_bytes();
        true
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tile_is_the_one_the_checkpoint_covers() {
        let folder = tempfile::tempdir().unwrap();
        let named = |size: u64| {
            fs::write(
                folder.path().join("checkpoint"),
                format!("log\n{size}\nroot\n"),
            )
            .unwrap();
            let path = last_tile(folder.path(), "entries").unwrap();
            path.map(|path| {
                path.strip_prefix(folder.path())
                    .unwrap()
                    .display()
                    .to_string()
            })
        };
        assert_eq!(named(0), None);
        assert_eq!(named(5).unwrap(), "tile/entries/000.p/5");
        assert_eq!(named(256).unwrap(), "tile/entries/000");
        assert_eq!(
            named(256 * 1_234_067 + 9).unwrap(),
            "tile/entries/x001/x234/067.p/9"
        );
    }

    #[test]
    fn entries_of_a_bundle_are_told_apart() {
        let bundle = [&[0, 2][..], b"ab", &[0, 3], b"cde"].concat();
        assert_eq!(entries(&bundle), [(0, 4), (4, 9)]);
        assert!(entries(b"").is_empty());
    }

    #[test]
    fn every_alteration_changes_the_copy_and_can_be_taken_back() {
        let folder = tempfile::tempdir().unwrap();
        let bundle = [&[0, 2][..], b"ab", &[0, 2], b"cd"].concat();
        for (path, bytes) in [
            ("checkpoint", &b"log\n2\nroot\n"[..]),
            ("tile/entries/000.p/2", &bundle),
            ("tile/0/000.p/2", &[7; 64]),
        ] {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        let state = || {
            let files = crate::search::files(&[folder.path().to_owned()]).unwrap();
            let read = |file: PathBuf| (fs::read(&file).unwrap(), file);
            files.into_iter().map(read).collect::<Vec<_>>()
        };
        let before = state();
        for (name, alter) in ALTERATIONS {
            let undo = alter(folder.path()).unwrap();
            assert_ne!(state(), before, "{name}");
            undo.unwrap().undo().unwrap();
            assert_eq!(state(), before, "{name}");
        }
    }
}
