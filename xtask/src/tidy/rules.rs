//! The table in `xtask/tidy.toml`.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::Failure;

/// What the house allows.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rules {
    /// Sizes of files.
    pub(crate) lines: Lines,
    /// Floor of each crate; arrows go to lower floors only.
    pub(crate) floors: BTreeMap<String, u8>,
    /// Reason for each edge, by the crate it leaves and the crate it reaches.
    pub(crate) edges: BTreeMap<String, BTreeMap<String, String>>,
    /// Crates that dial, with the reason.
    pub(crate) outbound: BTreeMap<String, String>,
    /// Files that may name a machine's paths, with the reason.
    #[serde(default)]
    pub(crate) machine_paths: BTreeMap<String, String>,
}

/// Lines a Rust file may have.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lines {
    /// More are worth a note.
    pub(crate) note: usize,
    /// More fail.
    pub(crate) wall: usize,
}

impl Rules {
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        toml::from_str(text)
            .map_err(|cause| Failure::stuck(format!("xtask/tidy.toml: {cause}"), "mend the table"))
    }

    #[cfg(test)]
    pub(crate) fn sample(text: &str) -> Self {
        let lines = "lines = { note = 4, wall = 8 }\n";
        let tables = ["floors", "edges", "outbound"]
            .iter()
            .filter(|table| !text.contains(&format!("[{table}")))
            .map(|table| format!("[{table}]\n"))
            .collect::<String>();
        Self::read(&format!("{lines}{text}\n{tables}")).unwrap()
    }
}
