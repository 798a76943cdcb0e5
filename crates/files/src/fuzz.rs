//! Bodies of the fuzz targets, callable from tests.
//!
//! Owns the invariants of the readers: a name that was accepted goes down and nowhere else however
//! often it is decoded, and a part of a file lies in the file.

use std::path::{Component, Path};

use crate::{
    condition::{self, Asked, Verdict, Version},
    name::{self, Name},
    range,
};

/// Names from any bytes.
pub fn name(bytes: &[u8]) {
    let (hidden, plus) = (bytes.first() == Some(&1), bytes.first() == Some(&2));
    if let Ok(text) = name::decode(bytes, plus) {
        holds(&text, hidden);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        holds(text, hidden);
    }
}

/// What must hold of a text that may be a name.
///
/// # Panics
///
/// When something else does.
pub fn holds(text: &str, hidden: bool) {
    for read in [Name::below(text, hidden), Name::decoded(text, hidden)] {
        let Ok(name) = read else { continue };
        let path = Path::new(name.as_str());
        let goes_down = path
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        assert!(goes_down && name.as_str().len() <= name::LONGEST);
        assert!(path.components().count() <= name::DEEPEST);
        // However often a lenient reader decodes it, it stays what it is.
        if name::decode(name.as_str().as_bytes(), false).is_ok() {
            assert_eq!(
                name::decode(name.as_str().as_bytes(), false).as_deref(),
                Ok(name.as_str())
            );
        }
        let hides = name.as_str().split('/').any(|part| part.starts_with('.'));
        assert!(hidden || !hides);
    }
}

/// Conditions and ranges from any bytes: fields apart by line breaks.
///
/// # Panics
///
/// When a part does not lie in its file.
pub fn conditions(bytes: &[u8]) {
    let mut fields = bytes.split(|byte| *byte == b'\n');
    let length = u64::try_from(bytes.len()).unwrap_or(0) * 7;
    let asked = Asked {
        if_match: fields.next(),
        if_none_match: fields.next(),
        if_modified_since: fields.next(),
        if_unmodified_since: fields.next(),
        range: fields.next(),
        if_range: fields.next(),
    };
    let version = Version {
        tag: "\"0123\"",
        modified: 1_700_000_000,
        length,
    };
    if let Verdict::Part(part) = condition::judge(&asked, &version, true) {
        assert!(part.first <= part.last && part.last < length);
    }
    if let Some(Ok(part)) = range::read(bytes, length) {
        assert!(part.first <= part.last && part.last < length);
    }
}
