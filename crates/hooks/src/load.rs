//! Reading scheme files, strictly.
//!
//! Owns the reader and the lint of `schemes/*.toml`. Refuses unknown keys, primitives that are
//! declared but not built, and every scheme that would verify less than it says.

use crate::{
    scheme::{Atom, Integrity, Mac, Scheme, Variant},
    verify::is_atom,
};

/// The files of this build, in the order they are listed.
const FILES: &[(&str, &str)] = &[
    ("github", include_str!("../schemes/github.toml")),
    (
        "standard-webhooks",
        include_str!("../schemes/standard-webhooks.toml"),
    ),
    ("twilio", include_str!("../schemes/twilio.toml")),
];

/// The one reason for which SHA-1 is accepted.
pub const LEGACY_REASON: &str = "provider offers nothing else";

/// Primitives that providers need and this build does not have.
const NOT_BUILT: &[&str] = &[
    "basic",
    "bearer",
    "canonical-kv",
    "crc32",
    "ecdsa-p256",
    "header-param",
    "json-fields",
    "json-pointer",
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

/// A rule every scheme keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lint {
    /// Its name is not the name of its file.
    #[error("its name is not the name of its file")]
    Name,
    /// It has no way of signing, no variant, or an empty message.
    #[error("it needs at least one way of signing and one variant with a message")]
    Nothing,
    /// A way has a version and the signature no version separator, or the other way round.
    #[error("versions and version separator come together, or not at all")]
    Versions,
    /// A separator is not ASCII.
    #[error("separators are single ASCII characters")]
    Separator,
    /// The time is read from a field that is not signed.
    #[error("the freshness field is not an atom of every variant's signed message")]
    FreshnessUnsigned,
    /// A delivery could be of age for ever.
    #[error("the tolerance must be between 1 second and 1 hour on both sides")]
    Tolerance,
    /// A body that no signature covers is not labelled so.
    #[error("a body that is not signed needs integrity = \"none\"")]
    BodyUnsigned,
    /// It is labelled weaker than it is.
    #[error("integrity = \"none\" is for schemes that do not sign the body")]
    BodySigned,
    /// A variant is chosen by a parameter of a URL that is not signed.
    #[error("a variant is chosen by the query, and the URL is not signed")]
    ChoiceUnsigned,
    /// Two variants could both claim a delivery.
    #[error("a delivery could be of more than one variant")]
    Ambiguous,
    /// A form is signed and the media type not pinned.
    #[error("a signed form needs content-type = \"application/x-www-form-urlencoded\"")]
    FormType,
    /// SHA-1 without the declaration, or the declaration without SHA-1.
    #[error("SHA-1 needs legacy = \"provider offers nothing else\", and nothing else may say so")]
    Legacy,
    /// A secret may be empty.
    #[error("a secret needs at least one byte and at most as many as its bound")]
    EmptySecret,
    /// Repeats are told by something that is not signed.
    #[error("dedupe is by atoms of every variant's signed message")]
    DedupeUnsigned,
    /// A repeat would be forgotten while its signature still counts.
    #[error("dedupe.retain must cover the tolerance twice, and is for schemes with a timestamp")]
    Retention,
    /// No vector from elsewhere, and not marked.
    #[error("a scheme without a vector from elsewhere is experimental = true")]
    NoVector,
    /// An acknowledgement that is not one.
    #[error("an acknowledgement has a status from 200 to 299, and a body only with a media type")]
    Ack,
}

/// Reads and lints the scheme file `name`.
pub fn read(name: &str, text: &str) -> Result<Scheme, SchemeFault> {
    let unreadable = |cause: toml::de::Error| SchemeFault::Unreadable {
        scheme: name.to_owned(),
        cause: cause.to_string(),
    };
    let table: toml::Table = text.parse().map_err(unreadable)?;
    if let Some(primitive) = not_built(&toml::Value::Table(table)) {
        return Err(SchemeFault::NotSupportedYet {
            scheme: name.to_owned(),
            primitive,
        });
    }
    let scheme: Scheme = toml::from_str(text).map_err(unreadable)?;
    match lint(name, &scheme) {
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

/// The first rule `scheme` breaks.
fn lint(name: &str, scheme: &Scheme) -> Option<Lint> {
    let rules: [(bool, Lint); 17] = [
        (scheme.name == name, Lint::Name),
        (has_something(scheme), Lint::Nothing),
        (versions_agree(scheme), Lint::Versions),
        (separators_are_ascii(scheme), Lint::Separator),
        (freshness_is_signed(scheme), Lint::FreshnessUnsigned),
        (tolerance_is_bounded(scheme), Lint::Tolerance),
        (
            scheme.integrity == Integrity::None || every_body_is_signed(scheme),
            Lint::BodyUnsigned,
        ),
        (
            scheme.integrity != Integrity::None || !every_body_is_signed(scheme),
            Lint::BodySigned,
        ),
        (choices_are_signed(scheme), Lint::ChoiceUnsigned),
        (variants_exclude_each_other(scheme), Lint::Ambiguous),
        (forms_are_typed(scheme), Lint::FormType),
        (sha1_is_declared(scheme), Lint::Legacy),
        (secrets_have_bytes(scheme), Lint::EmptySecret),
        (dedupe_is_signed(scheme), Lint::DedupeUnsigned),
        (retention_is_enough(scheme), Lint::Retention),
        (
            scheme.vector.is_some() || scheme.experimental,
            Lint::NoVector,
        ),
        (acknowledges(scheme), Lint::Ack),
    ];
    rules
        .into_iter()
        .find_map(|(kept, lint)| (!kept).then_some(lint))
}

fn has_something(scheme: &Scheme) -> bool {
    !scheme.way.is_empty()
        && !scheme.variant.is_empty()
        && (is_static(scheme) || scheme.variant.iter().all(|v| !v.message.is_empty()))
}

fn is_static(scheme: &Scheme) -> bool {
    scheme.way.iter().any(|way| way.mac == Mac::Static)
}

fn versions_agree(scheme: &Scheme) -> bool {
    let versioned = scheme.signature.version_separator.is_some();
    scheme
        .way
        .iter()
        .all(|way| way.version.is_some() == versioned)
}

fn separators_are_ascii(scheme: &Scheme) -> bool {
    let rule = &scheme.signature;
    [rule.separator, rule.version_separator]
        .iter()
        .flatten()
        .all(char::is_ascii)
}

fn freshness_is_signed(scheme: &Scheme) -> bool {
    scheme
        .freshness
        .as_ref()
        .is_none_or(|freshness| in_every_message(scheme, |atom| is_atom(&freshness.from, atom)))
}

fn tolerance_is_bounded(scheme: &Scheme) -> bool {
    scheme.freshness.as_ref().is_none_or(|freshness| {
        [freshness.past, freshness.future]
            .iter()
            .all(|side| (1..=3600).contains(side))
    })
}

fn in_every_message(scheme: &Scheme, wanted: impl Fn(&Atom) -> bool) -> bool {
    scheme
        .variant
        .iter()
        .all(|variant| variant.message.iter().any(&wanted))
}

/// Whether the whole body of a variant is bound, by itself or by a digest in a signed place.
fn body_is_signed(variant: &Variant) -> bool {
    let itself = variant.message.iter().any(|atom| {
        matches!(
            atom,
            Atom::Body | Atom::SortedForm | Atom::BodySha256Hex | Atom::BodySha256Base64
        )
    });
    let by_digest = variant.body_digest.as_ref().is_some_and(|digest| {
        variant
            .message
            .iter()
            .any(|atom| is_atom(&digest.from, atom))
    });
    itself || by_digest
}

fn every_body_is_signed(scheme: &Scheme) -> bool {
    !is_static(scheme) && scheme.variant.iter().all(body_is_signed)
}

fn choices_are_signed(scheme: &Scheme) -> bool {
    let chooses = |v: &Variant| !v.with_query.is_empty() || !v.without_query.is_empty();
    !scheme.variant.iter().any(chooses) || in_every_message(scheme, |atom| *atom == Atom::Url)
}

/// One variant demands a parameter that the other forbids.
fn variants_exclude_each_other(scheme: &Scheme) -> bool {
    let excludes = |a: &Variant, b: &Variant| {
        a.with_query
            .iter()
            .any(|name| b.without_query.contains(name))
    };
    scheme.variant.iter().enumerate().all(|(at, one)| {
        scheme
            .variant
            .iter()
            .skip(at + 1)
            .all(|other| excludes(one, other) || excludes(other, one))
    })
}

fn forms_are_typed(scheme: &Scheme) -> bool {
    scheme.variant.iter().all(|variant| {
        !variant.message.contains(&Atom::SortedForm)
            || variant.content_type.as_deref() == Some("application/x-www-form-urlencoded")
    })
}

fn sha1_is_declared(scheme: &Scheme) -> bool {
    let sha1 = scheme.way.iter().any(|way| way.mac == Mac::HmacSha1);
    scheme.legacy.as_deref() == sha1.then_some(LEGACY_REASON)
}

fn secrets_have_bytes(scheme: &Scheme) -> bool {
    scheme.way.iter().all(|way| {
        let [fewest, most] = way.key.bytes;
        fewest >= 1 && fewest <= most
    })
}

fn dedupe_is_signed(scheme: &Scheme) -> bool {
    // A static secret signs nothing, so the bytes received are all there is to tell repeats by.
    if is_static(scheme) {
        return scheme.dedupe.by == [Atom::Body];
    }
    scheme
        .dedupe
        .by
        .iter()
        .all(|by| !matches!(by, Atom::Lit(_)) && in_every_message(scheme, |atom| atom == by))
}

fn retention_is_enough(scheme: &Scheme) -> bool {
    match (&scheme.freshness, scheme.dedupe.retain) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(freshness), Some(retain)) => {
            u64::from(retain) >= 2 * (u64::from(freshness.past) + u64::from(freshness.future))
        }
    }
}

fn acknowledges(scheme: &Scheme) -> bool {
    (200..=299).contains(&scheme.ack.status)
        && (scheme.ack.body.is_empty() || scheme.ack.content_type.is_some())
}
