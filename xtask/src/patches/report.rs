//! What `prove` said, as far as a patch is concerned.

use std::collections::BTreeSet;

use serde::Deserialize;

/// The promises that did not hold, by id.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) broken: BTreeSet<String>,
    /// Those whose probe could not run.
    pub(super) erred: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Printed {
    promises: Vec<Promise>,
}

#[derive(Deserialize)]
struct Promise {
    id: String,
    verdict: String,
}

impl Report {
    /// Reads the JSON report.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let printed: Printed =
            serde_json::from_str(text).map_err(|cause| format!("no report came: {cause}"))?;
        if printed.promises.is_empty() {
            return Err("the report holds no promise".to_owned());
        }
        let with = |verdict: &str| {
            printed
                .promises
                .iter()
                .filter(|promise| promise.verdict == verdict)
                .map(|promise| promise.id.clone())
                .collect()
        };
        Ok(Self {
            broken: with("broken"),
            erred: with("error"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_and_erred_promises_are_read() {
        let text = r#"{"promises": [
            {"id": "a", "verdict": "broken", "line": 3, "evidence": []},
            {"id": "a", "verdict": "kept"},
            {"id": "b", "verdict": "error"},
            {"id": "c", "verdict": "waived"}], "summary": {"kept": 1}}"#;
        let report = Report::read(text).unwrap();
        assert_eq!(report.broken, BTreeSet::from(["a".to_owned()]));
        assert_eq!(report.erred, BTreeSet::from(["b".to_owned()]));
    }

    #[test]
    fn no_report_and_an_empty_one_are_refused() {
        for text in ["", "thread panicked", r#"{"promises": []}"#] {
            assert!(Report::read(text).is_err(), "{text}");
        }
    }
}
