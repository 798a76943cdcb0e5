//! Looking for a canary in bytes.
//!
//! Owns the forms in which a value may hide (raw, percent-encoded, JSON-escaped, hexadecimal,
//! base64 at each alignment, UTF-16, stripped of everything but letters and digits) and the walk
//! over files that looks for all of them. Refuses canaries too short to be unique, and to call a
//! place searched that it could not read whole. Files are read in blocks, so memory stays flat.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

/// Canaries below this length could be found by chance.
pub const SHORTEST: usize = 8;

/// What one walk may read in all; a store larger than this is reported, not silently cut.
const READ_LIMIT: u64 = 4 << 30;
/// Files of one walk.
const MOST_FILES: usize = 100_000;
const BLOCK: usize = 1 << 20;

/// A value in every form in which it may hide.
#[derive(Clone, Debug)]
pub struct Needle {
    forms: Vec<Form>,
    longest: usize,
}

#[derive(Clone, Debug)]
struct Form {
    name: &'static str,
    /// In small letters where case says nothing.
    bytes: Vec<u8>,
    any_case: bool,
}

/// What a walk found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    /// Files read.
    pub files: usize,
    /// Bytes read.
    pub bytes: u64,
    /// `file: form` for each file that holds the value.
    pub hits: Vec<String>,
}

/// A walk could not say.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// A file could not be read: what it holds is unknown.
    #[error("read {path}: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// There is more to read than a walk may.
    #[error("there are more than {READ_LIMIT} bytes to search")]
    TooMuch,
    /// There are more files than a walk may read.
    #[error("there are more than {MOST_FILES} files to search")]
    TooMany,
}

impl Needle {
    /// The forms of `value`; `None` when it is too short to be unique.
    #[must_use]
    pub fn new(value: &str) -> Option<Self> {
        if value.len() < SHORTEST {
            return None;
        }
        let raw = value.as_bytes();
        let loose = [
            ("as it is", raw.to_vec()),
            ("hexadecimal", seal::encode::hex(raw).into_bytes()),
            ("percent-encoded", percent_encoded(value, b"-._~")),
            ("percent-encoded", percent_encoded(value, b"")),
            ("JSON-escaped", json_escaped(value)),
            ("JSON-escaped", unicode_escaped(value)),
            (
                "UTF-16",
                value.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            ),
            ("normalised", normalised(value)),
        ];
        let mut forms: Vec<Form> = loose
            .into_iter()
            .map(|(name, bytes)| Form {
                name,
                bytes: bytes.to_ascii_lowercase(),
                any_case: true,
            })
            .collect();
        for skip in 0..3 {
            let standard = base64_core(raw, skip);
            let for_urls = standard
                .iter()
                .map(|byte| match byte {
                    b'+' => b'-',
                    b'/' => b'_',
                    other => *other,
                })
                .collect();
            forms.extend([standard, for_urls].map(|bytes| Form {
                name: "base64",
                bytes,
                any_case: false,
            }));
        }
        forms.retain(|form| form.bytes.len() >= SHORTEST);
        forms.dedup_by(|a, b| a.bytes == b.bytes);
        let longest = forms.iter().map(|form| form.bytes.len()).max().unwrap_or(0);
        Some(Self { forms, longest })
    }

    /// The first form found in `bytes`.
    #[must_use]
    pub fn find(&self, bytes: &[u8]) -> Option<&'static str> {
        let lower = bytes.to_ascii_lowercase();
        self.forms
            .iter()
            .find(|form| {
                let haystack = if form.any_case { &lower } else { bytes };
                memchr::memmem::find(haystack, &form.bytes).is_some()
            })
            .map(|form| form.name)
    }

    /// Reads all of `places`, folders with everything below them, and says where the value is. A
    /// file that goes away while the walk runs (a rotated log, a merged tile) holds nothing.
    pub fn walk(&self, places: &[PathBuf]) -> Result<Walk, SearchError> {
        let mut walk = Walk::default();
        for file in files(places)? {
            self.read(&file, &mut walk)?;
        }
        Ok(walk)
    }

    fn read(&self, path: &Path, walk: &mut Walk) -> Result<(), SearchError> {
        let unreadable = |cause| SearchError::Unreadable {
            path: path.to_owned(),
            cause,
        };
        let mut file = match File::open(path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(cause) => return Err(unreadable(cause)),
        };
        walk.files += 1;
        let overlap = self.longest.saturating_sub(1);
        let mut window: Vec<u8> = Vec::with_capacity(BLOCK + overlap);
        loop {
            let kept = window.len();
            let read = (&mut file)
                .take(BLOCK as u64)
                .read_to_end(&mut window)
                .map_err(unreadable)?;
            if read == 0 {
                return Ok(());
            }
            walk.bytes += read as u64;
            if walk.bytes > READ_LIMIT {
                return Err(SearchError::TooMuch);
            }
            if let Some(form) = self.find(&window) {
                walk.hits.push(format!("{}: {form}", path.display()));
                return Ok(());
            }
            let cut = (kept + read).saturating_sub(overlap);
            window.drain(..cut);
        }
    }
}

/// Every file at or below `places`, in order; symbolic links are not followed. What is not there
/// holds nothing.
pub fn files(places: &[PathBuf]) -> Result<Vec<PathBuf>, SearchError> {
    let mut found = Vec::new();
    let mut pending: Vec<PathBuf> = places.to_vec();
    while let Some(path) = pending.pop() {
        match std::fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => pending.extend(children(&path)?),
            Ok(meta) if meta.is_file() => found.push(path),
            Ok(_) => {}
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {}
            Err(cause) => return Err(SearchError::Unreadable { path, cause }),
        }
        if found.len() + pending.len() > MOST_FILES {
            return Err(SearchError::TooMany);
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn children(folder: &Path) -> Result<Vec<PathBuf>, SearchError> {
    let unreadable = |cause| SearchError::Unreadable {
        path: folder.to_owned(),
        cause,
    };
    std::fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()).map_err(unreadable))
        .collect()
}

/// `value` with every byte escaped that is no letter or digit and does not stand in `plain`.
pub(crate) fn percent_encoded(value: &str, plain: &[u8]) -> Vec<u8> {
    value
        .bytes()
        .flat_map(|byte| {
            if byte.is_ascii_alphanumeric() || plain.contains(&byte) {
                vec![byte]
            } else {
                format!("%{byte:02X}").into_bytes()
            }
        })
        .collect()
}

fn json_escaped(value: &str) -> Vec<u8> {
    let quoted = serde_json::Value::from(value).to_string();
    quoted.trim_matches('"').as_bytes().to_vec()
}

/// As JSON writers put it that keep to ASCII.
fn unicode_escaped(value: &str) -> Vec<u8> {
    let mut units = [0; 2];
    let escape = |c: char| -> String {
        if c.is_ascii() {
            return c.to_string();
        }
        let units = c.encode_utf16(&mut units);
        units.iter().map(|unit| format!("\\u{unit:04x}")).collect()
    };
    value.chars().map(escape).collect::<String>().into_bytes()
}

/// As somebody might file it away: letters and digits alone.
fn normalised(value: &str) -> Vec<u8> {
    value.bytes().filter(u8::is_ascii_alphanumeric).collect()
}

/// The base64 characters that any text containing `value` must contain when `skip` bytes of
/// another group stand before it: the characters that depend on neighbours are left out.
fn base64_core(value: &[u8], skip: usize) -> Vec<u8> {
    let padded: Vec<u8> = std::iter::repeat_n(0, skip)
        .chain(value.iter().copied())
        .collect();
    let encoded = seal::encode::base64(&padded);
    let from = (skip * 8).div_ceil(6);
    let to = padded.len() * 8 / 6;
    encoded
        .as_bytes()
        .get(from..to)
        .unwrap_or_default()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-7f3a/ö\"x";

    #[test]
    fn a_value_is_found_in_every_form_it_may_hide_in() {
        let needle = Needle::new(CANARY).unwrap();
        let raw = CANARY.as_bytes();
        assert!(needle.find(raw).is_some());
        assert!(needle.find(seal::encode::hex(raw).as_bytes()).is_some());
        assert!(needle.find(&serde_json::to_vec(CANARY).unwrap()).is_some());
        assert!(
            needle
                .find(CANARY.to_uppercase().replace('Ö', "ö").as_bytes())
                .is_some()
        );
        assert_eq!(
            needle.find(b"Canary%2D7f3a%2f%C3%B6%22x"),
            Some("percent-encoded")
        );
        assert_eq!(needle.find(b"canary-7f3a/\\u00f6\"x"), Some("JSON-escaped"));
        assert_eq!(needle.find(b"CANARY7F3AX"), Some("normalised"));
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{CANARY}tail");
            let encoded = seal::encode::base64(text.as_bytes());
            assert_eq!(needle.find(encoded.as_bytes()), Some("base64"), "{before}");
        }
        assert!(needle.find(b"canary-7f3a alone is not it").is_none());
    }

    #[test]
    fn a_value_that_straddles_two_blocks_is_found_and_a_clean_file_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = vec![b'.'; BLOCK - 5];
        bytes.extend_from_slice(CANARY.as_bytes());
        std::fs::create_dir(folder.path().join("deep")).unwrap();
        std::fs::write(folder.path().join("deep/dirty"), &bytes).unwrap();
        std::fs::write(folder.path().join("clean"), vec![b'.'; 3 * BLOCK]).unwrap();
        let walk = Needle::new(CANARY)
            .unwrap()
            .walk(&[folder.path().to_owned()])
            .unwrap();
        assert_eq!((walk.files, walk.hits.len()), (2, 1));
        assert!(walk.hits[0].contains("dirty"));
    }

    #[test]
    fn a_short_value_is_no_canary() {
        assert!(Needle::new("seven77").is_none());
    }
}
