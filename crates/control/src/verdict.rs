//! What a proof says of a promise.

use serde::{Deserialize, Serialize};

/// The outcome for one promise, from best to worst in meaning, not in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Attacked on the running deployment and held: bytes were sent and read back.
    Kept,
    /// Shown by a named test or lint of this build, not by an attack.
    Constructed,
    /// Organisational: somebody answers for it until a date.
    Attested,
    /// Not kept or not provable today; an owner took it over with a reason until a date.
    Waived,
    /// Nothing was shown either way.
    Unproven,
    /// The probe could not run, or its twin failed: nothing may be concluded.
    Error,
    /// An attack succeeded, or the configuration does not say what the sentence says.
    Broken,
}

impl Verdict {
    /// The word reports print.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Constructed => "constructed",
            Self::Attested => "attested",
            Self::Waived => "waived",
            Self::Unproven => "unproven",
            Self::Error => "error",
            Self::Broken => "broken",
        }
    }

    /// A mark beside the word, so that a table can be skimmed; never the only carrier of meaning.
    #[must_use]
    pub const fn mark(self) -> char {
        match self {
            Self::Kept => '✓',
            Self::Constructed => '◇',
            Self::Attested => '✎',
            Self::Waived => '~',
            Self::Unproven => '?',
            Self::Error => '!',
            Self::Broken => '✗',
        }
    }
}
