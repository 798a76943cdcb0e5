//! Reading scheme files, strictly.
//!
//! Owns the reader and the lint of `schemes/*.toml`. Refuses unknown keys, primitives that are
//! declared but not built, and every scheme that would verify less than it says.

mod lint;
pub mod options;

use std::collections::BTreeMap;

pub use self::lint::Lint;
use crate::scheme::Scheme;

// `FILES`: the name and the text of every file under `schemes/`, in the order of their names.
include!(concat!(env!("OUT_DIR"), "/schemes.rs"));

/// The one reason for which SHA-1 is accepted.
pub const LEGACY_REASON: &str = "provider offers nothing else";

/// Primitives that providers need and this build does not have.
const NOT_BUILT: &[&str] = &[
    "canonical-kv",
    "crc32",
    "jws",
    "mtls",
    "rfc9421",
    "rsa-pkcs1-sha1",
    "rsa-pkcs1-sha256",
    "sha256-concat",
    "sorted-query",
];

/// A scheme file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemeFault {
    /// It does not read; the text names the key and the line.
    #[error("scheme {scheme}: {cause}")]
    Unreadable {
        /// File it stands in.
        scheme: String,
        /// The reader's own words.
        cause: String,
    },
    /// It names a primitive that is known and not built.
    #[error("scheme {scheme}: {primitive} is not supported yet")]
    NotSupportedYet {
        /// File it stands in.
        scheme: String,
        /// The primitive.
        primitive: String,
    },
    /// It would verify less than it says.
    #[error("scheme {scheme}: {lint}")]
    Unsafe {
        /// File it stands in.
        scheme: String,
        /// The rule it breaks.
        lint: Lint,
    },
}

/// Reads and lints the scheme file `name`, with every option at its default.
pub fn read(name: &str, text: &str) -> Result<Scheme, SchemeFault> {
    read_with(name, text, &BTreeMap::new())
}

/// Reads and lints the scheme file `name` with what was chosen for its options. A choice was judged
/// by [`options`]: it has no character that means something in TOML.
fn read_with(
    name: &str,
    text: &str,
    chosen: &BTreeMap<String, String>,
) -> Result<Scheme, SchemeFault> {
    let unreadable = |cause: toml::de::Error| SchemeFault::Unreadable {
        scheme: name.to_owned(),
        cause: cause.to_string(),
    };
    let table: toml::Table = text.parse().map_err(unreadable)?;
    let text = options::fill(text, &table, chosen);
    if let Some(primitive) = not_built(&toml::Value::Table(table)) {
        return Err(SchemeFault::NotSupportedYet {
            scheme: name.to_owned(),
            primitive,
        });
    }
    let scheme: Scheme = toml::from_str(&text).map_err(unreadable)?;
    match lint::first(name, &scheme) {
        Some(lint) => Err(SchemeFault::Unsafe {
            scheme: name.to_owned(),
            lint,
        }),
        None => Ok(scheme),
    }
}

pub(crate) fn read_built_in() -> Result<Vec<Scheme>, SchemeFault> {
    FILES.iter().map(|(name, text)| read(name, text)).collect()
}

/// A primitive of [`NOT_BUILT`], as a key or as the value of `mac` or of a message.
fn not_built(value: &toml::Value) -> Option<String> {
    let known = |word: &str| NOT_BUILT.contains(&word).then(|| word.to_owned());
    match value {
        toml::Value::Table(table) => table.iter().find_map(|(key, value)| {
            let word = match (key.as_str(), value) {
                ("mac", toml::Value::String(word)) => known(word),
                ("message" | "by", toml::Value::Array(atoms)) => {
                    atoms.iter().find_map(|atom| atom.as_str().and_then(known))
                }
                _ => known(key),
            };
            word.or_else(|| not_built(value))
        }),
        toml::Value::Array(array) => array.iter().find_map(not_built),
        _ => None,
    }
}
